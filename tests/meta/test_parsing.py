"""The bodies in `captured/` are written by hand after the shapes that Meta documents."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.meta import webhooks
from quixess.meta.webhooks import InboundMessage, OtherChange, StatusUpdate

CAPTURED = sorted((Path(__file__).parent / "captured").glob("*.json"))
PNID = "106540352242922"


def read(name: str) -> webhooks.Parsed:
    return webhooks.parse((Path(__file__).parent / "captured" / f"{name}.json").read_bytes())


def only(name: str) -> Any:
    parsed = read(name)
    assert parsed.problems == []
    assert len(parsed.items) == 1
    return parsed.items[0]


def body(*values: dict[str, Any], field: str = "messages") -> bytes:
    changes = [{"field": field, "value": value} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


def value(**parts: Any) -> dict[str, Any]:
    return {"metadata": {"phone_number_id": PNID}, **parts}


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_every_documented_body_is_understood_without_a_problem(path: Path) -> None:
    parsed = webhooks.parse(path.read_bytes())
    assert parsed.items
    assert parsed.problems == []
    expected = {"message": InboundMessage, "status": StatusUpdate}.get(path.stem.split("_")[0], OtherChange)
    assert isinstance(parsed.items[0], expected)


def test_a_text_comes_with_its_sender_and_its_number() -> None:
    message = only("message_text")
    assert (message.waba_id, message.phone_number_id, message.display_phone) == (
        "102290129340398",
        PNID,
        "15550783881",
    )
    assert (message.from_phone, message.from_user_id, message.profile_name) == (
        "16505551234",
        None,
        "Ann Ångström",
    )
    assert (message.wamid, message.timestamp, message.type) == ("wamid.IN0001", 1750016801, "text")
    assert message.content == {"body": "Does it come in another color?"}
    assert message.context_wamid is None


def test_a_quoted_message_is_named_and_a_forwarded_one_quotes_nothing() -> None:
    assert only("message_text_reply").context_wamid == "wamid.OUT0001"
    forwarded = only("message_text_forwarded")
    assert forwarded.context_wamid is None
    assert forwarded.raw["context"] == {"forwarded": True}


def test_shared_contacts_are_a_list_and_still_content() -> None:
    assert only("message_contacts").content["contacts"][0]["name"] == {"formatted_name": "Bob"}


def test_a_message_without_content_keeps_the_error_that_explains_it() -> None:
    message, errors = read("message_without_content").items
    assert isinstance(message, InboundMessage)
    assert isinstance(errors, OtherChange)
    assert (message.type, message.content) == ("interactive", {})
    assert errors.value["errors"][0]["code"] == 131000


def test_a_user_without_a_phone_number_is_known_by_id_and_username() -> None:
    message = only("message_without_phone")
    assert message.from_phone is None
    assert message.from_user_id == "US.13491208655302741918"
    assert (message.username, message.profile_name) == ("pablomorales", "Pablo")


def test_each_of_two_writers_gets_the_own_name() -> None:
    contacts = [
        {"wa_id": "111", "user_id": "US.A", "profile": {"name": "Ann"}},
        {"wa_id": "222", "profile": {"name": "Bob"}},
        {"user_id": "US.C", "profile": {"name": "Cid"}},
    ]
    messages = [{"id": "m1", "from": "222"}, {"id": "m2", "from_user_id": "US.C"}, {"id": "m3", "from": "111"}]
    messages += [{"id": "m4", "from": "333"}]
    items = webhooks.parse(body(value(contacts=contacts, messages=messages))).items
    assert [(m.profile_name, m.from_phone, m.from_user_id) for m in items if isinstance(m, InboundMessage)] == [
        ("Bob", "222", None),
        ("Cid", None, "US.C"),
        ("Ann", "111", "US.A"),
        (None, "333", None),
    ]


def test_the_only_contact_lends_its_name_but_not_its_ids_to_another_number() -> None:
    contacts = [{"wa_id": "555", "user_id": "BR.X", "profile": {"name": "Ana"}}]
    message = webhooks.parse(body(value(contacts=contacts, messages=[{"id": "m", "from": "559"}]))).items[0]
    assert isinstance(message, InboundMessage)
    assert (message.profile_name, message.from_phone, message.from_user_id) == ("Ana", "559", None)


def test_a_status_brings_back_what_we_sent_along() -> None:
    status = only("status_sent")
    assert (status.wamid, status.status, status.timestamp) == ("wamid.OUT0001", "sent", 1750030073)
    assert (status.recipient_phone, status.recipient_user_id) == ("16505551234", None)
    assert status.opaque == "qx1:msg_1:1"
    assert status.pricing["category"] == "authentication"
    assert status.conversation["id"] == "72b1"


def test_a_failed_status_says_why() -> None:
    status = only("status_failed")
    assert [error["code"] for error in status.errors] == [131049]
    assert (status.pricing, status.conversation, status.opaque) == (None, None, None)


def test_a_status_without_a_phone_number_finds_it_among_the_contacts() -> None:
    status = only("status_without_phone")
    assert (status.recipient_phone, status.recipient_user_id) == ("5215550001", "US.1349")


def test_a_group_status_names_the_participant() -> None:
    assert only("status_in_group").recipient_phone == "16505551234"


def test_the_status_of_a_call_is_not_the_status_of_a_message() -> None:
    call = {"id": "wacid.X", "type": "call", "status": "RINGING"}
    item = webhooks.parse(body(value(statuses=[call]))).items[0]
    assert isinstance(item, OtherChange)
    assert (item.field, item.value["statuses"]) == ("calls", [call])


def test_what_was_sent_from_the_phone_app_is_never_taken_for_an_inbound_message() -> None:
    for name in ("echo", "history", "history_media"):
        assert isinstance(only(name), OtherChange)


def test_a_template_id_stays_what_meta_sent_and_needs_no_phone_number() -> None:
    change = only("template_approved")
    assert (change.field, change.phone_number_id) == ("message_template_status_update", None)
    assert change.value["message_template_id"] == 1689556908129832


def test_a_field_name_that_slipped_into_the_value_is_found_there() -> None:
    assert only("account_field_inside_value").field == "account_update"


def test_a_batch_of_several_accounts_is_read_to_its_last_item_in_order() -> None:
    entries = [
        {
            "id": f"{entry}",
            "changes": [
                {
                    "field": "messages",
                    "value": value(statuses=[{"id": f"{entry}{change}{n}", "status": "sent"} for n in "ab"]),
                }
                for change in "xy"
            ],
        }
        for entry in (1, 2)
    ]
    items = webhooks.parse(json.dumps({"entry": entries}).encode()).items
    assert [item.wamid for item in items if isinstance(item, StatusUpdate)] == [
        "1xa", "1xb", "1ya", "1yb", "2xa", "2xb", "2ya", "2yb",
    ]  # fmt: skip


def test_messages_and_statuses_may_share_one_change() -> None:
    items = webhooks.parse(body(value(messages=[{"id": "a"}], statuses=[{"id": "b", "status": "read"}]))).items
    assert [type(item) for item in items] == [InboundMessage, StatusUpdate]


def test_ten_thousand_statuses_in_one_body_are_all_there() -> None:
    statuses = [{"id": f"wamid.{n}", "status": "delivered", "timestamp": "1750030073"} for n in range(10_000)]
    assert len(webhooks.parse(body(value(statuses=statuses))).items) == 10_000


def test_numbers_where_text_belongs_are_read_as_text() -> None:
    raw = json.dumps(
        {
            "entry": [
                {
                    "id": 102290129340398,
                    "changes": [
                        {
                            "field": "messages",
                            "value": {
                                "metadata": {"phone_number_id": 17, "display_phone_number": 1555},
                                "messages": [{"id": 9, "from": 16505551234, "timestamp": 1750016800, "type": "text"}],
                            },
                        }
                    ],
                }
            ]
        }
    )
    message = webhooks.parse(raw.encode()).items[0]
    assert isinstance(message, InboundMessage)
    assert (message.waba_id, message.phone_number_id, message.display_phone) == ("102290129340398", "17", "1555")
    assert (message.wamid, message.from_phone, message.timestamp) == ("9", "16505551234", 1750016800)


@pytest.mark.parametrize("timestamp", [None, "", "soon", "-1", "٣", 1.5, True, [], "9" * 40, 10**12 - 1])
def test_a_time_that_is_no_time_is_zero(timestamp: Any) -> None:
    message = webhooks.parse(body(value(messages=[{"id": "m", "timestamp": timestamp}]))).items[0]
    assert isinstance(message, InboundMessage)
    assert message.timestamp == 0


def test_a_message_of_no_type_is_unsupported_and_kept() -> None:
    message = webhooks.parse(body(value(messages=[{"id": "m", "text": {"body": "x"}}]))).items[0]
    assert isinstance(message, InboundMessage)
    assert (message.type, message.content, message.raw["text"]) == ("unsupported", {}, {"body": "x"})


def test_one_item_that_makes_no_sense_is_put_aside_and_its_siblings_live() -> None:
    messages = [{"id": "a"}, {"from": "1"}, "noise", {"id": "b"}]
    parsed = webhooks.parse(body(value(messages=messages), value(statuses=[{"id": "s"}]), value(messages="x")))
    assert [item.wamid for item in parsed.items if isinstance(item, InboundMessage)] == ["a", "b"]
    assert parsed.problems == [
        'messages: one without an id: {"from":"1"}',
        'messages: one without an id: "noise"',
        'statuses: one without a status: {"id":"s"}',
        'messages that are no list: "x"',
    ]


def test_an_item_that_names_no_number_is_put_aside() -> None:
    parsed = webhooks.parse(body({"messages": [{"id": "a"}]}))
    assert parsed.problems == ['messages: one without a phone number id: {"id":"a"}']


def test_an_entry_or_a_change_that_makes_no_sense_is_put_aside() -> None:
    raw = b'{"entry":[7,{"id":"1","changes":[null,{"field":"x"}]},{"changes":[{"field":"x","value":{}}]}]}'
    parsed = webhooks.parse(raw)
    assert [item.field for item in parsed.items if isinstance(item, OtherChange)] == ["x"]
    assert parsed.problems == [
        "an entry without changes: 7",
        "a change without a value: null",
        'a change without a value: {"field":"x"}',
    ]


def test_half_an_emoji_costs_one_letter_and_not_the_message() -> None:
    raw = body(value(messages=[{"id": "m", "type": "text", "text": {"body": "cut HERE"}}]))
    message = webhooks.parse(raw.replace(b"HERE", rb"\ud83d")).items[0]
    assert isinstance(message, InboundMessage)
    assert message.content == {"body": "cut ?"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"entry":{}}',
        b'{"entry":[',
        b'{"entry":[]}x',
        b'{"entry":[NaN]}',
        b'{"entry":[1e999]}',
        b'{"entry":["\xff"]}',
        b"\xef\xbb\xbf{}",
        '{"entry":[]}'.encode("utf-16"),
        b'{"entry":' + b"[" * 100_000,
        b'{"entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"entry":[' + b"1" * 5000 + b"]}",
        b'{"entry":["\\ud83d",' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        b"<html>",
    ],
)
def test_a_body_that_is_no_envelope_is_malformed(raw: bytes) -> None:
    with pytest.raises(webhooks.MalformedBody):
        webhooks.parse(raw)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["id", "from", "from_user_id", "wa_id", "user_id", "profile", "type", "text", "context", "timestamp"]
KEYS += ["status", "errors", "pricing", "conversation", "recipient_id", "recipient_user_id", "recipient_type"]
ITEM = ANYTHING | st.dictionaries(st.sampled_from(KEYS), ANYTHING | st.sampled_from(["text", "call", "group"]))
ITEMS = ANYTHING | st.lists(ITEM, max_size=3)
VALUE = ANYTHING | st.fixed_dictionaries(
    {"metadata": ANYTHING | st.just({"phone_number_id": PNID})},
    optional={"contacts": ITEMS, "messages": ITEMS, "statuses": ITEMS, "errors": ANYTHING, "field": ANYTHING},
)
CHANGE = ANYTHING | st.fixed_dictionaries({"field": ANYTHING | st.just("messages"), "value": VALUE})
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
        assert isinstance(item, OtherChange) or (item.wamid and item.phone_number_id and item.timestamp >= 0)


@given(st.lists(ITEM, max_size=6))
def test_no_message_is_ever_lost_in_silence(messages: list[Any]) -> None:
    parsed = parse_or_refuse(body(value(messages=messages)))
    if parsed is not None and messages:
        assert len(parsed.items) + len(parsed.problems) == len(messages)


@given(st.binary(max_size=200))
def test_no_bytes_on_earth_raise_anything_but_malformed_body(raw: bytes) -> None:
    parsed = parse_or_refuse(raw)
    assert parsed is None or parsed.items is not None
