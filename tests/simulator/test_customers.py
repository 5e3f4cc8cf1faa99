"""What a customer can send: every type, as it was captured from Meta; who they are; what a lever refuses."""

from typing import Any

import pytest

from tests.simulator import captures, driving
from tests.simulator.driving import DIGITS, Receiver, Simulator

USER = "US.13491208655302741918"
HIDDEN = {"user_id": USER, "username": "@pablo", "name": "Pablo", "hide_phone": True}


def as_typed(value: dict[str, Any]) -> dict[str, Any]:
    """Turn a captured value into what one gives the lever to get it."""
    (message,) = value["messages"]
    typed = {key: part for key, part in message.items() if key not in {"id", "timestamp", "from", "from_user_id"}}
    wrong = value.get("errors") or typed.get("errors")
    if wrong:
        typed["errors"] = [{"code": one["code"], "title": one["title"], "details": one["error_data"]["details"]}
                           for one in wrong]  # fmt: skip
    if "contacts" in value:
        typed["name"] = value["contacts"][0]["profile"]["name"]
    return typed


async def said(receiver: Receiver) -> dict[str, Any]:
    """Give the one value that arrived."""
    await receiver.until_posts(1)
    (change,) = receiver.changes()
    assert change["field"] == "messages"
    value: dict[str, Any] = change["value"]
    return value


@pytest.mark.parametrize("name", captures.MESSAGES)
async def test_a_message_captured_from_meta_can_be_said_word_for_word(
    simulator: Simulator, receiver: Receiver, name: str
) -> None:
    captured = captures.change(name)["value"]
    (message,) = captured["messages"]
    owner = captured.get("contacts", [{}])[0]
    number = message.get("from", "15550004711")
    if "user_id" in owner:
        known = {"user_id": owner["user_id"], "username": owner["profile"]["username"], "hide_phone": True}
        await simulator.lever(f"phones/{number}", known)

    wamid = await simulator.writes(as_typed(captured), number)

    told = await said(receiver)
    (ours,) = told["messages"]
    assert (ours["id"], ours["timestamp"].isdigit()) == (wamid, True)
    again = {"id": message["id"], "timestamp": message["timestamp"]}
    assert told == captured | {"metadata": told["metadata"]} | {"messages": [ours]}
    assert ours | again == message
    assert "time" not in captures.entry(name)


async def test_a_file_that_meta_has_is_told_with_all_that_meta_knows_of_it(
    simulator: Simulator, receiver: Receiver
) -> None:
    webp = {"mime_type": "image/webp", "data_base64": "iVBORw0KGgo=", "filename": "a.webp"}
    file = (await simulator.lever("media", webp))["id"]
    await simulator.writes({"type": "sticker", "sticker": {"id": file}})
    sticker = (await said(receiver))["messages"][0]["sticker"]
    assert sticker | {"url": ""} == {
        "id": file,
        "mime_type": "image/webp",
        "sha256": "TEtqO+ExSrhhOL70MU3eAi5gCWDYaJosj4YxgC0g2rY=",
        "animated": False,
        "url": "",
    }
    assert sticker["url"].startswith(simulator.base_url)


async def test_a_reply_quotes_whoever_wrote(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.send(driving.otp(to="+1 555 010 0009"))
    wamid = (await simulator.lever("sends"))["data"][0]["wamid"]
    own = await simulator.writes({"text": "one"})
    for quoted in (wamid, own):
        await simulator.writes({"text": "this", "reply_to": quoted})
    await receiver.until_posts(3)
    business = simulator.world["display_phone_number"]
    contexts = [change["value"]["messages"][0].get("context") for change in receiver.changes()]
    assert sorted(one["id"] for one in contexts if one) == sorted([wamid, own])
    assert {one["id"]: one["from"] for one in contexts if one} == {wamid: business, own: DIGITS}


async def test_all_that_is_sent_shows_in_the_chat_and_opens_the_window(simulator: Simulator) -> None:
    await simulator.writes({"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": "👍"}})
    await simulator.writes({"type": "location", "location": {"latitude": 1, "longitude": 2, "name": "Philz"}})
    await simulator.writes({"type": "unsupported"})
    chat = await simulator.lever(f"phones/{DIGITS}/messages")
    assert [(one["type"], one["text"]) for one in chat["messages"]] == [
        ("reaction", "👍"),
        ("location", "[location] Philz"),
        ("unsupported", "[unsupported]"),
    ]
    assert chat["window_ends_at"] is not None


async def test_a_word_from_meta_itself_opens_no_window(simulator: Simulator) -> None:
    await simulator.writes({"type": "system", "system": {"type": "user_changed_number", "wa_id": "12195555358"}})
    assert (await simulator.lever(f"phones/{DIGITS}/messages"))["window_ends_at"] is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "a message of type text needs text"),
        ({"text": ""}, "text"),
        ({"type": "imgae"}, "type must be one of text, image"),
        ({"type": "image"}, "needs image"),
        ({"type": "image", "image": {"id": "5"}}, "no file has this id"),
        ({"type": "image", "image": {"link": "https://example.org"}}, "image: "),
        ({"text": "a", "image": {"id": "5"}}, "image"),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, "latitude"),
        ({"type": "contacts", "contacts": []}, "contacts: "),
        ({"type": "button", "button": {"text": "Yes"}}, "button answers a message: give its wamid as reply_to"),
        ({"type": "interactive", "interactive": {"type": "button_reply"}}, "interactive: give type"),
        ({"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "1"}}}, "title"),
        ({"type": "order", "order": {"catalog_id": "1", "product_items": []}}, "product_items"),
        ({"type": "system", "system": {"type": "user_died"}}, "user_died"),
        ({"type": "edit", "edit": {"original_message_id": "wamid.X", "message": {"type": "order"}}}, "edit: message"),
        ({"type": "revoke", "revoke": {}}, "original_message_id"),
        ({"text": "a", "referral": {"source_type": "ad"}}, "referral: "),
        ({"text": "a", "reply_to": "wamid.UNKNOWN"}, "reply_to is no message here"),
        ({"text": "a", "context": {"wamid": "X"}}, "wamid"),
    ],
)
async def test_what_meta_would_never_send_is_refused_and_told_why(
    simulator: Simulator, body: dict[str, Any], says: str
) -> None:
    assert says in await simulator.refused(f"phones/{DIGITS}/messages", body)
    assert (await simulator.lever("phones"))["data"] == []


async def test_a_person_with_a_username_writes_without_a_number(simulator: Simulator, receiver: Receiver) -> None:
    shown = await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    assert (shown["user_id"], shown["username"], shown["hide_phone"]) == (USER, "@pablo", True)
    await simulator.writes({"text": "Who am I?"})
    value = await said(receiver)
    assert value["contacts"] == [{"profile": {"name": "Pablo", "username": "@pablo"}, "user_id": USER}]
    assert value["messages"][0]["from_user_id"] == USER
    assert "from" not in value["messages"][0]


async def test_a_person_who_shows_both_is_told_with_both(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN | {"hide_phone": False, "parent_user_id": "US.ENT.1"})
    await simulator.writes({"text": "Hi"})
    value = await said(receiver)
    assert value["contacts"][0]["wa_id"] == value["messages"][0]["from"] == DIGITS
    assert value["contacts"][0]["parent_user_id"] == value["messages"][0]["from_parent_user_id"] == "US.ENT.1"


async def test_a_send_to_a_user_id_is_answered_and_followed_by_it(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    await simulator.writes({"text": "Hi"})
    body = driving.text("Hello") | {"recipient": USER}
    del body["to"]
    answer = await simulator.send(body)
    assert answer.json["contacts"] == [{"input": USER, "user_id": USER}]
    statuses = await receiver.until_statuses("sent", "delivered", "read")
    assert {one["recipient_user_id"] for one in statuses} == {USER}
    assert not any("recipient_id" in one for one in statuses)
    told = [change["value"] for change in receiver.changes() if "statuses" in change["value"]]
    assert {one["contacts"][0]["user_id"] for one in told} == {USER}


async def test_a_failure_has_no_contacts(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    await simulator.lever("faults", {"outcome": "async:131026"})
    await simulator.send(driving.otp())
    await receiver.until_statuses("failed")
    assert "contacts" not in receiver.changes()[0]["value"]


async def test_the_number_wins_over_the_user_id_and_both_come_back(simulator: Simulator) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    answer = await simulator.send(driving.otp() | {"recipient": USER})
    assert answer.json["contacts"] == [{"input": driving.PHONE, "wa_id": DIGITS, "user_id": USER}]


async def test_a_code_cannot_be_sent_to_a_user_id_and_a_stranger_has_none(simulator: Simulator) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    for user, code in ((USER, 131062), ("US.999", 131009)):
        body = driving.otp() | {"recipient": user}
        del body["to"]
        answer = await simulator.send(body)
        assert answer.json["error"]["code"] == code
    assert (await simulator.lever("sends"))["data"] == []


async def test_a_changed_user_id_is_told_with_the_old_sender_and_used_from_then_on(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    await simulator.writes({"type": "system", "system": {"type": "user_changed_user_id", "user_id": "US.2"}})
    value = await said(receiver)
    assert (value["messages"][0]["from_user_id"], value["messages"][0]["system"]["user_id"]) == (USER, "US.2")
    assert "contacts" not in value
    assert (await simulator.lever(f"phones/{DIGITS}/messages"))["user_id"] == "US.2"


@pytest.mark.parametrize("body", [{"hide_phone": True}, {"user_id": "pablo"}, {"user": "x"}])
async def test_a_person_that_cannot_be_is_refused(simulator: Simulator, body: dict[str, Any]) -> None:
    assert await simulator.refused(f"phones/{DIGITS}", body)


async def test_two_phones_never_share_a_user_id(simulator: Simulator) -> None:
    await simulator.lever(f"phones/{DIGITS}", HIDDEN)
    assert "another phone" in await simulator.refused("phones/15550000001", HIDDEN)


@pytest.mark.parametrize(
    ("dialled", "wa_id"),
    [
        ("+55 11 91234-5678", "551112345678"),
        ("+52 55 1234 5678", "5215512345678"),
        ("+54 11 1234 5678", "5491112345678"),
        ("+52 1 55 1234 5678", "5215512345678"),
        ("+54 9 11 1234 5678", "5491112345678"),
        ("+55 11 1234-5678", "551112345678"),
        ("+49 170 1234567", "491701234567"),
    ],
)
async def test_meta_answers_its_own_number_and_the_phone_writes_from_it(
    simulator: Simulator, receiver: Receiver, dialled: str, wa_id: str
) -> None:
    answer = await simulator.send(driving.otp(dialled))
    assert answer.json["contacts"] == [{"input": dialled, "wa_id": wa_id}]
    statuses = await receiver.until_statuses("sent", "delivered", "read")
    assert {one["recipient_id"] for one in statuses} == {wa_id}
    await simulator.writes({"text": "Olá"}, dialled)
    await receiver.until_posts(4)
    assert receiver.changes()[3]["value"]["messages"][0]["from"] == wa_id
    assert len((await simulator.lever(f"sends?to={wa_id}"))["data"]) == 1
