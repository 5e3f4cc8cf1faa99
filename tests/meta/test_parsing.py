"""Every documented body is understood; messages and statuses say who, what and to which number."""

from pathlib import Path

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
from tests.meta.bodies import CAPTURED, PNID, body, only, value

KINDS: dict[str, type[Item]] = {
    "message": InboundMessage,
    "status": StatusUpdate,
    "call": Call,
    "echo": Echo,
    "history": HistoryMessage,
    "preferences": Preference,
}


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_every_documented_body_is_understood_without_a_problem(path: Path) -> None:
    parsed = webhooks.parse(path.read_bytes())
    assert parsed.problems == []
    assert [type(item) for item in parsed.items] == [KINDS.get(path.stem.split("_")[0], OtherChange)]


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


def test_a_message_without_content_carries_the_error_that_explains_it() -> None:
    message = only("message_without_content")
    assert (message.type, message.content) == ("interactive", {})
    assert [error["code"] for error in message.errors] == [131000]


def test_errors_that_explain_no_message_stand_by_themselves() -> None:
    whole = {"id": "m", "type": "text", "text": {"body": "x"}}
    message, errors = webhooks.parse(body(value(messages=[whole], errors=[{"code": 130429}]))).items
    assert isinstance(message, InboundMessage)
    assert message.errors == []
    assert isinstance(errors, OtherChange)
    assert (errors.field, errors.value["errors"]) == ("messages", [{"code": 130429}])


def test_an_unsupported_message_keeps_its_own_errors() -> None:
    assert [error["code"] for error in only("message_unsupported").errors] == [131051]


def test_a_forwarded_message_says_how_often_it_was_passed_on() -> None:
    once, often = only("message_text_forwarded"), only("message_text_frequently_forwarded")
    assert (once.forwarded, once.frequently_forwarded) == (True, False)
    assert (often.forwarded, often.frequently_forwarded) == (False, True)


def test_a_question_about_a_product_names_the_product() -> None:
    message = only("message_text_product_question")
    assert message.referred_product == message.raw["context"]["referred_product"]
    assert message.referred_product["product_retailer_id"]


def test_the_first_message_from_an_ad_names_the_ad() -> None:
    message = only("message_text_from_ad")
    assert message.referral == message.raw["referral"]
    assert message.referral["source_type"] == "ad"


def test_a_message_in_a_group_names_the_group() -> None:
    message = only("message_text_in_group")
    assert message.group_id == message.raw["group_id"]


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
    status = only("status_in_group")
    assert (status.recipient_phone, status.participant) == ("16505551234", "16505551234")
    assert only("status_read").participant is None
