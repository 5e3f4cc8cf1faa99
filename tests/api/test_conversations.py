"""GET /conversations: with whom the brand talks, the last active first, and what a key may see of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from quixess.access import Scope
from quixess.database import ids
from tests.messages import hooks
from tests.messages.hooks import text
from tests.world import PHONE, World

EXTERNAL = "/api/v1/whatsapp/external"
CANARY = "the secret of the canary"


async def listed(world: World, *, key: str | None = None, **query: str) -> list[dict[str, Any]]:
    answer = await world.call("GET", f"{EXTERNAL}/conversations", key=key, params=query)
    assert answer.status == 200, answer.json
    return list(answer.json["data"])


async def names(world: World, **query: str) -> list[str]:
    return [one["contact"]["phone"] for one in await listed(world, **query)]


def seconds(ago: timedelta) -> int:
    return int((datetime.now(UTC) - ago).timestamp())


async def test_a_conversation_is_told_exactly_as_documented(world: World) -> None:
    at = seconds(timedelta(minutes=5))
    contacts = [{"profile": {"name": "Frank"}, "wa_id": hooks.DIGITS}]
    await hooks.tell(world, messages=[text("Hi", at=at), text("there", at=at + 60)], contacts=contacts)

    (told,) = await listed(world)
    moment = datetime.fromtimestamp(at + 60, UTC)
    (message,) = await world.rows("SELECT id FROM message WHERE content ->> 'body' = 'there'")
    assert told == {
        "id": told["id"],
        "status": "open",
        "contact": {
            "id": told["contact"]["id"],
            "phone": PHONE[1:],
            "phone_e164": PHONE,
            "user_id": None,
            "username": None,
            "name": "Frank",
            "opted_out": False,
        },
        "phone_number_id": world.meta.world["phone_number_id"],
        "unread_count": 2,
        "assignee": None,
        "window": {
            "open": True,
            "last_inbound_at": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
            "expires_at": f"{moment + timedelta(days=1):%Y-%m-%dT%H:%M:%S}.000Z",
        },
        "last_message": {
            "id": ids.show("msg", message["id"]),
            "direction": "inbound",
            "type": "text",
            "status": "received",
            "occurred_at": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
            "content": {"body": "there"},
        },
        "created_at": told["created_at"],
        "updated_at": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z",
    }
    one = await world.call("GET", f"{EXTERNAL}/conversations/{told['id']}")
    assert (one.status, one.json) == (200, told)


async def test_a_key_for_conversations_alone_sees_no_text(world: World) -> None:
    await hooks.tell(world, messages=[text(CANARY)])
    narrow = await world.mint(Scope.READ_CONVERSATIONS)

    (told,) = await listed(world, key=narrow)
    assert told["last_message"]["type"] == "text"
    assert "content" not in told["last_message"]
    one = await world.call("GET", f"{EXTERNAL}/conversations/{told['id']}", key=narrow)
    assert CANARY not in json.dumps(told) + one.body.decode()
    refused = await world.call("GET", f"{EXTERNAL}/conversations/{told['id']}/messages", key=narrow)
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")


async def test_whoever_wrote_last_is_first_and_a_code_moves_nobody(world: World) -> None:
    for minutes, phone in ((30, "15550000001"), (20, "15550000002"), (25, "15550000003")):
        await hooks.tell(world, messages=[text(sender=phone, at=seconds(timedelta(minutes=minutes)))])
    assert await names(world) == ["15550000002", "15550000003", "15550000001"]

    await hooks.tell(world, messages=[text(sender="15550000001", at=seconds(timedelta(minutes=1)))])
    await world.send_otp(to="+15550000003")
    assert await names(world) == ["15550000001", "15550000002", "15550000003"]


async def test_each_filter_lets_pass_what_it_says(world: World) -> None:
    await hooks.tell(world, messages=[text(sender="15550000001", at=seconds(timedelta(hours=30)))])
    nameless = text("It is me", at=seconds(timedelta(hours=2)), from_user_id="US.13")
    del nameless["from"]
    await hooks.tell(world, messages=[nameless])
    await world.rows("UPDATE conversation SET unread = 0, state = 'closed' WHERE window_until < now()")

    assert await names(world) == [None, "15550000001"]
    assert await names(world, status="open") == [None]
    assert await names(world, status="closed") == ["15550000001"]
    assert await names(world, window="open") == [None]
    assert await names(world, window="closed") == ["15550000001"]
    assert await names(world, unread="true") == [None]
    assert await names(world, unread="false") == ["15550000001"]
    assert await names(world, phone="+1 555 000 0001") == ["15550000001"]
    assert await names(world, phone="+1 555 000 0001", unread="true") == []
    assert await names(world, phone="+1 555 000 0009") == []
    assert await names(world, user_id="US.13") == [None]
    assert await names(world, user_id="US.14") == []
    assert await names(world, since=(datetime.now(UTC) - timedelta(hours=20)).isoformat()) == [None]


async def test_a_number_is_found_however_meta_writes_it(world: World) -> None:
    await world.send_otp(to="+5511987654321")
    (told,) = await listed(world)
    await hooks.tell(world, messages=[text("Oi", sender="551187654321")])

    assert [one["id"] for one in await listed(world, phone="+5511987654321")] == [told["id"]]
    assert [one["id"] for one in await listed(world, phone="551187654321")] == [told["id"]]


async def test_a_conversation_that_became_part_of_another_leads_there_and_is_not_listed(world: World) -> None:
    nameless = text("It is me", from_user_id="US.13")
    del nameless["from"]
    await hooks.tell(world, messages=[nameless])
    await hooks.tell(world, messages=[text("It is my phone")])
    older, newer = sorted(one["id"] for one in await listed(world))
    await hooks.tell(world, messages=[text("We are one", from_user_id="US.13")])

    assert [one["id"] for one in await listed(world)] == [older]
    assert (await world.call("GET", f"{EXTERNAL}/conversations/{newer}")).json["id"] == older
    for shown in (older, newer):
        thread = (await world.call("GET", f"{EXTERNAL}/conversations/{shown}/messages")).json["data"]
        assert {one["conversation_id"] for one in thread} == {older}
        assert sorted(one["content"]["body"] for one in thread) == ["It is me", "It is my phone", "We are one"]
    found = await world.call("GET", f"{EXTERNAL}/messages", params={"conversation_id": newer})
    assert len(found.json["data"]) == 3


async def test_a_thread_goes_by_when_things_were_said(world: World) -> None:
    now = seconds(timedelta(minutes=1))
    await hooks.tell(world, messages=[text("second", at=now)])
    echo = {"from": "15550783881", "to": hooks.DIGITS, "id": "wamid.e", "timestamp": str(now - 60), "type": "text"}
    await hooks.tell(world, field="smb_message_echoes", message_echoes=[echo | {"text": {"body": "first"}}])
    await hooks.tell(world, messages=[text("third", at=now + 1)])
    (told,) = await listed(world)

    for order, expected in (("desc", ["third", "second", "first"]), ("asc", ["first", "second", "third"])):
        seen, cursor = [], None
        while True:
            query = {"order": order, "limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = (await world.call("GET", f"{EXTERNAL}/conversations/{told['id']}/messages", params=query)).json
            seen += [one["content"]["body"] for one in page["data"]]
            if not (cursor := page["next_cursor"]):
                break
        assert seen == expected
    assert [
        one["content"]["body"]
        for one in (await world.call("GET", f"{EXTERNAL}/messages", params={"phone": PHONE})).json["data"]
    ] == ["third", "second", "first"]


async def test_a_user_who_wants_no_marketing_is_marked(world: World) -> None:
    choice = {"wa_id": hooks.DIGITS, "category": "marketing_messages", "value": "stop", "timestamp": "1700000000"}
    await hooks.tell(world, messages=[text("Hi")])
    await hooks.tell(world, field="user_preferences", user_preferences=[choice | {"detail": "User requested to stop"}])

    (told,) = await listed(world)
    assert told["contact"]["opted_out"] is True


async def test_what_is_not_there_is_404(world: World) -> None:
    for shown in (ids.show("cnv", ids.new()), "cnv_x", "nonsense", ids.show("msg", ids.new())):
        for path in (f"/conversations/{shown}", f"/conversations/{shown}/messages"):
            answer = await world.call("GET", EXTERNAL + path)
            assert (answer.status, answer.json["code"]) == (404, "conversation_not_found"), path


async def test_a_cursor_of_one_list_opens_no_other(world: World) -> None:
    for n in range(2):
        await hooks.tell(world, messages=[text(sender=f"1555000000{n}"), text(sender=f"1555000000{n}")])
    one, other = [told["id"] for told in await listed(world)]
    cursors = {}
    for path in ("/messages", "/conversations", f"/conversations/{one}/messages", f"/conversations/{other}/messages"):
        cursors[path] = (await world.call("GET", EXTERNAL + path, params={"limit": "1"})).json["next_cursor"]

    for path in cursors:
        for source, cursor in cursors.items():
            answer = await world.call("GET", EXTERNAL + path, params={"limit": "1", "cursor": cursor})
            assert (answer.status == 200) == (path == source), (path, source)
            assert answer.status == 200 or answer.json["code"] == "invalid_cursor"
