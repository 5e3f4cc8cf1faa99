"""From Meta's bodies to messages: every item counts, and each one once."""

import asyncio
import json

from quixess.database import ids
from tests.messages import hooks
from tests.messages.hooks import change, failure, status, text
from tests.world import World, eventually


async def texts(world: World) -> list[str]:
    rows = await world.rows("SELECT content FROM message WHERE direction = 'inbound' ORDER BY id")
    return [json.loads(row["content"])["body"] for row in rows]


async def test_a_body_may_hold_several_entries_changes_and_items(world: World) -> None:
    known = await hooks.send_silently(world)
    raw = hooks.body(
        world,
        [change(world, messages=[text("a"), text("b")]), change(world, statuses=[status(known, "sent")])],
        [change(world, messages=[text("c")], statuses=[status(known, "delivered")])],
        [{"field": "account_alerts", "value": {"entity_type": "BUSINESS"}}, change(world, errors=[failure(1, "x")])],
    )

    assert (await hooks.post(world, raw)).status == 200
    await hooks.rest(world)
    assert sorted(await texts(world)) == ["a", "b", "c"]
    assert await hooks.state_of(world, known) == "delivered"
    assert len(world.receiver.of_type("message.received")) == 3
    assert len(world.receiver.of_type("message.delivered")) == 1


async def test_a_message_told_twice_in_one_body_counts_once(world: World) -> None:
    once = text("only me")
    await hooks.tell(world, messages=[once, once, text("and me"), once])

    assert sorted(await texts(world)) == ["and me", "only me"]
    assert len(world.receiver.events) == 2
    (row,) = await world.rows("SELECT unread FROM conversation")
    assert row["unread"] == 2


async def test_a_hundred_repetitions_in_any_batch_count_once(world: World) -> None:
    known = await hooks.send_silently(world)
    one, two = text("one"), text("two")
    alone = hooks.body(world, [change(world, messages=[one])])
    together = hooks.body(world, [change(world, statuses=[status(known, "delivered")]), change(world, messages=[two])])
    rebatched = hooks.body(world, [change(world, messages=[two, one], statuses=[status(known, "delivered")] * 3)])

    bodies = [alone, together, rebatched] * 34
    answers = await asyncio.gather(*(hooks.post(world, raw) for raw in bodies))
    assert {answer.status for answer in answers} == {200}
    await hooks.rest(world)
    assert sorted(await texts(world)) == ["one", "two"]
    assert len({event["id"] for event in world.receiver.events}) == len(world.receiver.events) == 3
    (row,) = await world.rows("SELECT unread FROM conversation WHERE last_inbound_at IS NOT NULL")
    assert row["unread"] == 2


async def test_meta_redelivering_its_own_webhooks_changes_nothing(world: World) -> None:
    await world.customer_says("one")
    await world.customer_says("two")
    await eventually(lambda: len(world.receiver.events) == 2)

    for rebatch in (False, True):
        answer = await world.meta.lever("webhooks/redeliver", {"last": 2, "rebatch": rebatch})
        assert set(answer["statuses"]) == {200}
    await hooks.rest(world)
    assert sorted(await texts(world)) == ["one", "two"]
    assert len(world.receiver.events) == 2


async def test_a_message_opens_the_window_and_waits_to_be_read(world: World) -> None:
    at = 1_700_000_000
    await hooks.tell(world, messages=[text("later", at=at + 60), text("earlier", at=at)])

    (row,) = await world.rows(
        """SELECT unread, extract(epoch FROM last_inbound_at)::bigint AS last,
             extract(epoch FROM window_until)::bigint AS until FROM conversation"""
    )
    assert dict(row) == {"unread": 2, "last": at + 60, "until": at + 60 + 24 * 3600}
    await hooks.tell(world, messages=[text("an old one, told late", at=at - 3600)])
    (row,) = await world.rows("SELECT unread, extract(epoch FROM window_until)::bigint AS until FROM conversation")
    assert dict(row) == {"unread": 3, "until": at + 60 + 24 * 3600}


async def test_a_person_without_a_phone_is_known_by_the_user_id(world: World) -> None:
    nameless = text("who am I", from_user_id="US.13491208655302741918")
    del nameless["from"]
    contact = {"profile": {"name": "Pablo", "username": "@pablo"}, "user_id": "US.13491208655302741918"}
    await hooks.tell(world, messages=[nameless], contacts=[contact])

    (event,) = world.receiver.of_type("message.received")
    assert event["data"]["from"] == {
        "phone": None,
        "phone_e164": None,
        "user_id": "US.13491208655302741918",
        "parent_user_id": None,
        "username": "pablo",
        "name": "Pablo",
    }
    with_phone = text("and now with my phone", from_user_id="US.13491208655302741918")
    await hooks.tell(world, messages=[with_phone], contacts=[contact | {"wa_id": hooks.DIGITS}])
    (row,) = await world.rows("SELECT name, username FROM contact")
    assert dict(row) == {"name": "Pablo", "username": "pablo"}
    assert len(await world.rows("SELECT id FROM conversation")) == 1


async def test_a_message_from_nobody_is_kept_all_the_same(world: World) -> None:
    nobody = text("from nobody")
    del nobody["from"]
    await hooks.tell(world, messages=[nobody])

    (event,) = world.receiver.of_type("message.received")
    assert event["data"]["from"]["phone"] is None
    assert event["data"]["content"] == {"body": "from nobody"}


async def test_nul_and_half_an_emoji_in_a_text_lose_no_message(world: World) -> None:
    raw = hooks.body(world, [change(world, messages=[text("NUL>N< half>H< slash>S<")])])
    raw = raw.replace(b">N<", rb">\u0000<").replace(b">H<", rb">\ud83d<").replace(b">S<", rb">\\u0000<")

    assert (await hooks.post(world, raw)).status == 200
    await hooks.rest(world)
    assert await texts(world) == ["NUL>\ufffd< half>?< slash>\\u0000<"]
    assert world.receiver.of_type("message.received")[0]["data"]["content"]["body"] == (await texts(world))[0]


async def test_nul_in_a_name_or_an_id_loses_no_message(world: World) -> None:
    message = text("hello")
    contact = {"profile": {"name": "Fr>N<ank"}, "wa_id": hooks.DIGITS}
    raw = hooks.body(world, [change(world, messages=[message], contacts=[contact])]).replace(b">N<", rb"\u0000")

    assert (await hooks.post(world, raw)).status == 200
    await hooks.rest(world)
    assert world.receiver.of_type("message.received")[0]["data"]["from"]["name"] == "Fr\ufffdank"


async def test_the_event_of_a_message_is_exactly_the_documented_one(world: World) -> None:
    sent = await world.send_otp(to="+15550100009")
    quote = {"from": world.meta.world["display_phone_number"], "id": sent.json["wa_message_id"]}
    message = text("Yes, it was me", sender="15550100009", at=1_700_000_000, context=quote)
    await hooks.tell(world, messages=[message], contacts=[{"profile": {"name": "Frank"}, "wa_id": "15550100009"}])

    (event,) = world.receiver.events
    (row,) = await world.rows("SELECT id FROM message WHERE direction = 'inbound'")
    assert event == {
        "id": event["id"],
        "type": "message.received",
        "version": "1",
        "occurred_at": "2023-11-14T22:13:20.000Z",
        "delivered_at": event["delivered_at"],
        "brand_id": ids.show("brd", world.brand_id),
        "data": {
            "message_id": ids.show("msg", row["id"]),
            "wa_message_id": message["id"],
            "conversation_id": sent.json["conversation_id"],
            "from": {
                "phone": "15550100009",
                "phone_e164": "+15550100009",
                "user_id": None,
                "parent_user_id": None,
                "username": None,
                "name": "Frank",
            },
            "to": {
                "phone_number_id": world.meta.world["phone_number_id"],
                "waba_id": world.meta.world["waba_id"],
            },
            "type": "text",
            "content": {"body": "Yes, it was me"},
            "reply_to": sent.json["wa_message_id"],
            "context": None,
            "referral": None,
            "group_id": None,
        },
    }


async def test_many_bodies_at_once_about_one_person_under_many_names_lose_nothing(world: World) -> None:
    """Several transactions learn the same at the same moment: whoever is second looks again."""
    names: list[dict[str, str]] = [{"from": "111"}, {"from_user_id": "US.1"}, {"from": "111", "from_user_id": "US.1"}]
    bodies = []
    for number in range(60):
        message = text(f"message {number}")
        del message["from"]
        bodies.append(hooks.body(world, [change(world, messages=[message | names[number % 3]])]))
    answers = await asyncio.gather(*(hooks.post(world, raw) for raw in bodies))
    assert {answer.status for answer in answers} == {200}
    await hooks.rest(world)

    assert await world.rows("SELECT id, error FROM intake_todo") == []
    assert len(set(await texts(world))) == len(world.receiver.events) == 60
    await hooks.tell(world, messages=[text("the last", sender="111", from_user_id="US.1")])
    assert [tuple(row) for row in await world.rows("SELECT phone, user_id FROM contact")] == [("111", "US.1")]
    (talk,) = await world.rows("SELECT unread FROM conversation WHERE merged_into IS NULL")
    assert talk["unread"] == 61


async def test_a_customer_who_changes_the_number_stays_in_the_conversation(world: World) -> None:
    changed = {"type": "user_changed_number", "body": "changed from 111 to 222", "wa_id": "222"}
    await hooks.tell(world, messages=[text("Hi", sender="111", at=1_700_000_000)])
    await hooks.tell(world, messages=[hooks.said("system", changed, sender="111", at=1_700_000_100)])
    await hooks.tell(world, messages=[text("still me", sender="222", at=1_700_000_200)])
    await hooks.tell(world, messages=[text("late", sender="111", at=1_700_000_050)])

    assert len({event["data"]["conversation_id"] for event in world.receiver.events}) == 1
    told = world.receiver.events[1]["data"]
    assert (told["type"], told["from"]["phone"], told["content"]["phone"]) == ("system", "111", "222")
    await hooks.tell(world, messages=[text("who has 111 now", sender="111", at=1_700_000_300)])
    assert len({event["data"]["conversation_id"] for event in world.receiver.events}) == 2
