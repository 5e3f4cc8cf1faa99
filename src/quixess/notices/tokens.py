"""Tokens: what happened to a brand's access token is kept and told like what Meta says of the account.

Whoever notices it, deep in a send or in a fetch, leaves a row; here it becomes a notice and an `account.updated`.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from quixess.connections import Number
from quixess.database.core import Database, Row, Tx
from quixess.events import outbox
from quixess.notices import accounts, keeping
from quixess.notices.addressing import Address
from quixess.notices.keeping import Notice
from quixess.vault import Keyring

FIELD = "token"
_AT_ONCE = 100


class Telling:
    """Tells what happened to tokens. Any number of processes may: each row is told once."""

    def __init__(self, db: Database, keyring: Keyring, dispatcher: outbox.Dispatcher | None) -> None:
        self._db = db
        self._keyring = keyring
        self._dispatcher = dispatcher

    async def run_once(self) -> int:
        """Tell what waits, for all brands, and return how much it was."""
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                notices = [_notice(row) for row in await _take(tx)]
                new = await keeping.keep(tx, notices) if notices else []
                await outbox.record(tx, self._keyring, [accounts.tell(one) for one in new], hand_off)
        return len(notices)


async def _take(tx: Tx) -> Sequence[Row]:
    return await tx.rows(
        """WITH next AS MATERIALIZED (
             SELECT brand_id, id FROM token_news ORDER BY brand_id, id LIMIT $1 FOR UPDATE SKIP LOCKED)
           DELETE FROM token_news t USING next, connection c
           WHERE t.brand_id = next.brand_id AND t.id = next.id
             AND c.brand_id = t.brand_id AND c.id = t.connection_id
           RETURNING t.*, c.phone_number_id, c.app_id, c.waba_id, c.display_phone""",
        _AT_ONCE,
    )


def _notice(row: Row) -> Notice:
    number = Number(
        phone_number_id=row["phone_number_id"],
        app_id=row["app_id"],
        waba_id=row["waba_id"],
        brand_id=row["brand_id"],
        connection_id=row["connection_id"],
        display=row["display_phone"],
    )
    value = {"event": row["word"], **msgspec.json.decode(row["detail"], type=dict[str, str | None])}
    return Notice(
        id=row["id"],
        address=Address(row["brand_id"], row["waba_id"], (number,), number),
        field=FIELD,
        event=row["word"],
        value=value,
        digest=hashlib.sha256(row["id"].bytes).digest(),
        at=row["at"],
    )
