"""Who takes care of a conversation, when it is done, what people tell each other about it."""

from uuid import UUID, uuid4

import pytest

from quixess import access
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Role
from quixess.support import canned, care, notes, talk
from quixess.support.notes import Note
from quixess.support.talk import Said
from tests.dashboard.visiting import employ
from tests.support import customers
from tests.world import PHONE, World, eventually

REPLY = "/api/v1/whatsapp/external/send/reply"


async def talk_of(world: World, phone: str = PHONE) -> UUID:
    (row,) = await world.rows(
        "SELECT v.id FROM conversation v JOIN contact c USING (brand_id) WHERE c.id = v.contact_id AND c.phone = $1",
        phone[1:],
    )
    found: UUID = row["id"]
    return found


async def state(world: World) -> tuple[str, int]:
    (row,) = await world.rows("SELECT state, unread FROM conversation")
    return row["state"], row["unread"]


async def said(world: World, conversation_id: UUID) -> list[Said]:
    stretch = await talk.read(world.rooms.db, world.brand_id, conversation_id)
    return [item for item in stretch.items if isinstance(item, Said)]


async def test_what_is_done_is_read_and_opens_with_the_next_message(world: World) -> None:
    await customers.says(world, "Hello?")
    conversation_id = await talk_of(world)
    async with world.rooms.db.transaction() as tx:
        await care.settle(tx, world.brand_id, conversation_id, closed=True)
    assert await state(world) == ("closed", 0)

    await customers.says(world, "One more thing")

    assert await state(world) == ("open", 1)


async def test_only_who_may_answer_is_given_a_conversation(world: World) -> None:
    agent = await employ(world, Role.AGENT, email="agent@bordercart.example")
    reader = await employ(world, Role.DEVELOPER, email="dev@bordercart.example")
    await customers.says(world, "Hello?")
    conversation_id = await talk_of(world)

    async with world.rooms.db.transaction() as tx:
        await care.assign(tx, world.brand_id, conversation_id, agent.id)
        with pytest.raises(QuixessError, match="does not answer customers") as refused:
            await care.assign(tx, world.brand_id, conversation_id, reader.id)
    assert refused.value.code == "person_not_found"
    (row,) = await world.rows("SELECT assignee FROM conversation")
    assert row["assignee"] == agent.id


async def test_a_strangers_conversation_is_none(world: World) -> None:
    await customers.says(world, "Hello?")
    conversation_id = await talk_of(world)
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
        for deed in (
            care.assign(tx, rival.id, conversation_id, None),
            care.settle(tx, rival.id, conversation_id, closed=True),
            notes.add(tx, rival.id, conversation_id, uuid4(), "hm"),
        ):
            with pytest.raises(QuixessError) as refused:
                await deed
            assert refused.value.code == "conversation_not_found"
    with pytest.raises(QuixessError):
        await care.see(world.rooms.db, world.rooms.keyring, world.rooms.lines, rival.id, conversation_id)
    assert (await talk.read(world.rooms.db, rival.id, conversation_id)).items == []
    assert await state(world) == ("open", 1)


async def test_what_was_seen_is_read_here_and_on_the_phone(world: World) -> None:
    await customers.says(world, "Hello?")
    conversation_id = await talk_of(world)

    await care.see(world.rooms.db, world.rooms.keyring, world.rooms.lines, world.brand_id, conversation_id)

    assert await state(world) == ("open", 0)
    chat = await world.meta.lever(f"phones/{PHONE[1:]}/messages")
    assert [one["status"] for one in chat["messages"]] == ["read"]


async def test_notes_stand_between_the_messages_and_go_nowhere(world: World) -> None:
    await customers.says(world, "First")
    conversation_id = await talk_of(world)
    anna = await employ(world, Role.AGENT)
    async with world.rooms.db.transaction() as tx:
        await notes.add(tx, world.brand_id, conversation_id, anna.id, " Offered 10 %. ")
    told = len(world.receiver.events)

    stretch = await talk.read(world.rooms.db, world.brand_id, conversation_id)

    texts = [item.text if isinstance(item, Note) else item.content["body"] for item in stretch.items]
    assert texts == ["First", "Offered 10 %."]
    assert await world.sends() == []
    assert len(world.receiver.events) == told


async def test_what_stands_on_a_message_is_found_with_it(world: World) -> None:
    wamid = await customers.says(world, "Is this one still there?")
    ours = await world.call("POST", REPLY, body={"to": PHONE, "type": "text", "text": {"body": "Yes"}})
    for emoji in ("👍", "🎉"):
        reaction = {"message_id": ours.json["wa_message_id"], "emoji": emoji}
        await customers.writes(world, {"type": "reaction", "reaction": reaction})
    new = {"type": "text", "text": {"body": "Is the red one still there?"}}
    await customers.writes(world, {"type": "edit", "edit": {"original_message_id": wamid, "message": new}})
    await customers.writes(world, {"type": "text", "text": {"body": "This"}, "reply_to": ours.json["wa_message_id"]})
    gone = await customers.says(world, "Never mind")
    await customers.writes(world, {"type": "revoke", "revoke": {"original_message_id": gone}})

    found = await said(world, await talk_of(world))

    by_text = {one.content["body"]: one for one in found}
    assert len(found) == 4
    assert by_text["Is the red one still there?"].edited
    assert by_text["Yes"].reactions == ["🎉"]
    assert by_text["This"].quoted is not None
    assert by_text["This"].quoted.content["body"] == "Yes"
    assert by_text["Never mind"].taken_back


async def test_a_reaction_leads_to_the_message_it_stands_on(world: World) -> None:
    wamid = await customers.says(world, "Hello?")
    await customers.writes(world, {"type": "reaction", "reaction": {"message_id": wamid, "emoji": "👍"}})
    await customers.writes(world, {"type": "reaction", "reaction": {"message_id": "wamid.unknown", "emoji": "👍"}})
    rows = await world.rows("SELECT id FROM message WHERE type = 'reaction' ORDER BY id")

    first, second = [await talk.find(world.rooms.db, world.brand_id, row["id"]) for row in rows]

    assert isinstance(first, Said)
    assert (first.content["body"], first.reactions) == ("Hello?", ["👍"])
    assert second is None


async def test_canned_replies_are_replaced_and_removed(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        await canned.save(tx, world.brand_id, "/Hours", "From 9 to 17.", actor="anna")
        await canned.save(tx, world.brand_id, "hours", "From 9 to 18.", actor="anna")
        (kept,) = await canned.list_canned(tx, world.brand_id)
        assert (kept.shortcut, kept.text) == ("hours", "From 9 to 18.")
        for shortcut, text in (("two words", "x"), ("", "x"), ("fine", " "), ("fine", "x" * 4097)):
            with pytest.raises(QuixessError):
                await canned.save(tx, world.brand_id, shortcut, text, actor="anna")
        await canned.remove(tx, world.brand_id, kept.id, actor="anna")
        with pytest.raises(QuixessError, match="no such canned reply"):
            await canned.remove(tx, world.brand_id, kept.id, actor="anna")
    rows = await world.rows("SELECT action FROM audit WHERE action LIKE 'canned%' ORDER BY id")
    assert [row["action"] for row in rows] == ["canned_reply.saved"] * 2 + ["canned_reply.removed"]


async def listed(world: World, query: str, key: str | None = None) -> set[str]:
    answer = await world.call("GET", f"/api/v1/whatsapp/external/conversations?{query}", key=key)
    assert answer.status == 200, answer.json
    return {one["contact"]["name"] for one in answer.json["data"]}


async def test_conversations_are_found_by_name_number_words_and_who_takes_care(world: World) -> None:
    anna = await employ(world, Role.AGENT)
    await customers.says(world, "Where is my parcel?", "+12818184371", "Ann Example")
    await customers.says(world, "Thanks", "+12818184372", "Bob Brown")
    async with world.rooms.db.transaction() as tx:
        await care.assign(tx, world.brand_id, await talk_of(world, "+12818184371"), anna.id)
    await eventually(lambda: world.rows("SELECT FROM message_word WHERE word = 'parcel'"))

    assert await listed(world, "q=exam") == {"Ann Example"}
    assert await listed(world, "q=%2B1+281-818-4372") == {"Bob Brown"}
    assert await listed(world, "q=84372") == {"Bob Brown"}
    assert await listed(world, "q=parcel") == {"Ann Example"}
    assert await listed(world, "q=nobody") == set()
    assert await listed(world, "q=%25") == set()
    assert await listed(world, "assignee=none") == {"Bob Brown"}
    assert await listed(world, f"assignee={ids.show('opr', anna.id)}") == {"Ann Example"}
    blind = await world.mint("whatsapp:read_conversations")
    assert await listed(world, "q=parcel", blind) == set()
    assert await listed(world, "q=exam", blind) == {"Ann Example"}
