"""The envelope: every entry, change and item is found, wherever it stands and whatever stands beside it."""

import json
from typing import Any

import pytest

from quixess.meta import webhooks
from quixess.meta.webhooks import (
    Call,
    Echo,
    HistoryMessage,
    InboundMessage,
    Item,
    OtherChange,
    Preference,
    StatusUpdate,
)
from tests.meta.bodies import PNID, body, only, value


def test_what_stands_beside_the_messages_and_has_no_reader_is_kept() -> None:
    message, rest = webhooks.parse(body(value(messages=[{"id": "m", "from": "1"}], polls=[{"id": "p"}]))).items
    assert isinstance(message, InboundMessage)
    assert isinstance(rest, OtherChange)
    assert (rest.phone_number_id, rest.value["polls"]) == (PNID, [{"id": "p"}])
    assert "messages" not in rest.value


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"messages": [{"id": "m", "from": "1"}]}, InboundMessage),
        ({"statuses": [{"id": "m", "status": "read"}]}, StatusUpdate),
        ({"calls": [{"id": "c", "event": "connect"}]}, Call),
        ({"message_echoes": [{"id": "m", "to": "1"}]}, Echo),
        ({"history": [{"threads": [{"id": "1", "messages": [{"id": "m"}]}]}]}, HistoryMessage),
        ({"user_preferences": [{"wa_id": "1", "category": "c", "value": "stop"}]}, Preference),
        ({"event": "APPROVED"}, OtherChange),
    ],
)
def test_a_change_that_lost_its_field_is_read_by_its_keys(told: dict[str, Any], kind: type[Item]) -> None:
    raw = json.dumps({"entry": [{"id": "1", "changes": [{"value": value(**told)}]}]}).encode()
    (item,) = webhooks.parse(raw).items
    assert type(item) is kind


def test_a_change_that_stands_in_place_of_the_list_is_read() -> None:
    change = {"field": "account_update", "value": {"event": "X"}}
    for entry in ({"id": "1", "time": 17, "changes": change}, {"id": "1", "time": 17, **change}):
        (item,) = webhooks.parse(json.dumps({"entry": [entry]}).encode()).items
        assert isinstance(item, OtherChange)
        assert (item.waba_id, item.field, item.time, item.value) == ("1", "account_update", 17, {"event": "X"})


def test_an_other_change_tells_the_time_of_its_entry() -> None:
    assert only("account_field_inside_value").time == 1751247548
    assert only("field_of_tomorrow").time == 0


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


def test_an_id_too_long_to_be_one_is_put_aside_and_its_siblings_live() -> None:
    long = "w" * 257
    messages = [{"id": long}, {"id": "m", "from": "1" * 257, "from_user_id": long, "type": "text"}]
    parsed = webhooks.parse(body(value(messages=messages, statuses=[{"id": "s", "status": long}])))
    (message,) = parsed.items
    assert isinstance(message, InboundMessage)
    assert (message.wamid, message.from_phone, message.from_user_id) == ("m", None, None)
    assert len(parsed.problems) == 2


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
