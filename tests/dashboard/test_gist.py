"""What a message says in one line: whatever it is, short, and never an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.dashboard import gist, ladder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=400),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)
MEMBERS = ("body", "text", "title", "name", "caption", "filename", "emoji", "contacts", "address", "voice", "content")
KINDS = ("text", "image", "audio", "location", "contacts", "reaction", "edit", "template", "system", "telepathy")


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        ("text", {"body": "Hi\n there"}, "Hi there"),
        ("image", {"caption": "Like this"}, "Image: Like this"),
        ("image", {}, "Image"),
        ("audio", {"voice": True}, "Voice message"),
        ("document", {"filename": "bill.pdf", "caption": None}, "Document: bill.pdf"),
        ("location", {"latitude": 37.4, "longitude": -122.1, "name": "Philz"}, "Place: Philz"),
        ("location", {"latitude": 37.4, "longitude": -122.1}, "Place: 37.4, -122.1"),
        ("contacts", {"contacts": [{"name": {"formatted_name": "Bob"}}, {}]}, "Contact: Bob and 1 more"),
        ("reaction", {"emoji": "👍"}, "👍"),
        ("reaction", {"emoji": ""}, "Took a reaction back"),
        ("interactive", {"kind": "list_reply", "title": "Tomorrow"}, "Tomorrow"),
        ("edit", {"content": {"body": "Hi there, anybody?"}}, "Changed a message: Hi there, anybody?"),
        ("revoke", {"message_id": "wamid.x"}, "Deleted a message"),
        ("telepathy", {}, "Telepathy"),
    ],
)
def test_each_kind_has_its_line(kind: str, content: dict[str, object], line: str) -> None:
    assert gist.gist(kind, content) == line


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=5))
def test_no_content_breaks_the_line(kind: str, content: dict[str, object]) -> None:
    line = gist.gist(kind, content)

    assert 0 < len(line) <= gist.LONGEST
    assert "\n" not in line


@given(st.lists(st.floats(0.01, 86_400), min_size=1, max_size=20))
def test_a_ladder_has_its_attempts_in_order_on_the_line(waits: list[float]) -> None:
    drawn = ladder.draw(waits)
    places = [float(part.partition('"')[0]) for part in str(drawn.svg).split('cx="')[1:]]

    assert len(places) == len(waits) + 1
    assert places == sorted(places)
    assert 0 < places[0] < places[-1] < 640
