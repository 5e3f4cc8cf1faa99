"""CSV files: what a spreadsheet reads is what was meant, and nothing in it computes."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.dashboard.sheets import cell, sheet

FORMULAS = [
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    '=HYPERLINK("https://x")',
    "+4912345",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_begins_like_a_formula(text):
    assert cell(text) == "'" + text
    assert cell([text]) == str([text])


@pytest.mark.parametrize("value", ["Anna", "a=b", "", "1-2", "'quoted'", 5, -5, 2.5])
def test_what_is_no_formula_stays_as_it_is(value):
    assert cell(value) == value


def test_times_are_rfc_3339_and_nothing_is_nothing():
    assert cell(datetime(2026, 5, 15, 10, 30, tzinfo=UTC)) == "2026-05-15T10:30:00.000Z"
    assert cell(None) == ""
    assert cell(True) == "True"


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))), max_size=5))
def test_whatever_stands_in_a_list_comes_back_from_its_file(rows):
    answer = sheet("list.csv", ("a", "b"), rows)
    text = bytes(answer.body).decode("utf-8-sig")
    found = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert [[one.removeprefix("'") if one.startswith("'") else one for one in row] for row in found if row] == [
        [one.removeprefix("'") if one.startswith("'") else one for one in row] for row in rows if row
    ]


def test_the_browser_saves_it_and_keeps_no_copy():
    answer = sheet("list.csv", ("a",), [("ä",)])
    assert answer.headers["Content-Disposition"] == 'attachment; filename="list.csv"'
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store, private"
