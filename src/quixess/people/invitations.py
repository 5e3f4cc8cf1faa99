"""Invitations and new passwords: links that one person makes for another and hands over by a way of their own.

Quixess sends no mail. Who makes a link sees it once; who follows it chooses a password of their own, or signs in with
the account they have.
"""

from uuid import UUID

from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.people import accounts, audit, links, members, second_factor, sessions, signing_in
from quixess.people.links import Kind, Link
from quixess.people.members import Hand
from quixess.people.model import Person, Visitor
from quixess.people.roles import Permission, Role, grantable, may
from quixess.people.signing_in import Origin, SignedIn
from quixess.vault import Keyring


async def invite(
    tx: Tx, keyring: Keyring, brand_id: UUID, *, email: str, role: Role, inbox: bool, hand: Hand
) -> tuple[str, Link]:
    """Invite somebody to a brand for a week. Returns the token of the link, shown this once, with the link.

    An earlier invitation of the same address to the brand ends. Raises `role_not_allowed`, `person_exists`,
    `invalid_request`.
    """
    if role not in grantable(hand.role):
        raise QuixessError("role_not_allowed", f"As {hand.role} you may not give the role {role}.")
    address = accounts.read_email(email)
    if any(one.person.email == address for one in await members.list_members(tx, brand_id)):
        raise QuixessError("person_exists", "This person belongs to the brand already: change the role in the list.")
    for old in await links.open_invitations(tx, brand_id):
        if old.email == address:
            await links.take_back(tx, brand_id, old.id)
    token, link = await links.make(
        tx, keyring, Kind.INVITATION, created_by=hand.actor, brand_id=brand_id, email=address, role=role, inbox=inbox
    )
    await audit.note(
        tx, brand_id, actor=hand.actor, action="person.invited", about=address, detail={"role": role.value}
    )
    return token, link


async def take_back(tx: Tx, brand_id: UUID, link_id: UUID, *, hand: Hand) -> None:
    """Take an invitation back. Raises `person_not_found` when it is gone, `role_not_allowed` for a higher role's."""
    link = await links.take_back(tx, brand_id, link_id)
    if link is None or link.email is None:
        raise QuixessError("person_not_found", "The invitation was followed, taken back, or is too old.")
    if link.role not in grantable(hand.role):
        raise QuixessError("role_not_allowed", f"This invitation is to a role above {hand.role}: ask who made it.")
    await audit.note(tx, brand_id, actor=hand.actor, action="person.uninvited", about=link.email)


async def accept_as_new(
    db: Database, keyring: Keyring, token: str, *, name: str, password: str, origin: Origin
) -> SignedIn:
    """Follow an invitation with a new account. Raises `link_gone`, `person_exists`, `invalid_request`."""
    async with db.statement() as tx:
        link = await _invitation(tx, keyring, token)
    shown = accounts.read_name(name)
    password_hash = await accounts.hash_checked(password, email=link.email or "")
    async with db.transaction() as tx:
        person = await accounts.create(tx, email=link.email or "", name=shown, password_hash=password_hash)
        await _join(tx, keyring, token, person)
        return await signing_in.enter(tx, keyring, person, origin)


async def accept(tx: Tx, keyring: Keyring, token: str, visitor: Visitor) -> UUID:
    """Follow an invitation with the account that one has. Returns the brand.

    Raises `link_gone`, `role_not_allowed` when it was made for another address, `person_exists`.
    """
    link = await _invitation(tx, keyring, token)
    if link.email != visitor.person.email:
        raise QuixessError("role_not_allowed", "This invitation is for another e-mail address: sign in with that one.")
    return await _join(tx, keyring, token, visitor.person)


async def offer_reset(tx: Tx, keyring: Keyring, person: Person, *, actor: str, forget_phone: bool = False) -> str:
    """Make a link by which a person chooses a new password within half an hour; earlier ones end. Returns its token.

    With `forget_phone` the second factor is switched off as well, for one who has lost it and the recovery codes.
    """
    await links.withdraw(tx, Kind.RESET, person_id=person.id)
    token, _ = await links.make(tx, keyring, Kind.RESET, created_by=actor, person_id=person.id)
    await accounts.note_everywhere(tx, person, actor=actor, action="person.reset_offered")
    if forget_phone and person.second_factor:
        await second_factor.disable(tx, person.id)
        await accounts.note_everywhere(tx, person, actor=actor, action="person.second_factor_off")
    return token


async def may_reset(tx: Tx, person: Person, visitor: Visitor) -> bool:
    """Tell whether a visitor may make such a link: only over somebody whose every brand they manage, from above.

    Else an admin of one brand could become an owner of another through a person who belongs to both.
    """
    if person.id == visitor.person.id:
        return False
    for one in await sessions.memberships_of(tx, person.id):
        mine = visitor.membership(one.brand.id)
        if mine is None or not may(mine.role, Permission.MANAGE_PEOPLE) or one.role not in grantable(mine.role):
            return False
    return True


async def reset(db: Database, keyring: Keyring, token: str, *, password: str) -> Person:
    """Follow a link for a new password: every session of the person ends. Raises `link_gone`, `invalid_request`."""
    async with db.statement() as tx:
        person = await whose_reset(tx, keyring, token)
    password_hash = await accounts.hash_checked(password, email=person.email)
    async with db.transaction() as tx:
        if await links.use(tx, keyring, Kind.RESET, token) is None:
            raise _gone()
        await accounts.set_password(tx, person, password_hash, actor=person.email)
    return person


async def whose_reset(tx: Tx, keyring: Keyring, token: str) -> Person:
    """Tell whose password a link is for. Raises `link_gone`."""
    link = await links.find(tx, keyring, Kind.RESET, token)
    person = await accounts.get(tx, link.person_id) if link is not None and link.person_id is not None else None
    if person is None or person.disabled_at is not None:
        raise _gone()
    return person


async def read_invitation(tx: Tx, keyring: Keyring, token: str) -> tuple[Link, str, bool]:
    """Tell what an invitation says, the name of its brand, and whether its address has an account.

    Raises `link_gone`.
    """
    link = await _invitation(tx, keyring, token)
    row = await tx.row("SELECT name FROM brand WHERE id = $1", link.brand_id)
    known = await accounts.find(tx, link.email or "")
    return link, row["name"] if row is not None else "", known is not None


async def _invitation(tx: Tx, keyring: Keyring, token: str) -> Link:
    link = await links.find(tx, keyring, Kind.INVITATION, token)
    if link is None:
        raise _gone()
    return link


async def _join(tx: Tx, keyring: Keyring, token: str, person: Person) -> UUID:
    link = await links.use(tx, keyring, Kind.INVITATION, token)
    if link is None or link.brand_id is None or link.role is None:
        raise _gone()
    # By the hand of an owner: whoever invited was allowed to when they did, and the link says so.
    hand = Hand(person.email, Role.OWNER)
    await members.add(tx, link.brand_id, person, link.role, inbox=link.inbox, hand=hand)
    return link.brand_id


def _gone() -> QuixessError:
    return QuixessError("link_gone", "This link was used, taken back, or is too old: ask for a new one.")
