"""Quixess to try things on one machine: everything at once, or the simulated Meta alone."""

from pathlib import Path
from typing import Annotated

import typer

from quixess import simulator
from quixess.cli import ground, lifeline, paint, supervisor
from quixess.cli.lifeline import Parent, ReadyFd


def up(
    ready_file: Annotated[
        Path | None, typer.Option(help="Write addresses, keys and pids here as JSON when ready.")
    ] = None,
    media_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Give the simulated Meta's files a port of their own, as Meta has a host."),
    ] = None,
) -> None:
    """Run everything on this machine: PostgreSQL, a simulated Meta, the gateway and the worker, with a demo brand."""
    found = ground.local(ground.read_settings())
    raise SystemExit(supervisor.run(found, ready_file, media_port))


def simulate(
    seed: Annotated[int | None, typer.Option(help="Make a new world repeatable: its ids, secrets and fates.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start with a new world and keep nothing of it.")] = False,
    media_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Give files a port of their own, as Meta gives them a host.")
    ] = None,
    ready_fd: ReadyFd = None,
    parent: Parent = None,
) -> None:
    """Run the simulated Meta alone: a WhatsApp Cloud API to test against, with a phone in the browser."""
    found = ground.read_settings()
    options = simulator.Options(
        host=found.host,
        port=found.simulator_port,
        media_port=media_port,
        state_path=None if fresh else found.data_dir / "simulator.json",
        seed=seed,
        handle_signals=True,
    )

    def on_ready(url: str) -> None:
        lifeline.report(ready_fd, url)
        if ready_fd is None:
            paint.say(
                f"The simulated Meta is ready. Phone: {url}/   Graph API: {url}/v25.0/   Levers: {url}/_sim/world"
            )

    async def run() -> None:
        async with lifeline.following(parent):
            await simulator.serve(options, on_ready)

    found.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        lifeline.guard(run())
    except simulator.StateFileError as error:
        paint.fail(str(error))
