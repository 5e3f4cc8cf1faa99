"""The command line: `quixess up` for everything on one machine, the parts for many, and what an operator does."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from quixess import __version__, settings, simulator
from quixess.cli import (
    admin,
    commands,
    connections,
    doctor,
    endpoints,
    events,
    ground,
    keys,
    notices,
    operators,
    paint,
    process,
    rooms,
    supervisor,
    templates,
    vault,
)
from quixess.database import migrate
from quixess.errors import QuixessError
from quixess.traces import TracesError
from quixess.vault import VaultError

app = typer.Typer(
    name="quixess",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(commands.brands, name="brand")
app.add_typer(keys.keys, name="key")
app.add_typer(endpoints.endpoint, name="endpoint")
app.add_typer(events.events, name="events")
app.add_typer(connections.connection, name="connection")
app.add_typer(operators.operator, name="operator")
app.add_typer(admin.admin, name="admin")
app.add_typer(commands.bodies, name="intake")
app.add_typer(notices.told, name="notices")
app.add_typer(templates.templates, name="template")
app.add_typer(vault.keyring, name="vault")
app.command(name="doctor")(doctor.doctor)

ReadyFd = Annotated[int | None, typer.Option(hidden=True)]
Parent = Annotated[int | None, typer.Option(hidden=True)]


def main() -> None:
    """Run the command line."""
    app()


def _print_version(asked: bool) -> None:
    if asked:
        paint.say(__version__)
        raise typer.Exit


@app.callback()
def quixess(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Quixess: a scoped HTTP API for WhatsApp Business. Start with `quixess up`."""


@app.command()
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


@app.command()
def serve(
    work: Annotated[bool, typer.Option("--work", help="Run the worker in the same process.")] = False,
    ready_fd: ReadyFd = None,
    parent: Parent = None,
) -> None:
    """Run a gateway: the API and Meta's door. Any number of them over one database."""
    _run_process(rooms.Roles(gateway=True, worker=work), ready_fd, parent)


@app.command(name="work")
def run_worker(ready_fd: ReadyFd = None, parent: Parent = None) -> None:
    """Run a worker: it works off Meta's bodies and delivers events. Any number of them over one database."""
    _run_process(rooms.Roles(gateway=False, worker=True), ready_fd, parent)


@app.command(name="simulate")
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
        _report(ready_fd, url)
        if ready_fd is None:
            paint.say(
                f"The simulated Meta is ready. Phone: {url}/   Graph API: {url}/v25.0/   Levers: {url}/_sim/world"
            )

    async def run() -> None:
        following = asyncio.create_task(process.follow_parent(parent)) if parent is not None else None
        await simulator.serve(options, on_ready)
        if following is not None:
            following.cancel()

    found.data_dir.mkdir(parents=True, exist_ok=True)
    _guard(run())


@app.command(name="migrate")
def bring_up_to_date() -> None:
    """Bring the database to this version. `up`, `serve` and `work` do it by themselves."""
    found = ground.read_settings()
    with ground.database_url(found) as dsn:
        try:
            applied = asyncio.run(migrate.run(dsn))
        except (migrate.MigrationError, OSError) as error:
            paint.fail(str(error))
    paint.say(f"Applied: {', '.join(applied)}" if applied else "The database is up to date.")


@app.command(name="settings")
def list_settings() -> None:
    """List every setting with its value here. Secrets are shown as *** when they are set."""
    found = ground.read_settings()
    rows = []
    for item in fields(found):
        value, secret = getattr(found, item.name), item.metadata["secret"]
        shown = ("***" if secret else _show(value)) if value is not None else "-"
        name = settings.variable(item.name) + (" (or _FILE)" if secret else "")
        rows.append((name, shown, item.metadata["expects"], item.metadata["says"]))
    paint.table(("setting", "value", "takes", "what for"), rows)


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, settings.Address):
        return str(value)
    if isinstance(value, tuple):
        return ",".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _run_process(roles: rooms.Roles, ready_fd: int | None, parent: int | None) -> None:
    found = ground.read_settings()
    if parent is not None:
        found = ground.local(found)

    async def run(dsn: str) -> None:
        following = asyncio.create_task(process.follow_parent(parent)) if parent is not None else None
        await process.run(found, dsn, roles, lambda url: _report_ready(ready_fd, url))
        if following is not None:
            following.cancel()

    with ground.database_url(found) as dsn:
        _guard(run(dsn))


def _guard(work: Coroutine[Any, Any, None]) -> None:
    try:
        uvloop.run(work)
    except (QuixessError, VaultError, migrate.MigrationError, simulator.StateFileError, TracesError) as error:
        paint.fail(str(error))
    except OSError as error:
        paint.fail(f"{error.strerror or error}: is another Quixess running on this port?")


def _report_ready(ready_fd: int | None, url: str | None) -> None:
    _report(ready_fd, url or "")
    if ready_fd is None:
        paint.say(f"The gateway is ready at {url}" if url else "The worker is ready.")


def _report(ready_fd: int | None, url: str) -> None:
    if ready_fd is not None:
        os.write(ready_fd, url.encode() + b"\n")
        os.close(ready_fd)
    sys.stdout.flush()
