"""Delays: after a few tries to sign in, each has to wait longer than the one before, a quarter of an hour at most.

They count by account and address together, so that nobody can lock another one out from elsewhere; and by address
alone, against one who goes through many accounts. A try counts before its password is looked at: a hundred at once
are a hundred tries.
"""

from uuid import UUID

from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.limits import spread
from quixess.vault import Keyring

_FREE = 5
_FREE_FROM_ADDRESS = 50
_LONGEST_S = 900
_FORGET = "1 day"


def of_account(keyring: Keyring, email: str, address: str | None) -> bytes:
    """Name the delay of one account as it is tried from one address. Known by hash only."""
    return keyring.hash(f"{email}\x1f{address or ''}".encode(), purpose=b"sign-in")


def of_code(keyring: Keyring, person_id: UUID) -> bytes:
    """Name the delay of a person's second factor, from wherever: who tries it has the password already."""
    return keyring.hash(person_id.bytes, purpose=b"second factor")


def of_address(keyring: Keyring, address: str | None) -> bytes:
    """Name the delay of an address, whatever it tries."""
    return keyring.hash((address or "").encode(), purpose=b"sign-in from")


async def take_turn(db: Database, key: bytes, *, address: bytes | None = None) -> None:
    """Count a try, or refuse it before its time. Raises `rate_limited` with the wait."""
    if address is not None:
        await _take(db, address, _FREE_FROM_ADDRESS)
    await _take(db, key, _FREE)


async def forgive(tx: Tx, *keys: bytes) -> None:
    """Forget the tries of one who has shown who they are."""
    await tx.execute("DELETE FROM sign_in_delay WHERE key = ANY($1::bytea[])", list(keys))


async def sweep(tx: Tx, most: int) -> int:
    """Delete what is a day old, at most so many, and return how many."""
    done = await tx.execute(
        f"""DELETE FROM sign_in_delay WHERE key = ANY (ARRAY(
              SELECT key FROM sign_in_delay WHERE last_at < now() - interval '{_FORGET}'
              LIMIT $1 FOR UPDATE SKIP LOCKED))""",
        most,
    )
    return int(done.rpartition(" ")[2])


async def _take(db: Database, key: bytes, free: int) -> None:
    async with db.statement() as tx:
        counted = await tx.row(
            f"""INSERT INTO sign_in_delay AS d (key, tries, until) VALUES ($1, 1, now())
                ON CONFLICT (key) DO UPDATE SET
                  tries = CASE WHEN d.last_at < now() - interval '{_FORGET}' THEN 1 ELSE d.tries + 1 END,
                  until = now() + CASE WHEN d.tries + 1 < $2 OR d.last_at < now() - interval '{_FORGET}'
                                       THEN interval '0'
                                       ELSE least({_LONGEST_S}, power(2, least(d.tries + 1 - $2, 20)))
                                            * interval '1 second' END,
                  last_at = now()
                WHERE d.until <= now() RETURNING 1""",
            key, free,
        )  # fmt: skip
        if counted is not None:
            return
        row = await tx.row(
            "SELECT extract(epoch FROM until - now())::float8 AS wait FROM sign_in_delay WHERE key = $1", key
        )
    raise QuixessError(
        "rate_limited",
        "Too many tries: wait a little. Forgotten? Somebody who manages people can make a link for a new password.",
        retry_after_s=spread(max(row["wait"], 0) if row is not None else 0),
    )
