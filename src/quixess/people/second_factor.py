"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for a lost phone.

A code opens once: its step is kept, and no step up to it counts again. The clock is the database's. Recovery codes
are shown once and kept as keyed hashes.
"""

import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

import pyotp

from quixess.database.core import Tx
from quixess.errors import QuixessError, invalid
from quixess.people.model import Person
from quixess.vault import Keyring, Place

_STEP_S = 30
_EITHER_WAY = 1  # steps that a phone's clock may be off
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike
_CODES, _LENGTH = 10, 10
_ISSUER = "Quixess"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app has to be told: the secret (base32), and the same as an `otpauth:` address."""

    secret: str
    uri: str


async def begin(tx: Tx, keyring: Keyring, person: Person) -> Enrolment:
    """Begin to set a second factor up, or go on with what was begun. It counts once `enable` has seen a code.

    Raises `second_factor_on` when there is one.
    """
    row = await tx.row("SELECT totp_secret, totp_since FROM operator WHERE id = $1 FOR UPDATE", person.id)
    if row is None or row["totp_since"] is not None:
        raise QuixessError("second_factor_on", "Switch the second factor off first: then set up the new one.")
    if row["totp_secret"] is not None:
        return _enrolment(person, keyring.open(row["totp_secret"], _place(person.id)).decode())
    secret = pyotp.random_base32()
    sealed = keyring.seal(secret.encode(), _place(person.id))
    await tx.execute("UPDATE operator SET totp_secret = $2, totp_step = 0 WHERE id = $1", person.id, sealed)
    return _enrolment(person, secret)


async def enable(tx: Tx, keyring: Keyring, person: Person, code: str) -> tuple[str, ...]:
    """Switch the second factor on by a code of the app. Returns the recovery codes, shown this once.

    Raises `invalid_request` for `code` when it is not right, `second_factor_on` when it is on already.
    """
    row = await _read(tx, person.id)
    if row is None or row[1]:
        raise QuixessError("second_factor_on", "The second factor is on already.")
    step = _step_of(keyring.open(row[0], _place(person.id)).decode(), code, row[2])
    if step is None:
        text = "This is not the code that the app shows now. Check the phone's clock, and write the six digits."
        raise invalid("/code", "wrong_code", text)
    await tx.execute("UPDATE operator SET totp_since = now(), totp_step = $2 WHERE id = $1", person.id, step)
    return await renew_codes(tx, keyring, person.id)


async def matches(tx: Tx, keyring: Keyring, person_id: UUID, code: str) -> bool:
    """Tell whether a code, of the app or for recovery, is right and was not used before; then it is used."""
    plain = code.replace(" ", "").replace("-", "").lower()
    row = await _read(tx, person_id)
    if row is None or not row[1]:
        return False
    if len(plain) == _LENGTH:
        done = await tx.execute(
            "UPDATE recovery_code SET used_at = now() WHERE operator_id = $1 AND code_hash = $2 AND used_at IS NULL",
            person_id, _hash(keyring, person_id, plain),
        )  # fmt: skip
        return done == "UPDATE 1"
    step = _step_of(keyring.open(row[0], _place(person_id)).decode(), plain, row[2])
    if step is None:
        return False
    done = await tx.execute("UPDATE operator SET totp_step = $2 WHERE id = $1 AND totp_step < $2", person_id, step)
    return done == "UPDATE 1"


async def renew_codes(tx: Tx, keyring: Keyring, person_id: UUID) -> tuple[str, ...]:
    """Make new recovery codes in the place of the old ones. Returns them, shown this once."""
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(_CODES)]
    await tx.execute("DELETE FROM recovery_code WHERE operator_id = $1", person_id)
    await tx.execute(
        "INSERT INTO recovery_code (operator_id, code_hash) SELECT $1, unnest($2::bytea[])",
        person_id, [_hash(keyring, person_id, code) for code in codes],
    )  # fmt: skip
    return tuple(f"{code[:5]}-{code[5:]}" for code in codes)


async def codes_left(tx: Tx, person_id: UUID) -> int:
    """Count the recovery codes that were not used yet."""
    row = await tx.row("SELECT count(*) AS n FROM recovery_code WHERE operator_id = $1 AND used_at IS NULL", person_id)
    return row["n"] if row is not None else 0


async def disable(tx: Tx, person_id: UUID) -> None:
    """Switch the second factor off, its recovery codes with it."""
    await tx.execute(
        "UPDATE operator SET totp_secret = NULL, totp_since = NULL, totp_step = 0 WHERE id = $1", person_id
    )
    await tx.execute("DELETE FROM recovery_code WHERE operator_id = $1", person_id)


async def _read(tx: Tx, person_id: UUID) -> tuple[bytes, bool, int] | None:
    """Give the sealed secret, whether it is switched on, and the step of this moment, if there is a secret."""
    row = await tx.row(
        f"""SELECT totp_secret, totp_since, floor(extract(epoch FROM clock_timestamp()) / {_STEP_S})::bigint AS step
            FROM operator WHERE id = $1 AND totp_secret IS NOT NULL FOR UPDATE""",
        person_id,
    )
    return None if row is None else (row["totp_secret"], row["totp_since"] is not None, row["step"])


def _step_of(secret: str, code: str, now: int) -> int | None:
    """Tell which step around now a code belongs to, the latest first; None for a wrong code."""
    app = pyotp.TOTP(secret, interval=_STEP_S)
    given = code.replace(" ", "").encode()
    steps = range(now - _EITHER_WAY, now + _EITHER_WAY + 1)
    right = [step for step in steps if hmac.compare_digest(app.generate_otp(step).encode(), given)]
    return max(right, default=None)


def _enrolment(person: Person, secret: str) -> Enrolment:
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=person.email, issuer_name=_ISSUER))


def _place(person_id: UUID) -> Place:
    return Place("operator", "totp_secret", str(person_id))


def _hash(keyring: Keyring, person_id: UUID, code: str) -> bytes:
    return keyring.hash(person_id.bytes + code.encode(), purpose=b"recovery code")
