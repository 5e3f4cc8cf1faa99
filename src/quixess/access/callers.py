"""Callers: whom a presented key speaks for. There is no cache: a revoked key is refused by the next request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from quixess.access import constraints as narrowing
from quixess.access.brands import Brand
from quixess.access.constraints import UNCONSTRAINED, Constraints
from quixess.access.secrets import hash_secret, well_formed
from quixess.access.uses import Uses
from quixess.database.batching import Batcher
from quixess.database.core import Database, Row
from quixess.errors import QuixessError
from quixess.vault import Keyring

NO_KEY = UUID(int=0)
"""In the place of a key's id: a person sends, from the dashboard. The message has no key then."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a valid key speaks for. `brand_id` is None for a key that is bound to no brand."""

    key_id: UUID
    lineage_id: UUID
    brand_id: UUID | None
    brand_state: str | None
    scopes: frozenset[str]
    constraints: Constraints = UNCONSTRAINED


def of_person(person_id: UUID, brand: Brand, *scopes: str) -> Caller:
    """Make the caller of what a person sends for a brand without a key. Their role was looked at already.

    Raises `brand_suspended`.
    """
    if brand.state != "active":
        raise QuixessError(
            "brand_suspended", "Ask the operator of this installation: no message of the brand goes out."
        )
    return Caller(NO_KEY, person_id, brand.id, brand.state, frozenset(scopes))


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a caller may know of its own key, beside what stands in `Caller`."""

    name: str
    brand_name: str | None
    expires_at: datetime | None
    last_used_at: datetime | None


class Keys:
    """Finds the caller of a key. Concurrent look-ups share one read; nothing is kept between them."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring
        self._found: Batcher[bytes, Caller | None] = Batcher(self._find, lanes=1)
        self._uses = Uses(db)

    @property
    def batchers(self) -> dict[str, Batcher[Any, Any]]:
        """What is batched here."""
        return {"keys": self._found}

    async def authenticate(self, presented: bytes) -> Caller:
        """Find who a key speaks for.

        Raises `invalid_api_key` alike for a malformed, unknown, revoked or expired key, and `key_constraint` for one
        whose constraints this version cannot read.
        """
        if well_formed(presented):
            for version in self._keyring.peppers:
                if caller := await self._found.submit(hash_secret(self._keyring, presented, version)):
                    return caller
        raise QuixessError(
            "invalid_api_key",
            "Check that the full qxs_… secret was copied, and that it is neither revoked nor expired.",
        )

    def note_use(self, caller: Caller) -> None:
        """Note that a caller's key was used, to be written down later."""
        self._uses.note(caller.key_id)

    async def introduce(self, caller: Caller) -> Introduction:
        """Tell a caller what its key is called, which brand it is of, when it ends and when it was used."""
        async with self._db.statement() as tx:
            row = await tx.row(
                """SELECT k.name, b.name AS brand_name, k.expires_at, k.last_used_at
                   FROM api_key k LEFT JOIN brand b ON b.id = k.brand_id WHERE k.id = $1""",
                caller.key_id,
            )
        assert row is not None  # noqa: S101 - keys are never deleted
        return Introduction(row["name"], row["brand_name"], row["expires_at"], row["last_used_at"])

    async def close(self) -> None:
        """Return when the last uses are written down."""
        await self._uses.close()

    async def _find(self, hashes: Sequence[bytes]) -> list[Caller | Exception | None]:
        async with self._db.statement() as tx:
            rows = await tx.rows(
                """SELECT k.id, k.lineage_id, k.brand_id, k.key_hash, k.scopes, k.constraints,
                          b.state AS brand_state
                   FROM unnest($1::bytea[]) AS wanted(key_hash)
                   JOIN api_key k ON k.key_hash = wanted.key_hash
                   LEFT JOIN brand b ON b.id = k.brand_id
                   WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())""",
                list(set(hashes)),
            )
        found = {row["key_hash"]: _caller(row) for row in rows}
        return [found.get(key_hash) for key_hash in hashes]


def _caller(row: Row) -> Caller | QuixessError:
    try:
        constraints = narrowing.read(row["constraints"])
    except QuixessError as error:
        return error
    return Caller(
        row["id"], row["lineage_id"], row["brand_id"], row["brand_state"], frozenset(row["scopes"]), constraints
    )
