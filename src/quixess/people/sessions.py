"""Sessions: browsers that are signed in. They lie in a table, so that every process knows when one has ended.

The cookie holds 256 random bits and nothing else; the table has their keyed hash. A session ends after twelve hours
of rest or seven days, when it is revoked, when its person is disabled, and when their password changes elsewhere.
"""

import re
import secrets
from uuid import UUID

from quixess.access import Brand
from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.people.model import Membership, Person, Session, Visitor
from quixess.people.roles import Role
from quixess.vault import Keyring

IDLE_H, LONGEST_D, FRESH_MIN = 12, 7, 10

_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
_ALIVE = f"""s.revoked_at IS NULL AND s.seen_at > now() - interval '{IDLE_H} hours'
             AND s.created_at > now() - interval '{LONGEST_D} days'"""
_AGENT_LENGTH = 200


async def open_session(tx: Tx, keyring: Keyring, person_id: UUID, *, address: str | None, agent: str | None) -> str:
    """Sign somebody in who has just shown who they are. Returns the token for the cookie."""
    token = secrets.token_urlsafe(32)
    await tx.execute(
        """INSERT INTO session (token_hash, id, operator_id, stepped_up_at, address, agent)
           VALUES ($1, $2, $3, now(), $4, $5)""",
        _hash(keyring, token), ids.new(), person_id, address, agent and agent[:_AGENT_LENGTH],
    )  # fmt: skip
    return token


async def find_visitor(db: Database, keyring: Keyring, token: str) -> Visitor | None:
    """Find who a session speaks for and what they may, and note to the minute that it is used; None for none."""
    if not _SHAPE.fullmatch(token):
        return None
    hashes = [_hash(keyring, token, version) for version in keyring.peppers]
    async with db.statement() as tx:
        row = await tx.row(
            f"""WITH found AS (
                  SELECT s.id AS session_id, s.token_hash, s.brand_id, s.seen_at,
                         s.stepped_up_at > now() - interval '{FRESH_MIN} minutes' AS fresh,
                         o.id, o.email, o.name, o.totp_since, o.created_at, o.disabled_at
                  FROM session s JOIN operator o ON o.id = s.operator_id
                  WHERE s.token_hash = ANY($1::bytea[]) AND {_ALIVE} AND o.disabled_at IS NULL),
                noted AS (
                  UPDATE session s SET seen_at = now() FROM found f
                  WHERE s.token_hash = f.token_hash AND f.seen_at < now() - interval '1 minute')
                SELECT * FROM found""",
            hashes,
        )
        if row is None:
            return None
        memberships = await memberships_of(tx, row["id"])
    chosen = row["brand_id"] if any(one.brand.id == row["brand_id"] for one in memberships) else None
    return Visitor(person(row), row["session_id"], bool(row["fresh"]), memberships, chosen)


async def memberships_of(tx: Tx, person_id: UUID) -> tuple[Membership, ...]:
    """List what a person is for which brand, by the name of the brand."""
    rows = await tx.rows(
        """SELECT b.id, b.name, b.state, b.created_at, m.role, m.inbox
           FROM membership m JOIN brand b ON b.id = m.brand_id WHERE m.operator_id = $1 ORDER BY lower(b.name), b.id""",
        person_id,
    )
    return tuple(
        Membership(Brand(row["id"], row["name"], row["state"], row["created_at"]), Role(row["role"]), row["inbox"])
        for row in rows
    )


async def choose_brand(tx: Tx, session_id: UUID, brand_id: UUID) -> None:
    """Keep which brand a session looks at. Whether it is theirs is asked anew at every visit."""
    await tx.execute("UPDATE session SET brand_id = $2 WHERE id = $1", session_id, brand_id)


async def renew(tx: Tx, keyring: Keyring, session_id: UUID) -> str:
    """Give a session a new token, after its person has shown their password once more. The old one opens nothing."""
    token = secrets.token_urlsafe(32)
    await tx.execute(
        "UPDATE session SET token_hash = $2, stepped_up_at = now(), seen_at = now() WHERE id = $1",
        session_id, _hash(keyring, token),
    )  # fmt: skip
    return token


async def list_sessions(tx: Tx, person_id: UUID) -> list[Session]:
    """List where somebody is signed in, the last used first."""
    rows = await tx.rows(
        f"SELECT s.* FROM session s WHERE s.operator_id = $1 AND {_ALIVE} ORDER BY s.seen_at DESC, s.id DESC", person_id
    )
    return [Session(row["id"], row["created_at"], row["seen_at"], row["address"], row["agent"]) for row in rows]


async def revoke(tx: Tx, person_id: UUID, session_id: UUID) -> bool:
    """End one session of a person, from the next request on. Tells whether there was one."""
    done = await tx.execute(
        "UPDATE session SET revoked_at = now() WHERE operator_id = $1 AND id = $2 AND revoked_at IS NULL",
        person_id, session_id,
    )  # fmt: skip
    return done != "UPDATE 0"


async def revoke_all(tx: Tx, person_id: UUID, *, but: UUID | None = None) -> None:
    """End every session of a person, all but one if need be."""
    await tx.execute(
        """UPDATE session SET revoked_at = now()
           WHERE operator_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2""",
        person_id, but,
    )  # fmt: skip


async def still_open(tx: Tx, session_id: UUID, brand_id: UUID) -> bool:
    """Tell whether a session is alive and its person still belongs to a brand: what a long stream asks now and then."""
    row = await tx.row(
        f"""SELECT 1 FROM session s JOIN operator o ON o.id = s.operator_id
            JOIN membership m ON m.operator_id = o.id AND m.brand_id = $2
            WHERE s.id = $1 AND {_ALIVE} AND o.disabled_at IS NULL""",
        session_id, brand_id,
    )  # fmt: skip
    return row is not None


async def sweep(tx: Tx, most: int) -> int:
    """Delete sessions that ended a week ago, at most so many, and return how many."""
    done = await tx.execute(
        f"""DELETE FROM session WHERE token_hash = ANY (ARRAY(
              SELECT token_hash FROM session WHERE created_at < now() - interval '{2 * LONGEST_D} days'
              LIMIT $1 FOR UPDATE SKIP LOCKED))""",
        most,
    )
    return int(done.rpartition(" ")[2])


def person(row: Row) -> Person:
    """Make a person of a row of `operator`."""
    return Person(
        row["id"], row["email"], row["name"], row["totp_since"] is not None, row["created_at"], row["disabled_at"]
    )


def _hash(keyring: Keyring, token: str, version: int | None = None) -> bytes:
    return keyring.hash(token.encode(), purpose=b"session", version=version)
