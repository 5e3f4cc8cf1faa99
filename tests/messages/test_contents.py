"""Contents in our words: each type of Meta's has one shape, and what has none is kept whole."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.messages import contents
from quixess.messages.contents import Content
from quixess.meta import webhooks
from quixess.meta.webhooks import Said
from tests.meta import bodies


def described(name: str) -> Content:
    return contents.describe(bodies.only(name))


def read(kind: str, content: Any, **beside: Any) -> Content:
    """Describe a message as it comes out of a body."""
    message = {"id": "m", "from": "1", "type": kind, kind: content} | beside
    (item,) = webhooks.parse(bodies.body(bodies.value(messages=[message]))).items
    assert isinstance(item, Said)
    return contents.describe(item)


SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "message_text": ("text", {"body": "Does it come in another color?"}),
    "message_location": (
        "location",
        {
            "latitude": 37.44,
            "longitude": -122.16,
            "name": "Philz",
            "address": "101 Forest Ave",
            "url": None,
        },
    ),
    "message_button": ("button", {"payload": "Unsubscribe", "text": "Unsubscribe"}),
    "message_code_not_requested": (
        "button",
        {
            "payload": "DID_NOT_REQUEST_CODE",
            "text": "I didn't request a code",
            "extra": {"from_logical_id": "5423"},
        },
    ),
    "message_button_reply": ("interactive", {"kind": "button_reply", "id": "cancel", "title": "Cancel"}),
    "message_reaction": ("reaction", {"emoji": "👍", "message_id": "wamid.OUT0001"}),
    "message_reaction_removed": ("reaction", {"emoji": "", "message_id": "wamid.OUT0001"}),
    "message_revoke": ("revoke", {"message_id": "wamid.IN0001"}),
    "message_edit": (
        "edit",
        {"message_id": "wamid.IN0001", "type": "text", "content": {"body": "Does it come in red?"}},
    ),
    "message_changed_number": (
        "system",
        {
            "kind": "user_changed_number",
            "body": "User A changed from 16505551234 to 12195555358",
            "phone": "12195555358",
            "user_id": None,
            "identity": None,
        },
    ),
    "message_identity_changed": (
        "system",
        {
            "kind": "customer_identity_changed",
            "body": None,
            "phone": None,
            "user_id": None,
            "identity": {"acknowledged": True, "created_timestamp": "1697044706", "hash": "Sjvjlx8G6Z0="},
        },
    ),
    "message_unsupported": (
        "unsupported",
        {
            "kind": "poll_creation",
            "errors": [
                {
                    "code": 131051,
                    "title": "Message type unknown",
                    "details": "Message type is currently not supported.",
                }
            ],
            "raw": None,
        },
    ),
    "message_without_content": (
        "unsupported",
        {
            "kind": "interactive",
            "errors": [{"code": 131000, "title": "Something went wrong", "details": "Unsupported webhook payload"}],
            "raw": None,
        },
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_meta_sent_has_its_shape_here(name: str) -> None:
    content = described(name)
    assert (content.type, content.data) == SHAPES[name]


def test_every_captured_message_is_supported_but_the_two_that_are_not() -> None:
    names = [path.stem for path in bodies.CAPTURED if path.stem.startswith("message_")]
    unsupported = [name for name in names if described(name).type == "unsupported"]
    assert unsupported == ["message_unsupported", "message_without_content"]


MEDIA: dict[str, list[str]] = {
    "image": ["caption"],
    "video": ["caption"],
    "document": ["caption", "filename"],
    "audio": ["voice"],
    "sticker": ["animated"],
}


@pytest.mark.parametrize("kind", MEDIA)
def test_a_file_gets_an_id_and_an_address_of_ours(kind: str) -> None:
    told = bodies.only(f"message_{kind}")
    content = contents.describe(told)
    (file,) = content.files
    assert content.type == kind
    assert content.data["url"] == f"/api/v1/whatsapp/external/media/{content.data['media_id']}"
    assert (file.meta_id, file.mime_type) == (told.content["id"], content.data["mime_type"])
    assert list(content.data) == ["media_id", "mime_type", "sha256", *MEDIA[kind], "url"]


def test_a_digest_is_shown_in_hex_and_kept_as_meta_wrote_it() -> None:
    empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    content = read("image", {"id": "1", "mime_type": "image/png", "sha256": empty})
    assert content.data["sha256"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert content.files[0].sha256 == empty
    assert content.data["caption"] is None
    assert read("image", {"id": "1", "sha256": "no digest"}).data["sha256"] is None


def test_a_list_reply_and_a_form_show_what_was_chosen() -> None:
    chosen = described("message_list_reply").data
    assert list(chosen) == ["kind", "id", "title", "description"]
    broken = {"name": "flow", "body": "Sent", "response_json": "{"}
    form = read("interactive", {"type": "nfm_reply", "nfm_reply": broken})
    assert form.data == {"kind": "flow", "name": "flow", "body": "Sent", "response": "{"}
    answer = json.dumps({"flow_token": "t", "size": "L"})
    form = read("interactive", {"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": answer}})
    assert form.data["response"] == {"flow_token": "t", "size": "L"}


def test_a_permission_to_call_tells_until_when() -> None:
    reply = {"response": "accept", "expiration_timestamp": "1750016800", "response_source": "user_action"}
    content = read("interactive", {"type": "call_permission_reply", "call_permission_reply": reply})
    assert content.data == {
        "kind": "call_permission_reply",
        "response": "accept",
        "expires_at": "2025-06-15T19:46:40.000Z",
        "source": "user_action",
    }
    forever = {"response": "accept", "expiration_timestamp": "9" * 40, "is_permanent": True}
    content = read("interactive", {"type": "call_permission_reply", "call_permission_reply": forever})
    assert (content.data["expires_at"], content.data["is_permanent"]) == (None, True)


def test_an_order_and_shared_contacts_stay_as_meta_wrote_them() -> None:
    order, shared = bodies.only("message_order"), bodies.only("message_contacts")
    assert contents.describe(order).data == order.content
    assert contents.describe(shared).data == {"contacts": shared.raw["contacts"], "origin": "other"}
    asked = read("contacts", [{"name": {"formatted_name": "Bob"}}], origin="contact_request")
    assert asked.data["origin"] == "contact_request"


def test_an_edited_picture_brings_its_file() -> None:
    now = {"type": "image", "image": {"id": "17", "mime_type": "image/png", "caption": "better"}}
    content = read("edit", {"original_message_id": "wamid.1", "message": now})
    assert (content.data["message_id"], content.data["type"]) == ("wamid.1", "image")
    assert content.data["content"]["caption"] == "better"
    assert [file.meta_id for file in content.files] == ["17"]


def test_an_edit_of_an_edit_is_no_edit() -> None:
    told: dict[str, Any] = {"type": "text", "text": {"body": "x"}}
    for _ in range(200):
        told = {"type": "edit", "edit": {"original_message_id": "wamid.1", "message": told}}
    content = read("edit", told["edit"])
    assert (content.type, content.data["type"]) == ("edit", "unsupported")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text", {}),
        ("text", {"body": 7}),
        ("text", "just so"),
        ("image", {"mime_type": "image/png"}),
        ("location", {"latitude": "north", "longitude": 1}),
        ("location", {"latitude": True, "longitude": 1}),
        ("location", {"latitude": "1e999", "longitude": 1}),
        ("contacts", {"name": "Bob"}),
        ("reaction", {"emoji": "👍"}),
        ("order", {"catalog_id": "1"}),
        ("edit", {"original_message_id": "wamid.1"}),
        ("edit", {"message": {"type": "text", "text": {"body": "x"}}}),
        ("revoke", {"why": "so"}),
        ("telepathy", {"thought": 1}),
        ("telepathy", [1, 2]),
    ],
)
def test_what_makes_no_sense_is_unsupported_and_kept_whole(kind: str, told: Any) -> None:
    content = read(kind, told)
    assert content.type == "unsupported"
    assert (content.data["kind"], content.data["errors"]) == (kind, [])
    kept = {kind: told} if isinstance(told, list) else told
    assert content.data["raw"] == (kept if kept != {} else {})


def test_a_reply_of_tomorrow_names_itself() -> None:
    told = {"type": "address_message", "address_message": {"city": "Oslo"}}
    content = read("interactive", told)
    assert (content.type, content.data) == ("unsupported", {"kind": "address_message", "errors": [], "raw": told})


def test_members_of_tomorrow_stay_where_they_stood() -> None:
    content = read("text", {"body": "x", "mood": "good"}, tone="calm", context={"id": "w", "mentioned": True})
    assert content.data == {
        "body": "x",
        "mood": "good",
        "extra": {"tone": "calm", "context": {"mentioned": True}},
    }


def test_errors_beside_a_content_are_told_with_it() -> None:
    content = read("text", {"body": "x"}, errors=[{"code": 131000, "message": "Something", "error_data": "odd"}])
    assert content.data == {"body": "x", "errors": [{"code": 131000, "title": "Something", "details": None}]}


def test_coordinates_are_numbers_also_where_meta_sends_text() -> None:
    content = read("location", {"latitude": "59.91", "longitude": 10, "url": "https://oslo.example"})
    assert (content.data["latitude"], content.data["longitude"]) == (59.91, 10)
    assert content.data["url"] == "https://oslo.example"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
WORDS = [
    "type",
    "id",
    "body",
    "sha256",
    "mime_type",
    "caption",
    "latitude",
    "longitude",
    "contacts",
    "payload",
    "emoji",
]
WORDS += ["message_id", "product_items", "wa_id", "user_id", "identity", "original_message_id", "message", "nfm_reply"]
WORDS += ["response_json", "call_permission_reply", "expiration_timestamp", "button_reply", "extra", "context"]
VALUES = ANYTHING | st.sampled_from(["text", "nfm_reply", "call_permission_reply", "button_reply", "{}", "1e999"])
CONTENT = ANYTHING | st.recursive(
    st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(WORDS), inner | VALUES, max_size=5),
    max_leaves=4,
)


@given(st.sampled_from([*sorted(contents._MAKERS), "unsupported", "telepathy"]), CONTENT, CONTENT)
def test_no_content_on_earth_breaks_anything(kind: str, told: Any, beside: Any) -> None:
    more = beside if isinstance(beside, dict) else {"extra": beside}
    message = {"id": "m", "from": "1", "type": kind, kind: told}
    raw = bodies.body(bodies.value(messages=[more | message]))
    (item, *_) = webhooks.parse(raw).items
    assert isinstance(item, Said)
    content = contents.describe(item)
    assert content.type in {"unsupported", kind}
    assert msgspec.json.decode(content.json) == msgspec.json.decode(msgspec.json.encode(content.data))
