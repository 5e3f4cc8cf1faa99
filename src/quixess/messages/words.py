"""Words: what a message is found by, taken out of its text alike when it is written and when it is asked for.

Letters count without case, width and accents. Where words are not parted by spaces (Chinese, Japanese, Thai …) each
letter with the one behind it is a word, so that any two neighbours are found.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from quixess.database.core import Tx

LONGEST = 40
MOST = 64
_READ = 16_384  # characters of a text that are looked at
_ASCII = re.compile(r"[a-z0-9]+")
# Accents of Latin, Greek and Cyrillic, and the points of Hebrew and Arabic, which few people type.
_ACCENTS = re.compile(
    r"[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]"
)
_UNPARTED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]+"
)


@dataclass(frozen=True, slots=True)
class Term:
    """One word that is asked for; with `prefix` any word that begins so."""

    word: str
    prefix: bool = False


def of(text: str) -> list[str]:
    """List the first 64 different words of a text, in its order. None is longer than 40 characters."""
    text = text[:_READ]
    if text.isascii():
        return list(dict.fromkeys([word[:LONGEST] for word in _ASCII.findall(text.lower())]))[:MOST]
    found: dict[str, None] = {}
    for run in _runs(text):
        for word in _split(run):
            found[word] = None
            if len(found) == MOST:
                return list(found)
    return list(found)


def read(query: str) -> list[Term]:
    """Read what is asked for: every word must occur, and one with a star behind it may go on.

    A single letter of a script without spaces is asked for with whatever comes behind it.
    """
    terms: dict[Term, None] = {}
    for part in query.split():
        words = [word for run in _runs(part) for word in _split(run)]
        if len(words) > 1 and _UNPARTED.fullmatch(words[-1]):
            words.pop()  # the last letter stands in the pair before it
        open_end = part.endswith("*")
        for place, word in enumerate(words, start=1):
            lone = len(word) == 1 and _UNPARTED.fullmatch(word) is not None
            terms[Term(word, prefix=lone or (open_end and place == len(words)))] = None
    return list(terms)


async def index(tx: Tx, texts: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Let messages be found by their words, each given once for ever, as (brand, message, text)."""
    found = [(brand, message, " ".join(of(text))) for brand, message, text in texts]
    if found:
        await tx.execute(
            """INSERT INTO message_word (brand_id, word, message_id)
               SELECT w.brand_id, one.word, w.message_id
               FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS w(brand_id, message_id, words)
               CROSS JOIN LATERAL string_to_table(w.words, ' ') AS one(word) WHERE one.word <> ''""",
            *(list(column) for column in zip(*found, strict=True)),
        )


def _runs(text: str) -> Iterator[str]:
    """Give the runs of letters, marks and digits, folded."""
    if text.isascii():
        yield from _ASCII.findall(text.lower())
        return
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", folded))
    yield from "".join(letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in plain).split(" ")


def _split(run: str) -> Iterator[str]:
    """Split a run where scripts meet: one with spaces stays whole, one without gives its pairs and its last letter."""
    start = 0
    for unparted in _UNPARTED.finditer(run):
        if start < unparted.start():
            yield run[start : unparted.start()][:LONGEST]
        yield from (one + other for one, other in pairwise(unparted[0]))
        yield unparted[0][-1]
        start = unparted.end()
    if start < len(run):
        yield run[start:][:LONGEST]
