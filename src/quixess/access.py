"""Who may do what: brands, scopes and API keys.

A key is brand × scopes: its brand never changes, its scopes can only be extended. It is stored as a hash and shown
once. There is no cache: a revoked key is refused by the next request in every process.
"""

import re
import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.vault import Keyring

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rb"qx[st]_[0-9A-Za-z]{46}")
_RANDOM, _CHECK = 40, 6
_NOBODY = UUID(int=0)


class Scope(StrEnum):
    """What a key may do. There are no wildcards."""

    SEND_OTP = "whatsapp:send_otp"
    SEND_TEMPLATE = "whatsapp:send_template"
    REPLY = "whatsapp:reply"
    READ_TEMPLATES = "whatsapp:read_templates"
    READ_MESSAGES = "whatsapp:read_messages"
    READ_CONVERSATIONS = "whatsapp:read_conversations"
    MANAGE_WEBHOOKS = "whatsapp:manage_webhooks"


class AccessError(ValueError):
    """An operator asked for something that cannot be; the text names the fix."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A tenant: one business with its own connections, keys, messages and events."""

    id: UUID
    name: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a valid key speaks for. `brand_id` is None for a key that is bound to no brand."""

    key_id: UUID
    lineage_id: UUID
    brand_id: UUID | None
    brand_state: str | None
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is listed: everything but the secret."""

    id: UUID
    brand_id: UUID | None
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def create_brand(tx: Tx, name: str) -> Brand:
    """Make a brand. Raises AccessError when the name is empty or taken."""
    if not (name := name.strip()):
        raise AccessError("A brand needs a name.")
    if name.startswith("brd_"):
        raise AccessError("A brand's name may not look like an id: leave out brd_.")
    row = await tx.row(
        "INSERT INTO brand (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING *", ids.new(), name
    )
    if row is None:
        raise AccessError(f"There is a brand called {name!r} already: choose another name.")
    return Brand(row["id"], row["name"], row["state"], row["created_at"])


async def find_brand(tx: Tx, brand: str) -> Brand:
    """Find a brand by its `brd_…` id or its name. Raises AccessError when there is none."""
    row = await tx.row("SELECT * FROM brand WHERE id = $1 OR name = $2", ids.parse("brd", brand), brand)
    if row is None:
        raise AccessError(f"There is no brand {brand!r}: `quixess brand list` shows them all.")
    return Brand(row["id"], row["name"], row["state"], row["created_at"])


async def list_brands(tx: Tx) -> list[Brand]:
    """List all brands, oldest first."""
    rows = await tx.rows("SELECT * FROM brand ORDER BY id")
    return [Brand(row["id"], row["name"], row["state"], row["created_at"]) for row in rows]


async def suspend_brand(tx: Tx, brand_id: UUID, *, suspended: bool) -> None:
    """Stop or resume a brand: the keys of a suspended brand are refused with 403."""
    state = "suspended" if suspended else "active"
    await tx.execute("UPDATE brand SET state = $2 WHERE id = $1", brand_id, state)


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
) -> tuple[str, Key]:
    """Mint a key and return its secret, which is shown this once, with the key. Raises AccessError on bad scopes."""
    wanted = check_scopes(scopes)
    secret, key_id = make_secret(test=test), ids.new()
    row = await tx.row(
        """INSERT INTO api_key (id, lineage_id, brand_id, key_hash, pepper_version, prefix8, last4, name, scopes,
                                created_by, expires_at)
           VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::interval) RETURNING *""",
        key_id, brand_id, _hash(keyring, secret.encode(), keyring.pepper_version), keyring.pepper_version,
        secret[:8], secret[-4:], name, wanted, actor, expires_in,
    )  # fmt: skip
    await _audit(tx, brand_id, actor, "key.minted", key_id)
    assert row is not None  # noqa: S101 - INSERT … RETURNING returns its row
    return secret, _key(row)


async def list_keys(tx: Tx, brand_id: UUID | None) -> list[Key]:
    """List the keys of a brand, or of all brands, oldest first."""
    rows = await tx.rows("SELECT * FROM api_key WHERE brand_id = $1 OR $1 IS NULL ORDER BY id", brand_id)
    return [_key(row) for row in rows]


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
    await _audit(tx, row["brand_id"], actor, "key.extended", key_id)
    return _key(row)


async def revoke_key(tx: Tx, key_id: UUID, *, actor: str) -> Key:
    """Revoke a key for good: the next request with it is refused in every process."""
    row = await tx.row("UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING *", key_id)
    if row is None:
        raise AccessError("There is no such key: `quixess key list` shows them all.")
    await _audit(tx, row["brand_id"], actor, "key.revoked", key_id)
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


def make_secret(*, test: bool = False) -> str:
    """Make a key's secret: `qxs_` (or `qxt_`), 40 random letters and digits (238 bits), 6 of their CRC-32."""
    body = ("qxt_" if test else "qxs_") + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
    return body + _checksum(body.encode())


def well_formed(presented: bytes) -> bool:
    """Tell whether this could be a key at all: shape and checksum, so that typing errors never reach the database."""
    return bool(_SHAPE.fullmatch(presented)) and presented[-_CHECK:] == _checksum(presented[:-_CHECK]).encode()


class Keys:
    """Finds the caller of a key. Concurrent look-ups share one read; nothing is kept between them."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring
        self._found: Batcher[bytes, Caller | None] = Batcher(self._find, lanes=1)

    async def authenticate(self, presented: bytes) -> Caller:
        """Find who a key speaks for.

        Raises `invalid_api_key` alike for a malformed, unknown, revoked or expired key.
        """
        if well_formed(presented):
            for version in self._keyring.peppers:
                if caller := await self._found.submit(_hash(self._keyring, presented, version)):
                    return caller
        raise QuixessError(
            "invalid_api_key", "Check that you copied the full qxs_… secret and that it has not been revoked."
        )

    async def _find(self, hashes: Sequence[bytes]) -> list[Caller | Exception | None]:
        async with self._db.statement() as tx:
            rows = await tx.rows(
                """SELECT k.id, k.lineage_id, k.brand_id, k.key_hash, k.scopes, b.state AS brand_state
                   FROM unnest($1::bytea[]) AS wanted(key_hash)
                   JOIN api_key k ON k.key_hash = wanted.key_hash
                   LEFT JOIN brand b ON b.id = k.brand_id
                   WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())""",
                list(set(hashes)),
            )
        found = {row["key_hash"]: _caller(row) for row in rows}
        return [found.get(key_hash) for key_hash in hashes]


def _hash(keyring: Keyring, secret: bytes, version: int) -> bytes:
    return keyring.hash(secret, purpose=b"api key", version=version)


def _checksum(body: bytes) -> str:
    number, letters = zlib.crc32(body), []
    for _ in range(_CHECK):
        number, digit = divmod(number, 62)
        letters.append(_LETTERS[digit])
    return "".join(reversed(letters))


def _caller(row: Row) -> Caller:
    return Caller(row["id"], row["lineage_id"], row["brand_id"], row["brand_state"], frozenset(row["scopes"]))


def _key(row: Row) -> Key:
    hint = f"{row['prefix8']}…{row['last4']}"
    return Key(
        row["id"], row["brand_id"], row["name"], hint, tuple(row["scopes"]),
        row["created_at"], row["expires_at"], row["revoked_at"],
    )  # fmt: skip


async def _audit(tx: Tx, brand_id: UUID | None, actor: str, action: str, object_id: UUID) -> None:
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object) VALUES ($1, $2, $3, $4, $5)",
        brand_id or _NOBODY, ids.new(), actor, action, ids.show("key", object_id),
    )  # fmt: skip
