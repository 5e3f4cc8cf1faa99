"""Meta's webhooks, written by hand and signed as Meta signs them."""

import io
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from quixess import access, connections
from quixess.connections import Facts
from quixess.events import directory
from quixess.events.endpoints import KNOWN_TYPES
from tests.simulator.driving import signed
from tests.world import PHONE, Answer, Receiver, World, eventually

DIGITS = PHONE[1:]


def wamid() -> str:
    return f"wamid.{uuid4().hex}"


def said(kind: str, content: Any, *, sender: str = DIGITS, at: int | None = None, **more: Any) -> dict[str, Any]:
    """One message of a user, of any type."""
    written = {"from": sender, "id": wamid(), "timestamp": str(at or int(time.time())), "type": kind}
    return written | {kind: content} | more


def text(body: str = "Hi", *, sender: str = DIGITS, at: int | None = None, **more: Any) -> dict[str, Any]:
    """One text of a user."""
    return said("text", {"body": body}, sender=sender, at=at, **more)


def status(of: str, word: str, *, to: str = DIGITS, at: int | None = None, **more: Any) -> dict[str, Any]:
    """One status of a message of ours."""
    return {"id": of, "status": word, "timestamp": str(at or int(time.time())), "recipient_id": to} | more


def failure(code: int, title: str) -> dict[str, Any]:
    return {"code": code, "title": title, "message": title, "error_data": {"details": f"{title}."}}


def change(world: World, *, number: str | None = None, field: str = "messages", **content: Any) -> dict[str, Any]:
    """One change: `messages=[…]`, `statuses=[…]`, `contacts=[…]`, or what another field holds."""
    metadata = {
        "display_phone_number": world.meta.world["display_phone_number"],
        "phone_number_id": number or world.meta.world["phone_number_id"],
    }
    return {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata} | content}


def body(world: World, *entries: list[dict[str, Any]]) -> bytes:
    """One webhook body; each entry is its list of changes."""
    listed = [{"id": world.meta.world["waba_id"], "changes": changes} for changes in entries]
    return json.dumps({"object": "whatsapp_business_account", "entry": listed}).encode()


async def post(
    world: World, raw: bytes, *, app_id: str | None = None, secret: str | None = None, signature: str | None = None
) -> Answer:
    """Post a body to the gateway, signed with the app's secret unless told otherwise."""
    known = world.meta.world
    mark = signed(secret or known["app_secret"], raw) if signature is None else signature
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": mark}
    path = f"/webhooks/meta/{app_id or known['app_id']}"
    return await world.call("POST", path, key="", data=io.BytesIO(raw), headers=headers)


async def tell(world: World, **content: Any) -> None:
    """Post one body with one change, and wait until everything it caused is over."""
    answer = await post(world, body(world, [change(world, **content)]))
    assert answer.status == 200
    await rest(world)


async def hear_everything(world: World) -> None:
    """Let Bordercart's endpoint have the events that are told on request only, too."""
    await world.rows("UPDATE endpoint SET event_types = $1", sorted(KNOWN_TYPES))


async def rest(world: World) -> None:
    """Wait until no body waits to be worked off and no event waits to be delivered."""

    async def resting() -> bool:
        rows = await world.rows(
            """SELECT (SELECT count(*) FROM intake_todo WHERE error IS NULL) + (SELECT count(*) FROM delivery) AS n"""
        )
        return bool(rows[0]["n"] == 0)

    await eventually(resting)


async def state_of(world: World, message_wamid: str) -> str:
    rows = await world.rows("SELECT state FROM message WHERE wamid = $1", message_wamid)
    return str(rows[0]["state"])


async def send_silently(world: World, **more: Any) -> str:
    """Send a code of which the simulated Meta never tells anything; returns its wamid."""
    await world.meta.lever("faults", {"outcome": "no_status"})
    sent = await world.send_otp(**more)
    assert sent.status == 200
    return str(sent.json["wa_message_id"])


@dataclass(frozen=True)
class Rival:
    """Another brand with a Meta app, a number and an endpoint of its own."""

    brand_id: UUID
    app_id: str
    app_secret: str
    number: str


async def found_rival(world: World, receiver: Receiver, *, app_id: str = "777000777") -> Rival:
    """Found the brand Rival. With the world's own app id, the two brands share one Meta app."""
    shared = app_id == world.meta.world["app_id"]
    secret = world.meta.world["app_secret"] if shared else "rival's secret"
    facts = Facts(
        app_id=app_id,
        app_secret=secret,
        verify_token="rival's verify token",
        waba_id="888000888",
        phone_number_id="999000999",
        display_phone="+1 555 999 0999",
        token="EAArival",
        graph_url=world.meta.base_url,
    )
    async with world.rooms.db.transaction() as tx:
        brand = await access.create_brand(tx, "Rival")
        await connections.connect(tx, world.rooms.keyring, brand.id, facts)
        await directory.set_url(tx, world.rooms.keyring, brand.id, receiver.url)
    return Rival(brand.id, facts.app_id, facts.app_secret, facts.phone_number_id)
