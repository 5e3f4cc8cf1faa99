"""Signing in: a password, then a code for those who have a second factor. What is wrong is never said more exactly.

An unknown address costs as much time as a known one. Hashing runs in threads, outside of transactions.
"""

from dataclasses import dataclass, field

import structlog

from quixess.database.core import Database, Tx
from quixess.errors import QuixessError, invalid
from quixess.people import accounts, delays, links, passwords, second_factor, sessions
from quixess.people.links import Kind
from quixess.people.model import Person, Visitor
from quixess.vault import Keyring

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Origin:
    """Where somebody signs in from: the address, and what the browser says it is."""

    address: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Done: `token` is for the cookie."""

    person: Person
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """Half done: the password was right, and a code is wanted within five minutes, together with `ticket`."""

    ticket: str = field(repr=False)


async def with_password(
    db: Database, keyring: Keyring, *, email: str, password: str, origin: Origin
) -> SignedIn | CodeNeeded:
    """Sign in by e-mail address and password.

    Raises `wrong_credentials` alike for an unknown address, a wrong password and an account that is switched off, and
    `rate_limited` after too many tries.
    """
    known_as = email.strip().lower()
    key, place = delays.of_account(keyring, known_as, origin.address), delays.of_address(keyring, origin.address)
    await delays.take_turn(db, key, address=place)
    async with db.statement() as tx:
        row = await tx.row("SELECT * FROM operator WHERE email = $1 AND disabled_at IS NULL", known_as)
    stored: str | None = row["password_hash"] if row is not None else None
    if not await passwords.matches(password, stored) or row is None or stored is None:
        _log.warning("a log-in was refused", known=row is not None, address=origin.address)
        raise QuixessError("wrong_credentials", "The e-mail address and the password do not belong together.")
    fresh = await passwords.make(password) if passwords.is_outdated(stored) else None
    person = sessions.person(row)
    async with db.transaction() as tx:
        await delays.forgive(tx, key)
        if fresh is not None:
            await accounts.refresh_hash(tx, person.id, stored, fresh)
        if person.second_factor:
            ticket, _ = await links.make(tx, keyring, Kind.SECOND_FACTOR, created_by=person.email, person_id=person.id)
            return CodeNeeded(ticket)
        return await enter(tx, keyring, person, origin)


async def with_code(db: Database, keyring: Keyring, *, ticket: str, code: str, origin: Origin) -> SignedIn:
    """Sign in by the second half: a code of the app or for recovery, with the ticket of the first.

    Raises `link_gone` for a ticket that is used or too old, `invalid_request` for a wrong code, `rate_limited`.
    """
    async with db.statement() as tx:
        found = await links.find(tx, keyring, Kind.SECOND_FACTOR, ticket)
    if found is None or found.person_id is None:
        raise _too_late()
    key = delays.of_code(keyring, found.person_id)
    await delays.take_turn(db, key)
    async with db.transaction() as tx:
        person = await accounts.get(tx, found.person_id)
        right = person is not None and await second_factor.matches(tx, keyring, person.id, code)
        if right and await links.use(tx, keyring, Kind.SECOND_FACTOR, ticket) is None:
            raise _too_late()
        if right and person is not None and person.disabled_at is None:
            await delays.forgive(tx, key)
            return await enter(tx, keyring, person, origin)
    _log.warning("a second factor was refused", address=origin.address)
    raise invalid("/code", "wrong_code", "The code is not right, or was used already: wait for the app's next one.")


async def check_password(db: Database, keyring: Keyring, person: Person, *, password: str, origin: Origin) -> None:
    """Ask one who is signed in for their password. Raises `invalid_request` for a wrong one, `rate_limited`."""
    key = delays.of_account(keyring, person.email, origin.address)
    await delays.take_turn(db, key)
    async with db.statement() as tx:
        row = await tx.row("SELECT password_hash FROM operator WHERE id = $1", person.id)
    if not await passwords.matches(password, row["password_hash"] if row is not None else None):
        raise invalid("/password", "wrong_password", "This is not your password.")
    async with db.transaction() as tx:
        await delays.forgive(tx, key)


async def confirm(db: Database, keyring: Keyring, visitor: Visitor, *, password: str, origin: Origin) -> str:
    """Ask for the password once more, and give the session a new token: it is returned.

    Raises `invalid_request` for a wrong password, `rate_limited`.
    """
    await check_password(db, keyring, visitor.person, password=password, origin=origin)
    async with db.transaction() as tx:
        return await sessions.renew(tx, keyring, visitor.session_id)


async def enter(tx: Tx, keyring: Keyring, person: Person, origin: Origin) -> SignedIn:
    """Open a session for somebody who has just shown who they are, and write it down."""
    token = await sessions.open_session(tx, keyring, person.id, address=origin.address, agent=origin.agent)
    detail = {"address": origin.address} if origin.address else None
    await accounts.note_everywhere(tx, person, actor=person.email, action="person.signed_in", detail=detail)
    return SignedIn(person, token)


def _too_late() -> QuixessError:
    return QuixessError("link_gone", "That took more than five minutes, or was done already: sign in from the start.")
