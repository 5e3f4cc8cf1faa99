"""Links: addresses that open a door once and for a while. The token stands in the address, its hash in the table."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.people.roles import Role
from quixess.vault import Keyring

_SHAPE = re.compile(r"qxl_[0-9a-f]{64}")


class Kind(StrEnum):
    """What a link opens."""

    SETUP = "setup"
    INVITATION = "invitation"
    RESET = "reset"
    SECOND_FACTOR = "second_factor"


LIVES: dict[Kind, timedelta] = {
    Kind.SETUP: timedelta(hours=1),
    Kind.INVITATION: timedelta(days=7),
    Kind.RESET: timedelta(minutes=30),
    Kind.SECOND_FACTOR: timedelta(minutes=5),
}


@dataclass(frozen=True, slots=True)
class Link:
    """What a link that is still good says. An invitation names e-mail, brand and role; the others a person, or none."""

    id: UUID
    kind: Kind
    person_id: UUID | None
    brand_id: UUID | None
    email: str | None
    role: Role | None
    inbox: bool
    created_by: str
    created_at: datetime
    expires_at: datetime


async def make(
    tx: Tx,
    keyring: Keyring,
    kind: Kind,
    *,
    created_by: str,
    person_id: UUID | None = None,
    brand_id: UUID | None = None,
    email: str | None = None,
    role: Role | None = None,
    inbox: bool = False,
) -> tuple[str, Link]:
    """Make a link and return its token, which is shown this once, with the link."""
    token = f"qxl_{secrets.token_hex(32)}"
    row = await tx.row(
        """INSERT INTO link (token_hash, id, kind, operator_id, brand_id, email, role, inbox, created_by, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::interval) RETURNING *""",
        _hash(keyring, token), ids.new(), kind, person_id, brand_id, email, role, inbox, created_by, LIVES[kind],
    )  # fmt: skip
    assert row is not None  # noqa: S101 - INSERT … RETURNING returns its row
    return token, _link(row)


async def find(tx: Tx, keyring: Keyring, kind: Kind, token: str) -> Link | None:
    """Give what a link says without using it; None for one that is unknown, used or too old."""
    if not _SHAPE.fullmatch(token):
        return None
    row = await tx.row(
        "SELECT * FROM link WHERE token_hash = ANY($1::bytea[]) AND kind = $2 AND expires_at > now()",
        _hashes(keyring, token), kind,
    )  # fmt: skip
    return _link(row) if row is not None else None


async def use(tx: Tx, keyring: Keyring, kind: Kind, token: str) -> Link | None:
    """Use a link up. Of several that try it at once one gets it, the others None."""
    if not _SHAPE.fullmatch(token):
        return None
    row = await tx.row(
        "DELETE FROM link WHERE token_hash = ANY($1::bytea[]) AND kind = $2 AND expires_at > now() RETURNING *",
        _hashes(keyring, token), kind,
    )  # fmt: skip
    return _link(row) if row is not None else None


async def withdraw(tx: Tx, kind: Kind, *, person_id: UUID | None = None, email: str | None = None) -> None:
    """Take back the links of a kind: those of a person, those for an e-mail address, or with neither all of them."""
    await tx.execute(
        """DELETE FROM link WHERE kind = $1 AND ($2::uuid IS NULL OR operator_id = $2)
             AND ($3::text IS NULL OR email = $3)""",
        kind, person_id, email,
    )  # fmt: skip


async def open_invitations(tx: Tx, brand_id: UUID) -> list[Link]:
    """List the invitations to a brand that nobody has followed yet, the newest first."""
    rows = await tx.rows(
        """SELECT * FROM link WHERE brand_id = $1 AND brand_id IS NOT NULL AND kind = 'invitation'
             AND expires_at > now() ORDER BY id DESC""",
        brand_id,
    )
    return [_link(row) for row in rows]


async def take_back(tx: Tx, brand_id: UUID, link_id: UUID) -> Link | None:
    """Take one invitation to a brand back; None when there is no such."""
    row = await tx.row(
        "DELETE FROM link WHERE brand_id = $1 AND id = $2 AND kind = 'invitation' RETURNING *", brand_id, link_id
    )
    return _link(row) if row is not None else None


async def sweep(tx: Tx, most: int) -> int:
    """Delete links that are too old, at most so many, and return how many."""
    done = await tx.execute(
        """DELETE FROM link WHERE token_hash = ANY (ARRAY(
             SELECT token_hash FROM link WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED))""",
        most,
    )
    return int(done.rpartition(" ")[2])


def _link(row: Row) -> Link:
    return Link(
        row["id"], Kind(row["kind"]), row["operator_id"], row["brand_id"], row["email"],
        Role(row["role"]) if row["role"] else None, row["inbox"], row["created_by"], row["created_at"],
        row["expires_at"],
    )  # fmt: skip


def _hashes(keyring: Keyring, token: str) -> list[bytes]:
    return [_hash(keyring, token, version) for version in keyring.peppers]


def _hash(keyring: Keyring, token: str, version: int | None = None) -> bytes:
    return keyring.hash(token.encode(), purpose=b"link", version=version)
