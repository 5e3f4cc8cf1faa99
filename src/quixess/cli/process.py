"""One process of Quixess: the gateway, the worker, or both, from settings to a clean stop."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
import uvicorn

from quixess import app, connections, failpoints, logs, vault, worker
from quixess.access import Keys
from quixess.cli.protocol import PatientProtocol
from quixess.connections import Lines
from quixess.database import migrate
from quixess.database.core import Database
from quixess.events import outward
from quixess.events.delivery import Deliveries
from quixess.events.outward import Policy, Sender
from quixess.events.replaying import Replays
from quixess.limits import Limits
from quixess.media.fetching import Fetching
from quixess.media.shelf import Shelf
from quixess.media.store import Disk
from quixess.media.uploading import Uploads
from quixess.messages.receiving import Receiving
from quixess.messages.sending import Sending
from quixess.messages.settling import Settling
from quixess.retention import Keep
from quixess.settings import Settings
from quixess.templates import Sync
from quixess.vault import Keyring

_PARENT_EVERY_S = 0.5
_DRAIN_S = 20
_FILES = 65_536  # sockets and files that a process may have open
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does."""

    gateway: bool
    worker: bool


@dataclass(frozen=True, slots=True)
class Rooms:
    """What this process is made of. Without a worker there are no deliveries, no settling and no fetching."""

    db: Database
    keyring: Keyring
    keys: Keys
    limits: Limits
    sync: Sync
    sending: Sending
    receiving: Receiving
    deliveries: Deliveries | None
    settling: Settling | None
    shelf: Shelf
    uploads: Uploads
    fetching: Fetching | None


@dataclass(frozen=True, slots=True)
class Running:
    """A process at work. `url` is where the gateway answers, None without one."""

    url: str | None
    rooms: Rooms


async def run(settings: Settings, dsn: str, roles: Roles, on_ready: Callable[[str | None], None]) -> None:
    """Run until SIGTERM or SIGINT; then finish what is under way.

    `on_ready` gets the gateway's base URL, or None without a gateway.
    """
    logs.configure(settings.log_level, json=settings.log_json or not sys.stderr.isatty())
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # we say ourselves what starts and stops
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # a bad form is its sender's affair
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # and when PostgreSQL is away, without a traceback a try
    failpoints.arm(settings.fail_at)
    raise_file_limit()
    stop = _stop_signal()
    async with running(settings, dsn, roles) as at_work:
        # What is alive now lives as long as the process: the collector need not walk through it on every run.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        on_ready(at_work.url)
        _log.debug("ready", url=at_work.url)
        await stop.wait()
    _log.debug("stopped")


@asynccontextmanager
async def running(settings: Settings, dsn: str, roles: Roles) -> AsyncIterator[Running]:
    """Run the parts of this process for the length of a block. Leaving it, finish what is under way."""
    await migrate.run(dsn)
    async with _furnish(settings, dsn, roles) as rooms:
        loops = asyncio.create_task(_loops(settings, rooms))
        try:
            async with _serving(settings, rooms) if roles.gateway else nullcontext() as url:
                yield Running(url, rooms)
        finally:
            loops.cancel()
            with suppress(asyncio.CancelledError):
                await loops
            await _drain(rooms)


def raise_file_limit() -> None:
    """Let this process have as many sockets as the system allows, 65,536 at most.

    The usual soft limit of 1,024 is less than the deliveries that may be in flight, their kept connections included.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # macOS has a bound of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def read_keyring(settings: Settings) -> Keyring:
    """Read the keyring of this installation, or make it at the first start."""
    if settings.keyring is not None:
        return Keyring.loads(settings.keyring)
    return vault.read_or_make(settings.data_dir / "keyring.json")


def outward_policy(settings: Settings) -> Policy:
    """Say which URLs tenants' endpoints may have."""
    return Policy(
        allow_http=settings.webhook_http,
        ports=frozenset(settings.webhook_ports) or None,
        networks=settings.webhook_networks,
        closed_ports=_database_ports(settings.database_url),
        denied_hosts=frozenset(host.partition(":")[0] for host in settings.allowed_hosts),
        show_private_answers=settings.webhook_private_answers,
    )


def _database_ports(url: str | None) -> frozenset[int]:
    """Read the ports of a PostgreSQL URL, which may name several hosts. The embedded one has none."""
    if url is None:
        return frozenset()
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition(":")[2] for host in hosts if not host.endswith("]")]
    return frozenset(int(port) for port in ports if port.isdigit()) | {5432}


@asynccontextmanager
async def _furnish(settings: Settings, dsn: str, roles: Roles) -> AsyncIterator[Rooms]:
    keyring = read_keyring(settings)
    db = await Database.open(dsn)
    lines = Lines(version=settings.graph_version, timeout_s=settings.send_timeout)
    proxy = outward.read_proxy(settings.egress_proxy_url) if settings.egress_proxy_url else None
    sender = Sender(outward_policy(settings), total_timeout_s=settings.delivery_timeout, proxy=proxy)
    await sender.open()
    try:
        await connections.check_keyring(db, keyring)
        yield _build(settings, roles, db, keyring, lines, sender)
    finally:
        await sender.close()
        await lines.close()
        await db.close()


def _build(settings: Settings, roles: Roles, db: Database, keyring: Keyring, lines: Lines, sender: Sender) -> Rooms:
    deliveries = settling = fetching = None
    files = Disk(settings.media_dir or settings.data_dir / "media")
    if roles.worker:
        deliveries = Deliveries(db, keyring, sender, ladder=settings.retry_ladder, lease_s=settings.delivery_lease)
        settling = Settling(
            db, keyring, deliveries, lease_s=settings.send_lease, unknown_after_s=settings.unknown_after
        )
        fetching = Fetching(
            db,
            keyring,
            lines,
            files,
            lease_s=settings.delivery_lease,
            ladder=settings.retry_ladder,
            keep_days=settings.media_days,
        )
    sync = Sync(db, keyring, lines, deliveries)
    limits = Limits(db)
    sending = Sending(
        db,
        keyring,
        lines,
        sync,
        deliveries,
        limits,
        lease_s=settings.send_lease,
        unknown_wait_s=settings.unknown_wait,
        otp_rates=settings.otp_per_recipient,
    )
    receiving = Receiving(
        db,
        keyring,
        deliveries,
        lease_s=settings.delivery_lease,
        works=roles.worker,
        on_media=fetching.wake if fetching is not None else None,
    )
    keys = Keys(db, keyring)
    shelf = Shelf(db, files)
    uploads = Uploads(db, keyring, lines, files, shelf, keep_days=settings.media_days)
    return Rooms(db, keyring, keys, limits, sync, sending, receiving, deliveries, settling, shelf, uploads, fetching)


async def _loops(settings: Settings, rooms: Rooms) -> None:
    if rooms.deliveries is not None and rooms.settling is not None and rooms.fetching is not None:
        keep = Keep(events=settings.event_days, intake=settings.intake_days, messages=settings.message_days)
        replays = Replays(rooms.db, rooms.keyring)
        await worker.run(
            worker.Rooms(
                rooms.db,
                rooms.sync,
                rooms.receiving,
                rooms.deliveries,
                replays,
                rooms.settling,
                rooms.fetching,
                keep,
            )
        )


@asynccontextmanager
async def _serving(settings: Settings, rooms: Rooms) -> AsyncIterator[str]:
    """Serve for the length of a block and give the base URL; leaving it, finish the requests under way."""
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    server = _Server(
        uvicorn.Config(
            app.build(
                settings,
                rooms.db,
                rooms.keyring,
                rooms.keys,
                rooms.limits,
                rooms.sync,
                rooms.sending,
                rooms.receiving,
                rooms.shelf,
                rooms.uploads,
            ),
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=_DRAIN_S,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    try:
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    """Says when it listens, and leaves the signals to us: a worker in this process has to stop after the gateway."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


async def _drain(rooms: Rooms) -> None:
    """Finish what is under way: bodies at hand, attempts in flight, sends to settle."""
    try:
        async with asyncio.timeout(_DRAIN_S):
            await rooms.receiving.stop()
            await rooms.sending.close()
            await rooms.uploads.close()
            await rooms.keys.close()
            if rooms.deliveries is not None:
                await rooms.deliveries.stop()
            if rooms.fetching is not None:
                await rooms.fetching.stop()
    except TimeoutError:
        _log.warning("stopped with work under way; its leases end by themselves", after_s=_DRAIN_S)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, so that asyncio sets no delay
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    listener.setblocking(False)
    return listener


def _stop_signal() -> asyncio.Event:
    """Give an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def follow_parent(parent: int) -> None:
    """Send ourselves SIGTERM when `parent` is no longer our parent: it was killed and we are on our own."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's end
        await asyncio.sleep(_PARENT_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
