"""Calls, copies from the phone app, and what users want to get."""

from typing import Any

import pytest

from quixess.meta import webhooks
from quixess.meta.webhooks import Call, HistoryMessage, OtherChange, Preference
from tests.meta.bodies import PNID, body, only, value


def test_the_status_of_a_call_is_not_the_status_of_a_message() -> None:
    status = {"id": "wacid.X", "type": "call", "status": "RINGING", "recipient_id": "16505551234"}
    for field in ("messages", "calls"):
        item = webhooks.parse(body(value(statuses=[status]), field=field)).items[0]
        assert isinstance(item, Call)
        assert (item.wacid, item.event, item.status, item.direction, item.user_phone) == (
            "wacid.X", "ringing", None, "BUSINESS_INITIATED", "16505551234",
        )  # fmt: skip


def test_a_call_comes_with_its_caller_and_without_what_the_phones_agree_on() -> None:
    call = only("call_connect")
    assert (call.wacid, call.event, call.direction, call.timestamp) == (
        "wacid.ABGG", "connect", "USER_INITIATED", 1671644824,
    )  # fmt: skip
    assert (call.user_phone, call.profile_name, call.payload) == ("16505551234", "Ann Ångström", None)
    assert "session" not in call.raw


@pytest.mark.parametrize(
    ("said", "direction", "user"),
    [
        ({"from": "111", "to": "15550783881"}, "USER_INITIATED", "111"),
        ({"from": "15550783881", "to": "111"}, "BUSINESS_INITIATED", "111"),
        ({"from": "111"}, "USER_INITIATED", "111"),
        ({"from": "111", "to": "15550783881", "direction": "user_initiated"}, "USER_INITIATED", "111"),
        ({"from": "15550783881", "to": "111", "direction": "BUSINESS_INITIATED"}, "BUSINESS_INITIATED", "111"),
    ],
)
def test_a_call_without_a_direction_shows_it_by_its_numbers(said: dict[str, Any], direction: str, user: str) -> None:
    shared = {"metadata": {"phone_number_id": PNID, "display_phone_number": "+1 555-078-3881"}}
    call = webhooks.parse(body({**shared, "calls": [{"id": "wacid.1", "event": "connect", **said}]}, field="calls"))
    assert isinstance(call.items[0], Call)
    assert (call.items[0].direction, call.items[0].user_phone) == (direction, user)


def test_the_end_of_a_call_says_how_it_went_in_any_case() -> None:
    ended = {"id": "wacid.1", "event": "Terminate", "from": "111", "status": "Completed", "duration": 120}
    times = {"start_time": "1671644830", "end_time": "1671644950", "cta_payload": "from the button"}
    errors = [{"code": 138000}]
    parsed = webhooks.parse(body(value(calls=[ended | times], errors=errors), field="calls"))
    (call,) = parsed.items
    assert isinstance(call, Call)
    assert (call.event, call.status, call.duration_s) == ("terminate", "completed", 120)
    assert (call.started, call.ended, call.payload) == (1671644830, 1671644950, "from the button")
    assert call.errors == errors


def test_a_caller_behind_a_username_is_known_by_the_user_id() -> None:
    contact = {"user_id": "US.13", "profile": {"name": "Pablo", "username": "@pablo"}}
    shared = value(contacts=[contact], calls=[{"id": "wacid.1", "event": "connect", "from_user_id": "US.13"}])
    call = webhooks.parse(body(shared, field="calls")).items[0]
    assert isinstance(call, Call)
    assert (call.user_phone, call.user_id, call.username) == (None, "US.13", "pablo")


def test_what_was_sent_from_the_phone_app_is_no_inbound_message() -> None:
    echo = only("echo")
    assert (echo.wamid, echo.to_phone, echo.type, echo.content) == (
        "wamid.ECHO", "16505551234", "text", {"body": "from the app"},
    )  # fmt: skip


def test_the_past_says_who_wrote_to_whom_and_what_became_of_it() -> None:
    past = only("history")
    assert (past.thread_phone, past.outbound, past.status, past.content) == (
        "16505551234", False, "read", {"body": "old"},
    )  # fmt: skip
    ours = {"id": "wamid.1", "from": "15550783881", "to": "16505551234", "history_context": {"status": "PLAYED"}}
    shared = {"metadata": {"phone_number_id": PNID, "display_phone_number": "15550783881"}}
    for told in ({"history": [{"threads": [{"id": "16505551234", "messages": [ours]}]}]}, {"messages": [ours]}):
        (item,) = webhooks.parse(body({**shared, **told}, field="history")).items
        assert isinstance(item, HistoryMessage)
        assert (item.thread_phone, item.outbound, item.status) == ("16505551234", True, "played")


def test_a_file_of_the_past_that_comes_alone_is_still_of_the_past() -> None:
    past = only("history_media")
    assert (past.thread_phone, past.outbound, past.type) == ("16505551234", False, "image")


def test_a_thread_of_the_past_may_be_with_somebody_behind_a_username() -> None:
    said = {"id": "wamid.1", "from": "US.13", "type": "text", "text": {"body": "x"}}
    parsed = webhooks.parse(body(value(history=[{"threads": [{"id": "US.13", "messages": [said]}]}]), field="history"))
    (item,) = parsed.items
    assert isinstance(item, HistoryMessage)
    assert (item.thread_phone, item.thread_user_id, item.outbound) == (None, "US.13", False)


def test_a_history_that_was_refused_says_so_and_the_rest_of_it_is_read() -> None:
    refused = {"errors": [{"code": 2593109}]}
    told = {"threads": [{"id": "111", "messages": [{"id": "a", "from": "111"}, {"from": "111"}]}]}
    parsed = webhooks.parse(body(value(history=[refused, told, {"threads": "x"}]), field="history"))
    past, rest = parsed.items
    assert isinstance(past, HistoryMessage)
    assert isinstance(rest, OtherChange)
    assert rest.value["history"] == [refused]
    assert parsed.problems == [
        'messages: one without an id: {"from":"111"}',
        'history: one without threads: {"threads":"x"}',
    ]


def test_a_preference_names_who_wants_what_since_when() -> None:
    choice = only("preferences")
    assert (choice.user_phone, choice.category, choice.value, choice.timestamp) == (
        "16505551234", "marketing_messages", "stop", 1731705721,
    )  # fmt: skip
    assert choice.detail == "User requested to stop marketing messages"


@pytest.mark.parametrize("choice", [{}, "x", {"wa_id": "1", "value": "stop"}, {"category": "c", "value": "stop"}])
def test_a_preference_of_nobody_or_for_nothing_is_put_aside(choice: Any) -> None:
    parsed = webhooks.parse(body(value(user_preferences=[choice]), field="user_preferences"))
    assert len(parsed.problems) == 1
    assert not any(isinstance(item, Preference) for item in parsed.items)
