"""What browsers send becomes a checked struct, or texts beside every field at fault."""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from starlette.datastructures import FormData

from quixess.dashboard import forms
from quixess.errors import QuixessError, invalid


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Order(msgspec.Struct):
    name: Annotated[str, Meta(min_length=1, max_length=10)]
    colours: Annotated[list[Colour], Meta(min_length=1)]
    count: Annotated[int, Meta(ge=1, le=99)] = 1
    urgent: bool = False
    size: Literal["s", "m"] | None = None
    note: Annotated[str, Meta(max_length=20, extra={"fix": "Write a short note."})] | None = None
    password: Annotated[str, Meta(extra={"raw": True, "secret": True})] = ""


def read(*pairs: tuple[str, str]) -> Order:
    return forms.read(FormData(list(pairs)), Order)


def faults(*pairs: tuple[str, str]) -> dict[str, str]:
    with pytest.raises(QuixessError) as caught:
        read(*pairs)
    assert caught.value.code == "invalid_request"
    return forms.faults(caught.value)


def test_a_form_becomes_a_struct():
    order = read(("name", " Shoes "), ("colours", "red"), ("colours", "blue"), ("count", "3"), ("urgent", "true"))

    assert order == Order("Shoes", [Colour.RED, Colour.BLUE], 3, True)


def test_what_is_empty_was_left_out():
    assert read(("name", "x"), ("colours", "red"), ("count", ""), ("size", ""), ("note", "  ")) == Order(
        "x", [Colour.RED]
    )


def test_every_field_at_fault_is_told_at_once():
    assert faults(("name", "far too long a name"), ("count", "many"), ("size", "xl"), ("note", "n" * 21)) == {
        "name": "At most 10 characters.",
        "colours": "Choose at least one.",
        "count": "Write a number.",
        "size": "Choose one of those that are shown.",
        "note": "Write a short note.",
    }


def test_a_field_that_is_missing_is_to_be_filled_in():
    assert faults(("colours", "red")) == {"name": "Fill this in."}


def test_a_colour_that_does_not_exist_is_refused_without_being_repeated():
    told = faults(("name", "x"), ("colours", "<script>"))

    assert told == {"colours": "Choose one of those that are shown."}


def test_a_password_stays_as_it_was_typed_and_is_never_shown_again():
    form = FormData([("name", "x"), ("colours", "red"), ("password", "  \u00e9 ")])

    assert forms.read(form, Order).password == "  \u00e9 "
    assert forms.sent(form, Order) == {
        "name": "x", "colours": ["red"], "count": "", "urgent": "", "size": "", "note": "",
    }  # fmt: skip


def test_line_ends_are_line_feeds_and_texts_are_composed():
    assert read(("name", "e\u0301a\r\nb"), ("colours", "red")).name == "\u00e9a\nb"


def test_control_characters_are_refused():
    assert faults(("name", "a\x00b"), ("colours", "red")) == {
        "name": "This has a character that cannot be printed: type it anew."
    }


def test_a_rule_over_several_fields_comes_through():
    class Span(msgspec.Struct):
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise invalid("/high", "too_small", "The end lies before the beginning.")

    with pytest.raises(QuixessError) as caught:
        forms.read(FormData([("low", "2"), ("high", "1")]), Span)

    assert forms.faults(caught.value) == {"high": "The end lies before the beginning."}


@given(st.lists(st.tuples(st.sampled_from(["name", "colours", "count", "urgent", "size", "note", "x"]), st.text())))
def test_nothing_that_is_sent_breaks_a_form(pairs):
    try:
        order = read(*pairs)
    except QuixessError as error:
        told = forms.faults(error)
        assert set(told) <= {"name", "colours", "count", "urgent", "size", "note"}
        assert all(text for text in told.values())
    else:
        assert 1 <= len(order.name) <= 10
        assert order.colours
        assert 1 <= order.count <= 99
