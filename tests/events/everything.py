"""One of everything that Quixess can tell, played through the simulated Meta, and the events that came of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quixess.events import trials
from quixess.events.endpoints import KNOWN_TYPES
from tests.events import operators, tenants
from tests.media import files
from tests.messages import hooks
from tests.world import PHONE, Receiver, World, building, eventually, listening

DIGITS = PHONE[1:]
METADATA = {"signup_id": "s-99"}
LADDER = (0.02,) * 7
_AD = {
    "source_url": "https://fb.me/3cr4Wqqkv", "source_id": "120226305854810726", "source_type": "ad",
    "headline": "Shoes", "ctwa_clid": "Aff-n8ZTODiE",
}  # fmt: skip
_PRODUCT = {"catalog_id": "194836987003835", "product_retailer_id": "shoe-42"}
_BOB = {
    "name": {"formatted_name": "Bob"},
    "phones": [{"phone": "+1 415 555 0100", "wa_id": "14155550100", "type": "CELL"}],
}
_ORDER = {
    "catalog_id": "194836987003835",
    "text": "quick please",
    "product_items": [{"product_retailer_id": "x1", "quantity": 2, "item_price": 30, "currency": "USD"}],
}
_CHANGES = [
    {"type": "system", "system": {"type": "user_changed_user_id", "user_id": "US.23491208655302741918"}},
    {"type": "system", "identity": {"acknowledged": True, "created_timestamp": "1697044706", "hash": "Sjvjlx8G"}},
]


@dataclass
class Stage:
    """A world in which everything is told to `world.receiver`, and a second endpoint that will not do well."""

    world: World
    troubled: Receiver


async def play(stage: Stage) -> list[dict[str, Any]]:
    """Play one of everything, and return every event that was told."""
    world = stage.world
    await hooks.hear_everything(world)
    await _send(world)
    await _write(world)
    await _call(world)
    await _decide(world)
    await operators.try_out(world, (await operators.first_of(world)).endpoint.id)
    await hooks.rest(world)
    await _fail(stage)
    wanted = {*KNOWN_TYPES, trials.TYPE}
    await eventually(lambda: {event["type"] for event in world.receiver.events} == wanted)
    await hooks.rest(world)
    return world.receiver.events


@asynccontextmanager
async def staging(dsn: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with building(dsn, tmp_path, retry_ladder=LADDER) as world, listening() as troubled:
        yield Stage(world, troubled)


async def _send(world: World) -> None:
    """Send what arrives, what is read with no word of its delivery, and what fails for one reason or another."""
    await world.meta.lever("settings", {"auto_read": False})
    await world.send_otp(metadata=METADATA)
    await until(world, "message.delivered", 1)
    await world.meta.lever(f"phones/{DIGITS}/read", {})
    await until(world, "message.read", 1)
    await world.meta.lever("settings", {"auto_read": True})
    await world.send_otp("+15550100012")
    await world.send_otp("+15550100001", metadata=METADATA)
    await world.send_otp("+15550100013")
    await until(world, "message.read", 2)
    await until(world, "message.failed", 2)


async def _write(world: World) -> None:
    """Let customers write every kind of message."""
    first = await world.customer_says("Hi there")
    for draft in [*_plain(), *await _files(world), *_answers(await _mine(world), first)]:
        await world.meta.writes({"name": "Frank"} | draft, DIGITS)
    await world.meta.lever("phones/15550004711", {"user_id": "US.13491208655302741918", "username": "@pablo",
                                                  "name": "Pablo", "hide_phone": True})  # fmt: skip
    await world.meta.writes({"text": "Who am I?"}, "15550004711")
    for change in _CHANGES:
        await world.meta.writes(change, "15550004712")
    await hooks.tell(world, messages=[hooks.said("telepathy", {"shape": "round"})])
    await world.meta.lever(f"phones/{DIGITS}/echoes", {"text": "I am on it. (from my phone)"})
    await world.meta.lever(f"phones/{DIGITS}/preferences", {"value": "stop"})


async def _mine(world: World) -> str:
    """The wamid of a message of ours on the customer's phone."""
    return str(next(send["wamid"] for send in await world.sends() if send["to"].removeprefix("+") == DIGITS))


def _plain() -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": {"body": "Look at this"}, "context": {"forwarded": True}},
        {"type": "text", "text": {"body": "This one?"}, "context": {"referred_product": _PRODUCT}},
        {"type": "text", "text": {"body": "I saw your ad"}, "referral": _AD},
        {"type": "text", "text": {"body": "Hello all"}, "group_id": "Y2FwaV9ncm91cA"},
        {"type": "location", "location": {"latitude": 37.44, "longitude": -122.16, "name": "Philz",
                                          "address": "101 Forest Ave"}},
        {"type": "contacts", "contacts": [_BOB], "origin": "other"},
        {"type": "order", "order": _ORDER},
        {"type": "unsupported", "unsupported": {"type": "poll_creation"}},
    ]  # fmt: skip


async def _files(world: World) -> list[dict[str, Any]]:
    kinds: list[tuple[str, bytes, str, dict[str, Any]]] = [
        ("image", files.JPEG, "image/jpeg", {"caption": "Like this"}),
        ("video", b"\x00\x00\x00\x18ftypmp42" + bytes(200), "video/mp4", {}),
        ("audio", files.OPUS, "audio/ogg; codecs=opus", {"voice": True}),
        ("document", files.PDF, "application/pdf", {"filename": "bill.pdf"}),
        ("sticker", b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(200), "image/webp", {"animated": True}),
    ]
    return [{"type": kind, kind: {"id": await files.lay(world, data, mime)} | more} for kind, data, mime, more in kinds]


def _answers(mine: str, first: str) -> list[dict[str, Any]]:
    """The messages that belong to another one: of ours, or the first of the customer's own."""

    def chose(kind: str, reply: dict[str, Any]) -> dict[str, Any]:
        return {"type": "interactive", "interactive": {"type": kind, kind: reply}, "reply_to": mine}

    form = {"name": "flow", "body": "Sent", "response_json": '{"flow_token": "x", "size": "L"}'}
    permission = {"response": "accept", "expiration_timestamp": "1750020000", "response_source": "user_action"}
    now = {"type": "text", "text": {"body": "Hi there, anybody?"}}
    return [
        {"type": "button", "button": {"text": "Yes", "payload": "YES"}, "reply_to": mine},
        chose("button_reply", {"id": "cancel", "title": "Cancel"}),
        chose("list_reply", {"id": "r1", "title": "Tomorrow", "description": "8 to 12"}),
        chose("nfm_reply", form),
        chose("call_permission_reply", permission),
        {"type": "interactive", "errors": [{"code": 131000, "details": "Unsupported webhook payload"}],
         "reply_to": mine},
        {"type": "reaction", "reaction": {"message_id": mine, "emoji": "👍"}},
        {"type": "reaction", "reaction": {"message_id": mine}},
        {"type": "edit", "edit": {"original_message_id": first, "message": now}},
        {"type": "revoke", "revoke": {"original_message_id": first}},
    ]  # fmt: skip


async def _call(world: World) -> None:
    """Let a customer call in vain, and once be answered."""
    await world.meta.calls(DIGITS)
    await world.meta.calls(DIGITS, answered=True, duration_s=42, payload="from-the-button")
    await until(world, "call.ended", 2)


async def _decide(world: World) -> None:
    """Let Meta decide about templates and accounts, one thing after the other."""
    template = "templates/order_update"
    rejected: dict[str, Any] = {
        "event": "REJECTED",
        "reason": "INVALID_FORMAT",
        "description": "A variable is at the end.",
    }
    for number, event in enumerate((rejected, {"event": "APPROVED"}), 1):
        await world.meta.lever(template, event)
        await until(world, "template.status_changed", number)
    changes: list[dict[str, Any]] = [
        {"quality": "YELLOW"},
        {"category": "MARKETING", "impending": True},
        {"category": "MARKETING"},
        {"components": [{"type": "BODY", "text": "Hi {{1}}, order {{2}} has left."}]},
    ]
    for number, change in enumerate(changes, 1):
        await world.meta.lever(template, change)
        await until(world, "template.updated", number)
    stranger = {"name": "of_tomorrow", "components": [{"type": "BODY", "text": "Hi"}], "status": "APPROVED"}
    await world.meta.lever("templates", stranger | {"notify": True})
    for field, word in (
        ("account_review_update", "REJECTED"),
        ("account_alerts", None),
        ("phone_number_quality_update", "FLAGGED"),
        ("business_capability_update", None),
        ("security", "PIN_CHANGED"),
        ("messages", None),
    ):
        await world.meta.lever("account", {"field": field} | ({"event": word} if word else {}))
    await until(world, "account.updated", 6)


async def until(world: World, kind: str, count: int) -> None:
    await eventually(lambda: len(world.receiver.of_type(kind)) >= count)


async def _fail(stage: Stage) -> None:
    """Let an endpoint give an event up, fail, recover and say that it is gone."""
    world, troubled = stage.world, stage.troubled
    await operators.add(world, troubled, name="CRM", event_types=["message.received"])
    troubled.answers += [500] * len(LADDER) + [500]
    await world.customer_says("nobody listens")
    await eventually(lambda: world.receiver.of_type("delivery.exhausted"))
    troubled.answers += [500] * 10_000
    await tenants.receive(world, 10)
    await eventually(lambda: world.receiver.of_type("endpoint.failing"))
    troubled.answers.clear()
    await eventually(lambda: world.receiver.of_type("endpoint.recovered"))
    await hooks.rest(world)
    troubled.answers.append(410)
    await tenants.receive(world)
    await eventually(lambda: world.receiver.of_type("endpoint.disabled"))
    await operators.remove(world, (await _troubled(world)))


async def _troubled(world: World) -> Any:
    (row,) = await world.rows("SELECT id FROM endpoint WHERE name = 'CRM' AND deleted_at IS NULL")
    return row["id"]
