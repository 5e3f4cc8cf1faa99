"""What a business says in free form: what Meta refuses, what it keeps, and how reading and typing show."""

from typing import Any

import pytest

from tests.simulator import driving
from tests.simulator.driving import DIGITS, PHONE, Receiver, Simulator

ID = "1003383421387256"
ROWS = [{"id": f"r{n}", "title": "Row"} for n in range(11)]


def said(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": PHONE, "type": kind, kind: content} | more


def interactive(kind: str, action: Any, **more: Any) -> dict[str, Any]:
    return said("interactive", {"type": kind, "body": {"text": "Well?"}, "action": action} | more)


def buttons(*titles: str, **more: Any) -> dict[str, Any]:
    listed = [{"type": "reply", "reply": {"id": str(n), "title": title}} for n, title in enumerate(titles)]
    return interactive("button", {"buttons": listed}, **more)


def flow(**more: Any) -> dict[str, Any]:
    known = {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Go"}
    return interactive("flow", {"name": "flow", "parameters": known | more})


def sections(*parts: dict[str, Any]) -> dict[str, Any]:
    return interactive("list", {"button": "Choose", "sections": list(parts)})


def link(url: str, label: str = "Open") -> dict[str, Any]:
    return interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": label, "url": url}})


CARD = {"name": {"formatted_name": "Ann", "first_name": "Ann"}}
REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "a blank text": (said("text", {"body": "  "}), 100),
    "a file twice": (said("image", {"id": ID, "link": "https://a.example/x"}), 100),
    "a file by name": (said("image", {"id": "photo"}), 100),
    "a link to nothing": (said("image", {"link": "photo.jpg"}), 100),
    "a caption on a sound": (said("audio", {"id": ID, "caption": "x"}), 100),
    "a long caption": (said("video", {"id": ID, "caption": "x" * 1025}), 100),
    "a place without a side": (said("location", {"latitude": 1}), 131008),
    "a place beyond": (said("location", {"latitude": 91, "longitude": 0}), 131009),
    "a place in words": (said("location", {"latitude": "north", "longitude": 0}), 131009),
    "a reaction to nothing": (said("reaction", {"emoji": "👍"}), 131008),
    "a reaction in words": (said("reaction", {"message_id": "wamid.X", "emoji": "nice"}), 131009),
    "a reaction that quotes": (
        said("reaction", {"message_id": "wamid.X", "emoji": "👍"}, context={"message_id": "wamid.X"}),
        131009,
    ),
    "a quote of nothing": (said("text", {"body": "x"}, context={}), 131008),
    "no cards": (said("contacts", []), 100),
    "a card without a name": (said("contacts", [{"name": {}}]), 131008),
    "a card with half a name": (said("contacts", [{"name": {"formatted_name": "Ann"}}]), 131009),
    "a birthday in words": (said("contacts", [CARD | {"birthday": "May"}]), 131009),
    "an unknown kind": (interactive("poll", {"x": 1}), 100),
    "no action": (interactive("button", {}), 131008),
    "no words": (said("interactive", {"type": "button", "action": {"buttons": []}}), 131008),
    "no buttons": (buttons(), 131009),
    "four buttons": (buttons("a", "b", "c", "d"), 131009),
    "a long button": (buttons("x" * 21), 131009),
    "a button of another kind": (interactive("button", {"buttons": [{"type": "url", "reply": {}}]}), 131009),
    "twin buttons": (
        interactive("button", {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "A"}}] * 2}),
        131009,
    ),
    "a long header": (buttons("a", header={"type": "text", "text": "x" * 61}), 131009),
    "a header without a file": (buttons("a", header={"type": "image", "image": {}}), 131009),
    "a list under an image": (
        interactive(
            "list",
            {"button": "B", "sections": [{"rows": ROWS[:1]}]},
            header={"type": "image", "image": {"id": ID}},
        ),
        131009,
    ),
    "a long footer": (buttons("a", footer={"text": "x" * 61}), 131009),
    "eleven rows": (sections({"title": "A", "rows": ROWS[:6]}, {"title": "B", "rows": ROWS[6:]}), 131009),
    "twin rows": (sections({"rows": [ROWS[0], ROWS[0]]}), 131009),
    "sections without titles": (sections({"rows": ROWS[:1]}, {"rows": ROWS[1:2]}), 131009),
    "an empty section": (sections({"rows": []}), 131009),
    "a link to a phone": (link("tel:+1"), 131009),
    "a long link button": (link("https://a.example", "x" * 21), 131009),
    "a flow by both names": (flow(flow_name="x"), 131009),
    "an old flow": (flow(flow_message_version="2"), 131009),
    "a flow with nothing": (flow(flow_action_payload={"screen": "A", "data": {}}), 131009),
    "a flow without a screen": (flow(flow_action_payload={}), 131008),
    "a flow that asks first": (flow(flow_action="data_exchange", flow_action_payload={"screen": "A"}), 131009),
    "a question without its name": (interactive("location_request_message", {"name": "x"}), 131009),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_what_meta_would_not_take_is_refused(simulator: Simulator, fault: str) -> None:
    body, code = REFUSED[fault]
    answer = await simulator.send(body)

    assert (answer.status, answer.json["error"]["code"]) == (400, code), answer.json
    assert (await simulator.lever("sends"))["data"] == []


async def test_kinds_that_are_not_looked_into_pass(simulator: Simulator) -> None:
    product = {"type": "product", "action": {"catalog_id": "1", "product_retailer_id": "x"}}
    assert (await simulator.send(said("interactive", product))).status == 200


async def test_the_ledger_shows_what_was_said_and_quoted(simulator: Simulator) -> None:
    wamid = await simulator.writes({"text": "hi"})
    await simulator.send(said("text", {"body": "hello"}, context={"message_id": wamid}))
    await simulator.send(driving.otp())

    free, code = (await simulator.lever("sends"))["data"]
    assert (free["content"], free["quoted"]) == ({"body": "hello"}, wamid)
    assert "content" not in code


async def test_of_a_reaction_only_sent_is_told(simulator: Simulator, receiver: Receiver) -> None:
    wamid = await simulator.writes({"text": "hi"})
    await simulator.send(said("reaction", {"message_id": wamid, "emoji": "👍"}))
    await simulator.send(said("text", {"body": "hello"}))

    await receiver.until(lambda one: "read" in [entry["status"] for entry in one.status_entries()])
    assert sorted(entry["status"] for entry in receiver.status_entries()) == ["delivered", "read", "sent", "sent"]


async def ticks(simulator: Simulator) -> list[str]:
    chat = (await simulator.lever(f"phones/{DIGITS}/messages"))["messages"]
    return [one["status"] for one in chat if one["direction"] == "inbound"]


async def test_reading_a_message_reads_those_before_it(simulator: Simulator) -> None:
    wamids = [await simulator.writes({"text": text}) for text in ("one", "two", "three")]
    note = {"messaging_product": "whatsapp", "status": "read", "message_id": wamids[1]}

    assert (await simulator.send(note)).json == {"success": True}
    assert await ticks(simulator) == ["read", "read", "received"]


async def test_typing_ends_with_the_answer_or_after_25_seconds(simulator: Simulator) -> None:
    wamid = await simulator.writes({"text": "hi"})
    note = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    typing = note | {"typing_indicator": {"type": "text"}}

    async def shown() -> bool:
        return bool((await simulator.lever(f"phones/{DIGITS}/messages"))["typing"])

    await simulator.send(note)
    assert not await shown()
    await simulator.send(typing)
    assert await shown()
    await simulator.send(said("text", {"body": "hello"}))
    assert not await shown()
    await simulator.send(typing)
    await simulator.lever("settings", {"clock_offset_s": 26})
    assert not await shown()
    assert (await simulator.send(note | {"typing_indicator": {"type": "audio"}})).json["error"]["code"] == 100


async def test_nothing_can_be_read_that_nobody_wrote(simulator: Simulator) -> None:
    note = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert (await simulator.send(note)).json["error"]["code"] == 131009
