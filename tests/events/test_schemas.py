"""Every type of event has a schema, the schemas say no, and one of everything that Quixess tells fits them."""

import copy
from pathlib import Path
from typing import Any

import pytest

from quixess.events import trials
from quixess.events.endpoints import KNOWN_TYPES
from quixess.messages import contents
from quixess.meta import webhooks
from quixess.meta.webhooks import Said
from tests.events import everything, schemas
from tests.messages import hooks
from tests.meta import bodies
from tests.world import World

CRIPPLED = [
    ("message.received", "from"),
    ("message.received", "content"),
    ("message.delivered", "metadata"),
    ("message.failed", "errors"),
    ("template.status_changed", "new_status"),
    ("call.received", "wa_call_id"),
]


def test_every_type_has_a_schema_and_every_schema_its_type() -> None:
    assert set(schemas.NAMES) == KNOWN_TYPES | {trials.TYPE} | schemas.SHARED


@pytest.mark.parametrize("name", schemas.NAMES)
def test_a_schema_is_one(name: str) -> None:
    schemas.check(name)


@pytest.mark.parametrize("name", schemas.NAMES)
def test_every_member_is_explained_in_words(name: str) -> None:
    silent = [path for path, member in _members(schemas.load(name), "") if not _words(member)]
    assert silent == []


async def test_one_of_everything_fits_its_schema(dsn: str, tmp_path: Path) -> None:
    async with everything.staging(dsn, tmp_path) as stage:
        events = await everything.play(stage)

    assert {event["id"]: schemas.faults(event) for event in events if schemas.faults(event)} == {}
    told = {event["data"]["type"] for event in events if event["type"] == "message.received"}
    assert told == set(schemas.load("content")["$defs"])
    first = {event["type"]: event for event in reversed(events)}
    for kind, member in CRIPPLED:
        _refuses_without(first[kind], member)
    for event in first.values():
        _refuses_without(event, "data")
        assert schemas.faults(event | {"surprise": 1})
        assert schemas.faults(event | {"id": "evt_1"})
        assert schemas.faults(event | {"occurred_at": "2026-11-22T21:10:50Z"})
        assert schemas.faults(event | {"data": event["data"] | {"surprise": 1}})
        assert schemas.faults(event | {"data": {}})


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", {}),
        ("text", {"body": 1}),
        ("image", {"media_id": "1", "mime_type": "image/png", "sha256": None, "caption": None, "url": "/x"}),
        ("location", {"latitude": "1", "longitude": 2, "name": None, "address": None, "url": None}),
        ("interactive", {"kind": "button_reply", "id": "a"}),
        ("interactive", {"kind": "telepathy"}),
        ("reaction", {"emoji": None, "message_id": "wamid.1"}),
        ("edit", {"message_id": "wamid.1", "type": "text", "content": {}}),
        ("edit", {"message_id": "wamid.1", "type": "revoke", "content": {"message_id": "wamid.2"}}),
        ("telepathy", {}),
    ],
)
def test_a_content_of_another_shape_is_refused(kind: str, content: dict[str, Any]) -> None:
    assert not schemas.validator("content").is_valid({"type": kind, "content": content})


def test_a_content_may_hold_what_meta_adds_tomorrow() -> None:
    told = {"type": "text", "content": {"body": "x", "mood": "good", "extra": {"tone": "calm"}}}
    assert schemas.validator("content").is_valid(told)


REPLY = {"id": "a", "title": "Yes", "description": "now", "name": "flow", "body": "Sent", "response": "accept",
         "response_json": "{}", "expiration_timestamp": "1750020000", "response_source": "user_action"}  # fmt: skip
FILE = {"id": "17", "mime_type": "image/png", "sha256": None, "caption": "x", "filename": "x", "voice": True,
        "animated": True}  # fmt: skip
WELL_FORMED: list[tuple[str, dict[str, Any]]] = [
    ("text", {"body": "Hi"}),
    *((kind, FILE) for kind in ("image", "video", "audio", "document", "sticker")),
    ("location", {"latitude": 1, "longitude": "2.5", "name": "x", "address": "x", "url": "https://x.example"}),
    ("contacts", {"contacts": [{"name": {}}], "origin": "other"}),
    ("button", {"payload": "YES", "text": "Yes"}),
    *(
        ("interactive", {"type": kind} | REPLY)
        for kind in ("button_reply", "list_reply", "nfm_reply", "call_permission_reply", "address_message")
    ),
    ("reaction", {"emoji": "👍", "message_id": "wamid.1"}),
    ("order", {"catalog_id": "1", "text": "x", "product_items": [{}]}),
    ("system", {"type": "user_changed_number", "body": "x", "wa_id": "15550100001", "user_id": "US.1", "identity": {}}),
    ("edit", {"original_message_id": "wamid.1", "message": {"type": "image", "image": FILE}}),
    ("edit", {"original_message_id": "wamid.1", "message": {"type": "revoke", "revoke": {}}}),
    ("revoke", {"original_message_id": "wamid.1"}),
    ("unsupported", {"type": "poll_creation"}),
    ("telepathy", {"thought": "x"}),
]
STRANGE: list[Any] = [None, 7, -1.5, True, False, "", "strange", [], ["x"], {}, {"x": 1}, [{"x": None}]]


@pytest.mark.parametrize(("kind", "told"), WELL_FORMED)
def test_whatever_meta_puts_into_a_member_what_we_tell_fits_the_schema(kind: str, told: dict[str, Any]) -> None:
    spoilt = [told, *(told | {member: strange} for member in told for strange in STRANGE)]
    for one in spoilt:
        reply = {"type": one["type"], str(one["type"]): one} if kind == "interactive" else one
        _fits(kind, reply)
    for strange in STRANGE:
        _fits(kind, strange)
        _fits(kind, told, origin=strange, identity=strange, errors=[strange, {"code": strange, "title": strange}])


async def test_whatever_meta_puts_into_a_status_what_we_tell_fits_the_schema(world: World) -> None:
    failed, delivered = await hooks.send_silently(world), await hooks.send_silently(world)
    errors = [{"code": one, "title": one, "error_data": {"details": one}} for one in STRANGE]
    pricing = {"billable": "yes", "category": 7, "pricing_model": None, "type": [], "surprise": 1}
    await hooks.tell(
        world,
        statuses=[
            hooks.status(failed, "failed", errors=[*errors, {"code": 1, "error_data": 7}]),
            hooks.status(delivered, "delivered", pricing=pricing),
        ],
    )

    assert {event["type"]: schemas.faults(event) for event in world.receiver.events} == {
        "message.failed": [],
        "message.delivered": [],
    }


def _fits(kind: str, told: Any, **beside: Any) -> None:
    message = {"id": "m", "from": "1", "type": kind, kind: told} | beside
    if kind == "contacts" and isinstance(told, dict):
        message |= {kind: told.get("contacts"), "origin": told.get("origin")}
    (item,) = webhooks.parse(bodies.body(bodies.value(messages=[message]))).items
    assert isinstance(item, Said)
    content = contents.describe(item)
    faults = schemas.validator("content").iter_errors({"type": content.type, "content": content.data})
    assert [f"{error.json_path}: {error.message}" for error in faults] == [], message


def _refuses_without(event: dict[str, Any], member: str) -> None:
    crippled = copy.deepcopy(event)
    del (crippled if member in crippled else crippled["data"])[member]
    assert any(f"'{member}' is a required property" in fault for fault in schemas.faults(crippled))


def _members(schema: Any, path: str) -> list[tuple[str, Any]]:
    """Give every member that a schema describes, with its path; what stands under if and then only narrows."""
    if isinstance(schema, list):
        return [found for index, one in enumerate(schema) for found in _members(one, f"{path}/{index}")]
    if not isinstance(schema, dict):
        return []
    found = [(f"{path}/{name}", one) for name, one in schema.get("properties", {}).items()]
    rest = {key: one for key, one in schema.items() if key not in {"if", "then", "else", "properties"}}
    for key, one in rest.items():
        found += _members(one, f"{path}/{key}")
    return found + [deep for name, one in found for deep in _members(one, name)]


def _words(member: Any) -> bool:
    return isinstance(member, dict) and bool(member.get("description") or "const" in member)
