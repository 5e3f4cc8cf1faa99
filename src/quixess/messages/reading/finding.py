"""Finding conversations: by what the people are called, by their numbers, and by the words of the messages.

Names have no index: they are looked through among the conversations that were active last, numbers and words are found
however old. So a search costs the same in a large inbox as in a small one.
"""

from uuid import UUID

from quixess.database.core import Tx
from quixess.messages import words
from quixess.messages.reading import people, search
from quixess.messages.reading.pages import AFTER_ALL, BEFORE_ALL

LOOK = 5_000
"""How many conversations are looked through by name, those that were active last."""
_MOST = 500
_NUMBER = 3  # fewer digits are a word like any other
_SIGNS = str.maketrans("", "", "+-() ./\u00a0")
_NAMED = f"""
  SELECT v.id FROM (
    SELECT x.id, x.contact_id FROM conversation x WHERE x.brand_id = $1 AND x.merged_into IS NULL
    ORDER BY x.active_at DESC, x.id DESC LIMIT {LOOK}) v
  CROSS JOIN LATERAL (SELECT * FROM contact c WHERE c.brand_id = $1 AND c.id = v.contact_id LIMIT 1) k
  WHERE strpos(lower(k.name), $2) > 0 OR strpos(lower(k.username), $2) > 0
     OR ($3 <> '' AND strpos(k.phone, $3) > 0) LIMIT {_MOST}"""
_SAID = """
  SELECT DISTINCT m.conversation_id AS id FROM unnest($2::uuid[]) AS f(id)
  CROSS JOIN LATERAL (
    SELECT x.conversation_id FROM message x WHERE x.brand_id = $1 AND x.id = f.id LIMIT 1) m"""


async def conversations_about(tx: Tx, brand_id: UUID, query: str, *, in_messages: bool) -> set[UUID]:
    """Find conversations by a name or a part of it, a phone number, and `in_messages` by words that were said.

    Raises `invalid_request` for more words than search takes.
    """
    digits = query.translate(_SIGNS)
    digits = digits if digits.isascii() and digits.isdecimal() and len(digits) >= _NUMBER else ""
    rows = await tx.rows(_NAMED, brand_id, query.strip().lower(), digits)
    found = {row["id"] for row in rows}
    if digits:
        found |= await people.conversations_with(tx, brand_id, phone=digits, user_id=None)
    if in_messages and words.read(query):
        found |= await _said(tx, brand_id, query)
    return found


async def _said(tx: Tx, brand_id: UUID, query: str) -> set[UUID]:
    hits = await search.find(tx, brand_id, search.read(query), before=AFTER_ALL, since=BEFORE_ALL, most=_MOST)
    rows = await tx.rows(_SAID, brand_id, hits.ids[:_MOST])
    return {row["id"] for row in rows}
