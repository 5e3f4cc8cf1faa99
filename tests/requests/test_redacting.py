"""How much of a request may be kept: its shape and harmless words, never a code, a text or a whole number."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.requests import redact
from quixess.requests.redacting import MOST_BYTES

CODE = st.from_regex(r"[0-9]{4,15}|[0-9A-Z]{4,15}", fullmatch=True).filter(
    lambda code: any(letter.isdigit() for letter in code)
)


def kept(body: Any) -> Any:
    text = redact({}, b"", msgspec.json.encode(body))
    assert text is not None
    return json.loads(text)["body"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"template_name": "signup_otp", "language": "en_US"}, {"template_name": "signup_otp", "language": "en_US"}),
        ({"template_name": "hello"}, {"template_name": "hello"}),
        ({"template_name": "482913"}, {"template_name": "•••"}),
        ({"to": "+12818184370"}, {"to": "+1281•••4370"}),
        ({"to": "12818184370"}, {"to": "•••"}),
        ({"type": "text", "text": {"body": "See you at eight"}}, {"type": "text", "text": {"body": "•••"}}),
        ({"variables": {"body": ["Frank", "A-1042"]}}, {"variables": {"body": "••• (2)"}}),
        (
            {"variables": {"body": {"name": "frank", "language": "de"}}},
            {"variables": {"body": {"name": "•••", "language": "•••"}}},
        ),
        ({"metadata": {"type": "text", "ORDER": "1"}}, {"metadata": {"type": "•••"}}),
        ({"type": "location", "location": {"name": "shop"}}, {"type": "location", "location": {"name": "•••"}}),
        ({"text": {"body": "hi"}}, {"text": {"body": "•••"}}),
        ({"text": {"body": "delivered"}, "status": "delivered"}, {"text": {"body": "•••"}, "status": "delivered"}),
        ({"types": ["message.failed", "482913"]}, {"types": ["message.failed", "•••"]}),
        ({"mark_read": True, "typing": None}, {"mark_read": True, "typing": None}),
        ({"index": 0, "code": 482913, "price": 1.5}, {"index": 0, "code": "•••", "price": "•••"}),
        ({"reply_to": "wamid.HBgLMTI4MTgx"}, {"reply_to": "•••"}),
        ({"482913": 1, "CODE": 2, "to": None}, {"to": None, "…": "2 more"}),
        (["482913"], ["•••"]),
        ("482913", "•••"),
    ],
)
def test_harmless_words_stay_and_everything_else_is_hidden(sent: Any, shown: Any) -> None:
    assert kept(sent) == shown


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b'{"code": 482913', b"[" * 5000])
def test_what_is_no_json_is_only_said_to_be_none(raw: bytes) -> None:
    assert redact({}, b"", raw) == '{"body":"••• (no JSON)"}'


def test_a_long_body_is_only_measured() -> None:
    assert kept({"text": "x" * 20_000}) == "••• (20,011 bytes)"


def test_long_lists_and_objects_are_cut() -> None:
    assert kept({"body": list(range(30))})["body"][-1] == "… 10 more"
    assert kept({f"a_{'b' * n}": None for n in range(1, 25)})["…"] == "4 more"


def test_nothing_asked_is_nothing_kept() -> None:
    assert redact({}, b"", None) is None
    assert redact({}, b"", b"") is None


def test_path_and_query_are_kept_beside_each_other() -> None:
    text = redact({"id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5"}, b"limit=25&q=482913&status=failed&cursor=abcdefgh", None)
    assert text is not None
    assert json.loads(text) == {
        "path": {"id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5"},
        "query": {"limit": "25", "q": "•••", "status": "failed", "cursor": "•••"},
    }


def placed(code: str) -> list[Any]:
    """Bodies with a code in every place where a caller may put it by mistake."""
    good = {"to": "+12818184370", "code": code, "template_name": "signup_otp"}
    return [
        good,
        good | {"template_name": code},
        good | {"language": code},
        good | {"to": code},
        good | {"metadata": {"otp": code, code: "1"}},
        good | {code: code},
        {"template_name": "signup_otp", "variables": {"body": [code], "buttons": [{"index": 0, "url_suffix": code}]}},
        {"components": [{"type": "body", "parameters": [{"type": "text", "text": code}]}]},
        {"type": code, "text": {"body": f"Your code is {code}"}},
        {"conversation_id": code, "status": code, "name": code},
        [code],
    ]


@given(CODE)
def test_a_code_is_kept_in_no_place(code: str) -> None:
    for body in placed(code):
        assert code not in redact_all(body)
        if code.isdigit():
            assert code.lstrip("0") not in redact_all({"code": int(code)}) or int(code) < 1000


def redact_all(body: Any) -> str:
    return redact({}, b"", msgspec.json.encode(body)) or ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, width=32) | st.text(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=30), inner, max_size=30),
    max_leaves=60,
)


@given(JSON, st.dictionaries(st.text(max_size=9), st.text(max_size=70), max_size=3), st.binary(max_size=200))
def test_whatever_was_asked_makes_valid_text_of_bounded_length(body: Any, path: dict[str, str], query: bytes) -> None:
    text = redact(path, query, msgspec.json.encode(body))
    if text is not None:
        assert len(text.encode()) <= MOST_BYTES
        assert isinstance(json.loads(text), dict)
