"""Accounts: made, found, given a new password, switched off. Nobody has one before somebody let them in."""

import re
from collections.abc import Collection
from uuid import UUID

from quixess.access import AccessError
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError, invalid
from quixess.people import audit, passwords, sessions
from quixess.people.model import Person

_EMAIL = re.compile(r"[^\s@<>\"'(),:;\\\x00-\x1f]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_LONGEST_NAME = 100


def read_email(text: str, field: str = "email") -> str:
    """Write an e-mail address as accounts know it: in lower case. Raises `invalid_request` for what is none."""
    found = text.strip().lower()
    if len(found) > 254 or not found.isprintable() or not _EMAIL.fullmatch(found):
        raise invalid(f"/{field}", "email", "Write an e-mail address, such as anna@example.com.")
    return found


def read_name(text: str, field: str = "name") -> str:
    """Write a person's name as it is shown. Raises `invalid_request` for an empty or an endless one."""
    found = " ".join(text.split())
    if not found or len(found) > _LONGEST_NAME or not found.isprintable():
        raise invalid(f"/{field}", "name", f"Write a name of 1 to {_LONGEST_NAME} characters: others will see it.")
    return found


async def exists_any(tx: Tx) -> bool:
    """Tell whether anybody has an account. The first set-up is open as long as nobody has."""
    return await tx.row("SELECT 1 FROM operator LIMIT 1") is not None


async def create(tx: Tx, *, email: str, name: str, password_hash: str) -> Person:
    """Make an account. Raises `person_exists` when the address has one."""
    row = await tx.row(
        """INSERT INTO operator (id, email, name, password_hash) VALUES ($1, $2, $3, $4)
           ON CONFLICT (email) DO NOTHING RETURNING *""",
        ids.new(), email, name, password_hash,
    )  # fmt: skip
    if row is None:
        raise QuixessError("person_exists", "There is an account with this e-mail address: sign in with it.")
    return sessions.person(row)


async def find(tx: Tx, email: str) -> Person | None:
    """Find an account by its e-mail address."""
    row = await tx.row("SELECT * FROM operator WHERE email = $1", email)
    return sessions.person(row) if row is not None else None


async def names(tx: Tx, person_ids: Collection[UUID]) -> dict[UUID, str]:
    """Give the names of people by their ids, those who left among them."""
    rows = await tx.rows("SELECT id, name FROM operator WHERE id = ANY ($1)", list(person_ids))
    return {row["id"]: row["name"] for row in rows}


async def pick(tx: Tx, email: str) -> Person:
    """Find an account that an operator named. Raises AccessError when there is none."""
    found = await find(tx, email.strip().lower())
    if found is None:
        raise AccessError("Nobody has an account with this address: `quixess admin list` shows who has.")
    return found


async def get(tx: Tx, person_id: UUID) -> Person | None:
    """Find an account by its id."""
    row = await tx.row("SELECT * FROM operator WHERE id = $1", person_id)
    return sessions.person(row) if row is not None else None


async def list_all(tx: Tx) -> list[Person]:
    """List every account of this installation, oldest first."""
    return [sessions.person(row) for row in await tx.rows("SELECT * FROM operator ORDER BY id")]


async def rename(tx: Tx, person_id: UUID, name: str) -> None:
    """Change what a person is called."""
    await tx.execute("UPDATE operator SET name = $2 WHERE id = $1", person_id, name)


async def set_password(tx: Tx, person: Person, password_hash: str, *, actor: str, keep: UUID | None = None) -> None:
    """Give an account another password, and end its sessions, all but the one to `keep`."""
    await tx.execute("UPDATE operator SET password_hash = $2 WHERE id = $1", person.id, password_hash)
    await sessions.revoke_all(tx, person.id, but=keep)
    await note_everywhere(tx, person, actor=actor, action="person.password_changed")


async def refresh_hash(tx: Tx, person_id: UUID, stored: str, password_hash: str) -> None:
    """Put a hash of today's costs in the place of an old one, unless the password changed meanwhile."""
    await tx.execute(
        "UPDATE operator SET password_hash = $3 WHERE id = $1 AND password_hash = $2", person_id, stored, password_hash
    )


async def disable(tx: Tx, person: Person, *, disabled: bool, actor: str) -> None:
    """Shut an account out of everything, at once, or let it in again."""
    await tx.execute(
        "UPDATE operator SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END WHERE id = $1",
        person.id, disabled,
    )  # fmt: skip
    if disabled:
        await sessions.revoke_all(tx, person.id)
    await note_everywhere(tx, person, actor=actor, action="person.disabled" if disabled else "person.enabled")


async def note_everywhere(
    tx: Tx, person: Person, *, actor: str, action: str, detail: dict[str, str] | None = None
) -> None:
    """Write down what concerns a person as such, where the people of each of their brands read it."""
    brands = [one.brand.id for one in await sessions.memberships_of(tx, person.id)]
    await audit.note_for(tx, brands, actor=actor, action=action, about=person.email, detail=detail)


async def hash_checked(password: str, *, email: str, field: str = "password") -> str:
    """Check a new password and hash it. Raises `invalid_request` for the field; never within a transaction."""
    passwords.check(password, email=email, field=field)
    return await passwords.make(password)
