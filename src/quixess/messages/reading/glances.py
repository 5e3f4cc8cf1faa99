"""Glances: what an overview tells of a brand's messages and conversations, each at a cost that does not grow."""

from uuid import UUID

from quixess.database.core import Tx
from quixess.messages.reading import pages

LOOK = 200
"""How many conversations a glance looks at, those that were active last; of messages it looks at the latest."""
_TAKEN = ("accepted", "sent", "delivered", "read")
_ACTIVE = f"""SELECT unread, last_inbound_at FROM conversation WHERE brand_id = $1 AND merged_into IS NULL
  ORDER BY active_at DESC, id DESC LIMIT {LOOK}"""


async def unread(tx: Tx, brand_id: UUID) -> int:
    """Count the conversations with something unread, among the 200 that were active last."""
    await pages.pin(tx)
    row = await tx.row(f"SELECT count(*) FROM ({_ACTIVE}) v WHERE unread > 0", brand_id)
    return 0 if row is None else int(row["count"])


async def heard(tx: Tx, brand_id: UUID) -> bool:
    """Tell whether anybody wrote to the brand, in the 200 conversations that were active last."""
    await pages.pin(tx)
    return await tx.row(f"SELECT 1 FROM ({_ACTIVE}) v WHERE last_inbound_at IS NOT NULL LIMIT 1", brand_id) is not None


async def sent(tx: Tx, brand_id: UUID) -> bool:
    """Tell whether Meta took a message of the brand, among its latest."""
    await pages.pin(tx)
    row = await tx.row(
        f"""SELECT 1 FROM (
              SELECT direction, state FROM message WHERE brand_id = $1 ORDER BY id DESC LIMIT {LOOK}) m
            WHERE direction = 'outbound' AND state = ANY($2) LIMIT 1""",
        brand_id,
        _TAKEN,
    )
    return row is not None
