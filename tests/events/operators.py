"""What an operator does with the endpoints of a world, and what a tenant makes of the signatures."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook, WebhookVerificationError

from quixess.database import ids
from quixess.events import directory, trials
from quixess.events.endpoints import Endpoint
from quixess.events.outbox import HandOff
from quixess.events.outward import Policy
from quixess.events.wishes import Wish
from tests.world import Receiver, World

LOCAL = Policy(allow_http=True, ports=None, networks=(ip_network("127.0.0.0/8"),))
ACTOR = "tests"


async def add(world: World, receiver: Receiver, **wish: Any) -> Endpoint:
    async with world.rooms.db.transaction() as tx:
        return await directory.add(
            tx, world.rooms.keyring, world.brand_id, Wish(url=receiver.url, **wish), LOCAL, actor=ACTOR
        )


async def first_of(world: World) -> directory.Entry:
    async with world.rooms.db.reading(world.brand_id) as tx:
        return (await directory.list_endpoints(tx, world.rooms.keyring, world.brand_id))[0]


async def act(world: World, verb: Callable[..., Awaitable[Any]], *rest: Any, **more: Any) -> Any:
    """Do something with the brand's first endpoint."""
    endpoint_id = (await first_of(world)).endpoint.id
    async with world.rooms.db.transaction() as tx:
        return await verb(tx, world.rooms.keyring, world.brand_id, endpoint_id, *rest, actor=ACTOR, **more)


async def remove(world: World, endpoint_id: UUID) -> int:
    async with world.rooms.db.transaction() as tx:
        return await directory.remove(tx, world.brand_id, endpoint_id, actor=ACTOR)


async def try_out(world: World, endpoint_id: UUID) -> str:
    async with world.rooms.db.transaction() as tx:
        event_id = await trials.record(tx, world.rooms.keyring, world.brand_id, endpoint_id, HandOff(None))
    return ids.show("evt", event_id)


def opens(secret: str, receiver: Receiver) -> list[bool]:
    """Tell of each event that arrived whether a library of Standard Webhooks accepts it with this secret."""

    def accepted(headers: dict[str, str], body: bytes) -> bool:
        try:
            Webhook(secret).verify(body, headers)
        except WebhookVerificationError:
            return False
        return True

    return [accepted(headers, body) for headers, body in receiver.got]


def marked_by(secret: str, receiver: Receiver) -> list[bool]:
    """Tell the same of the brief's own header."""
    return [
        headers["X-Quixess-Signature-256"] == "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        for headers, body in receiver.got
    ]
