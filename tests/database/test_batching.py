"""Natural batching on the real PostgreSQL: every rule of it, each told by a caller who meets it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest

from quixess.database import batching
from quixess.database.batching import Batcher
from quixess.database.core import Database
from quixess.errors import QuixessError
from tests.database import outage
from tests.world import eventually


@dataclass
class Ledger:
    """Writes rows of one table, notes each batch as it came, and holds every flush while its gate is shut."""

    db: Database
    batches: list[list[str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, keys: Sequence[str]) -> list[str]:
        self.batches.append(list(keys))
        await self.gate.wait()
        async with self.db.transaction() as tx:
            await tx.execute(
                """INSERT INTO rate_bucket (key, tat) SELECT DISTINCT key, 1 FROM unnest($1::text[]) AS key
                   ORDER BY key ON CONFLICT (key) DO UPDATE SET tat = 1""",
                list(keys),
            )
        return [f"{key} is kept" for key in keys]

    async def kept(self) -> set[str]:
        async with self.db.statement() as tx:
            return {row["key"] for row in await tx.rows("SELECT key FROM rate_bucket")}


@pytest.fixture
def ledger(db: Database) -> Ledger:
    return Ledger(db)


async def submit_all(batcher: Batcher[str, str], keys: Sequence[str]) -> list[str | BaseException]:
    return await asyncio.gather(*(batcher.submit(key) for key in keys), return_exceptions=True)


@asynccontextmanager
async def under_way(batcher: Batcher[str, str], ledger: Ledger, *keys: str) -> AsyncIterator[None]:
    """Fill the lanes with one flush for each key, each slow, held at the gate until the block ends."""
    callers: list[asyncio.Task[str]] = []
    for key in keys:
        if callers:
            await asyncio.sleep(2 * batching._SLOW_S)
        callers.append(asyncio.create_task(batcher.submit(key)))
        await eventually(lambda: len(ledger.batches) == len(callers))
    try:
        yield
    finally:
        ledger.gate.set()
        await asyncio.gather(*callers)


async def test_what_arrives_during_a_flush_becomes_the_next_batch(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=1)
    late = [f"late {number}" for number in range(100)]
    async with under_way(batcher, ledger, "first"):
        callers = asyncio.create_task(submit_all(batcher, late))
        await eventually(lambda: batcher.waiting == 100)
        assert ledger.batches == [["first"]]

    assert await callers == [f"{key} is kept" for key in late]
    assert ledger.batches == [["first"], late]


async def test_a_row_that_comes_alone_waits_for_nobody(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write)
    async with under_way(batcher, ledger, "alone"):
        assert ledger.batches == [["alone"]]
        assert batcher.waiting == 0


async def test_a_second_lane_opens_while_a_batch_is_slow_and_the_third_batch_gathers(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=2)
    async with under_way(batcher, ledger, "one", "two"):
        callers = asyncio.create_task(submit_all(batcher, ["three", "four"]))
        await eventually(lambda: batcher.waiting == 2)
        assert ledger.batches == [["one"], ["two"]]

    await callers
    assert ledger.batches[2:] == [["three", "four"]]


async def test_a_row_that_waits_behind_a_batch_gets_a_lane_once_that_turns_out_slow(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=2)
    async with under_way(batcher, ledger, "slow"):
        caller = asyncio.create_task(batcher.submit("next"))
        await eventually(lambda: ledger.batches == [["slow"], ["next"]])

    assert await caller == "next is kept"


async def test_while_a_batch_is_quick_no_second_lane_opens(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=2)
    async with under_way(batcher, ledger, "one"):
        caller = asyncio.create_task(batcher.submit("two"))
        await eventually(lambda: batcher.waiting == 1)
        assert ledger.batches == [["one"]]

    assert await caller == "two is kept"


async def test_a_batch_holds_no_more_rows_than_its_cap(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=1, cap=3)
    async with under_way(batcher, ledger, "first"):
        callers = asyncio.create_task(submit_all(batcher, list("abcdefg")))
        await eventually(lambda: batcher.waiting == 7)

    assert await callers == [f"{key} is kept" for key in "abcdefg"]
    assert ledger.batches[1:] == [list("abc"), list("def"), list("g")]


async def test_a_caller_that_goes_away_takes_nothing_with_it(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=1)
    running = asyncio.create_task(batcher.submit("running"))
    await eventually(lambda: ledger.batches)
    waiting = [asyncio.create_task(batcher.submit(key)) for key in ("waiting", "patient")]
    await eventually(lambda: batcher.waiting == 2)

    running.cancel()
    waiting[0].cancel()
    ledger.gate.set()

    assert await waiting[1] == "patient is kept"
    assert running.cancelled()
    assert waiting[0].cancelled()
    assert await ledger.kept() == {"running", "waiting", "patient"}
    assert ledger.batches == [["running"], ["waiting", "patient"]]


async def test_a_full_queue_refuses_the_next_row_and_keeps_those_it_took(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=1, limit=2)
    async with under_way(batcher, ledger, "running"):
        taken = asyncio.create_task(submit_all(batcher, ["one", "two"]))
        await eventually(lambda: batcher.waiting == 2)
        with pytest.raises(QuixessError) as refused:
            await batcher.submit("three")

    assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (503, "overloaded", 1)
    assert await taken == ["one is kept", "two is kept"]
    assert await ledger.kept() == {"running", "one", "two"}
    assert await batcher.submit("four") == "four is kept"


async def test_a_poisoned_row_fails_alone(ledger: Ledger) -> None:
    ledger.gate.set()
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=1)

    answers = await submit_all(batcher, ["one", "a NUL: \x00", "two"])

    assert isinstance(answers[1], asyncpg.CharacterNotInRepertoireError)
    assert [answers[0], answers[2]] == ["one is kept", "two is kept"]
    assert await ledger.kept() == {"one", "two"}


async def test_a_row_that_another_transaction_holds_fails_alone(db: Database, ledger: Ledger) -> None:
    ledger.gate.set()
    batcher: Batcher[str, str] = Batcher(ledger.write)
    await batcher.submit("held")

    async with db.transaction() as other:
        await other.row("SELECT * FROM rate_bucket WHERE key = 'held' FOR UPDATE")
        answers = await submit_all(batcher, ["one", "held", "two"])
        assert await ledger.kept() == {"held", "one", "two"}

    assert isinstance(answers[1], QuixessError)
    assert answers[1].code == "overloaded"
    assert [answers[0], answers[2]] == ["one is kept", "two is kept"]
    assert await batcher.submit("held") == "held is kept"


async def test_the_victim_of_a_deadlock_is_tried_again_as_it_was(dsn: str, ledger: Ledger) -> None:
    ledger.gate.set()
    batcher: Batcher[str, str] = Batcher(ledger.write)
    await submit_all(batcher, ["a", "z"])
    ledger.batches.clear()
    # This transaction looks for deadlocks so late that the batch always finds it first and is the victim.
    rival = await asyncpg.connect(dsn, server_settings={"deadlock_timeout": "60s"})
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("UPDATE rate_bucket SET tat = 1 WHERE key = 'z'")

    callers = asyncio.create_task(submit_all(batcher, ["a", "m", "z"]))
    watch = await asyncpg.connect(dsn)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    await eventually(lambda: watch.fetchval(waits))
    await rival.execute("UPDATE rate_bucket SET tat = 1 WHERE key = 'a'")
    await transaction.commit()

    assert await callers == ["a is kept", "m is kept", "z is kept"]
    assert ledger.batches == [["a", "m", "z"]] * len(ledger.batches)
    assert len(ledger.batches) > 1
    await watch.close()
    await rival.close()


async def test_two_writers_in_a_circle_cost_one_of_them_its_turn_and_not_both(db: Database) -> None:
    async with db.statement() as tx:
        await tx.execute("INSERT INTO rate_bucket (key, tat) VALUES ('a', 1), ('b', 1)")
    both = asyncio.Barrier(2)

    async def write(first: str, second: str) -> None:
        async with db.transaction() as tx:
            await tx.execute("UPDATE rate_bucket SET tat = 1 WHERE key = $1", first)
            await both.wait()
            await tx.execute("UPDATE rate_bucket SET tat = 1 WHERE key = $1", second)

    ends = await asyncio.gather(write("a", "b"), write("b", "a"), return_exceptions=True)
    assert [type(end) for end in ends if end is not None] == [asyncpg.DeadlockDetectedError]


async def test_a_database_that_is_away_is_told_to_all_at_once(dsn: str) -> None:
    with outage.road(dsn) as road:
        db = await Database.open(road.dsn, writers=2, readers=1)
        ledger = Ledger(db)
        ledger.gate.set()
        batcher: Batcher[str, str] = Batcher(ledger.write, lanes=1)
        await batcher.submit("before")
        await road.cut()

        answers = await submit_all(batcher, [str(number) for number in range(50)])
        assert {answer.code for answer in answers if isinstance(answer, QuixessError)} == {"database_unavailable"}
        assert [len(batch) for batch in ledger.batches] == [1, 50]

        road.mend()
        assert await batcher.submit("after") == "after is kept"
        assert await ledger.kept() == {"before", "after"}
        await db.close()


async def test_a_connection_lost_in_mid_flight_is_told_to_its_batch_and_the_next_one_goes_through(dsn: str) -> None:
    with outage.road(dsn) as road:
        db = await Database.open(road.dsn, writers=2, readers=1)

        async def write(keys: Sequence[str]) -> list[str]:
            async with db.transaction() as tx:
                await tx.execute("INSERT INTO rate_bucket (key, tat) VALUES ($1, 1)", keys[0])
                if keys[0] == "unlucky":
                    await road.cut()
            return list(keys)

        batcher: Batcher[str, str] = Batcher(write)
        with pytest.raises(QuixessError, match="database_unavailable"):
            await batcher.submit("unlucky")
        road.mend()
        assert await batcher.submit("lucky") == "lucky"
        async with db.statement() as tx:
            assert [row["key"] for row in await tx.rows("SELECT key FROM rate_bucket")] == ["lucky"]
        await db.close()


async def test_closing_waits_until_every_row_has_its_answer(ledger: Ledger) -> None:
    batcher: Batcher[str, str] = Batcher(ledger.write, lanes=2, cap=2)
    keys = [f"row {number}" for number in range(9)]
    callers = asyncio.create_task(submit_all(batcher, keys))
    await eventually(lambda: ledger.batches)

    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    assert not closing.done()
    ledger.gate.set()
    await closing

    assert batcher.waiting == 0
    assert await ledger.kept() == set(keys)
    assert await callers == [f"{key} is kept" for key in keys]


async def test_a_row_that_comes_just_as_a_lane_ends_is_not_left_waiting() -> None:
    """The lane looks at the queue for the last time and leaves in one turn: no row can slip in between."""

    async def flush(rows: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        return list(rows)

    for turns in range(8):
        batcher: Batcher[int, int] = Batcher(flush, lanes=1)

        async def late(into: Batcher[int, int], turns: int) -> int:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await into.submit(2)

        async with asyncio.timeout(20):
            first, second = await asyncio.gather(batcher.submit(1), late(batcher, turns))
        assert (first, second) == (1, 2)
