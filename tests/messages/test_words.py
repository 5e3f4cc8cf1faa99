"""Words: what a text is indexed by and what is asked for meet, whatever was written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quixess.messages import words
from quixess.messages.words import Term


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is my Parcel A-1042?", ["where", "is", "my", "parcel", "a", "1042"]),
        ("Straße CAFÉ naïve Ωμέγα", ["strasse", "cafe", "naive", "ωμεγα"]),
        ("ｆｕｌｌ ½", ["full", "1", "2"]),
        ("你好吗 iPhone手机", ["你好", "好吗", "吗", "iphone", "手机", "机"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("مُحَمَّد", ["محمد"]),
        ("😀 ?! _", []),
        ("x" * 50, ["x" * 40]),
        ("again and again", ["again", "and"]),
    ],
)
def test_a_text_has_these_words(text: str, expected: list[str]) -> None:
    assert words.of(text) == expected


def test_of_a_long_text_the_first_64_words_count() -> None:
    text = " ".join(f"w{n}" for n in range(100_000))
    assert words.of(text) == [f"w{n}" for n in range(64)]


def test_a_star_belongs_to_the_word_before_it() -> None:
    assert words.read("red par* a-10*") == [Term("red"), Term("par", prefix=True), Term("a"), Term("10", prefix=True)]
    assert words.read("* ?") == []


def matches(term: Term, found: list[str]) -> bool:
    return any(word.startswith(term.word) if term.prefix else word == term.word for word in found)


@given(st.text(max_size=60))
@example("手机iPhone")
@example("ัก็")
def test_every_text_is_found_by_itself(text: str) -> None:
    found = words.of(text)
    assert all(matches(term, found) for term in words.read(text))


@given(st.text(max_size=60))
def test_words_are_bounded_folded_and_fit_the_database(text: str) -> None:
    for word in words.of(text):
        assert 0 < len(word) <= words.LONGEST
        assert "\x00" not in word
        assert matches(words.read(word)[0], words.of(word))
