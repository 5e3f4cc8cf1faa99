"""Reading: pages that give each row once, look at a bounded number of rows, and show those of one brand only."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.messages import threads, words
from quixess.messages.reading import conversations, messages, pages, search
from quixess.messages.reading.messages import Filter
from quixess.messages.reading.pages import Page

OURS, THEIRS, LINE = ids.new(), ids.new(), ids.new()
TALKS = [ids.new() for _ in range(3)]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXTS = ["red lamp", "red shoes", "lamps", "blue", ""]


async def converse(tx: Tx, brand: UUID, talks: Sequence[UUID]) -> None:
    for number, talk in enumerate(talks):
        await tx.execute(
            "INSERT INTO contact (brand_id, id, phone) VALUES ($1, $2, $3)", brand, talk, f"1555000{number}"
        )
        await tx.execute(
            """INSERT INTO conversation (brand_id, id, connection_id, contact_id, active_at, unread, window_until)
               VALUES ($1, $2, $3, $2, $4, $5, $4)""",
            *(brand, talk, LINE, NOW - timedelta(seconds=number // 2), number % 2),
        )


async def write(tx: Tx, brand: UUID, talk: UUID, at: datetime, kind: str, text: str) -> UUID:
    message = ids.new()
    await tx.execute(
        """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, content,
                                occurred_at)
           VALUES ($1, $2, $3, $4, 'inbound', $5, 'received', 9, '{}', $6)""",
        *(brand, message, LINE, talk, kind, at),
    )
    await words.index(tx, [(brand, message, text)])
    return message


Ask = Callable[[Tx, UUID, int, Sequence[Any] | None], Awaitable[Page]]


def by(wanted: Filter) -> Ask:
    async def ask(tx: Tx, brand: UUID, limit: int, after: Sequence[Any] | None) -> Page:
        return await messages.list_messages(tx, brand, wanted, limit=limit, after=after)

    return ask


def thread(oldest_first: bool) -> Ask:
    async def ask(tx: Tx, brand: UUID, limit: int, after: Sequence[Any] | None) -> Page:
        page = await messages.list_thread(tx, brand, TALKS[0], limit=limit, after=after, oldest_first=oldest_first)
        assert page is not None
        return page

    return ask


async def talks(tx: Tx, brand: UUID, limit: int, after: Sequence[Any] | None) -> Page:
    wanted = conversations.Filter()
    return await conversations.list_conversations(tx, brand, wanted, limit=limit, after=after, with_content=True)


async def walk(db: Database, brand: UUID, ask: Ask, limit: int) -> tuple[list[Row], int]:
    """Go through all pages; the rows, and how many pages there were."""
    found: list[Row] = []
    after: Sequence[Any] | None = None
    for count in range(1, 1_000):
        async with db.reading(brand) as tx:
            page = await ask(tx, brand, limit, after)
        assert len(page.rows) <= limit
        found += page.rows
        if page.position is None:
            return found, count
        assert page.position != after
        after = page.position
    raise AssertionError("the list has no end")


@pytest.fixture
async def book(db: Database) -> Database:
    async with db.transaction() as tx:
        await converse(tx, OURS, TALKS)
    return db


MESSAGE = st.tuples(
    st.sampled_from(range(3)), st.integers(0, 3), st.sampled_from(["text", "image"]), st.sampled_from(TEXTS)
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mix=st.lists(MESSAGE, max_size=12), limit=st.integers(1, 5))
async def test_paging_through_any_mix_gives_each_message_exactly_once_in_its_order(
    book: Database, mix: list[tuple[int, int, str, str]], limit: int
) -> None:
    made: dict[UUID, tuple[int, datetime, str, str]] = {}
    async with book.transaction() as tx:
        await tx.execute("DELETE FROM message_word")
        await tx.execute("DELETE FROM message")
        for talk, seconds, kind, text in mix:
            at = NOW + timedelta(seconds=seconds)
            made[await write(tx, OURS, TALKS[talk], at, kind, text)] = (talk, at, kind, text)
    lists: list[tuple[Ask, Callable[[tuple[int, datetime, str, str]], bool], bool]] = [
        (by(Filter()), lambda _: True, False),
        (by(Filter(type="image")), lambda one: one[2] == "image", False),
        (by(Filter(has_media=False)), lambda one: one[2] == "text", False),
        (by(Filter(phone="15550001")), lambda one: one[0] == 1, True),
        (by(Filter(conversation_id=TALKS[2], type="text")), lambda one: one[0] == 2 and one[2] == "text", True),
        (by(Filter(query="red")), lambda one: "red" in one[3], False),
        (by(Filter(query="red lamp")), lambda one: one[3] == "red lamp", False),
        (by(Filter(query="lamp*", type="image")), lambda one: "lamp" in one[3] and one[2] == "image", False),
        (thread(oldest_first=False), lambda one: one[0] == 0, True),
    ]
    for ask, passes, by_time in lists:
        found, _ = await walk(book, OURS, ask, limit)
        expected = [key for key, one in made.items() if passes(one)]
        expected.sort(key=lambda key: (made[key][1], key) if by_time else (NOW, key), reverse=True)
        assert [row["id"] for row in found] == expected
    upwards, _ = await walk(book, OURS, thread(oldest_first=True), limit)
    downwards, _ = await walk(book, OURS, thread(oldest_first=False), limit)
    assert upwards == downwards[::-1]


async def test_conversations_with_equal_times_come_once_each(book: Database) -> None:
    for limit in (1, 2, 3):
        found, _ = await walk(book, OURS, talks, limit)
        assert sorted(row["id"] for row in found) == sorted(TALKS)


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(type="image"),
        Filter(phone="15550000", type="image"),
        Filter(phone="15550000", user_id=None, metadata={"a": "b"}),
        Filter(query="red lamp"),
        Filter(query="re* lamp", type="text"),
    ],
)
async def test_what_is_rare_comes_in_short_pages_that_go_on_to_the_end(
    book: Database, monkeypatch: pytest.MonkeyPatch, wanted: Filter
) -> None:
    """With a look of ten rows instead of many thousands."""
    narrow = {name: narrowed(getattr(messages, name)) for name in ("_RECORDED", "_RECORDED_EDGE")}
    for name, sql in narrow.items():
        monkeypatch.setattr(messages, name, sql)
    for name in ("_NEWEST_FIRST", "_OLDEST_FIRST"):
        monkeypatch.setattr(messages, name, tuple(map(narrowed, getattr(messages, name))))
    monkeypatch.setattr(search, "_LOOK", 10)
    async with book.transaction() as tx:
        for number in range(95):
            rare = number in {0, 50}
            text = "red lamp" if rare else ("red", "lamp")[number % 2]
            message = await write(tx, OURS, TALKS[0], NOW, "image" if rare and wanted.type == "image" else "text", text)
            if rare:
                await tx.execute('UPDATE message SET metadata = \'{"a": "b"}\' WHERE id = $1', message)

    found, count = await walk(book, OURS, by(wanted), 25)
    assert len(found) == 2
    assert count > 3


def narrowed(sql: str) -> str:
    return re.sub(rf"LIMIT {pages.LOOK}\b", "LIMIT 10", sql).replace(f"OFFSET {pages.LOOK - 1}", "OFFSET 9")


class Careless(Tx):
    """Runs every statement without its brand filter."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx._connection)
        self.stripped = 0

    async def rows(self, sql: str, *arguments: Any) -> list[Row]:
        return await super().rows(self._strip(sql), *arguments)

    async def row(self, sql: str, *arguments: Any) -> Row | None:
        return await super().row(self._strip(sql), *arguments)

    def _strip(self, sql: str) -> str:
        bare, count = re.subn(r"\b\w+\.brand_id = \$1(?![0-9])", "$1::uuid IS NOT NULL", sql)
        assert "brand_id" not in bare
        self.stripped += count
        return bare


async def test_without_the_brand_filter_row_level_security_still_shows_one_brand_only(book: Database) -> None:
    async with book.transaction() as tx:
        theirs = [ids.new() for _ in range(3)]
        await converse(tx, THEIRS, theirs)
        for talk in theirs:
            await write(tx, THEIRS, talk, NOW, "text", "red lamp")
        ours = {await write(tx, OURS, talk, NOW, "text", "red lamp") for talk in TALKS}
    filters = [Filter(), Filter(type="text"), Filter(query="red"), Filter(query="la* red")]
    filters += [Filter(phone=f"1555000{n}") for n in range(3)]

    async with book.reading(OURS) as tx:
        careless = Careless(tx)
        for wanted in filters:
            page = await messages.list_messages(careless, OURS, wanted, limit=100, after=None)
            assert page.rows, wanted
            assert {row["id"] for row in page.rows} <= ours, wanted
        for talk in theirs:
            wanted = Filter(conversation_id=talk)
            assert (await messages.list_messages(careless, OURS, wanted, limit=100, after=None)).rows == []
            kwargs: dict[str, Any] = {"limit": 100, "after": None, "oldest_first": True}
            assert await messages.list_thread(careless, OURS, talk, **kwargs) is None
            assert await conversations.get_conversation(careless, OURS, talk, with_content=True) is None
        page = await talks(careless, OURS, 100, None)
        assert {row["id"] for row in page.rows} == set(TALKS)
        assert careless.stripped > 40


async def test_less_than_ten_seconds_move_no_conversation(book: Database) -> None:
    for seconds, moved in ((5, 0), (10, 0), (11, 11), (15, 11), (-60, 11), (22, 22)):
        async with book.transaction() as tx:
            await threads.stir(tx, [(OURS, TALKS[0], NOW + timedelta(seconds=seconds))])
            row = await tx.row("SELECT active_at FROM conversation WHERE id = $1", TALKS[0])
        assert row is not None
        assert row["active_at"] == NOW + timedelta(seconds=moved)
