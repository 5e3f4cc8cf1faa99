"""Watching: what a process shows of itself, on an address that is not for the public."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from starlette.applications import Starlette

from quixess import __version__, probes, traces
from quixess.cli.rooms import Roles, Rooms
from quixess.cli.serving import serving
from quixess.probes import Exposition, Readiness, Requests, Sources
from quixess.settings import Settings
from quixess.tallies import Lag


@dataclass(frozen=True, slots=True)
class Probes:
    """How this process is looked at. `url` is where its numbers are shown, None where nobody asked for them."""

    readiness: Readiness
    requests: Requests = field(default_factory=Requests)
    url: str | None = None


@asynccontextmanager
async def watching(settings: Settings, rooms: Rooms, roles: Roles) -> AsyncIterator[Probes]:
    """Show this process's numbers for the length of a block, if the settings name an address for them.

    Raises OSError when the address cannot be had.
    """
    readiness, requests = Readiness(rooms.db), Requests()
    if settings.metrics_address is None:
        yield Probes(readiness, requests)
        return
    lag = Lag()
    shown = Exposition(_sources(rooms, roles, readiness, requests, lag))
    doors = Starlette(routes=probes.routes(readiness, shown))
    looking = asyncio.create_task(lag.run())
    try:
        async with AsyncExitStack() as stack:
            try:
                url = await stack.enter_async_context(serving(doors, *settings.metrics_address))
            except OSError as error:
                said = f"QUIXESS_METRICS_ADDRESS {settings.metrics_address}: {error.strerror or error}"
                raise OSError(error.errno, said) from error
            yield Probes(readiness, requests, url)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


@asynccontextmanager
async def tracing(settings: Settings) -> AsyncIterator[None]:
    """Trace for the length of a block, if the settings want it. Raises TracesError without the extra."""
    if not settings.traces:
        yield
        return
    traces.start(__version__)
    try:
        yield
    finally:
        await asyncio.to_thread(traces.stop)


def _sources(rooms: Rooms, roles: Roles, readiness: Readiness, requests: Requests, lag: Lag) -> Sources:
    batchers = [rooms.receiving.batchers]
    if roles.gateway:
        batchers += [rooms.keys.batchers, rooms.limits.batchers, rooms.sending.batchers]
    if rooms.deliveries is not None:
        batchers.append(rooms.deliveries.batchers)
    return Sources(
        version=__version__,
        role="both" if roles.gateway and roles.worker else "gateway" if roles.gateway else "worker",
        db=rooms.db,
        readiness=readiness,
        lag=lag,
        lines=rooms.lines,
        receiving=rooms.receiving,
        requests=requests if roles.gateway else None,
        deliveries=rooms.deliveries,
        batchers=batchers,
    )
