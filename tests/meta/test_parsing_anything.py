"""Whatever comes, nothing but MalformedBody is raised, and what makes sense is never lost with what does not."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quixess.meta import webhooks
from quixess.meta.webhooks import InboundMessage, OtherChange, Said, StatusUpdate
from tests.meta.bodies import CAPTURED, PNID, body, value

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["id", "from", "from_user_id", "wa_id", "user_id", "profile", "type", "text", "context", "timestamp"]
KEYS += ["event", "direction", "to", "to_user_id", "duration", "category", "value", "threads", "history_context"]
KEYS += [
    "referral",
    "group_id",
    "status",
    "errors",
    "pricing",
    "conversation",
    "recipient_id",
    "recipient_user_id",
    "recipient_type",
]
ITEM = ANYTHING | st.dictionaries(st.sampled_from(KEYS), ANYTHING | st.sampled_from(["text", "call", "group"]))
ITEMS = ANYTHING | st.lists(ITEM, max_size=3)
VALUE = ANYTHING | st.fixed_dictionaries(
    {"metadata": ANYTHING | st.just({"phone_number_id": PNID})},
    optional={"contacts": ITEMS, "errors": ITEMS, "field": ANYTHING}
    | dict.fromkeys(("messages", "statuses", "calls", "message_echoes", "history", "user_preferences"), ITEMS),
)
FIELD = st.sampled_from(["messages", "calls", "smb_message_echoes", "history", "user_preferences"])
CHANGE = ANYTHING | st.fixed_dictionaries({"field": ANYTHING | FIELD, "value": VALUE})
ENTRY = ANYTHING | st.fixed_dictionaries({"id": ANYTHING, "changes": ANYTHING | st.lists(CHANGE, max_size=3)})
BODY = ANYTHING | st.fixed_dictionaries({"entry": ANYTHING | st.lists(ENTRY, max_size=3)})


def parse_or_refuse(raw: bytes) -> webhooks.Parsed | None:
    try:
        return webhooks.parse(raw)
    except webhooks.MalformedBody:
        return None


@given(BODY)
def test_no_json_on_earth_raises_anything_but_malformed_body(content: Any) -> None:
    parsed = parse_or_refuse(json.dumps(content).encode())
    for item in parsed.items if parsed else ():
        assert isinstance(item.waba_id, str)
        assert isinstance(item, OtherChange) or (item.phone_number_id and item.timestamp >= 0)
        assert item.wamid if isinstance(item, Said | StatusUpdate) else True


@given(st.lists(ITEM, max_size=6))
def test_no_message_is_ever_lost_in_silence(messages: list[Any]) -> None:
    parsed = parse_or_refuse(body(value(messages=messages)))
    if parsed is not None and messages:
        assert len(parsed.items) + len(parsed.problems) == len(messages)


@given(st.binary(max_size=200))
def test_no_bytes_on_earth_raise_anything_but_malformed_body(raw: bytes) -> None:
    parsed = parse_or_refuse(raw)
    assert parsed is None or parsed.items is not None


SIBLING = {"id": "wamid.SIBLING", "from": "16505551234", "type": "text", "text": {"body": "me too"}}


def places(node: Any, *, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List the way to every part of a body."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at, *(way for key, part in parts for way in places(part, at=(*at, key)))]


def mutate(node: Any, way: tuple[str | int, ...], part: Any) -> Any:
    if not way:
        return part
    copy: Any = dict(node) if isinstance(node, dict) else list(node)
    copy[way[0]] = mutate(copy[way[0]], way[1:], part)
    return copy


@given(st.sampled_from(CAPTURED), st.data())
def test_whatever_is_wrong_with_a_change_its_siblings_live(path: Path, data: st.DataObject) -> None:
    told = json.loads(path.read_bytes())
    (change,) = told["entry"][0]["changes"]
    way, part = data.draw(st.sampled_from(places(change))), data.draw(ANYTHING)
    wrong = mutate(change, way, part)
    sibling = {"field": "messages", "value": value(messages=[SIBLING])}
    told["entry"] = [{"id": "1", "changes": [sibling, wrong, sibling]}, {"id": "2", "changes": [wrong]}, *told["entry"]]
    parsed = parse_or_refuse(json.dumps(told).encode())

    whole = webhooks.parse(path.read_bytes()).items
    assert parsed is not None or "NaN" in json.dumps(wrong) or "Infinity" in json.dumps(wrong)
    if parsed is not None:
        alive = [item for item in parsed.items if isinstance(item, InboundMessage) and item.raw == SIBLING]
        assert len(alive) == 2
        assert parsed.items[-len(whole) :] == whole
        told_of = 0 if part in (None, [], {}) else 2  # an empty list of threads, say, tells of nothing
        assert len(parsed.items) + len(parsed.problems) >= 2 + len(whole) + told_of


@given(st.sampled_from(sorted(path for path in CAPTURED if path.stem.startswith("message_"))), st.data())
def test_whatever_is_wrong_with_a_message_its_neighbours_live(path: Path, data: st.DataObject) -> None:
    told = json.loads(path.read_bytes())
    listed = told["entry"][0]["changes"][0]["value"]["messages"]
    wrong = mutate(listed[0], data.draw(st.sampled_from(places(listed[0]))), data.draw(ANYTHING))
    listed[:] = [SIBLING, wrong, SIBLING | {"id": "wamid.OTHER"}]
    parsed = parse_or_refuse(json.dumps(told).encode())

    if parsed is not None:
        wamids = [item.wamid for item in parsed.items if isinstance(item, InboundMessage)]
        assert wamids[0] == "wamid.SIBLING"
        assert wamids[-1] == "wamid.OTHER"
        assert len(wamids) + len(parsed.problems) == 3
