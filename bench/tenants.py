"""Brands to measure with: a key, an endpoint, and where it is asked for a number connected to the fake Meta."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from quixess import access, connections, templates
from quixess.access import Scope
from quixess.connections import Facts, Lines
from quixess.database.core import Database
from quixess.events import directory
from quixess.vault import Keyring

Result = TypeVar("Result")
APP_SECRET = "bench-app-secret-0123456789abcdef"
_RESTING = (
    "UPDATE connection SET token_due_at = now() + interval '1 day' WHERE brand_id = $1"  # the fake Meta knows none
)
_APP_ID, _WABA, _NUMBER = "210000000000001", "210000000000002", "210000000000003"


@dataclass(frozen=True)
class Tenant:
    """A brand: its key, and the secret that signs its events."""

    brand_id: UUID
    endpoint_id: UUID
    key: str
    endpoint_secret: str


def make(
    dsn: str, keyring: Keyring, name: str, event_url: str, graph_url: str | None = None, number: str = _NUMBER
) -> Tenant:
    """Make a brand whose events go to `event_url`; with `graph_url` its number is connected to the Meta there."""

    async def work(db: Database) -> Tenant:
        async with db.transaction() as tx:
            brand = await access.create_brand(tx, name)
            key, _ = await access.mint_key(tx, keyring, brand.id, name="bench", scopes=tuple(Scope), actor="bench")
            endpoint, _ = await directory.set_url(tx, keyring, brand.id, event_url)
        if graph_url is not None:
            await _connect(db, keyring, brand.id, graph_url, number)
        return Tenant(brand.id, endpoint.id, key, endpoint.secrets[0])

    return _with_database(dsn, work)


def webhook_facts(port: int, people: int, number: str = _NUMBER) -> dict[str, Any]:
    """Give what the load generator needs to write webhooks of a connected number."""
    return {
        "host": f"127.0.0.1:{port}",
        "app_id": _APP_ID,
        "app_secret": APP_SECRET,
        "waba_id": _WABA,
        "phone_number_id": number,
        "people": people,
    }


async def _connect(db: Database, keyring: Keyring, brand_id: UUID, graph_url: str, number: str) -> None:
    facts = Facts(
        app_id=_APP_ID,
        app_secret=APP_SECRET,
        verify_token="bench",
        waba_id=_WABA,
        phone_number_id=number,
        display_phone="15550783881",
        token="EAAbenchtoken" + "0" * 170,  # as long as Meta's
        graph_url=graph_url,
    )
    async with db.transaction() as tx:
        await connections.connect(tx, keyring, brand_id, facts)
        await tx.execute(_RESTING, brand_id)
        connection = (await connections.active(tx, keyring, [brand_id]))[brand_id]
    lines = Lines(version="v25.0", timeout_s=10)
    await templates.Sync(db, keyring, lines, None).run(connection)
    await lines.close()


def _with_database(dsn: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        db = await Database.open(dsn, writers=2, readers=1)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())
