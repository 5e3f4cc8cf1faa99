"""Numbers: whose the items of Meta's webhooks are, and those that are nobody's."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from quixess import feed
from quixess.connections.model import Number, Stray
from quixess.database.core import Tx
from quixess.feed import Kind

_LONGEST_ID = 64  # of a stray's, which may be anything; an index takes no more than 2,700 bytes
_SILENT_S = 600.0
_MOST_TOLD = 1_000


async def find_numbers(tx: Tx, phone_number_ids: Sequence[str]) -> dict[str, Number]:
    """Find whose numbers these are. A number of nobody is missing from the answer."""
    rows = await tx.rows(
        """SELECT n.*, c.display_phone AS display FROM unnest($1::text[]) AS wanted(phone_number_id)
           JOIN number n ON n.phone_number_id = wanted.phone_number_id
           JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id""",
        list(phone_number_ids),
    )
    return {row["phone_number_id"]: Number(*(row[name] for name in Number.__struct_fields__)) for row in rows}


async def find_accounts(tx: Tx, waba_ids: Sequence[str]) -> dict[str, list[Number]]:
    """Find the numbers of these WABAs, whatever the brand and the app. An unknown WABA is missing from the answer."""
    rows = await tx.rows(
        """SELECT n.*, c.display_phone AS display FROM unnest($1::text[]) AS wanted(waba_id)
           JOIN number n ON n.waba_id = wanted.waba_id
           JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id
           ORDER BY n.brand_id, n.connection_id""",
        list(waba_ids),
    )
    found: dict[str, list[Number]] = {}
    for row in rows:
        found.setdefault(row["waba_id"], []).append(Number(*(row[name] for name in Number.__struct_fields__)))
    return found


async def count_strays(tx: Tx, strays: Sequence[Stray]) -> None:
    """Count items that belong to no number or WABA of the app that signed them."""
    last = {(one.app_id, one.about[:_LONGEST_ID], one.reason): one.intake_id for one in strays}
    counted = Counter((one.app_id, one.about[:_LONGEST_ID], one.reason) for one in strays)
    for key in sorted(counted):
        await tx.execute(
            """INSERT INTO stray AS s (app_id, phone_number_id, reason, items, last_intake_id)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (app_id, phone_number_id, reason) DO UPDATE
                 SET items = s.items + excluded.items, last_intake_id = excluded.last_intake_id, last_at = now()""",
            *key,
            counted[key],
            last[key],
        )


async def note_webhooks(tx: Tx, heard: Mapping[UUID, Number]) -> None:
    """Note that Meta's webhooks reach us for these connections: it proves the pipe alive. Written every 5 s at most.

    Pages are told of the first one, and of the first after a long silence: they would ask Meta anew for each.
    """
    ordered = sorted(heard)
    rows = await tx.rows(
        """UPDATE connection c SET webhook_seen_at = now()
           FROM (SELECT w.brand_id, w.id, w.webhook_seen_at AS before
                 FROM unnest($1::uuid[], $2::uuid[]) AS h(brand_id, id)
                 JOIN connection w ON w.brand_id = h.brand_id AND w.id = h.id
                 WHERE w.webhook_seen_at IS NULL OR w.webhook_seen_at < now() - interval '5 seconds') AS h
           WHERE c.brand_id = h.brand_id AND c.id = h.id
             AND (c.webhook_seen_at IS NULL OR c.webhook_seen_at < now() - interval '5 seconds')
           RETURNING c.brand_id, c.id, coalesce(h.before < now() - $3 * interval '1 second', true) AS awake""",
        [heard[connection_id].brand_id for connection_id in ordered],
        ordered,
        _SILENT_S,
    )
    for row in rows:
        if row["awake"]:
            feed.tell(tx, row["brand_id"], Kind.CONNECTION, row["id"])


async def note_handshake(tx: Tx, app_id: str) -> None:
    """Tell the pages of every brand with a number of this app that Meta has verified the app's webhook."""
    rows = await tx.rows(
        """SELECT c.brand_id, c.id FROM connection c WHERE c.app_id = $1 AND c.state <> 'disconnected'
           ORDER BY c.brand_id, c.id LIMIT $2""",
        app_id,
        _MOST_TOLD,
    )
    for row in rows:
        feed.tell(tx, row["brand_id"], Kind.CONNECTION, row["id"])
