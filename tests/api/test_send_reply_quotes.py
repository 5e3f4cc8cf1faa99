"""POST /send/reply: which messages may be quoted or reacted to, and what reading and typing do."""

from typing import Any

import pytest

from quixess.database import ids
from tests.api.replying import TEXT, heard, reply
from tests.messages import hooks
from tests.world import PHONE, World, listening

OTHER = "+12818184371"


async def unread(world: World) -> int:
    (row,) = await world.rows("SELECT unread FROM conversation")
    return int(row["unread"])


async def read_ticks(world: World) -> list[str]:
    """The state of what the customer wrote, as the phone shows it."""
    chat = (await world.meta.lever(f"phones/{PHONE[1:]}/messages"))["messages"]
    return [one["status"] for one in chat if one["direction"] == "inbound"]


async def types(world: World) -> bool:
    return bool((await world.meta.lever(f"phones/{PHONE[1:]}/messages"))["typing"])


async def test_a_customers_message_is_quoted_by_wamid_or_by_our_id(world: World) -> None:
    wamid = await heard(world)
    (row,) = await world.rows("SELECT id FROM message")
    first = await reply(world, reply_to=wamid)
    second = await reply(world, reply_to=ids.show("msg", row["id"]))

    assert (first.json["reply_to"], second.json["reply_to"]) == (wamid, wamid)
    assert [sent["quoted"] for sent in await world.sends()] == [wamid, wamid]
    rows = await world.rows("SELECT reply_to FROM message WHERE direction = 'outbound'")
    assert [row["reply_to"] for row in rows] == [wamid, wamid]


async def test_our_own_message_can_be_quoted_too(world: World) -> None:
    await heard(world)
    first = await reply(world)
    second = await reply(world, reply_to=first.json["id"])

    assert second.json["reply_to"] == first.json["wa_message_id"]


async def strange_messages(world: World, rival: hooks.Rival) -> dict[str, str]:
    """Ids of messages that are none of this conversation."""
    elsewhere = await heard(world, phone=OTHER)
    theirs = hooks.text(sender=PHONE[1:])
    change = hooks.change(world, number=rival.number, messages=[theirs])
    await hooks.post(world, hooks.body(world, [change]), app_id=rival.app_id, secret=rival.app_secret)
    await hooks.rest(world)
    (other,) = await world.rows("SELECT id FROM message WHERE wamid = $1", elsewhere)
    (rivals,) = await world.rows("SELECT id FROM message WHERE wamid = $1", theirs["id"])
    return {
        "another conversation's wamid": elsewhere,
        "another conversation's id": ids.show("msg", other["id"]),
        "another brand's wamid": theirs["id"],
        "another brand's id": ids.show("msg", rivals["id"]),
        "a wamid of nobody": hooks.wamid(),
        "an id of nobody": ids.show("msg", ids.new()),
    }


async def test_a_message_of_elsewhere_is_like_one_that_is_nowhere(world: World) -> None:
    await heard(world)
    async with listening() as receiver:
        strange = await strange_messages(world, await hooks.found_rival(world, receiver))

        quotes = [await reply(world, reply_to=one) for one in strange.values()]
        reactions = [
            await reply(world, {"type": "reaction", "reaction": {"message_id": one, "emoji": "👍"}})
            for one in strange.values()
        ]
    for answers, pointer in ((quotes, "/reply_to"), (reactions, "/reaction/message_id")):
        assert {answer.status for answer in answers} == {404}
        told = [answer.json | {"request_id": None} for answer in answers]
        assert all(one == told[0] for one in told)
        assert told[0]["code"] == "quoted_message_not_found"
        assert told[0]["errors"][0]["pointer"] == pointer
    assert await world.sends() == []


async def test_a_message_that_meta_never_took_cannot_be_quoted(world: World) -> None:
    await heard(world)
    await world.meta.lever("faults", {"outcome": "131026"})
    refused = await reply(world)

    answer = await reply(world, reply_to=refused.json["message_id"])
    assert (answer.status, answer.json["code"]) == (404, "quoted_message_not_found")


async def test_a_reaction_quotes_nothing_and_stands_on_no_reaction(world: World) -> None:
    wamid = await heard(world)
    said = {"type": "reaction", "reaction": {"message_id": wamid, "emoji": "👍"}}
    quoting = await reply(world, said | {"reply_to": wamid})
    assert (quoting.status, quoting.json["errors"][0]["pointer"]) == (400, "/reply_to")

    first = await reply(world, said)
    second = await reply(world, {"type": "reaction", "reaction": {"message_id": first.json["id"], "emoji": "👍"}})
    assert (second.status, second.json["errors"][0]["pointer"]) == (400, "/reaction/message_id")


@pytest.mark.parametrize("name", ["wamid.", "wamid", "msg_1", "x", "", "wamid.a b", "wamid.a\n", "wamid." + "x" * 600])
async def test_what_names_no_message_is_refused(world: World, name: str) -> None:
    await heard(world)
    for said in ({"reply_to": name}, {"type": "reaction", "reaction": {"message_id": name, "emoji": ""}, "text": None}):
        refused = await reply(world, TEXT | said)
        assert (refused.status, refused.json["code"]) == (400, "invalid_request")


async def test_reading_marks_everything_that_was_written_here_and_at_meta(world: World) -> None:
    await heard(world, "One")
    await heard(world, "Two")
    assert (await reply(world)).status == 200
    assert (await read_ticks(world), await unread(world)) == (["received", "received"], 2)

    assert (await reply(world, mark_read=True)).status == 200
    assert (await read_ticks(world), await unread(world)) == (["read", "read"], 0)


async def test_typing_shows_until_the_answer_is_there(world: World) -> None:
    await heard(world)
    await world.meta.lever("faults", {"outcome": "131026"})
    assert (await reply(world, typing=True)).status == 502
    assert await types(world)
    assert (await read_ticks(world), await unread(world)) == (["read"], 0)

    assert (await reply(world, typing=True)).status == 200
    assert not await types(world)


async def test_what_cannot_be_marked_as_read_is_answered_all_the_same(world: World) -> None:
    message = hooks.text("Not known to the simulated phone")
    await hooks.tell(world, messages=[message])

    assert (await reply(world, mark_read=True)).status == 200
    assert await unread(world) == 1


async def test_after_a_call_the_last_text_is_marked_as_read(world: World) -> None:
    await heard(world)
    await world.meta.calls(PHONE[1:])
    await hooks.rest(world)
    assert (await reply(world, mark_read=True)).status == 200

    assert await read_ticks(world) == ["read"]


async def test_a_message_that_comes_meanwhile_stays_unread(world: World) -> None:
    await heard(world)
    await world.rows("UPDATE conversation SET last_inbound_at = last_inbound_at + interval '1 minute', unread = 2")

    assert (await reply(world, mark_read=True)).status == 200
    assert await unread(world) == 2


async def test_reading_is_not_repeated_for_a_stored_answer(world: World) -> None:
    await heard(world, "One")
    first = await reply(world, mark_read=True, idempotency_key="k")
    await heard(world, "Two")
    again = await reply(world, mark_read=True, idempotency_key="k")

    assert again.body == first.body
    assert (await read_ticks(world), await unread(world)) == (["read", "received"], 1)


async def test_options_are_yes_or_no(world: World) -> None:
    await heard(world)
    wrong: list[Any] = ["true", 1, None, []]
    for option in ("mark_read", "typing"):
        for value in wrong:
            refused = await reply(world, **{option: value})
            assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, f"/{option}")
