"""People: the conversations of somebody who is asked for by phone, by user id or by a conversation's id."""

from uuid import UUID

from quixess.database.core import Tx

_MOST = 50
# A number that its owner gave up leads nowhere: whoever has it now is somebody else.
_CONTACTS = """
  SELECT k.id FROM contact k WHERE k.brand_id = $1 AND k.phone = $2
  UNION SELECT a.contact_id FROM phone_alias a
    WHERE a.brand_id = $1 AND a.phone = $2 AND (a.until IS NULL OR a.until > now())
  UNION SELECT k.id FROM contact k WHERE k.brand_id = $1 AND k.user_id = $3
  UNION SELECT a.contact_id FROM user_alias a WHERE a.brand_id = $1 AND a.user_id = $3"""


async def conversations_with(tx: Tx, brand_id: UUID, *, phone: str | None, user_id: str | None) -> set[UUID]:
    """Find the conversations with whoever has a phone (digits) or a user id; both must lead to one when both are given.

    A conversation that became part of another one is not among them: its messages are in the other.
    """
    found = [
        await _of_contact(tx, brand_id, *names) for names in ((phone, None), (None, user_id)) if names != (None, None)
    ]
    return set.intersection(*found) if found else set()


async def current(tx: Tx, brand_id: UUID, conversation_id: UUID) -> UUID | None:
    """Give the id of the conversation that this one is part of, its own as a rule; None when there is none."""
    row = await tx.row(
        """SELECT coalesce(v.merged_into, v.id) AS id FROM conversation v WHERE v.brand_id = $1 AND v.id = $2""",
        brand_id,
        conversation_id,
    )
    return None if row is None else row["id"]


async def _of_contact(tx: Tx, brand_id: UUID, phone: str | None, user_id: str | None) -> set[UUID]:
    rows = await tx.rows(
        f"""SELECT v.id FROM ({_CONTACTS}) k
            CROSS JOIN LATERAL (
              SELECT t.id FROM conversation t
              WHERE t.brand_id = $1 AND t.contact_id = k.id AND t.merged_into IS NULL LIMIT {_MOST}) v""",
        brand_id,
        phone,
        user_id,
    )
    return {row["id"] for row in rows}
