"""Query strings: read strictly, or refused with the parameter and the fix, and never echoed."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from starlette.requests import Request

from quixess.api import query
from quixess.api.pages import Paged
from quixess.errors import QuixessError, invalid
from tests.world import World

SECRET = "493817"
LISTS = ("/api/v1/whatsapp/external/webhook-events", "/api/v1/whatsapp/external/templates")


class Asked(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    word: Annotated[str, Meta(max_length=8, description="A word.")] | None = None
    state: Literal["open", "closed"] | None = None
    unread: bool | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    metadata: Annotated[dict[str, Annotated[str, Meta(max_length=5)]], Meta(max_length=2)] = msgspec.field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        if self.word == "ours":
            raise invalid("/word", "taken", "`word` is taken.")


class Needed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(description="who it is")]


def request(raw: str | bytes) -> Request:
    return Request({"type": "http", "query_string": raw.encode() if isinstance(raw, str) else raw})


def read(raw: str | bytes) -> Asked:
    return query.read(request(raw), Asked)


def fault(raw: str | bytes) -> tuple[str | None, str]:
    """The parameter that is named and the code; no parameter when none is at fault."""
    with pytest.raises(QuixessError) as caught:
        read(raw)
    error = caught.value
    assert (error.code, error.status) == ("invalid_request", 400)
    assert SECRET not in str(error)
    only = error.errors[0].as_json() if error.errors else {"code": error.detail}
    assert "pointer" not in only
    return only.get("parameter"), only["code"]


def test_everything_is_read_as_what_it_is() -> None:
    asked = read(
        "limit=7&word=a+b&state=open&unread=false&since=2026-05-15T10:30:00%2B02:00&metadata[order]=A-1&metadata%5Bx%5D=2"
    )
    assert (asked.limit, asked.word, asked.state, asked.unread) == (7, "a b", "open", False)
    assert asked.since == datetime(2026, 5, 15, 8, 30, tzinfo=UTC)
    assert asked.metadata == {"order": "A-1", "x": "2"}
    assert read("") == Asked()


def test_a_plus_that_nobody_encoded_is_still_a_time_zone() -> None:
    assert read("since=2026-05-15T10:30:00+02:00").since == datetime(2026, 5, 15, 8, 30, tzinfo=UTC)


def test_texts_are_brought_to_one_normal_form() -> None:
    assert read("word=" + quote("e\u0301")).word == "\u00e9"
    assert fault("metadata[%C3%A9]=1&metadata[e%CC%81]=2") == ("metadata", "repeated")


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("0", "too_small"),
        ("-1", "too_small"),
        ("101", "too_large"),
        ("1000000000", "too_large"),
        ("1e9", "wrong_type"),
        ("1_0", "wrong_type"),
        ("1.0", "wrong_type"),
        ("+5", "wrong_type"),
        ("%205", "wrong_type"),
        ("0x10", "wrong_type"),
        ("true", "wrong_type"),
        (quote("١٠"), "wrong_type"),
        (quote("１０"), "wrong_type"),
        ("9" * 5_000, "wrong_type"),
        ("10%0A", "control_character"),
        ("10%00", "control_character"),
        ("", "required"),
    ],
    ids=lambda value: value[:12],
)
def test_a_limit_is_1_to_100_in_ascii_digits(limit: str, code: str) -> None:
    """Hostile 18, as it is read."""
    assert fault(f"limit={limit}") == ("limit", code)


def test_a_parameter_that_comes_twice_is_refused_even_when_both_are_the_same() -> None:
    """Hostile 18."""
    assert fault("limit=5&limit=5") == ("limit", "repeated")
    assert fault("limit=5&limit=6") == ("limit", "repeated")
    assert fault("metadata[a]=1&metadata[a]=1") == ("metadata", "repeated")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("word=", ("word", "required")),
        (f"word=123456789{SECRET}", ("word", "too_long")),
        ("word=ours", ("word", "taken")),
        ("word=a%0D%0Ab", ("word", "control_character")),
        (f"state={SECRET}", ("state", "not_allowed")),
        ("unread=True", ("unread", "wrong_type")),
        ("unread=1", ("unread", "wrong_type")),
        ("since=yesterday", ("since", "format")),
        ("since=2026-05-15T10:30:00", ("since", "format")),
        ("since=1747303800", ("since", "format")),
        ("since=2026-13-01T00:00:00Z", ("since", "format")),
        (f"metadata[a]=abcde{SECRET}", ("metadata", "too_long")),
        ("metadata[a]=1&metadata[b]=1&metadata[c]=1", ("metadata", "too_long")),
        ("metadata[%00]=1", ("metadata", "control_character")),
        ("metadata[a%0Ab]=1", ("metadata", "control_character")),
    ],
)
def test_what_is_wrong_is_named(raw: str, expected: tuple[str, str]) -> None:
    parameter, code = fault(raw)
    assert (parameter, code) == expected


def test_a_parameter_that_is_needed_is_named() -> None:
    with pytest.raises(QuixessError) as caught:
        query.read(request(""), Needed)
    (error,) = caught.value.errors
    assert (error.parameter, error.code, error.detail) == ("name", "required", "`name` is required: who it is.")


@pytest.mark.parametrize(
    "raw",
    [
        f"{SECRET}=1", f"word[{SECRET}]=1", "metadata[]=1", "metadata[a][b]=1", "metadata[a=1", "Limit=5", "limit%00=5",
        "=5",
    ],
)  # fmt: skip
def test_a_parameter_that_is_not_known_is_refused_and_the_known_ones_are_told(raw: str) -> None:
    parameter, told = fault(raw)
    assert parameter is None
    assert told.endswith("There are: cursor, limit, metadata[…], since, state, unread, word.")


@pytest.mark.parametrize(
    ("raw", "name"),
    [("metadata=1", "metadata"), ("page=2", "page"), ("brand_id=brd_01KAR3TZW4D1K7P3S6V8X0A2C4", "brand_id")],
)
def test_a_parameter_that_is_not_known_but_looks_like_one_is_named(raw: str, name: str) -> None:
    with pytest.raises(QuixessError) as caught:
        query.read(request(raw), Asked)
    (error,) = caught.value.errors
    assert (error.parameter, error.code) == (name, "unknown_field")
    assert error.detail.startswith(f"`{name}` is not a parameter here. There are: cursor, limit, metadata[…], since,")


@pytest.mark.parametrize(
    "raw",
    ["limit", "limit=5&", "limit=5&&word=a", "&limit=5", "word=%ff", "word=%C3", "word=%ED%A0%80", b"word=\xc3\xa9",
     "&".join(f"metadata[{n}]=1" for n in range(51))],
    ids=["bare", "end", "gap", "begin", "no UTF-8", "cut", "surrogate", "raw bytes", "51 of them"],
)  # fmt: skip
def test_what_is_no_query_is_refused(raw: str | bytes) -> None:
    parameter, told = fault(raw)
    assert parameter is None
    assert told == "The query is not valid: write name=value, percent-encoded."


@given(st.binary(max_size=80) | st.text(max_size=40).map(lambda text: quote(text, safe="=&[]%+").encode()))
def test_whatever_is_asked_it_is_read_or_refused(raw: bytes) -> None:
    status, limit = 200, 25
    try:
        limit = read(raw).limit
    except QuixessError as error:
        status = error.status
    assert status in {200, 400}
    assert 1 <= limit <= 100


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8))
def test_every_text_comes_through(text: str) -> None:
    word = read(urlencode({"word": text})).word if len(text) <= 8 and text != "ours" else None
    assert word is None or msgspec.json.decode(msgspec.json.encode(word)) == word


async def test_lists_refuse_every_limit_that_is_none(world: World) -> None:
    """Hostile 18, at the door: 400 with the parameter named."""
    limits = ["0", "-1", "101", "1000000000", "1e9", "1_0", quote("١٠"), "9" * 5_000, "5&limit=5"]
    for path in LISTS:
        for limit in limits:
            refused = await world.call("GET", f"{path}?limit={limit}")
            assert (refused.status, refused.json["code"]) == (400, "invalid_request"), limit[:20]
            assert [one["parameter"] for one in refused.json["errors"]] == ["limit"]
        for limit in ("1", "100"):
            assert (await world.call("GET", f"{path}?limit={limit}")).status == 200
