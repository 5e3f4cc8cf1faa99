"""Bodies: an error names the field and the fix, never the value, whatever was sent.

Numbers in comments are the lines of our list of attacks.
"""

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quixess.api import body, problem
from quixess.errors import QuixessError
from tests.api import bodies

# Fields

FIELDS = "at, code, components, labels, language, note, number, to, urgent, weight"


@pytest.mark.parametrize(
    ("raw", "pointer", "code", "detail"),
    [
        ("{}", "/to", "required", "`to` is required: the recipient in E.164."),
        (bodies.with_to(to=5), "/to", "wrong_type", "`to` must be a string: the recipient in E.164."),
        (bodies.with_to(to=None), "/to", "wrong_type", "`to` must be a string: the recipient in E.164."),
        (
            bodies.with_to(to="1" * 33),
            "/to",
            "too_long",
            "`to` must have at most 32 characters: the recipient in E.164.",
        ),
        (bodies.with_to(code="1"), "/code", "too_short", "`code` must have at least 4 characters."),
        (bodies.with_to(code="12 34"), "/code", "pattern", "`code` must match \\A[0-9A-Za-z]+$."),
        (bodies.with_to(note=5), "/note", "wrong_type", "`note` must be a string or null."),
        (bodies.with_to(language="fr"), "/language", "not_allowed", "`language` must be one of de, en_US."),
        (bodies.with_to(weight="1"), "/weight", "wrong_type", "`weight` must be a number."),
        (bodies.with_to(number=1.5), "/number", "wrong_type", "`number` must be an integer."),
        (bodies.with_to(number="5"), "/number", "wrong_type", "`number` must be an integer."),
        (bodies.with_to(urgent=1), "/urgent", "wrong_type", "`urgent` must be true or false."),
        (bodies.with_to(at="soon"), "/at", "format", "`at` must be a time in RFC 3339, such as 2026-05-15T10:30:00Z."),
        (bodies.with_to(labels=[]), "/labels", "wrong_type", "`labels` must be an object."),
        (
            bodies.with_to(labels={"x": "123456"}),
            "/labels",
            "too_long",
            "A value in `labels` must have at most 5 characters.",
        ),
        (bodies.with_to(components={}), "/components", "wrong_type", "`components` must be an array."),
        (bodies.with_to(components=[{}]), "/components/0/kind", "required", "`kind` is required."),
        (
            bodies.with_to(components=[{"kind": "text"}, {"kind": "gif"}]),
            "/components/1/kind",
            "not_allowed",
            "`kind` must be one of image, text.",
        ),
        (
            bodies.with_to(components=[{"kind": "text", "values": ["1", "2", "3", "4"]}]),
            "/components/0/values",
            "too_long",
            "`values` must have at most 3 members.",
        ),
        (
            bodies.with_to(components=[{"kind": "text", "values": ["1" * 11]}]),
            "/components/0/values/0",
            "too_long",
            "`values[0]` must have at most 10 characters.",
        ),
        (
            bodies.with_to(components=[{"kind": "text", "index": 10}]),
            "/components/0/index",
            "too_large",
            "`index` must be at most 9.",
        ),
        (
            bodies.with_to(components=[{"kind": "text", "index": -1}]),
            "/components/0/index",
            "too_small",
            "`index` must be at least 0.",
        ),
        ("[]", "", "wrong_type", "The body must be an object."),
        ("null", "", "wrong_type", "The body must be an object."),
        (
            bodies.with_to(too="x"),
            "/too",
            "unknown_field",
            f"`too` is not a field here. There are: {FIELDS}.",
        ),
        (
            bodies.with_to(components=[{"kind": "text", "colour": 1}]),
            "/components/0/colour",
            "unknown_field",
            "`colour` is not a field here. There are: index, kind, values.",
        ),
    ],
)
def test_a_wrong_field_is_pointed_at_and_told_how_to_be_right(raw: str, pointer: str, code: str, detail: str):
    assert bodies.fault(raw) == (pointer, code, detail)


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (bodies.with_to(brand_id="brd_1"), "/brand_id"),
        (bodies.with_to(components=[{"kind": "text", "brand_id": 1}]), "/components/0/brand_id"),
    ],
)
def test_a_brand_in_the_body_is_told_where_the_brand_comes_from(raw: str, pointer: str):
    # 14
    assert bodies.fault(raw) == (pointer, "unknown_field", "The brand comes from the API key. Leave `brand_id` out.")


def test_a_model_may_raise_an_error_of_ours_and_it_comes_through():
    assert bodies.fault(bodies.with_to(note="ours")) == ("/note", "taken", "`note` is taken.")


def test_any_other_complaint_of_a_model_is_kept_quiet_for_it_may_quote_a_value():
    assert bodies.fault(bodies.with_to(note="theirs", code=bodies.SECRET)) == ("", "invalid", "The body is not valid.")


# Nothing comes back


@pytest.mark.parametrize(
    "name",
    [
        bodies.SECRET,
        f"code {bodies.SECRET}",
        f"x` - at `$.{bodies.SECRET}",
        f"x` - at `$.labels[...].{bodies.SECRET}",
        f"x` - at `$.components[{bodies.SECRET}].{bodies.SECRET}",
        f"\n{bodies.SECRET}",
        f"Expected `{bodies.SECRET}`",
        f"é{bodies.SECRET}",
        f"a{bodies.SECRET}",
        "A" * 33 + bodies.SECRET,
    ],
)
def test_an_unknown_key_that_looks_like_no_name_is_not_repeated(name: str):
    error = bodies.refusal(bodies.with_to(**{name: 1}))
    assert error.errors[0].code == "unknown_field"
    assert bodies.SECRET not in _rendered(error)


def _rendered(error: QuixessError) -> str:
    status, headers, text = problem.render(error, "req_1")
    assert status in {400, 415}
    assert (b"content-length", b"%d" % len(text)) in headers
    return text.decode()


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just(bodies.SECRET)
    | st.just(int(bodies.SECRET)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just(bodies.SECRET), inner, max_size=4),
    max_leaves=8,
)
_MEMBERS = st.sampled_from([*bodies.Otp.__struct_fields__, "kind", "values", "brand_id", bodies.SECRET]) | st.text()


def _outcome(raw: bytes, content_type: str = "application/json") -> str:
    """Tell what a caller would see of a body: the whole error, or nothing."""
    try:
        bodies.decode(raw, content_type)
    except QuixessError as error:
        return _rendered(error)
    return ""


@given(st.dictionaries(_MEMBERS, _VALUES, max_size=6))
@example({"to": bodies.SECRET, "language": bodies.SECRET})
@example({"to": bodies.SECRET, "note": "theirs", "code": bodies.SECRET})
@example({"to": "1", "components": [{"kind": bodies.SECRET}]})
@example({"to": "1", "labels": {bodies.SECRET: bodies.SECRET}})
@example({"to": "1", "labels": {bodies.SECRET: "\x00"}})
def test_no_json_at_all_makes_an_error_that_repeats_a_secret(members: dict[str, Any]):
    assert bodies.SECRET not in _outcome(json.dumps(members).encode())


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"%b%b", b'{"to":"+1",%b%b}', b'{"to":"%b%b"}', b'{"to":%b"%b"}', b'{"to":"+1","note":%b,"code":"%b"}']
    ),
)
def test_no_bytes_at_all_raise_anything_but_an_error_of_ours(raw: bytes, frame: bytes):
    assert bodies.SECRET not in _outcome(frame % (raw, bodies.SECRET.encode()))


@given(st.text(max_size=60))
def test_no_content_type_at_all_raises_anything_but_an_error_of_ours(content_type: str):
    assert "unsupported_media_type" in _outcome(b'{"to":"+1"}', content_type)


class Box(msgspec.Struct, forbid_unknown_fields=True):
    box: Any


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda text: unicodedata.normalize("NFC", text))
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
)
_FLAT = _SCALARS | st.lists(_SCALARS) | st.dictionaries(_TEXTS, _SCALARS)


@given(_FLAT | st.lists(_FLAT) | st.dictionaries(_TEXTS, _FLAT), st.booleans())
def test_what_a_decent_client_writes_is_read_as_it_was_meant(value: Any, escaped: bool):
    text = json.dumps({"box": value}, ensure_ascii=escaped)
    assert body.decode(text.encode(), "application/json", Box).box == value
