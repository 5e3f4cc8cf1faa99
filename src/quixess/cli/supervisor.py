"""The supervisor behind `quixess up`: starts every part, keeps it running, and stops all of it in order."""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quixess.cli import demo, ground
from quixess.cli.demo import Demo
from quixess.cli.paint import fail, paint, say, step
from quixess.database import embedded, migrate
from quixess.database.embedded import EmbeddedPostgres
from quixess.errors import QuixessError
from quixess.people import first_run
from quixess.settings import Settings
from quixess.vault import VaultError

_READY_S = 60.0
_STOP_S = 25.0
_WATCH_S = 0.5
_MOST_RESTARTS = 20


class UpError(Exception):
    """A part does not come up; the text names it and the fix."""


@dataclass(slots=True)
class _Part:
    """One process of ours. `url` is where it answered when it was ready."""

    role: str
    command: tuple[str, ...]
    env: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    url: str = ""
    restarts: int = 0


@dataclass(slots=True)
class _Up:
    """Everything that runs."""

    settings: Settings
    ready_file: Path | None
    media_port: int | None
    dsn: str
    server: EmbeddedPostgres | None
    parts: dict[str, _Part] = field(default_factory=dict)
    demo: Demo | None = None
    setup_token: str | None = None  # until somebody has an account
    stopping: bool = False


def run(settings: Settings, ready_file: Path | None, media_port: int | None = None) -> int:
    """Run everything until SIGINT or SIGTERM and return the exit status.

    With `media_port` the simulated Meta has its files there, and the gateway fetches them from there.
    """
    began = time.monotonic()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    server = None if settings.database_url else EmbeddedPostgres(settings.data_dir, binaries=settings.postgres_binaries)
    step("PostgreSQL …")
    try:
        dsn = settings.database_url or (server.start() if server else "")
        if server is not None and server.notice:
            step(server.notice)
        return asyncio.run(_run(_Up(settings, ready_file, media_port, dsn, server), began))
    except (
        UpError,
        embedded.EmbeddedPostgresError,
        migrate.MigrationError,
        QuixessError,
        VaultError,
        OSError,
    ) as error:
        fail(error.detail if isinstance(error, QuixessError) else str(error))
    finally:
        if server is not None:
            server.stop()


async def _run(up: _Up, began: float) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        if not await _unless(stop, _start(up)):
            return 0
        _print_card(up, time.monotonic() - began)
        watching = [asyncio.create_task(_watch(up, part)) for part in up.parts.values()]
        watching.append(asyncio.create_task(_watch_database(up)))
        await _first(stop, watching)
        for task in watching:
            task.cancel()
    finally:
        await _stop(up)
    return 0


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, unless a signal comes first. Tells whether the work was done."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return False
    task.result()
    return True


async def _first(stop: asyncio.Event, watching: list[asyncio.Task[None]]) -> None:
    """Wait for a signal; a watcher that gives up raises what it met."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopped, *watching}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done - {stopped}:
        task.result()


async def _start(up: _Up) -> None:
    base = dict(os.environ) | {
        "QUIXESS_DATABASE_URL": up.dsn,
        "QUIXESS_DATA_DIR": str(up.settings.data_dir.absolute()),
    }
    base.pop("QUIXESS_DATABASE_URL_FILE", None)
    elsewhere = () if up.media_port is None else ("--media-port", str(up.media_port))
    up.parts["simulator"] = _Part("simulator", ("simulate", *elsewhere), base)
    up.parts["gateway"] = _Part("gateway", ("serve", "--work"), base | _trusting(up))
    step("gateway, worker, simulated Meta …")
    await asyncio.gather(_spawn(up.parts["simulator"]), migrate.run(up.dsn))
    up.parts["gateway"].env["QUIXESS_SIMULATOR_URL"] = up.parts["simulator"].url
    await _spawn(up.parts["gateway"])
    for part, name in (("simulator", "QUIXESS_SIMULATOR_PORT"), ("gateway", "QUIXESS_PORT")):
        up.parts[part].env[name] = up.parts[part].url.rpartition(":")[2]
    up.parts["gateway"].env.pop("QUIXESS_FAIL_AT", None)
    simulator_url, base_url = up.parts["simulator"].url, up.parts["gateway"].url
    async with ground.stand(up.settings, up.dsn) as on:
        up.demo = await demo.seed(on, simulator_url)
        await demo.subscribe(on, simulator_url, base_url)
        async with on.db.transaction() as tx:
            up.setup_token = await first_run.offer(tx, on.keyring, actor="up")
    _write_ready(up)


def _trusting(up: _Up) -> dict[str, str]:
    """Tell the gateway of the port that the simulated Meta's files are on."""
    if up.media_port is None:
        return {}
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(up.settings.host, up.settings.host)  # noqa: S104 - compared
    origin = f"http://{f'[{host}]' if ':' in host else host}:{up.media_port}"
    return {"QUIXESS_META_MEDIA_ORIGINS": ",".join((*up.settings.meta_media_origins, origin))}


async def _spawn(part: _Part) -> None:
    """Start a part and wait until it says where it answers."""
    reader, writer = os.pipe()
    try:
        part.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "quixess", *part.command, "--ready-fd", str(writer), "--parent", str(os.getpid()),
            pass_fds=(writer,), env=part.env, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(writer)
    said = await _read_line(reader, part.role)
    if not said:
        await part.process.wait()
        raise UpError(f"The {part.role} did not come up: its own message is above.")
    part.url = said


async def _read_line(reader: int, role: str) -> str:
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reader))
    try:
        async with asyncio.timeout(_READY_S):
            return (await stream.readline()).decode().strip()
    except TimeoutError:
        raise UpError(f"The {role} took more than {_READY_S:.0f} s to come up.") from None
    finally:
        transport.close()


async def _watch(up: _Up, part: _Part) -> None:
    """Start a part again whenever it ends by itself, on the same port."""
    while True:
        if part.process is not None:
            await part.process.wait()
        if up.stopping:
            return
        part.restarts += 1
        if part.restarts > _MOST_RESTARTS:
            raise UpError(f"The {part.role} ended {_MOST_RESTARTS} times: giving up.")
        step(f"the {part.role} ended and is started again")
        try:
            await _spawn(part)
        except UpError:
            await asyncio.sleep(min(part.restarts, 10))
            continue
        _write_ready(up)


async def _watch_database(up: _Up) -> None:
    """Start the embedded PostgreSQL again when it was killed."""
    while True:
        await asyncio.sleep(_WATCH_S)
        server = up.server
        if server is not None and server.pid is None and not up.stopping:
            step("PostgreSQL ended and is started again")
            try:
                await asyncio.to_thread(server.start)
            except embedded.EmbeddedPostgresError as error:
                step(str(error))
                continue
            _write_ready(up)


async def _stop(up: _Up) -> None:
    up.stopping = True
    running = [part for part in up.parts.values() if part.process is not None and part.process.returncode is None]
    if running:
        step("stopping …")
    for role in ("gateway", "simulator"):
        for part in running:
            if part.role == role and part.process is not None:
                await _end(part.process)
    for path in (up.settings.data_dir / ground.RUNNING, up.ready_file):
        if path is not None:
            path.unlink(missing_ok=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _write_ready(up: _Up) -> None:
    """Write where everything is, for `--ready-file` and for other commands over this data directory."""
    if up.demo is None:
        return
    pids: dict[str, int] = {"supervisor": os.getpid()}
    pids |= {role: part.process.pid for role, part in up.parts.items() if part.process is not None}
    pids["worker"] = pids["gateway"]
    if up.server is not None and up.server.pid is not None:
        pids["postgres"] = up.server.pid
    facts = {
        "base_url": up.parts["gateway"].url,
        "simulator_url": up.parts["simulator"].url,
        "api_key": up.demo.api_key,
        "full_key": up.demo.full_key,
        "brand_id": up.demo.brand_id,
        "webhook_url": up.demo.webhook_url,
        "webhook_secret": up.demo.webhook_secret,
        "dashboard_url": _dashboard(up),
        "pids": pids,
    }
    for path in (up.settings.data_dir / ground.RUNNING, up.ready_file):
        if path is not None:
            ground.write_private(path, facts)


def _dashboard(up: _Up) -> str:
    """Give the way into the dashboard: the first time the link that makes the owner, later the front door."""
    return up.parts["gateway"].url + (f"/setup/{up.setup_token}" if up.setup_token else "/app")


def _print_card(up: _Up, took_s: float) -> None:
    if up.demo is None:
        return
    base, simulated, key = up.parts["gateway"].url, up.parts["simulator"].url, up.demo.api_key
    rows = [
        ("Dashboard", _dashboard(up)),
        ("API", base),
        ("Reference", f"{base}/docs"),
        ("Phone", f"{simulated}/"),
        ("Key", key),
    ]
    curl = (
        f"curl -X POST '{base}/api/v1/whatsapp/external/send/otp' \\\n"
        f"  -H 'X-API-Key: {key}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        "  -H 'Idempotency-Key: first-message' \\\n"
        """  -d '{"to": "+12818184370", "code": "482913", "template_name": "signup_otp"}'"""
    )
    where = up.demo.webhook_url or "nowhere yet"
    say(f"\n{paint('Quixess is up', 'bold', 'green')} {paint(f'in {took_s:.1f} s', 'dim')}\n")
    for name, value in (*rows, ("Full key", up.demo.full_key), ("Events go", where)):
        say(f"  {paint(name.ljust(10), 'cyan')} {value}")
    say(f"\n{paint('1. Send a code', 'bold')} (the key can do nothing else, the full key everything):\n\n{curl}\n")
    say(f"{paint('2. See it arrive', 'bold')} on the phone at {simulated}/ and answer from there.")
    say(f"{paint('3. Get the answer as a signed event', 'bold')} at a server of yours, from another terminal:\n")
    say(f"{_command()} endpoint set http://127.0.0.1:9000/webhooks/quixess\n")
    say(paint("Endpoints may use http, any port and 127.0.0.0/8 here; `quixess serve` allows only what", "dim"))
    say(paint("the settings say. The data is in " + str(up.settings.data_dir) + ". Ctrl-C stops everything.", "dim"))


def _command() -> str:
    """Name our command the way it can be typed here: beside the Python that runs us, or on the path."""
    beside = Path(sys.executable).parent / "quixess"
    if shutil.which("quixess") == str(beside) or not beside.exists():
        return "quixess"
    here = Path.cwd()
    return str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside)
