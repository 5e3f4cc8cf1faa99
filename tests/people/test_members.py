"""Members: nobody raises themselves, nobody reaches above themselves, and a brand keeps an owner."""

import asyncio
from uuid import UUID

import pytest

from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.people import Person, Role, accounts, audit, members, sessions
from quixess.people.audit import Wanted
from quixess.people.members import Hand
from tests.people.folk import OWNER, make_brand, make_person


@pytest.fixture
async def brand_id(db: Database) -> UUID:
    return await make_brand(db)


def hand(person: Person, role: Role) -> Hand:
    return Hand(person.email, role, person.id)


async def change(db: Database, brand_id: UUID, person: Person, role: Role, by: Hand, *, inbox: bool = False) -> str:
    """The code of the refusal, or nothing."""
    try:
        async with db.transaction() as tx:
            await members.change(tx, brand_id, person.id, role, inbox=inbox, hand=by)
    except QuixessError as error:
        return error.code
    return ""


async def remove(db: Database, brand_id: UUID, person: Person, by: Hand) -> str:
    try:
        async with db.transaction() as tx:
            await members.remove(tx, brand_id, person.id, hand=by)
    except QuixessError as error:
        return error.code
    return ""


async def role_of(db: Database, brand_id: UUID, person: Person) -> Role | None:
    async with db.statement() as tx:
        found = {one.person.id: one.role for one in await members.list_members(tx, brand_id)}
    return found.get(person.id)


async def test_people_are_listed_by_role_and_name(db: Database, brand_id: UUID) -> None:
    for email, role in (("zoe@x.example", Role.OWNER), ("ben@x.example", Role.AGENT), ("anna@x.example", Role.AGENT)):
        await make_person(db, email, role, brand_id)
    await make_person(db, "stranger@x.example", Role.OWNER, await make_brand(db, "Rival"))
    async with db.statement() as tx:
        found = await members.list_members(tx, brand_id)
    assert [(one.person.name, one.role) for one in found] == [
        ("Zoe", Role.OWNER), ("Anna", Role.AGENT), ("Ben", Role.AGENT)
    ]  # fmt: skip
    assert {one.seen_at for one in found} == {None}


async def test_an_admin_moves_whoever_stands_below_and_nobody_above(db: Database, brand_id: UUID) -> None:
    boss = await make_person(db, "boss@x.example", Role.OWNER, brand_id)
    anna = await make_person(db, "anna@x.example", Role.ADMIN, brand_id)
    ben = await make_person(db, "ben@x.example", Role.AGENT, brand_id)
    by = hand(anna, Role.ADMIN)
    assert await change(db, brand_id, ben, Role.DEVELOPER, by) == ""
    assert await change(db, brand_id, ben, Role.ADMIN, by) == ""
    assert await change(db, brand_id, ben, Role.OWNER, by) == "role_not_allowed"
    assert await change(db, brand_id, anna, Role.OWNER, by) == "role_not_allowed"
    assert await change(db, brand_id, boss, Role.AGENT, by) in {"role_not_allowed", "last_owner"}
    assert await remove(db, brand_id, boss, by) in {"role_not_allowed", "last_owner"}
    assert await role_of(db, brand_id, boss) is Role.OWNER
    assert await role_of(db, brand_id, ben) is Role.ADMIN


@pytest.mark.parametrize("role", [Role.DEVELOPER, Role.AGENT])
async def test_who_manages_no_people_changes_nobody(db: Database, brand_id: UUID, role: Role) -> None:
    await make_person(db, "boss@x.example", Role.OWNER, brand_id)
    anna = await make_person(db, "anna@x.example", role, brand_id)
    ben = await make_person(db, "ben@x.example", Role.AGENT, brand_id)
    for one in (anna, ben):
        for wanted in set(Role) - {await role_of(db, brand_id, one)}:
            assert await change(db, brand_id, one, wanted, hand(anna, role)) == "role_not_allowed"
    assert await remove(db, brand_id, ben, hand(anna, role)) == "role_not_allowed"
    assert await remove(db, brand_id, anna, hand(anna, role)) == ""  # everybody may leave


async def test_the_last_owner_stays_an_owner(db: Database, brand_id: UUID) -> None:
    boss = await make_person(db, "boss@x.example", Role.OWNER, brand_id)
    assert await change(db, brand_id, boss, Role.ADMIN, hand(boss, Role.OWNER)) == "last_owner"
    assert await remove(db, brand_id, boss, hand(boss, Role.OWNER)) == "last_owner"
    assert await remove(db, brand_id, boss, OWNER) == "last_owner"
    second = await make_person(db, "second@x.example", Role.OWNER, brand_id)
    assert await remove(db, brand_id, boss, hand(boss, Role.OWNER)) == ""
    assert await role_of(db, brand_id, second) is Role.OWNER


async def test_an_owner_who_is_switched_off_is_none_to_rely_on(db: Database, brand_id: UUID) -> None:
    boss = await make_person(db, "boss@x.example", Role.OWNER, brand_id)
    gone = await make_person(db, "gone@x.example", Role.OWNER, brand_id)
    async with db.transaction() as tx:
        await accounts.disable(tx, gone, disabled=True, actor="cli")
    assert await remove(db, brand_id, boss, OWNER) == "last_owner"
    assert await remove(db, brand_id, gone, OWNER) == ""


@pytest.mark.parametrize("_time", range(5))
async def test_two_owners_who_leave_at_once_do_not_both_leave(db: Database, brand_id: UUID, _time: int) -> None:
    pair = [await make_person(db, f"{name}@x.example", Role.OWNER, brand_id) for name in ("anna", "ben")]
    ends = await asyncio.gather(*(remove(db, brand_id, one, hand(one, Role.OWNER)) for one in pair))
    assert sorted(ends) == ["", "last_owner"]


async def test_a_stranger_is_nobody_here(db: Database, brand_id: UUID) -> None:
    await make_person(db, "boss@x.example", Role.OWNER, brand_id)
    stranger = await make_person(db, "stranger@x.example", Role.AGENT, await make_brand(db, "Rival"))
    assert await change(db, brand_id, stranger, Role.OWNER, OWNER) == "person_not_found"
    assert await remove(db, brand_id, stranger, OWNER) == "person_not_found"


async def test_a_person_belongs_once(db: Database, brand_id: UUID) -> None:
    anna = await make_person(db, "anna@x.example", Role.AGENT, brand_id)
    async with db.transaction() as tx:
        with pytest.raises(QuixessError) as caught:
            await members.add(tx, brand_id, anna, Role.OWNER, inbox=False, hand=OWNER)
    assert caught.value.code == "person_exists"
    assert await role_of(db, brand_id, anna) is Role.AGENT


async def test_the_inbox_is_kept_for_developers_only(db: Database, brand_id: UUID) -> None:
    anna = await make_person(db, "anna@x.example", Role.DEVELOPER, brand_id)
    await change(db, brand_id, anna, Role.DEVELOPER, OWNER, inbox=True)
    async with db.statement() as tx:
        (membership,) = await sessions.memberships_of(tx, anna.id)
    assert membership.inbox
    await change(db, brand_id, anna, Role.AGENT, OWNER, inbox=True)
    async with db.statement() as tx:
        (membership,) = await sessions.memberships_of(tx, anna.id)
    assert not membership.inbox


async def test_everything_is_written_down_with_who_did_it(db: Database, brand_id: UUID) -> None:
    boss = await make_person(db, "boss@x.example", Role.OWNER, brand_id)
    anna = await make_person(db, "anna@x.example", Role.AGENT, brand_id)
    await change(db, brand_id, anna, Role.AGENT, hand(boss, Role.OWNER))  # no change is none
    await change(db, brand_id, anna, Role.ADMIN, hand(boss, Role.OWNER))
    await remove(db, brand_id, anna, hand(boss, Role.OWNER))
    async with db.reading(brand_id) as tx:
        found = await audit.read(tx, brand_id, Wanted(object=anna.email))
    assert [(one.actor, one.action, one.detail) for one in found] == [
        ("boss@x.example", "person.removed", {}),
        ("boss@x.example", "person.role_changed", {"from": "agent", "to": "admin"}),
        ("cli", "person.added", {"role": "agent"}),
    ]
