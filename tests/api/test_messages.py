"""GET /messages and GET /messages/{id}: a brand's messages, filtered, paged, and what became of each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from quixess.access import Scope
from quixess.database import ids
from tests.messages import hooks
from tests.world import PHONE, World, eventually

EXTERNAL = "/api/v1/whatsapp/external"
OTHER = "+5511987654321"


async def listed(world: World, **query: str) -> list[dict[str, Any]]:
    answer = await world.call("GET", f"{EXTERNAL}/messages", params=query)
    assert answer.status == 200, answer.json
    assert (answer.json["next_cursor"], answer.json["has_more"]) == (None, False)
    return list(answer.json["data"])


async def texts(world: World, **query: str) -> list[str]:
    return [one["content"].get("body", "") for one in await listed(world, **query)]


async def arrived(world: World, count: int) -> None:
    async def all_there() -> bool:
        (row,) = await world.rows("SELECT count(*) AS n FROM message WHERE direction = 'inbound'")
        return bool(row["n"] == count)

    await eventually(all_there)


async def test_a_customers_message_is_listed_exactly_as_documented(world: World) -> None:
    wamid = await world.customer_says("Hi there")
    await arrived(world, 1)

    (told,) = await listed(world)
    number = world.meta.world
    assert told == {
        "id": told["id"],
        "wa_message_id": wamid,
        "conversation_id": told["conversation_id"],
        "direction": "inbound",
        "type": "text",
        "status": "received",
        "source": "live",
        "from": {
            "phone": "12818184370",
            "phone_e164": "+12818184370",
            "user_id": told["from"]["user_id"],
            "username": told["from"]["username"],
            "name": "Frank",
        },
        "to": {
            "phone_number_id": number["phone_number_id"],
            "waba_id": number["waba_id"],
            "display_phone": told["to"]["display_phone"],
        },
        "content": {"body": "Hi there"},
        "reply_to": None,
        "context": None,
        "referral": None,
        "group_id": None,
        "template": None,
        "errors": [],
        "pricing": None,
        "metadata": {},
        "occurred_at": told["occurred_at"],
        "created_at": told["created_at"],
    }


async def test_a_code_is_hidden_and_its_send_is_told_with_template_metadata_and_price(world: World) -> None:
    sent = await world.send_otp(metadata={"signup": "s-99"})

    async def read() -> Any:
        (told,) = await listed(world)
        return told if told["status"] == "read" else None

    told = await eventually(read)
    assert told["id"] == sent.json["id"]
    assert told["content"] == {
        "body": "*••••••* is your verification code. For your security, do not share this code.",
        "redacted": True,
    }
    assert told["template"] == {"name": "signup_otp", "language": "en_US", "category": "AUTHENTICATION"}
    assert told["metadata"] == {"signup": "s-99"}
    assert told["to"] == {
        "phone": PHONE[1:],
        "phone_e164": PHONE,
        "user_id": told["to"]["user_id"],
        "username": None,
        "name": None,
    }
    assert told["from"]["phone_number_id"] == world.meta.world["phone_number_id"]
    assert told["pricing"]["category"] == "authentication"


async def story(world: World, shown: str) -> dict[str, Any]:
    answer = await world.call("GET", f"{EXTERNAL}/messages/{shown}")
    assert answer.status == 200, answer.json
    return dict(answer.json)


async def test_one_message_tells_each_step_in_order(world: World) -> None:
    known = await hooks.send_silently(world)
    for word in ("read", "sent", "delivered"):
        await hooks.tell(world, statuses=[hooks.status(known, word)])

    told = await story(world, known)
    assert told["status"] == "read"
    assert [step["status"] for step in told["timeline"]] == ["accepted", "sent", "delivered", "read"]
    assert all(step["at"] and step["participant"] is None and not step["errors"] for step in told["timeline"])


async def test_a_delivered_that_only_a_read_told_of_is_marked(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[hooks.status(known, "read")])

    told = await story(world, known)
    assert [(step["status"], step["inferred"]) for step in told["timeline"]] == [
        ("accepted", False),
        ("delivered", True),
        ("read", False),
    ]


async def test_in_a_group_each_step_names_its_reader(world: World) -> None:
    known = await hooks.send_silently(world)
    group: dict[str, Any] = {"recipient_type": "group"}
    ann = hooks.status(known, "delivered", to="group-1", recipient_participant_id="111", **group)
    bob = hooks.status(known, "delivered", to="group-1", recipient_participant_id="222", **group)
    await hooks.tell(world, statuses=[bob, ann])

    told = await story(world, known)
    assert [(step["status"], step["participant"]) for step in told["timeline"]] == [
        ("accepted", None),
        ("delivered", "111"),
        ("delivered", "222"),
    ]


async def test_a_failure_tells_why_and_what_to_do(world: World) -> None:
    known = await hooks.send_silently(world)
    failure = hooks.failure(131047, "Re-engagement message")
    await hooks.tell(world, statuses=[hooks.status(known, "failed", errors=[failure])])

    told = await story(world, known)
    (error,) = told["errors"]
    assert (told["status"], error["code"], error["title"]) == ("failed", 131047, "Re-engagement message")
    assert error["reason"]
    assert error["fix"]
    assert error["retryable"] is False
    assert [step["status"] for step in told["timeline"]] == ["accepted", "failed"]
    assert told["timeline"][-1]["errors"] == [error]


async def test_a_send_that_meta_refused_tells_so_in_one_step(world: World) -> None:
    refused = await world.send_otp(to="+15550100003")
    assert refused.status == 502

    told = await story(world, refused.json["message_id"])
    assert (told["status"], told["wa_message_id"]) == ("failed", None)
    (step,) = told["timeline"]
    assert step["status"] == "failed"
    assert step["at"] == told["created_at"]
    assert step["errors"] == told["errors"]
    assert step["errors"][0]["code"] == 132001


async def test_a_copy_from_the_phone_app_is_told_as_ours(world: World) -> None:
    echo = {"from": "15550783881", "to": hooks.DIGITS, "id": "wamid.echo", "timestamp": "1700000000", "type": "text"}
    await hooks.tell(world, field="smb_message_echoes", message_echoes=[echo | {"text": {"body": "From the app"}}])

    told = await story(world, "wamid.echo")
    assert (told["direction"], told["source"], told["status"]) == ("outbound", "echo", "sent")
    assert [(step["status"], step["at"]) for step in told["timeline"]] == [("sent", "2023-11-14T22:13:20.000Z")]
    assert told["occurred_at"] < told["created_at"]


async def test_a_message_is_found_by_its_wamid_percent_encoded(world: World) -> None:
    wamid = await world.customer_says("Hi there")
    await arrived(world, 1)
    (told,) = await listed(world)

    found = await world.call("GET", f"{EXTERNAL}/messages/{quote(wamid, safe='')}")
    assert found.status == 200
    assert found.json == told | {"timeline": found.json["timeline"]}
    assert [step["status"] for step in found.json["timeline"]] == ["received"]


async def test_a_wamid_with_a_slash_and_a_plus_is_found_too(world: World) -> None:
    wamid = "wamid.HBgL/+Mw=="
    await hooks.tell(world, messages=[hooks.text("odd") | {"id": wamid}])

    found = await world.call("GET", f"{EXTERNAL}/messages/{quote(wamid)}")
    assert (found.status, found.json["wa_message_id"]) == (200, wamid)


async def test_what_is_not_there_is_404(world: World) -> None:
    for shown in ("msg_7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "msg_x", "wamid.x", "%F0%9F%92%A9", "a/b", "x" * 2_000, "%FF"):
        answer = await world.call("GET", f"{EXTERNAL}/messages/{shown}")
        assert (answer.status, answer.json["code"]) == (404, "message_not_found"), shown


async def test_each_filter_lets_pass_what_it_says(world: World) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await world.send_otp(metadata={"signup": "s-99", "shop": "north"})
    await world.send_otp(to=OTHER, metadata={"signup": "s-100"})
    await world.customer_says("Hi there")
    await world.customer_says("Olá", phone=OTHER)
    await arrived(world, 2)
    conversation = (await listed(world, phone=PHONE))[0]["conversation_id"]

    assert sorted(await texts(world, direction="inbound")) == ["Hi there", "Olá"]
    assert len(await listed(world, direction="outbound")) == 2
    assert sorted(await texts(world, status="received")) == ["Hi there", "Olá"]
    assert sorted(await texts(world, type="text")) == ["Hi there", "Olá"]
    assert len(await listed(world, template_name="signup_otp")) == 2
    for written in (PHONE, "12818184370", "1 281-818 (43) 70", "+1.281.818.4370"):
        assert {one["conversation_id"] for one in await listed(world, phone=written)} == {conversation}, written
    assert len(await listed(world, conversation_id=conversation)) == 2
    assert await texts(world, conversation_id=conversation, direction="inbound") == ["Hi there"]
    assert await texts(world, phone=OTHER, type="text") == ["Olá"]
    assert len(await listed(world, **{"metadata[signup]": "s-99"})) == 1
    assert len(await listed(world, **{"metadata[signup]": "s-99", "metadata[shop]": "north"})) == 1
    assert await listed(world, **{"metadata[signup]": "s-99", "metadata[shop]": "south"}) == []
    assert len(await listed(world, has_media="false")) == 4
    assert await listed(world, has_media="true") == []
    assert len(await listed(world, since=before.isoformat())) == 4
    assert await listed(world, until=before.isoformat()) == []
    assert await listed(world, since=(before + timedelta(days=1)).isoformat()) == []
    assert len(await listed(world, since="1969-01-01T00:00:00Z", until="9999-12-31T23:59:59Z")) == 4


async def test_who_is_unknown_has_said_nothing(world: World) -> None:
    await world.customer_says("Hi there")
    await arrived(world, 1)

    for query in (
        {"phone": "+15550001111"},
        {"user_id": "US.404"},
        {"conversation_id": ids.show("cnv", ids.new())},
        {"phone": PHONE, "user_id": "US.404"},
        {"phone": "0"},
    ):
        assert await listed(world, **query) == [], query


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"direction": "sideways"}, "direction"),
        ({"status": "RECEIVED"}, "status"),
        ({"conversation_id": "nonsense"}, "conversation_id"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-05-15T10:30:00"}, "since"),
        ({"phone": "frank"}, "phone"),
        ({"q": ""}, "q"),
        ({"q": "?!"}, "q"),
        ({"has_media": "1"}, "has_media"),
        ({"cursor": "x"}, "cursor"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_named(world: World, query: dict[str, str], parameter: str) -> None:
    answer = await world.call("GET", f"{EXTERNAL}/messages", params=query)
    assert answer.status == 400, answer.body
    assert answer.json["errors"][0]["parameter"] == parameter


async def test_an_unknown_parameter_is_refused(world: World) -> None:
    answer = await world.call("GET", f"{EXTERNAL}/messages", params={"colour": "red"})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


async def test_a_key_without_the_scope_reads_nothing(world: World) -> None:
    key = await world.mint(Scope.READ_CONVERSATIONS)
    for path in (
        "/messages",
        f"/messages/{ids.show('msg', ids.new())}",
        f"/conversations/{ids.show('cnv', ids.new())}/messages",
    ):
        answer = await world.call("GET", EXTERNAL + path, key=key)
        assert (answer.status, answer.json["code"]) == (403, "insufficient_scope"), path
