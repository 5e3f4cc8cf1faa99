"""Tokens: the rows behind rotation. Who looks after a token holds its lease; what happens to one is noted to be told.

`token_due_at` is due time and lease at once. A token that is pasted anew sets it, and so fences off whoever was still
at work on the old one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from quixess import feed
from quixess.connections.claiming import Due, claim_rows
from quixess.connections.finding import load_each, token_place
from quixess.connections.model import Connection
from quixess.database import ids
from quixess.database.core import Tx
from quixess.feed import Kind
from quixess.meta.tokens import Life
from quixess.vault import Keyring

_ACTOR = "quixess"
_AGAIN_AFTER_S = 3600.0  # an exchange, after a new token proved bad


class Word(StrEnum):
    """What happened to a token, as `account.updated` names it."""

    REFUSED = "TOKEN_REFUSED"
    FELL_BACK = "TOKEN_FELL_BACK"
    NOT_RENEWED = "TOKEN_NOT_RENEWED"
    EXPIRING = "TOKEN_EXPIRING"


@dataclass(frozen=True, slots=True)
class Held:
    """A connection whose token this process looks after. `now` is the database's; `failed` when trouble was told."""

    connection: Connection
    lease: datetime
    now: datetime
    tries: int
    failed: bool
    warned: int | None

    @property
    def brand_id(self) -> UUID:
        """The brand of the connection."""
        return self.connection.brand_id


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a token comes to. `due_s` is when the next one is; `news` what to tell, each with a reason."""

    due_s: float
    fault: str | None = None
    failed: bool = False
    warned: int | None = None
    news: Mapping[Word, str] | None = None


async def claim(tx: Tx, keyring: Keyring, *, lease_s: float) -> list[Held]:
    """Take a few active connections of any brand whose token is due to be looked at."""
    rows = await claim_rows(tx, Due.TOKEN, again_s=lease_s)
    found = await load_each(tx, keyring, [(row["brand_id"], row["id"]) for row in rows])
    by_id = {one.id: one for one in found}
    return [
        Held(by_id[row["id"]], row["token_due_at"], row["now"], row["token_tries"], row["token_failed_at"] is not None,
             row["token_warned"])
        for row in rows if row["id"] in by_id
    ]  # fmt: skip


async def settle(tx: Tx, held: Held, life: Life | None, verdict: Verdict) -> bool:
    """Note how a token is, when to look again and what to tell. False when the token was changed meanwhile."""
    row = await tx.row(
        """UPDATE connection SET token_checked_at = now(), token_due_at = now() + $4 * interval '1 second',
             token_fault = $5, token_tries = CASE WHEN $5::text IS NULL THEN 0 ELSE token_tries + 1 END,
             token_failed_at = CASE WHEN $5::text IS NULL THEN NULL WHEN $6 THEN coalesce(token_failed_at, now())
                                    ELSE token_failed_at END,
             token_warned = $7,
             token_kind = CASE WHEN $8 THEN $9 ELSE token_kind END,
             token_since = CASE WHEN $8 THEN coalesce($10, token_since, now()) ELSE token_since END,
             token_expires_at = CASE WHEN $8 THEN $11 ELSE token_expires_at END,
             token_access_ends_at = CASE WHEN $8 THEN $12 ELSE token_access_ends_at END,
             previous_token = CASE WHEN previous_token_until > now() THEN previous_token END,
             previous_token_last4 = CASE WHEN previous_token_until > now() THEN previous_token_last4 END,
             previous_token_until = CASE WHEN previous_token_until > now() THEN previous_token_until END
           WHERE brand_id = $1 AND id = $2 AND token_due_at = $3 AND state = 'active' RETURNING id""",
        held.brand_id, held.connection.id, held.lease,
        verdict.due_s, verdict.fault, verdict.failed, verdict.warned,
        life is not None, life and life.kind, life and life.issued_at, life and life.expires_at,
        life and life.access_ends_at,
    )  # fmt: skip
    if row is None:
        return False
    for word, reason in (verdict.news or {}).items():
        ends_at = None if life is None else life.ends_at
        await _note(tx, held.connection, word, {"reason": reason, "expires_at": _shown(ends_at)})
    return True


async def swap(tx: Tx, keyring: Keyring, held: Held, token: str, life: Life, *, until: datetime, due_s: float) -> bool:
    """Put a new token in the place of the old one, which stays at hand `until` it expires.

    False when the token was changed meanwhile.
    """
    line = held.connection
    row = await tx.row(
        """UPDATE connection SET previous_token = token, previous_token_last4 = token_last4, previous_token_until = $4,
             token = $5, token_last4 = $6, token_kind = $7, token_since = coalesce($8, now()), token_expires_at = $9,
             token_access_ends_at = $10, token_checked_at = now(), token_rotated_at = now(),
             token_due_at = now() + $11 * interval '1 second', token_fault = NULL, token_failed_at = NULL,
             token_tries = 0, token_warned = NULL
           WHERE brand_id = $1 AND id = $2 AND token_due_at = $3 AND state = 'active' RETURNING id""",
        line.brand_id, line.id, held.lease, until, keyring.seal(token.encode(), token_place(line.brand_id, line.id)),
        token[-4:], life.kind, life.issued_at, life.expires_at, life.access_ends_at, due_s,
    )  # fmt: skip
    if row is None:
        return False
    old = line.credentials.token[-4:]
    detail = {"last4": token[-4:], "previous_last4": old, "expires_at": _shown(life.expires_at)}
    await _audit(tx, line.brand_id, line.id, "token.rotated", detail)
    return True


async def flag_unauthorized(tx: Tx, brand_id: UUID, connection_id: UUID, token: str) -> None:
    """Mark a connection whose token Meta no longer takes: its sends fail at once until an operator reconnects it.

    Where the token before this one lives still, it is used again instead. The owner is told in either case, once. A
    refusal of a token that was replaced meanwhile changes nothing.
    """
    row = await tx.row(
        """WITH refused AS (
             SELECT brand_id, id, previous_token IS NOT NULL AND previous_token_until > now() AS falls_back
             FROM connection WHERE brand_id = $1 AND id = $2 AND state = 'active' AND token_last4 = $3 FOR UPDATE)
           UPDATE connection c SET updated_at = now(),
             state = CASE WHEN falls_back THEN 'active' ELSE 'unauthorized' END,
             state_reason = CASE WHEN NOT falls_back THEN 'Meta no longer accepts the token' END,
             token = CASE WHEN falls_back THEN c.previous_token ELSE c.token END,
             token_last4 = CASE WHEN falls_back THEN c.previous_token_last4 ELSE c.token_last4 END,
             token_expires_at = CASE WHEN falls_back THEN c.previous_token_until ELSE c.token_expires_at END,
             token_fault = CASE WHEN falls_back THEN 'Meta refused the new token: the one before is used again' END,
             token_due_at = now() + $4 * interval '1 second',
             previous_token = NULL, previous_token_last4 = NULL, previous_token_until = NULL
           FROM refused r WHERE c.brand_id = r.brand_id AND c.id = r.id
           RETURNING falls_back""",
        brand_id, connection_id, token[-4:], _AGAIN_AFTER_S,
    )  # fmt: skip
    if row is not None:
        word = Word.FELL_BACK if row["falls_back"] else Word.REFUSED
        await _tell(tx, brand_id, connection_id, word, {"token_last4": token[-4:]})


async def _note(tx: Tx, connection: Connection, word: Word, detail: Mapping[str, str | None]) -> None:
    last4 = connection.credentials.token[-4:]
    await _tell(tx, connection.brand_id, connection.id, word, {"token_last4": last4, **detail})


async def _tell(tx: Tx, brand_id: UUID, connection_id: UUID, word: Word, detail: Mapping[str, str | None]) -> None:
    """Leave news for `notices.tokens`, which may speak to tenants, and write it in the audit."""
    await tx.execute(
        "INSERT INTO token_news (brand_id, id, connection_id, word, detail) VALUES ($1, $2, $3, $4, $5)",
        brand_id, ids.new(), connection_id, word.value, msgspec.json.encode(detail).decode(),
    )  # fmt: skip
    action = "token." + word.value.removeprefix("TOKEN_").lower()
    await _audit(tx, brand_id, connection_id, action, detail)


async def _audit(tx: Tx, brand_id: UUID, connection_id: UUID, action: str, detail: Mapping[str, str | None]) -> None:
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        brand_id, ids.new(), _ACTOR, action, ids.show("con", connection_id), msgspec.json.encode(detail).decode(),
    )  # fmt: skip
    feed.tell(tx, brand_id, Kind.CONNECTION, connection_id)


def _shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")
