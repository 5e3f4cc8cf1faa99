"""API keys: minted, listed, extended, rotated, revoked. A key is brand × scopes × constraints.

Its brand never changes, its scopes can only be extended, its constraints stay. It is kept as a hash and shown once.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from quixess.access import constraints as narrowing
from quixess.access.brands import AccessError, note_in_audit
from quixess.access.constraints import UNCONSTRAINED, Constraints
from quixess.access.secrets import hash_secret, make_secret
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.errors import QuixessError
from quixess.vault import Keyring

LONGEST_OVERLAP = timedelta(days=30)


class Scope(StrEnum):
    """What a key may do. There are no wildcards."""

    SEND_OTP = "whatsapp:send_otp"
    SEND_TEMPLATE = "whatsapp:send_template"
    REPLY = "whatsapp:reply"
    READ_TEMPLATES = "whatsapp:read_templates"
    READ_MESSAGES = "whatsapp:read_messages"
    READ_CONVERSATIONS = "whatsapp:read_conversations"
    MANAGE_WEBHOOKS = "whatsapp:manage_webhooks"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is listed: everything but the secret. `rotated_to` is the key that takes its place.

    `constraints` are None when this version cannot read them; such a key is refused.
    """

    id: UUID
    brand_id: UUID | None
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    constraints: Constraints | None
    lineage_id: UUID
    rotated_to: UUID | None
    last_used_at: datetime | None
    created_by: str


async def mint_key(
    tx: Tx,
    keyring: Keyring,
    brand_id: UUID | None,
    *,
    name: str,
    scopes: Iterable[str],
    actor: str,
    expires_in: timedelta | None = None,
    test: bool = False,
    constraints: Constraints = UNCONSTRAINED,
) -> tuple[str, Key]:
    """Mint a key and return its secret, which is shown this once, with the key. Raises AccessError on bad scopes."""
    wanted = check_scopes(scopes)
    secret, key_id = make_secret(test=test), ids.new()
    row = await tx.row(
        """INSERT INTO api_key (id, lineage_id, brand_id, key_hash, pepper_version, prefix8, last4, name, scopes,
                                created_by, expires_at, constraints)
           VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::interval, $11) RETURNING *""",
        key_id, brand_id, hash_secret(keyring, secret.encode(), keyring.pepper_version), keyring.pepper_version,
        secret[:8], secret[-4:], name, wanted, actor, expires_in, narrowing.write(constraints),
    )  # fmt: skip
    await note_in_audit(tx, brand_id, actor=actor, action="key.minted", key_id=key_id)
    assert row is not None  # noqa: S101 - INSERT … RETURNING returns its row
    return secret, _key(row)


async def list_keys(tx: Tx, brand_id: UUID | None) -> list[Key]:
    """List the keys of a brand, or of all brands, oldest first."""
    rows = await tx.rows("SELECT * FROM api_key WHERE brand_id = $1 OR $1 IS NULL ORDER BY id", brand_id)
    return [_key(row) for row in rows]


async def get_key(tx: Tx, key_id: UUID) -> Key:
    """Give a key by its id. Raises AccessError when there is none."""
    row = await tx.row("SELECT * FROM api_key WHERE id = $1", key_id)
    if row is None:
        raise _no_such_key()
    return _key(row)


async def extend_scopes(tx: Tx, key_id: UUID, scopes: Iterable[str], *, actor: str) -> Key:
    """Add scopes to a key. They count from the next request on. Raises AccessError when the key cannot be extended."""
    row = await tx.row(
        """UPDATE api_key SET scopes = ARRAY(SELECT DISTINCT unnest(scopes || $2::text[]) ORDER BY 1)
           WHERE id = $1 AND revoked_at IS NULL RETURNING *""",
        key_id,
        check_scopes(scopes),
    )
    if row is None:
        raise AccessError("There is no such key, or it is revoked: mint a new one.")
    await note_in_audit(tx, row["brand_id"], actor=actor, action="key.extended", key_id=key_id)
    return _key(row)


async def rotate_key(tx: Tx, keyring: Keyring, key_id: UUID, overlap: timedelta, *, actor: str) -> tuple[str, Key]:
    """Put a new key in the place of one, and return its secret, shown this once, with the new key.

    The new key has the brand, scopes, constraints and lineage of the old one: stored answers are found by both, and
    both draw on the same quotas. The old one ends after `overlap`, or earlier if it was to expire; the new one has no
    end. Raises AccessError when the key is gone, rotated already, or the overlap is not 0 to 30 days.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise AccessError("The old key can stay for 0 to 30 days.")
    old = await tx.row(
        """SELECT *, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AS alive
           FROM api_key WHERE id = $1 FOR UPDATE""",
        key_id,
    )
    if old is None:
        raise _no_such_key()
    if old["rotated_to"] is not None:
        raise AccessError(f"The key was rotated to {ids.show('key', old['rotated_to'])}: rotate that one.")
    if not old["alive"]:
        raise AccessError("The key is revoked or has expired: mint a new one.")
    secret, child = await _mint_child(tx, keyring, old, actor)
    await tx.execute(
        "UPDATE api_key SET rotated_to = $2, expires_at = least(expires_at, now() + $3::interval) WHERE id = $1",
        key_id, child.id, overlap,
    )  # fmt: skip
    await note_in_audit(tx, old["brand_id"], actor=actor, action="key.rotated", key_id=key_id)
    return secret, child


async def _mint_child(tx: Tx, keyring: Keyring, old: Row, actor: str) -> tuple[str, Key]:
    secret, key_id = make_secret(test=old["prefix8"].startswith("qxt_")), ids.new()
    row = await tx.row(
        """INSERT INTO api_key (id, lineage_id, brand_id, key_hash, pepper_version, prefix8, last4, name, scopes,
                                created_by, constraints)
           SELECT $2, lineage_id, brand_id, $3, $4, $5, $6, name, scopes, $7, constraints
           FROM api_key WHERE id = $1 RETURNING *""",
        old["id"], key_id, hash_secret(keyring, secret.encode(), keyring.pepper_version), keyring.pepper_version,
        secret[:8], secret[-4:], actor,
    )  # fmt: skip
    await note_in_audit(tx, old["brand_id"], actor=actor, action="key.minted", key_id=key_id)
    assert row is not None  # noqa: S101 - the old key is locked
    return secret, _key(row)


async def revoke_key(tx: Tx, key_id: UUID, *, actor: str) -> Key:
    """Revoke a key for good: the next request with it is refused in every process."""
    row = await tx.row("UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING *", key_id)
    if row is None:
        raise _no_such_key()
    await note_in_audit(tx, row["brand_id"], actor=actor, action="key.revoked", key_id=key_id)
    return _key(row)


def check_scopes(scopes: Iterable[str]) -> list[str]:
    """Return the scopes, sorted. Raises AccessError for none, a repeated or an unknown one."""
    wanted = list(scopes)
    known = ", ".join(Scope)
    if not wanted:
        raise AccessError(f"A key needs at least one scope of: {known}.")
    for scope in wanted:
        if scope not in set(Scope):
            raise AccessError(f"There is no scope {scope!r}; the scopes are: {known}.")
    if len(set(wanted)) < len(wanted):
        raise AccessError("A scope is named twice: name each once.")
    return sorted(wanted)


def _no_such_key() -> AccessError:
    return AccessError("There is no such key: `quixess key list` shows them all.")


def _key(row: Row) -> Key:
    hint = f"{row['prefix8']}…{row['last4']}"
    constraints: Constraints | None = None
    with suppress(QuixessError):
        constraints = narrowing.read(row["constraints"])
    return Key(
        row["id"], row["brand_id"], row["name"], hint, tuple(row["scopes"]), row["created_at"], row["expires_at"],
        row["revoked_at"], constraints, row["lineage_id"], row["rotated_to"], row["last_used_at"],
        row["created_by"],
    )  # fmt: skip
