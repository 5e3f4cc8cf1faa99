"""A gateway, or a worker, or both in one process: what an installation is made of."""

from typing import Annotated

import typer

from quixess.cli import ground, lifeline, paint, process, rooms
from quixess.cli.lifeline import Parent, ReadyFd


def serve(
    work: Annotated[bool, typer.Option("--work", help="Run the worker in the same process.")] = False,
    ready_fd: ReadyFd = None,
    parent: Parent = None,
) -> None:
    """Run a gateway: the API and Meta's door. Any number of them over one database."""
    _run_process(rooms.Roles(gateway=True, worker=work), ready_fd, parent)


def run_worker(ready_fd: ReadyFd = None, parent: Parent = None) -> None:
    """Run a worker: it works off Meta's bodies and delivers events. Any number of them over one database."""
    _run_process(rooms.Roles(gateway=False, worker=True), ready_fd, parent)


def _run_process(roles: rooms.Roles, ready_fd: int | None, parent: int | None) -> None:
    found = ground.read_settings()
    if parent is not None:
        found = ground.local(found)

    async def run(dsn: str) -> None:
        async with lifeline.following(parent):
            await process.run(found, dsn, roles, lambda url: _report(ready_fd, url))

    with ground.database_url(found) as dsn:
        lifeline.guard(run(dsn))


def _report(ready_fd: int | None, url: str | None) -> None:
    lifeline.report(ready_fd, url or "")
    if ready_fd is None:
        paint.say(f"The gateway is ready at {url}" if url else "The worker is ready.")
