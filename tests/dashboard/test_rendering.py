"""What pages show: words and numbers for people, and nothing of what was written becomes markup."""

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from quixess.dashboard import charts, rendering
from quixess.dashboard.assets import Assets
from quixess.dashboard.charts import Series
from quixess.dashboard.rendering import Rendering

MOMENT = datetime(2026, 5, 15, 12, 30, 1, 250_000, tzinfo=timezone(timedelta(hours=2)))
HOSTILE = '<img src=x onerror="alert(1)">\u202e</script>'


@pytest.fixture(scope="module")
def pages() -> Rendering:
    return Rendering(Assets())


def shown(pages: Rendering, source: str, **context: Any) -> str:
    visit = SimpleNamespace(sent={})
    template = pages._environment.from_string(source)
    return template.render({"visit": visit, "faults": {}, "sent": {}} | context)


def test_a_time_says_how_long_ago_and_exactly_when():
    assert rendering.ago(MOMENT) == (
        '<time-ago datetime="2026-05-15T10:30:01.250Z" title="2026-05-15 10:30:01 UTC" hx-morph-skip-children>'
        "2026-05-15 10:30:01 UTC</time-ago>"
    )
    assert rendering.ago(None) == '<span class="muted">never</span>'
    assert ">10:30</time-ago>" in rendering.clock(MOMENT)


@pytest.mark.parametrize(
    ("digits", "text"),
    [("12818184370", "+1 281-818-4370"), ("+4915123456789", "+49 1512 3456789"), ("999", "+999"), (None, "")],
)
def test_phones_are_written_the_way_people_read_them(digits, text):
    assert rendering.phone(digits) == text


def test_numbers_have_their_unit():
    assert rendering.count(1_234_567) == "1\u202f234\u202f567"
    assert rendering.count(2.5) == "2.5"
    assert rendering.plural(1, "message") == "1 message"
    assert rendering.plural(2, "reply", "replies") == "2 replies"
    assert [rendering.size(n) for n in (12, 1_400, 12_000, 1_400_000)] == ["12 B", "1.4 KB", "12 KB", "1.4 MB"]
    assert [rendering.took(n) for n in (41.4, 2_500, 180_000)] == ["41 ms", "2.5 s", "3 min"]
    assert [rendering.lasts(n) for n in (1, 30, 600, 21_600, 259_200)] == ["1 s", "30 s", "10 min", "6 h", "3 days"]
    assert [rendering.share(1, 3), rendering.share(3, 3), rendering.share(1, 0)] == ["33.3 %", "100 %", ""]


def test_json_is_laid_out_and_what_is_none_stays():
    assert rendering.pretty('{"a":1}') == '{\n  "a": 1\n}'
    assert rendering.pretty(b"\xff nothing") == "\ufffd nothing"
    assert rendering.pretty({"at": MOMENT.astimezone(UTC)}).startswith('{\n  "at": "2026')


@pytest.mark.parametrize(
    "source",
    [
        '{% from "macros/basics.html" import pill %}{{ pill(text) }}',
        '{% from "macros/basics.html" import copyable %}{{ copyable(text, "id") }}',
        '{% from "macros/basics.html" import code %}{{ code(text, "c") }}',
        '{% from "macros/basics.html" import facts %}{{ facts([("Name", text)]) }}',
        '{% from "macros/basics.html" import stat %}{{ stat(text, text) }}',
        '{% from "macros/forms.html" import field %}{{ field("a", text, {"a": text}, {"a": text}, hint=text) }}',
        '{% from "macros/forms.html" import textarea %}{{ textarea("a", text, {"a": text}) }}',
        '{% from "macros/forms.html" import select %}{{ select("a", text, [(text, text)]) }}',
        '{% from "macros/forms.html" import segmented %}{{ segmented("a", text, [(text, text)], value=text) }}',
        '{% from "macros/forms.html" import checks %}{{ checks("a", text, [(text, text, text, text)]) }}',
        '{% from "macros/chat.html" import bubble %}{% call bubble("x", 1, "me", "") %}<p>{{ text }}</p>{% endcall %}',
        '{% from "macros/lists.html" import timeline %}{{ timeline([{"tone": "", "head": text, "says": text}]) }}',
    ],
)
def test_nothing_that_people_wrote_becomes_markup(pages, source):
    html = shown(pages, source, text=HOSTILE)

    assert "<img" not in html
    assert "&lt;img" in html
    assert 'onerror="' not in html


def test_a_name_that_a_template_was_not_given_is_an_error(pages):
    with pytest.raises(Exception, match="undefined"):
        shown(pages, "{{ nobody.knows }}")


def test_a_field_at_fault_is_marked_and_described(pages):
    source = '{% from "macros/forms.html" import field %}{{ field("name", "Name", sent, faults, hint="As in logs.") }}'

    html = shown(pages, source, sent={"name": "Shoes"}, faults={"name": "At most 3 characters."})

    assert 'value="Shoes"' in html
    assert 'aria-invalid="true" aria-describedby="hint-name err-name"' in html
    assert "At most 3 characters." in html


def test_a_password_is_never_filled_in(pages):
    source = (
        '{% from "macros/forms.html" import field %}{{ field("p", "Password", {"p": "hunter2"}, type="password") }}'
    )

    assert "hunter2" not in shown(pages, source)


HOURS = ["10:00", "11:00", "12:00"]


def test_bars_have_their_numbers_as_tooltips_and_in_a_table():
    drawn = charts.bars("Messages", HOURS, [Series("Delivered", [3, 0, 7]), Series("Failed", [1, 0, 0], 4)])

    assert drawn.svg.count('<rect class="c-') == 3
    assert "<title>10:00: Delivered 3, Failed 1</title>" in drawn.svg
    assert '<tr><th scope="row">12:00</th><td class="num">7</td><td class="num">0</td></tr>' in drawn.table
    assert drawn.legend == (("c-1", "Delivered"), ("c-4", "Failed"))


def test_a_line_is_broken_where_nothing_is_known_and_one_point_is_a_dot():
    drawn = charts.lines("Latency", HOURS, [Series("p50", [10, None, 20]), Series("p95", [10, 20, 30], 2)])

    assert drawn.svg.count("<circle") == 2
    assert drawn.svg.count("<polyline") == 1
    assert "–" in drawn.table


def test_an_empty_chart_says_so():
    assert "No traffic in this range" in charts.bars("Messages", HOURS, [Series("Sent", [0, 0, 0])]).svg
    assert "No traffic in this range" in charts.lines("Latency", [], [Series("p50", [])]).svg


@pytest.mark.parametrize(("most", "end"), [(0, 2), (2, 2), (3, 5), (7, 10), (11, 20), (480, 500), (1_000, 1_000)])
def test_axes_end_at_round_numbers(most, end):
    assert charts._nice(most) == end


def test_labels_of_charts_are_text(pages):
    drawn = charts.bars(HOSTILE, [HOSTILE], [Series(HOSTILE, [1])])

    assert "<img" not in drawn.svg + drawn.table


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("*482913* is your code", "<b>482913</b> is your code"),
        ("2*3*4 and * this * stay", "2*3*4 and * this * stay"),
        ("a *bold <i>* word", "a <b>bold &lt;i&gt;</b> word"),
        ("**", "**"),
    ],
)
def test_what_stands_between_asterisks_is_bold_as_on_a_phone(pages: Rendering, text: str, markup: str):
    assert shown(pages, "{{ text | emphasise }}", text=text) == markup
    assert shown(pages, "{{ text | said }}", text=text) == f"<bdi>{markup}</bdi>"


def test_somebody_has_the_same_colour_each_time(pages: Rendering):
    assert shown(pages, "{{ 'Maya' | hue }}") == shown(pages, "{{ 'Maya' | hue }}")
    assert {shown(pages, "{{ name | hue }}", name=f"Person {number}") for number in range(60)} == {
        f"hue-{number}" for number in range(6)
    }
