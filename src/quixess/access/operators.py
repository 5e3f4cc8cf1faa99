"""Operator tokens: they open the management API, and no key does. Kept as a hash, shown once, revoked for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from quixess.access.brands import AccessError
from quixess.access.secrets import hash_operator_secret, make_operator_secret, well_formed_operator
from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.vault import Keyring

_NOBODY = UUID(int=0)
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class OperatorToken:
    """A token as it is listed: everything but the secret. `hint` is `qxo_…` and its last 4.

    `brand_ids` are the brands that it is for, None all of them.
    """

    id: UUID
    name: str
    hint: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    brand_ids: frozenset[UUID] | None


@dataclass(frozen=True, slots=True)
class Operator:
    """Who a valid operator token speaks for. `brand_ids` are the brands that it is for, None all of them."""

    token_id: UUID
    name: str
    brand_ids: frozenset[UUID] | None = None

    @property
    def actor(self) -> str:
        """Who the audit says it was: `opt_…`."""
        return ids.show("opt", self.token_id)

    def may_manage(self, brand_id: UUID) -> bool:
        """Tell whether the token is for this brand."""
        return self.brand_ids is None or brand_id in self.brand_ids


async def mint_operator_token(
    tx: Tx,
    keyring: Keyring,
    *,
    name: str,
    actor: str,
    expires_in: timedelta | None = None,
    brand_ids: Sequence[UUID] | None = None,
) -> tuple[str, OperatorToken]:
    """Mint an operator token, for these brands or for all, and return its secret, shown this once, with the token.

    Raises AccessError for no name.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise AccessError(f"Name the token by 1 to {_LONGEST_NAME} printable characters: who or what uses it.")
    secret, token_id, version = make_operator_secret(), ids.new(), keyring.pepper_version
    row = await tx.row(
        """INSERT INTO operator_token (token_hash, pepper_version, id, name, last4, expires_at, brand_ids)
           VALUES ($1, $2, $3, $4, $5, now() + $6::interval, $7) RETURNING *""",
        hash_operator_secret(keyring, secret.encode(), version), version, token_id, name, secret[-4:], expires_in,
        None if brand_ids is None else sorted(set(brand_ids)),
    )  # fmt: skip
    assert row is not None  # noqa: S101 - INSERT … RETURNING returns its row
    await _audit(tx, actor, "operator_token.minted", token_id)
    return secret, _token(row)


async def list_operator_tokens(tx: Tx) -> list[OperatorToken]:
    """List all operator tokens, oldest first."""
    return [_token(row) for row in await tx.rows("SELECT * FROM operator_token ORDER BY id")]


async def revoke_operator_token(tx: Tx, token_id: UUID, *, actor: str) -> OperatorToken:
    """Revoke a token for good: the next request with it is refused. Raises AccessError when there is none."""
    row = await tx.row(
        "UPDATE operator_token SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING *", token_id
    )
    if row is None:
        raise AccessError("There is no such operator token: `quixess operator token list` shows them all.")
    await _audit(tx, actor, "operator_token.revoked", token_id)
    return _token(row)


async def find_operator(db: Database, keyring: Keyring, presented: bytes) -> Operator:
    """Find who a token speaks for, and note the use to the minute.

    Raises `invalid_operator_token` alike for a malformed, unknown, revoked or expired one.
    """
    if well_formed_operator(presented):
        hashes = [hash_operator_secret(keyring, presented, version) for version in keyring.peppers]
        async with db.statement() as tx:
            row = await tx.row(
                """WITH found AS (
                     SELECT id, name, brand_ids, last_used_at FROM operator_token
                     WHERE token_hash = ANY($1::bytea[]) AND revoked_at IS NULL
                       AND (expires_at IS NULL OR expires_at > now())),
                   noted AS (
                     UPDATE operator_token t SET last_used_at = now() FROM found f
                     WHERE t.id = f.id AND (f.last_used_at IS NULL OR f.last_used_at < now() - interval '1 minute'))
                   SELECT id, name, brand_ids FROM found""",
                hashes,
            )
        if row is not None:
            return Operator(row["id"], row["name"], _brands(row))
    raise QuixessError(
        "invalid_operator_token",
        "Check that the full qxo_… token was copied, and that it is neither revoked nor expired.",
    )


async def _audit(tx: Tx, actor: str, action: str, token_id: UUID) -> None:
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object) VALUES ($1, $2, $3, $4, $5)",
        _NOBODY, ids.new(), actor, action, ids.show("opt", token_id),
    )  # fmt: skip


def _token(row: Row) -> OperatorToken:
    return OperatorToken(
        row["id"], row["name"], f"qxo_…{row['last4']}", row["created_at"], row["expires_at"], row["revoked_at"],
        row["last_used_at"], _brands(row),
    )  # fmt: skip


def _brands(row: Row) -> frozenset[UUID] | None:
    return None if row["brand_ids"] is None else frozenset(row["brand_ids"])
