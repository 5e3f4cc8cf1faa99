"""One process of Quixess: the gateway, the worker, or both, from settings to a clean stop."""

import asyncio
import gc
import logging
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass

import structlog

from quixess import app, failpoints, logs, worker
from quixess.cli.rooms import Roles, Rooms, furnish
from quixess.cli.serving import DRAIN_S, serving
from quixess.cli.watching import Probes, tracing, watching
from quixess.database import migrate
from quixess.events.forgotten import Forgotten
from quixess.events.replaying import Replays
from quixess.messages.gaps import Gaps
from quixess.messages.throughput import Throughput
from quixess.metrics import Counting
from quixess.notices.tokens import Telling
from quixess.retention import Keep
from quixess.settings import Settings

_FILES = 65_536  # sockets and files that a process may have open
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Running:
    """A process at work. `url` is where the gateway answers, None without one."""

    url: str | None
    rooms: Rooms
    probes: Probes


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
    async with tracing(settings), running(settings, dsn, roles) as at_work:
        # What is alive now lives as long as the process: the collector need not walk through it on every run.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        on_ready(at_work.url)
        _log.debug("ready", url=at_work.url)
        await stop.wait()
        at_work.probes.readiness.drain()
        if roles.gateway:
            await asyncio.sleep(settings.stop_delay)
    _log.debug("stopped")


@asynccontextmanager
async def running(settings: Settings, dsn: str, roles: Roles) -> AsyncIterator[Running]:
    """Run the parts of this process for the length of a block. Leaving it, finish what is under way."""
    await migrate.run(dsn)
    async with furnish(settings, dsn, roles) as rooms, watching(settings, rooms, roles) as probes:
        loops = [asyncio.create_task(_loops(settings, rooms)), asyncio.create_task(rooms.feed.run())]
        try:
            async with _serving(settings, rooms, probes) if roles.gateway else nullcontext() as url:
                probes.readiness.open()
                yield Running(url, rooms, probes)
        finally:
            for loop in loops:
                loop.cancel()
                with suppress(asyncio.CancelledError):
                    await loop
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


async def _loops(settings: Settings, rooms: Rooms) -> None:
    if rooms.deliveries is not None and rooms.settling is not None and rooms.fetching is not None:
        keep = Keep(
            events=settings.event_days,
            intake=settings.intake_days,
            messages=settings.message_days,
            requests=settings.request_days,
        )
        replays = Replays(rooms.db, rooms.keyring)
        await worker.run(
            worker.Rooms(
                rooms.db,
                rooms.sync,
                rooms.receiving,
                rooms.deliveries,
                Forgotten(rooms.db, rooms.deliveries.wake),
                replays,
                rooms.settling,
                rooms.fetching,
                rooms.rotation,
                Telling(rooms.db, rooms.keyring, rooms.deliveries),
                Gaps(rooms.db, rooms.keyring, rooms.lines, rooms.deliveries, after_s=settings.gap_after),
                Throughput(rooms.db, rooms.keyring, rooms.lines),
                Counting(rooms.db),
                keep,
            )
        )


def _serving(settings: Settings, rooms: Rooms, probes: Probes) -> AbstractAsyncContextManager[str]:
    doors = app.build(settings, rooms, probes.requests, probes.readiness)
    # Pages that are live would be waited for.
    return serving(doors, settings.host, settings.port, on_stop=rooms.feed.close)


async def _drain(rooms: Rooms) -> None:
    """Finish what is under way: bodies at hand, attempts in flight, sends to settle."""
    try:
        async with asyncio.timeout(DRAIN_S):
            await rooms.receiving.stop()
            await rooms.sending.close()
            await rooms.uploads.close()
            await rooms.keys.close()
            await rooms.requests.close()
            await rooms.handset.close()
            if rooms.deliveries is not None:
                await rooms.deliveries.stop()
            if rooms.fetching is not None:
                await rooms.fetching.stop()
            await rooms.feed.flush()
    except TimeoutError:
        _log.warning("stopped with work under way; its leases end by themselves", after_s=DRAIN_S)


def _stop_signal() -> asyncio.Event:
    """Give an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
