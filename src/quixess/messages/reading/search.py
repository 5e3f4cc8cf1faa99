"""Search: the messages in which words occur, newest first, from the index of words alone.

The rarest word leads, as far as can be told from its newest messages; the others are looked up for what it found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from quixess.database.core import Tx
from quixess.errors import FieldError, QuixessError
from quixess.messages import words
from quixess.messages.reading.pages import BEFORE_ALL
from quixess.messages.words import Term

_LOOK = 1_000
_LOOKUPS = 20_000
_MOST_TERMS = 16
_MOST_ENDINGS = 200


@dataclass(frozen=True, slots=True)
class Found:
    """Ids of messages in which all words occur, newest first. Only older ones than `edge` can be missing, else none."""

    ids: list[UUID]
    edge: UUID | None


def read(query: str) -> list[Term]:
    """Read what is asked for. Raises `invalid_request` when there is no word in it, or more than 16."""
    terms = words.read(query)
    if not terms:
        raise refuse("q", "Write a letter or a digit: nothing else is searched for.")
    if len(terms) > _MOST_TERMS:
        raise refuse("q", f"Ask for at most {_MOST_TERMS} words.")
    return terms


def refuse(parameter: str, detail: str) -> QuixessError:
    """Build the 400 for one parameter of a search."""
    return QuixessError("invalid_request", detail, errors=(FieldError(None, "invalid", detail, parameter=parameter),))


async def find(tx: Tx, brand_id: UUID, terms: Sequence[Term], *, before: UUID, since: UUID, most: int | None) -> Found:
    """Find messages with ids below `before` and from `since` on. One word alone is read no further than `most`."""
    spelled = [await _spellings(tx, brand_id, term) for term in terms]
    if not all(spelled):
        return Found([], None)
    look = most if most is not None and len(spelled) == 1 else _LOOK
    newest = [await _newest(tx, brand_id, one, before, since, look) for one in spelled]
    lead = min(range(len(newest)), key=lambda place: newest[place].edge or BEFORE_ALL)
    others = [one for place, one in enumerate(spelled) if place != lead]
    found = _shorten(newest[lead], max(50, _LOOKUPS // max(1, sum(map(len, others)))))
    ids = found.ids
    for one in others:
        ids = await _having(tx, brand_id, one, ids)
    return Found(ids, found.edge)


def _shorten(found: Found, most: int) -> Found:
    if len(found.ids) <= most:
        return found
    return Found(found.ids[:most], found.ids[most - 1])


async def _spellings(tx: Tx, brand_id: UUID, term: Term) -> list[str]:
    """List the words that a term stands for: itself, or those that begin so. Raises `invalid_request` for too many."""
    if not term.prefix:
        return [term.word]
    rows = await tx.rows(
        """WITH RECURSIVE one AS (
             (SELECT x.word FROM message_word x
              WHERE x.brand_id = $1 AND x.word >= $2 AND x.word < $3 ORDER BY x.word LIMIT 1)
             UNION ALL
             SELECT (SELECT x.word FROM message_word x
                     WHERE x.brand_id = $1 AND x.word > one.word AND x.word < $3 ORDER BY x.word LIMIT 1)
             FROM one WHERE one.word IS NOT NULL)
           SELECT word FROM one WHERE word IS NOT NULL LIMIT $4""",
        brand_id,
        term.word,
        term.word + "\U0010ffff",
        _MOST_ENDINGS + 1,
    )
    if len(rows) > _MOST_ENDINGS:
        raise refuse("q", f"More than {_MOST_ENDINGS} words begin like this: write more letters before the star.")
    return [row["word"] for row in rows]


async def _newest(tx: Tx, brand_id: UUID, spellings: Sequence[str], before: UUID, since: UUID, look: int) -> Found:
    """Read the newest messages of each word, and drop what lies beyond the point up to which all of them are known."""
    each = max(2, look // len(spellings))
    rows = await tx.rows(
        """SELECT w.word, x.message_id FROM unnest($2::text[]) AS w(word)
           CROSS JOIN LATERAL (
             SELECT y.message_id FROM message_word y
             WHERE y.brand_id = $1 AND y.word = w.word AND y.message_id < $3 AND y.message_id >= $4
             ORDER BY y.message_id DESC LIMIT $5) x""",
        brand_id,
        spellings,
        before,
        since,
        each,
    )
    by_word: dict[str, list[UUID]] = {}
    for row in rows:
        by_word.setdefault(row["word"], []).append(row["message_id"])
    edge = max((found[-1] for found in by_word.values() if len(found) == each), default=None)
    ids = sorted({row["message_id"] for row in rows}, reverse=True)
    return Found([one for one in ids if edge is None or one >= edge], edge)


async def _having(tx: Tx, brand_id: UUID, spellings: Sequence[str], ids: Sequence[UUID]) -> list[UUID]:
    """Keep the messages in which one of these words occurs."""
    rows = await tx.rows(
        """SELECT c.id FROM unnest($2::uuid[]) AS c(id)
           CROSS JOIN LATERAL (
             SELECT 1 FROM unnest($3::text[]) AS w(word)
             CROSS JOIN LATERAL (
               SELECT 1 FROM message_word y
               WHERE y.brand_id = $1 AND y.word = w.word AND y.message_id = c.id LIMIT 1) z
             LIMIT 1) x""",
        brand_id,
        ids,
        spellings,
    )
    return sorted((row["id"] for row in rows), reverse=True)
