"""Idempotency-Key: one key is at most one WhatsApp message.

A row is `dispatching` while its request runs, `final` with the answer to replay, or `unknown` when nobody can say
whether Meta took the message; `unknown` becomes `final` by evidence only. No row: never seen, or released because
certainly nothing was sent. Rows belong to a credential lineage, so a rotated key still finds its answers.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from quixess.database.core import Row, Tx, columns
from quixess.errors import FieldError, QuixessError
from quixess.vault import Keyring

_SHAPE = re.compile(r"[A-Za-z0-9_.:~-]{1,255}")


class Claim(msgspec.Struct, frozen=True):
    """One request's wish to run once. `fingerprint` covers the operation and the whole validated body."""

    lineage_id: UUID
    key: str
    brand_id: UUID
    operation: str
    fingerprint: bytes
    message_id: UUID


class Final(msgspec.Struct, frozen=True):
    """The answer to keep for a key. `message_id` makes sure that it is this request's row and no later one's."""

    lineage_id: UUID
    key: str
    message_id: UUID
    state: str
    status: int
    body: bytes


class Kept(msgspec.Struct, frozen=True):
    """What a key already stands for: a final answer, or the message whose outcome nobody knows yet."""

    message_id: UUID
    status: int | None
    body: bytes | None


def read_header(value: str | None) -> str | None:
    """Read the Idempotency-Key header; one pair of double quotes is allowed (the IETF draft writes it so).

    Raises `invalid_idempotency_key` unless it is 1 to 255 of `A-Z a-z 0-9 _ . : ~ -`.
    """
    if value is None:
        return None
    key = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not _SHAPE.fullmatch(key):
        detail = "Idempotency-Key takes 1 to 255 letters, digits and _ . : ~ - (a UUID is a good one)."
        fault = FieldError(None, "pattern", detail, parameter="Idempotency-Key")
        raise QuixessError("invalid_idempotency_key", detail, errors=(fault,))
    return key


def fingerprint(keyring: Keyring, operation: str, body: bytes) -> bytes:
    """Fingerprint a request, keyed: an unkeyed hash of a body with a six-digit code gives the code away."""
    return keyring.hash(operation.encode() + b"\x00" + body, purpose=b"request")


async def look_up(tx: Tx, keys: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Row]:
    """Find the rows of these (lineage, key) pairs. A final answer older than 24 h counts as not there."""
    rows = await tx.rows(
        """SELECT i.*, i.locked_until > now() AS running
           FROM unnest($1::uuid[], $2::text[]) AS wanted(lineage_id, key)
           CROSS JOIN LATERAL (
             SELECT * FROM idempotency k WHERE k.lineage_id = wanted.lineage_id AND k.key = wanted.key LIMIT 1) i
           WHERE NOT (i.state = 'final' AND i.expires_at <= now())""",
        *zip(*sorted(set(keys)), strict=True),
    )
    return {(row["lineage_id"], row["key"]): row for row in rows}


def judge(row: Row, operation: str, request: bytes) -> Kept:
    """Say what an existing row means for a request with this operation and fingerprint.

    Raises `idempotency_key_reused` for another request, `idempotency_in_progress` while the first one runs.
    """
    if row["operation"] != operation or row["fingerprint"] != request:
        raise QuixessError(
            "idempotency_key_reused",
            "This Idempotency-Key belongs to a request with another body or endpoint: use a new key.",
        )
    if row["state"] == "dispatching" and row["running"]:
        raise QuixessError(
            "idempotency_in_progress",
            "The first request with this Idempotency-Key is still running: ask again in a second.",
            retry_after_s=1,
        )
    return Kept(row["message_id"], row["status"], row["body"])


async def claim(tx: Tx, claims: Sequence[Claim], *, lease_s: float) -> set[UUID]:
    """Claim these keys, each (lineage, key) once, and return the message ids of the claims that own theirs.

    Two claims of one key in a batch must be folded by the caller: the first one is given here.
    """
    ordered = sorted(claims, key=lambda claim: (claim.lineage_id, claim.key))
    rows = await tx.rows(
        """INSERT INTO idempotency AS i (lineage_id, key, brand_id, operation, fingerprint, message_id, state,
                                         locked_until, expires_at)
           SELECT c.lineage_id, c.key, c.brand_id, c.operation, c.fingerprint, c.message_id, 'dispatching',
                  now() + $7 * interval '1 second', now() + interval '24 hours'
           FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bytea[], $6::uuid[])
                AS c(lineage_id, key, brand_id, operation, fingerprint, message_id)
           ON CONFLICT (lineage_id, key) DO UPDATE
             SET brand_id = excluded.brand_id, operation = excluded.operation, fingerprint = excluded.fingerprint,
                 message_id = excluded.message_id, state = 'dispatching', locked_until = excluded.locked_until,
                 expires_at = excluded.expires_at, status = NULL, body = NULL
             WHERE i.state = 'final' AND i.expires_at <= now()
           RETURNING message_id""",
        *columns(ordered, "lineage_id", "key", "brand_id", "operation", "fingerprint", "message_id"),
        lease_s,
    )
    return {row["message_id"] for row in rows}


async def settle(tx: Tx, finals: Sequence[Final]) -> None:
    """Keep these answers. `unknown` never overwrites a known truth; an outcome_unknown may become the true 200."""
    ordered = sorted(finals, key=lambda final: (final.lineage_id, final.key))
    await tx.execute(
        """UPDATE idempotency AS i SET state = f.state, status = f.status, body = f.body
           FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::smallint[], $6::bytea[])
                AS f(lineage_id, key, message_id, state, status, body)
           WHERE i.lineage_id = f.lineage_id AND i.key = f.key AND i.message_id = f.message_id
             AND i.lineage_id = ANY ($1::uuid[]) AND i.key = ANY ($2::text[])
             AND (i.state <> 'final' OR (f.status = 200 AND i.status <> 200))""",
        *columns(ordered, "lineage_id", "key", "message_id", "state", "status", "body"),
    )


async def release(tx: Tx, held: Sequence[tuple[UUID, str, UUID]]) -> set[UUID]:
    """Give up claims, each (lineage, key, message), because certainly nothing was sent: the key may run again.

    Returns the messages of the claims that were in doubt already: somebody may have been told so.
    """
    if not held:
        return set()
    rows = await tx.rows(
        """DELETE FROM idempotency AS i
           USING unnest($1::uuid[], $2::text[], $3::uuid[]) AS r(lineage_id, key, message_id)
           WHERE i.lineage_id = r.lineage_id AND i.key = r.key AND i.message_id = r.message_id
             AND i.lineage_id = ANY ($1::uuid[]) AND i.key = ANY ($2::text[]) AND i.state <> 'final'
           RETURNING i.message_id, i.state""",
        *(list(column) for column in zip(*sorted(held), strict=True)),
    )
    return {row["message_id"] for row in rows if row["state"] == "unknown"}


async def sweep(tx: Tx, most: int = 10_000) -> int:
    """Delete final answers an hour after their 24 h, at most `most` at once, and return how many."""
    done = await tx.execute(
        """DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM idempotency WHERE state = 'final' AND expires_at < now() - interval '1 hour'
             LIMIT $1 FOR UPDATE SKIP LOCKED))""",
        most,
    )
    return int(done.rpartition(" ")[2])
