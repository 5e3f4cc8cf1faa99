"""What is sealed, and where: the one list of sealed columns, and the walks over all of them.

A value is bound to its place, so the list knows how each place is named. A test compares it with the tables.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from quixess.database.core import Database, Row
from quixess.vault import Keyring, Place, VaultError, key_of

_AT_ONCE = 200
_Change = tuple[Any, UUID | None, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Sealed:
    """One sealed column. `key` names the row by its text; `brand` is the column with its brand, None for global rows.

    `bound_as` is the column that its values are bound to, where that is another one.
    """

    table: str
    column: str
    key: str = "id::text"
    brand: str | None = "brand_id"
    bound_as: str | None = None

    def place(self, row: str, brand_id: UUID | None) -> Place:
        """Name the place of one value."""
        return Place(self.table, self.bound_as or self.column, row, brand_id)


COLUMNS = (
    Sealed("keyring_canary", "sealed", key="'only'", brand=None),
    Sealed("meta_app", "secret", brand=None),
    Sealed("meta_app", "previous_secret", brand=None),
    Sealed("meta_app", "verify_token", brand=None),
    Sealed("operator", "totp_secret", brand=None),
    Sealed("connection", "token"),
    Sealed("connection", "previous_token", bound_as="token"),  # it comes back as it went, without the keyring
    Sealed("connection", "pin"),
    Sealed("endpoint", "secret"),
    Sealed("endpoint", "previous_secret"),
    Sealed("endpoint", "headers"),
    Sealed("sandbox", "secret", key="brand_id::text"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk found: how many values under each key, and the places whose value does not open."""

    under: Counter[bytes]
    shut: tuple[Place, ...]


async def check(db: Database, keyring: Keyring) -> Found:
    """Open every sealed value of every brand, and count them by the key they are sealed under."""
    under: Counter[bytes] = Counter()
    shut: list[Place] = []
    for one in COLUMNS:
        for row in await _rows(db, one):
            under[key_of(row["value"])] += 1
            place = one.place(row["row"], row["brand_id"])
            try:
                keyring.open(row["value"], place)
            except VaultError:
                shut.append(place)
    return Found(under, tuple(shut))


async def reseal(db: Database, keyring: Keyring) -> tuple[int, tuple[Place, ...]]:
    """Wrap every sealed value of every brand under the first key; return how many were, and what does not open.

    Only what is not there yet is touched, a few rows in a transaction: it can be ended at any point and run again,
    while everything else goes on. A value that changes meanwhile is left to whoever changed it.
    """
    done, shut = 0, list[Place]()
    for one in COLUMNS:
        old = [row for row in await _rows(db, one) if key_of(row["value"]) != keyring.leading]
        for at in range(0, len(old), _AT_ONCE):
            changes = list(_wrap(keyring, one, old[at : at + _AT_ONCE], shut))
            done += await _write(db, one, changes) if changes else 0
    return done, tuple(shut)


def _wrap(keyring: Keyring, one: Sealed, rows: Sequence[Row], shut: list[Place]) -> Iterator[_Change]:
    for row in rows:
        place = one.place(row["row"], row["brand_id"])
        try:
            yield row["row"], row["brand_id"], row["value"], keyring.rewrap(row["value"], place)
        except VaultError:
            shut.append(place)


async def _rows(db: Database, one: Sealed) -> list[Row]:
    async with db.statement() as tx:
        return await tx.rows(
            f"SELECT {one.key} AS row, {one.brand or 'NULL::uuid'} AS brand_id, {one.column} AS value "
            f"FROM {one.table} WHERE {one.column} IS NOT NULL"
        )


async def _write(db: Database, one: Sealed, changes: Sequence[_Change]) -> int:
    """Put the new values where the old ones still stand. The bytes of a sealed value are never twice the same."""
    rows, brands, old, new = (list(column) for column in zip(*changes, strict=True))
    async with db.transaction() as tx:
        word = await tx.execute(
            f"UPDATE {one.table} SET {one.column} = n.new "
            "FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::bytea[]) AS n(row, brand, old, new) "
            f"WHERE {one.key} = n.row AND {one.brand or 'n.brand'} IS NOT DISTINCT FROM n.brand "
            f"AND {one.column} = n.old",
            rows, brands, old, new,
        )  # fmt: skip
    return int(word.rpartition(" ")[2])
