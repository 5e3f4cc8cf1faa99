"""One person under several names is one contact with one conversation on a number, whatever came first."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.messages import store, threads
from quixess.messages.store import Inbound
from quixess.messages.threads import Person, Thread

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER, BEFORE = AT + timedelta(hours=1), AT - timedelta(hours=1)
BRAND, LINE = ids.new(), ids.new()


class Book:
    """The contacts of one brand, and what is written with them."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def find(self, *people: Person) -> list[Thread]:
        async with self.db.transaction() as tx:
            found = await threads.find_threads(tx, people)
        return [found[person.key] for person in people]

    async def write(self, person: Person, words: str = "{}") -> Thread:
        """Store a message of this person, one unread."""
        message = Inbound(ids.new(), person, str(ids.new()), "text", words, None, AT)
        async with self.db.transaction() as tx:
            found = await threads.find_threads(tx, [person])
            await store.insert_inbound(tx, [(message, found[person.key])])
            await threads.open_windows(tx, [(BRAND, found[person.key].conversation_id, AT)])
        return found[person.key]

    async def move(self, old: Person, phone: str | None, user_id: str | None) -> None:
        async with self.db.transaction() as tx:
            await threads.move(tx, old, phone=phone, user_id=user_id)

    async def alias(self, digits: str, thread: Thread) -> None:
        async with self.db.transaction() as tx:
            await threads.add_aliases(tx, [(BRAND, digits, thread.conversation_id)])

    async def names(self) -> list[tuple[str | None, str | None]]:
        found = await self.rows("SELECT phone, user_id FROM contact ORDER BY id")
        return [(row["phone"], row["user_id"]) for row in found]

    async def talks(self) -> list[Any]:
        return await self.rows("SELECT id, unread FROM conversation WHERE merged_into IS NULL ORDER BY id")

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.db.statement() as tx:
            return await tx.rows(sql, *arguments)


@pytest.fixture
async def book(db: Database) -> Book:
    return Book(db)


def known(phone: str | None = None, user_id: str | None = None, at: datetime | None = AT, **more: Any) -> Person:
    return Person(BRAND, LINE, phone, user_id, at=at, **more)


LOST_A_RACE = asyncpg.UniqueViolationError | asyncpg.DeadlockDetectedError
PHONE, ID, BOTH = known("111"), known(user_id="US.1"), known("111", "US.1")
ORDERS = list(itertools.permutations([PHONE, ID, BOTH]))


@pytest.mark.parametrize("mentions", ORDERS)
async def test_in_any_order_phone_and_user_id_end_in_one_contact(book: Book, mentions: tuple[Person, ...]) -> None:
    for person in mentions:
        await book.write(person)

    assert await book.names() == [("111", "US.1")]
    (talk,) = await book.talks()
    assert talk["unread"] == 3
    assert {row["conversation_id"] for row in await book.rows("SELECT conversation_id FROM message")} == {talk["id"]}
    assert len(set(await book.find(PHONE, ID, BOTH))) == 1


@pytest.mark.parametrize("mentions", ORDERS)
async def test_in_any_order_in_one_batch_too(book: Book, mentions: tuple[Person, ...]) -> None:
    await book.write(PHONE)
    await book.write(ID)
    found = await book.find(*mentions)

    assert len(set(found)) == 1
    assert await book.names() == [("111", "US.1")]
    assert len(await book.talks()) == 1


async def test_the_older_contact_stays_and_the_other_conversation_leads_to_its_own(book: Book) -> None:
    older, newer = await book.write(ID), await book.write(PHONE)
    (both,) = await book.find(BOTH)

    assert both == older
    (gone,) = await book.rows("SELECT merged_into, unread FROM conversation WHERE id = $1", newer.conversation_id)
    assert tuple(gone) == (older.conversation_id, 0)
    (talk,) = await book.talks()
    assert talk["unread"] == 2


async def test_conversations_on_other_numbers_go_along(book: Book) -> None:
    elsewhere = Person(BRAND, ids.new(), None, "US.1", at=AT)
    there = await book.write(elsewhere)
    here = await book.write(PHONE)
    await book.find(BOTH)

    (found,) = await book.find(Person(BRAND, elsewhere.connection_id, "111", at=AT))
    assert found.conversation_id == there.conversation_id
    assert (await book.find(PHONE))[0].conversation_id == here.conversation_id
    assert len(await book.names()) == 1


async def test_a_new_number_of_a_known_user_id_is_learnt_and_the_old_one_led_there_until_then(book: Book) -> None:
    before = await book.write(BOTH)
    (moved,) = await book.find(known("222", "US.1", LATER))

    assert moved == before
    assert await book.names() == [("222", "US.1")]
    assert await book.find(known("111", at=AT)) == [before]
    (stranger,) = await book.find(known("111", at=LATER + timedelta(hours=1)))
    assert stranger != before
    assert sorted(await book.names(), key=str) == [("111", None), ("222", "US.1")]


async def test_a_number_that_is_written_to_after_it_was_given_up_is_somebody_elses(book: Book) -> None:
    before = await book.write(BOTH)
    await book.find(known("222", "US.1", LATER))

    assert (await book.find(known("111", at=None)))[0] != before


async def test_a_new_user_id_of_a_known_phone_is_learnt_and_the_old_one_leads_there(book: Book) -> None:
    before = await book.write(BOTH)
    (now,) = await book.find(known("111", "US.2"))

    assert now == before
    assert await book.names() == [("111", "US.2")]
    assert await book.find(ID, known(user_id="US.2"), BOTH) == [before] * 3
    assert await book.names() == [("111", "US.2")]


async def test_two_people_with_full_names_stay_two_when_a_number_goes_from_one_to_the_other(book: Book) -> None:
    ann, bob = await book.write(known("111", "US.ann")), await book.write(known("222", "US.bob"))
    (moved,) = await book.find(known("111", "US.bob", LATER))

    assert moved == bob
    assert await book.names() == [(None, "US.ann"), ("111", "US.bob")]
    assert await book.find(known(user_id="US.ann"), known("111")) == [ann, bob]


async def test_contradictions_in_one_batch_are_no_reason_to_stop(book: Book) -> None:
    await book.write(known("111", "US.1"))
    await book.write(known("222", "US.2"))
    people = [known("111", "US.2"), known("222", "US.1"), known("333", "US.1"), known("444", "US.1"), known("444")]
    found = await book.find(*people, *reversed(people))

    assert len(found) == 10
    phones = [phone for phone, _ in await book.names() if phone]
    user_ids = [user_id for _, user_id in await book.names() if user_id]
    assert (len(set(phones)), len(set(user_ids))) == (len(phones), len(user_ids))


async def test_one_user_id_with_two_numbers_in_one_batch_is_one_person(book: Book) -> None:
    await book.write(known("111"))
    await book.write(known("222"))
    await book.find(known("111", "US.1"), known("222", "US.1"))
    one, other = await book.find(known("111", "US.1"), known("222", "US.1"))

    assert one == other
    assert len(await book.talks()) == 1


async def test_a_person_moves_to_a_new_number_that_meta_tells(book: Book) -> None:
    before = await book.write(known("111"))
    await book.move(known("111", at=AT), "222", None)

    assert await book.names() == [("222", None)]
    assert await book.find(known("222", at=LATER), known("111", at=BEFORE)) == [before] * 2


async def test_a_message_from_the_new_number_that_came_before_the_news_is_the_same_persons(book: Book) -> None:
    await book.write(known("111"))
    await book.write(known("222"))
    await book.move(known("111", at=AT), "222", None)

    assert await book.names() == [("222", None)]
    (talk,) = await book.talks()
    assert talk["unread"] == 2


async def test_the_former_owner_of_the_new_number_stays_somebody_else(book: Book) -> None:
    ann = await book.write(known("111", "US.ann"))
    bob = await book.write(known("222", "US.bob"))
    await book.move(known("111", "US.ann"), "222", "US.ann2")

    assert await book.names() == [("222", "US.ann2"), (None, "US.bob")]
    assert await book.find(known("222", "US.ann2", LATER), known(user_id="US.bob")) == [ann, bob]


async def test_a_person_moves_to_a_new_user_id_and_the_old_one_leads_there(book: Book) -> None:
    before = await book.write(ID)
    await book.move(ID, None, "US.2")

    assert await book.names() == [(None, "US.2")]
    assert await book.find(known(user_id="US.2"), ID) == [before] * 2


async def test_nobody_moves_when_nobody_is_known(book: Book) -> None:
    await book.move(known("111"), "222", None)

    assert await book.names() == []


async def test_digits_that_meta_writes_in_another_way_are_one_person_also_when_both_were_known(book: Book) -> None:
    written_to = await book.write(known("5511987654321"))
    wrote = await book.write(known("551187654321"))
    assert written_to != wrote
    await book.alias("551187654321", written_to)

    assert await book.find(known("551187654321", at=LATER), known("5511987654321", at=None)) == [written_to] * 2
    assert await book.names() == [("5511987654321", None)]
    (talk,) = await book.talks()
    assert talk["unread"] == 2


async def test_an_alias_of_a_conversation_that_was_taken_up_belongs_to_the_one_that_stayed(book: Book) -> None:
    stayed, gone = await book.write(ID), await book.write(known("5491112345678"))
    await book.find(known("5491112345678", "US.1"))
    await book.alias("541112345678", gone)

    assert await book.find(known("541112345678", at=LATER)) == [stayed]


async def test_a_conversation_that_took_up_another_can_be_taken_up_itself(book: Book) -> None:
    first, second, third = [await book.write(known(user_id=f"US.{n}")) for n in range(3)]
    await book.find(known("111", "US.1"))
    await book.find(known("111", "US.2"))
    await book.move(known(user_id="US.0"), "111", None)

    rows = await book.rows("SELECT id, merged_into FROM conversation ORDER BY id")
    assert [row["merged_into"] for row in rows if row["id"] != first.conversation_id] != [None, None]
    living = {row["id"] for row in rows if row["merged_into"] is None}
    assert all(row["merged_into"] in living for row in rows if row["merged_into"] is not None)
    assert {second.contact_id, third.contact_id} - {row["id"] for row in await book.rows("SELECT id FROM contact")}


async def test_many_at_once_who_learn_the_same_person_never_leave_two(book: Book) -> None:
    for _ in range(3):
        mentions = [book.find(person) for person in (PHONE, ID, known("111", user_id="US.1", name="Ann"))]
        found = await asyncio.gather(*mentions, return_exceptions=True)
        assert all(
            isinstance(one, list | asyncpg.UniqueViolationError | asyncpg.DeadlockDetectedError) for one in found
        )
    (thread,) = set(await book.find(BOTH, PHONE, ID))

    assert await book.names() == [("111", "US.1")]
    assert [row["id"] for row in await book.talks()] == [thread.conversation_id]


async def test_names_and_choices_of_both_are_kept(book: Book) -> None:
    await book.write(known("111", name="Ann"))
    await book.write(known(user_id="US.1", username="ann", parent_user_id="US.ENT.1"))
    await book.rows("""UPDATE contact SET preferences = '{"a": {"at": 1}}' WHERE phone = '111'""")
    await book.rows("""UPDATE contact SET preferences = '{"b": {"at": 2}}' WHERE user_id = 'US.1'""")
    await book.find(BOTH)

    (row,) = await book.rows("SELECT name, username, parent_user_id, preferences FROM contact")
    assert tuple(row) == ("Ann", "ann", "US.ENT.1", '{"a": {"at": 1}, "b": {"at": 2}}')
