"""POST /send/reply: every kind of answer reaches Meta, the phone and the history as it should."""

import asyncio
import dataclasses
import json
import re
from typing import Any

import aiohttp
import pytest

from quixess.access import Scope
from quixess.database import ids
from quixess.messages import model
from tests.api.replying import KINDS, LINK, TEXT, heard, lay_files, reply, wanted
from tests.messages import hooks
from tests.world import PHONE, World, eventually


async def test_the_answer_is_exactly_the_documented_one(world: World) -> None:
    wamid = await heard(world)
    answer = await reply(world, reply_to=wamid, metadata={"ticket": "T-7"})

    told, number = answer.json, world.meta.world
    (sent,) = await world.sends()
    (conversation,) = await world.rows("SELECT id FROM conversation")
    assert answer.status == 200, told
    assert told == {
        "id": told["id"],
        "wa_message_id": sent["wamid"],
        "status": "accepted",
        "type": "text",
        "to": {"phone": PHONE, "wa_id": PHONE[1:], "user_id": None},
        "from": {
            "phone_number_id": number["phone_number_id"],
            "display_phone": "+" + re.sub(r"\D", "", number["display_phone_number"]),
        },
        "conversation_id": ids.show("cnv", conversation["id"]),
        "brand_id": ids.show("brd", world.brand_id),
        "metadata": {"ticket": "T-7"},
        "created_at": told["created_at"],
        "reply_to": wamid,
        "request_id": answer.headers["X-Request-Id"],
    }
    assert sent["opaque"] == f"qx1:{told['id']}:1"


async def test_every_kind_reaches_metas_ledger_as_meta_wants_it(world: World) -> None:
    await heard(world)
    await lay_files(world)
    for kind, (said, _) in KINDS.items():
        answer = await reply(world, said)
        assert answer.status == 200, (kind, answer.json)
        sent = (await world.sends())[-1]
        assert (sent["type"], sent["content"]) == (said["type"], wanted(kind)), kind
        assert sent["to"] == PHONE


async def test_the_phone_shows_what_was_said(world: World) -> None:
    await heard(world)
    for kind in ("text", "buttons", "list", "link button", "flow", "location", "contacts"):
        assert (await reply(world, KINDS[kind][0])).status == 200

    chat = (await world.meta.lever(f"phones/{PHONE[1:]}/messages"))["messages"][1:]
    assert [one["text"] for one in chat] == [
        "Your parcel left today.",
        *["Well?"] * 4,
        "[location] Shop",
        "[contacts] Ann Example",
    ]
    assert (chat[1]["header"], chat[1]["footer"]) == ("H", "F")
    assert [[button["text"] for button in one["buttons"]] for one in chat[1:5]] == [
        ["Yes", "No"],
        ["Choose"],
        ["Track"],
        ["Start"],
    ]


async def test_an_answer_goes_on_to_delivered_and_read(world: World) -> None:
    await heard(world)
    answer = await reply(world)

    read = await eventually(lambda: world.receiver.of_type("message.read"))
    assert read[0]["data"]["message_id"] == answer.json["id"]
    (row,) = await world.rows("SELECT state, rank FROM message WHERE direction = 'outbound'")
    assert row["rank"] >= model.RANK[model.State.READ]


CONTENT: dict[str, Any] = {
    "text": {"body": "Your parcel left today."},
    "image": {
        "media_id": None,
        "mime_type": None,
        "sha256": None,
        "url": None,
        "wa_media_id": None,
        "link": LINK,
        "caption": "Label",
    },
    "location": {"latitude": 37.44, "longitude": -122.0, "name": "Shop", "address": None, "url": None},
    "buttons": {
        "kind": "button",
        "header": {"type": "text", "text": "H"},
        "body": "Well?",
        "footer": "F",
        "action": wanted("buttons")["action"],
    },
    "contacts": {"contacts": wanted("contacts"), "origin": None},
}


@pytest.mark.parametrize("kind", CONTENT)
async def test_the_history_shows_it_as_events_show_what_customers_write(world: World, kind: str) -> None:
    await heard(world)
    await reply(world, KINDS[kind][0])

    (row,) = await world.rows("SELECT type, content FROM message WHERE direction = 'outbound'")
    assert (row["type"], json.loads(row["content"])) == (KINDS[kind][0]["type"], CONTENT[kind])


async def test_one_of_200_parallel_duplicates_is_sent(world: World) -> None:
    await heard(world)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = dataclasses.replace(world, http=http)
        answers = await asyncio.gather(*(reply(crowd, idempotency_key="one") for _ in range(200)))

    assert len(await world.sends()) == 1
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert {answer.json["code"] for answer in answers if answer.status == 409} <= {"idempotency_in_progress"}


async def test_another_answer_under_an_old_key_is_422(world: World) -> None:
    wamid = await heard(world)
    first = await reply(world, idempotency_key="k")
    others: list[dict[str, Any]] = [
        {"type": "text", "text": {"body": "Something else."}},
        TEXT | {"reply_to": wamid},
        TEXT | {"mark_read": True},
        TEXT | {"typing": True},
        TEXT | {"metadata": {"a": "1"}},
        TEXT | {"conversation_id": first.json["conversation_id"]},
        TEXT | {"to": "+12818184371"},
    ]

    for other in others:
        refused = await reply(world, other, idempotency_key="k")
        assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused"), other
    again = await reply(world, idempotency_key="k", to="+1 281 818-4370", text={"body": TEXT["text"]["body"]})
    assert again.body == first.body
    assert len(await world.sends()) == 1


async def test_a_key_needs_the_scope_to_reply(world: World) -> None:
    await heard(world)
    others = [scope for scope in Scope if scope is not Scope.REPLY]

    refused = await reply(world, key=await world.mint(*others))
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    assert (await reply(world, key=await world.mint(Scope.REPLY))).status == 200


async def test_of_a_reaction_meta_tells_that_it_was_sent_and_no_more(world: World) -> None:
    wamid = await heard(world)
    said = {"type": "reaction", "reaction": {"message_id": wamid, "emoji": "👍"}}
    answer = await reply(world, said)

    assert answer.status == 200
    assert "reply_to" not in answer.json
    (sent,) = await world.sends()
    assert (sent["content"], sent["quoted"]) == (said["reaction"], None)
    (row,) = await world.rows("SELECT content FROM message WHERE direction = 'outbound'")
    assert json.loads(row["content"]) == {"emoji": "👍", "message_id": wamid}
    await eventually(lambda: hooks_of(world, answer.json["wa_message_id"]))
    await hooks.rest(world)
    assert world.receiver.of_type("message.read") == []
    assert world.receiver.of_type("message.delivered") == []


async def hooks_of(world: World, wamid: str) -> bool:
    return await hooks.state_of(world, wamid) == "sent"


async def test_an_empty_emoji_takes_a_reaction_back(world: World) -> None:
    wamid = await heard(world)
    answer = await reply(world, {"type": "reaction", "reaction": {"message_id": wamid, "emoji": ""}})

    assert answer.status == 200
    assert (await world.sends())[0]["content"] == {"message_id": wamid, "emoji": ""}
