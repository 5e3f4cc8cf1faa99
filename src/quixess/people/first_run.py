"""The first run: one link lets one person in, who becomes the owner. There is no default password.

Nobody becomes an owner by being the first to look: the link is printed where Quixess was started, opens once and for
an hour, and means nothing from the moment on in which anybody has an account.
"""

from quixess.access import AccessError, Brand, create_brand, list_brands
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.people import accounts, audit, links, members, signing_in
from quixess.people.links import Kind
from quixess.people.members import Hand
from quixess.people.model import Person
from quixess.people.roles import Role
from quixess.people.signing_in import Origin, SignedIn
from quixess.vault import Keyring

_LOCK = 0x51_58_46_49_52_53_54  # one number for all Quixess processes of a database


async def offer(tx: Tx, keyring: Keyring, *, actor: str) -> str | None:
    """Make the link for the first owner and end earlier ones. Returns its token; None once anybody has an account."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    if await accounts.exists_any(tx):
        return None
    await links.withdraw(tx, Kind.SETUP)
    token, _ = await links.make(tx, keyring, Kind.SETUP, created_by=actor)
    return token


async def is_open(tx: Tx, keyring: Keyring, token: str) -> bool:
    """Tell whether a link still lets the first owner in."""
    return not await accounts.exists_any(tx) and await links.find(tx, keyring, Kind.SETUP, token) is not None


async def set_up(
    db: Database,
    keyring: Keyring,
    token: str,
    *,
    email: str,
    name: str,
    password: str,
    brand: str | None,
    origin: Origin,
) -> SignedIn:
    """Make the first owner, of every brand that there is, or of a new one called `brand`.

    Raises `not_found` for a link that opens nothing, `invalid_request` for a field.
    """
    async with db.statement() as tx:
        if not await is_open(tx, keyring, token):
            raise _nothing_here()
    address, shown = accounts.read_email(email), accounts.read_name(name)
    password_hash = await accounts.hash_checked(password, email=address)
    async with db.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if await accounts.exists_any(tx) or await links.use(tx, keyring, Kind.SETUP, token) is None:
            raise _nothing_here()
        person = await accounts.create(tx, email=address, name=shown, password_hash=password_hash)
        await own_all(tx, person, brand)
        return await signing_in.enter(tx, keyring, person, origin)


async def own_all(tx: Tx, person: Person, brand: str | None) -> list[Brand]:
    """Make a person the owner of every brand that there is; of a new one, called `brand`, where there is none.

    Raises AccessError when there is none and no name for one.
    """
    brands = await list_brands(tx)
    if not brands:
        if not brand or not brand.strip():
            raise AccessError("There is no brand yet: give the first one a name.")
        brands = [await create_brand(tx, brand)]
        await audit.note(tx, brands[0].id, actor=person.email, action="brand.created", about=brands[0].name)
    for one in brands:
        await members.add(tx, one.id, person, Role.OWNER, inbox=False, hand=Hand(person.email, Role.OWNER))
    return brands


def _nothing_here() -> QuixessError:
    return QuixessError("not_found", "There is nothing here. Sign in, or start Quixess anew for a new link.")
