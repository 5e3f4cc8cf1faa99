"""Pinned: somebody's transaction stays open for minutes, and PostgreSQL may clear no row that died since it began.

A report that hangs, a debugger, a forgotten `BEGIN`: the queues' dead rows pile up, and every claim walks over them.
Messages go through all the while, from Meta's webhook to the delivered event.
"""

import argparse
import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from bench import passage, tables
from bench.passage import CONNECTIONS, Passage
from bench.report import Round
from bench.rig import Rig

_ROUND_S = 10.0
_FREE = 3
_DEAD = """SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables
           WHERE relname IN ('delivery', 'intake_todo', 'endpoint_due', 'unsettled', 'idempotency')"""


def main(words: list[str]) -> None:
    """Measure rounds with nothing in the way, then under the open transaction, then after it."""
    asked = argparse.ArgumentParser(prog="make bench ARGS=pinned …")
    asked.add_argument("--minutes", type=float, default=10.0, help="how long the transaction stays open (default 10)")
    rounds = max(1, round(60 * asked.parse_args(words).minutes / _ROUND_S))
    with Rig() as at:
        through = passage.begin(at, "bench_pinned")
        through.course.once(connections=CONNECTIONS, seconds=1.5)
        print(
            f"{'webhook in → delivered':<24}{'per second':>12}{'gateway µs':>12}{'PostgreSQL µs':>15}{'dead rows':>12}"
        )
        before = [_tell("before", through) for _ in range(_FREE)]
        with _open_transaction(through.dsn):
            under = [_tell(f"open for {_ROUND_S * (n + 1):.0f} s", through) for n in range(rounds)]
        tables.ask(through.dsn, "VACUUM delivery, intake_todo, endpoint_due, unsettled, idempotency, conversation")
        after = [_tell("after, and vacuumed", through) for _ in range(_FREE)]
    most = max(one.per_second for one in before)
    print(
        f"\nThe last round under it went at {under[-1].per_second / most:.0%} of the best before it, the slowest at "
        f"{min(one.per_second for one in under) / most:.0%}; after it at {after[-1].per_second / most:.0%}."
    )


def _tell(when: str, through: Passage) -> Round:
    found = through.course.once(connections=CONNECTIONS, seconds=_ROUND_S)
    tables.ask(through.dsn, "SELECT pg_stat_force_next_flush()")
    print(
        f"{when:<24}{found.per_second:>12,.0f}{found.gateway_us:>12,.0f}{found.postgres_us:>15,.0f}"
        f"{tables.ask(through.dsn, _DEAD):>12,}",
        flush=True,
    )
    return found


@contextmanager
def _open_transaction(dsn: str) -> Iterator[None]:
    """Hold a transaction with a snapshot open, on a connection of its own, for the length of a block.

    A server may end such sessions (ours do after a minute): this one asks not to be, and fails if it was all the same.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> asyncpg.Connection:
        connection = await asyncpg.connect(dsn, server_settings={"idle_in_transaction_session_timeout": "0"})
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM brand")
        return connection

    connection = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield
        asyncio.run_coroutine_threadsafe(connection.execute("COMMIT"), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(connection.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
