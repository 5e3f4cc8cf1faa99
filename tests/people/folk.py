"""People in a database without a gateway."""

from uuid import UUID

from quixess import access
from quixess.database.core import Database
from quixess.people import Person, Role, accounts, members
from quixess.people.members import Hand

OWNER = Hand("cli", Role.OWNER)


async def make_brand(db: Database, name: str = "Bordercart") -> UUID:
    async with db.transaction() as tx:
        return (await access.create_brand(tx, name)).id


async def make_person(
    db: Database, email: str = "anna@bordercart.example", role: Role | None = None, brand_id: UUID | None = None
) -> Person:
    """An account without a password, with a role for a brand if one is named."""
    async with db.transaction() as tx:
        person = await accounts.create(tx, email=email, name=email.partition("@")[0].capitalize(), password_hash="none")
        if role is not None and brand_id is not None:
            await members.add(tx, brand_id, person, role, inbox=False, hand=OWNER)
    return person
