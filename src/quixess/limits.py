"""Rate limits that hold across processes: GCRA over one small table, many buckets in one statement.

A bucket of `quota` tokens fills up evenly within `window_s` seconds. What counts is the clock of the database. Who
wants several tokens gets all of them or none.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import msgspec

from quixess.database.batching import Batcher
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError

_SECOND = 1_000_000  # buckets count microseconds
_JITTER = 0.2
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


class Want(msgspec.Struct, frozen=True):
    """One token of one bucket: at most `quota` tokens in `window_s` seconds. `policy` is its name in headers."""

    bucket: str
    policy: str
    quota: int
    window_s: int

    @property
    def step(self) -> int:
        """How long one token takes to come back, in microseconds."""
        return self.window_s * _SECOND // self.quota


class Level(msgspec.Struct, frozen=True):
    """How full a bucket is: `left` tokens, all `quota` of them again in `reset_s` seconds."""

    want: Want
    left: int
    reset_s: int


class Verdict(msgspec.Struct, frozen=True):
    """What became of a row of wants. When any is `denied` nothing was taken, and `wait_s` seconds help."""

    levels: tuple[Level, ...] = ()
    denied: tuple[Level, ...] = ()
    wait_s: float = 0.0


async def take(tx: Tx, rows: Sequence[Sequence[Want]]) -> list[Verdict]:
    """Take the tokens of each row, all of a row or none, in the order of the rows. A row names a bucket once.

    The buckets stay locked until the transaction ends, so what is taken is exact whoever else is taking.
    """
    asked = Counter(want for wants in rows for want in wants)
    if not asked:
        return [Verdict()] * len(rows)
    wants = sorted(asked, key=lambda want: want.bucket)
    # First as if all could pass, which nobody else sees; then what was too much is put back.
    found = await tx.rows(
        f"""WITH clock AS MATERIALIZED (SELECT {_NOW} AS now)
            INSERT INTO rate_bucket AS b (key, tat)
            SELECT w.key, clock.now + w.cost FROM unnest($1::text[], $2::bigint[]) AS w(key, cost), clock
            ON CONFLICT (key) DO UPDATE
              SET tat = greatest(excluded.tat, b.tat + excluded.tat - (SELECT now FROM clock))
            RETURNING key, tat, (SELECT now FROM clock) AS now""",
        [want.bucket for want in wants],
        [want.step * asked[want] for want in wants],
    )
    tats = {row["key"]: row["tat"] for row in found}
    buckets = _Buckets(found[0]["now"], {w.bucket: tats[w.bucket] - w.step * asked[w] for w in wants})
    verdicts = [buckets.judge(wants) for wants in rows]
    wrong = [key for key, tat in buckets.tats.items() if tat != tats[key]]
    if wrong:
        await tx.execute(
            """UPDATE rate_bucket AS b SET tat = w.tat FROM unnest($1::text[], $2::bigint[]) AS w(key, tat)
               WHERE b.key = w.key AND b.key = ANY ($1::text[])""",
            wrong, [buckets.tats[key] for key in wrong],
        )  # fmt: skip
    return verdicts


async def give_back(tx: Tx, wants: Iterable[Want]) -> None:
    """Put tokens back that were taken for nothing."""
    cost: Counter[str] = Counter()
    for want in wants:
        cost[want.bucket] += want.step
    await tx.execute(
        """WITH held AS MATERIALIZED (
             SELECT b.key, w.cost FROM unnest($1::text[], $2::bigint[]) AS w(key, cost)
             JOIN rate_bucket b ON b.key = w.key WHERE b.key = ANY ($1::text[]) ORDER BY b.key FOR UPDATE OF b)
           UPDATE rate_bucket AS b SET tat = b.tat - held.cost FROM held
           WHERE b.key = held.key AND b.key = ANY ($1::text[])""",
        list(cost), list(cost.values()),
    )  # fmt: skip


async def levels(tx: Tx, wants: Sequence[Want]) -> list[Level]:
    """Tell how full buckets are, without taking anything."""
    if not wants:
        return []
    rows = await tx.rows(
        f"""SELECT w.key, b.tat, {_NOW} AS now FROM unnest($1::text[]) AS w(key)
            LEFT JOIN rate_bucket b ON b.key = w.key AND b.key = ANY ($1::text[])""",
        [want.bucket for want in wants],
    )
    found = {row["key"]: (row["tat"] or 0, row["now"]) for row in rows}
    return [_level(want, *found[want.bucket]) for want in wants]


async def sweep(tx: Tx, most: int) -> int:
    """Delete buckets that have been full for an hour, at most so many, and return how many."""
    done = await tx.execute(
        f"""DELETE FROM rate_bucket WHERE ctid = ANY (ARRAY(
              SELECT ctid FROM rate_bucket WHERE tat < {_NOW} - $1::bigint LIMIT $2 FOR UPDATE SKIP LOCKED))""",
        3600 * _SECOND, most,
    )  # fmt: skip
    return int(done.rpartition(" ")[2])


def describe(levels: Sequence[Level]) -> dict[str, str]:
    """Write the headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers)."""
    if not levels:
        return {}
    policies = [f'"{level.want.policy}";q={level.want.quota};w={level.want.window_s}' for level in levels]
    states = [f'"{level.want.policy}";r={level.left};t={level.reset_s}' for level in levels]
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}


def merge(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Join the headers of two sets of buckets: both are lists."""
    return {name: ", ".join(filter(None, (first.get(name), second.get(name)))) for name in {**first, **second}}


def refuse(verdict: Verdict, code: str, detail: str) -> QuixessError:
    """Make the 429 of a denied row: which policies, how long to wait, some of it by chance against a stampede."""
    violated = [
        {"policy": level.want.policy, "quota": level.want.quota, "window_s": level.want.window_s}
        for level in verdict.denied
    ]
    return QuixessError(
        code,
        detail,
        retry_after_s=spread(verdict.wait_s),
        extra={"violated_policies": violated},
        headers=describe(verdict.denied),
    )


def spread(wait_s: float) -> int:
    """Give whole seconds to wait, at least one, up to a fifth more by chance: a fleet does not return at once."""
    return max(1, ceil(wait_s * random.uniform(1, 1 + _JITTER)))  # noqa: S311 - nothing secret about it


class Limits:
    """The buckets of one process's requests; concurrent ones share a statement."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._taking: Batcher[Sequence[Want], Verdict] = Batcher(self._take, lanes=1)
        self._giving: Batcher[Sequence[Want], None] = Batcher(self._give, lanes=1)

    @property
    def batchers(self) -> dict[str, Batcher[Any, Any]]:
        """What is batched here."""
        return {"limits": self._taking}

    async def take(self, wants: Sequence[Want]) -> Verdict:
        """Take one row's tokens, in a transaction of its own."""
        return await self._taking.submit(wants)

    async def give_back(self, wants: Sequence[Want]) -> None:
        """Put a row's tokens back."""
        await self._giving.submit(wants)

    async def levels(self, wants: Sequence[Want]) -> list[Level]:
        """Tell how full buckets are."""
        async with self._db.statement() as tx:
            return await levels(tx, wants)

    async def _take(self, rows: Sequence[Sequence[Want]]) -> list[Verdict]:
        async with self._db.transaction() as tx:
            return await take(tx, rows)

    async def _give(self, rows: Sequence[Sequence[Want]]) -> list[None]:
        async with self._db.transaction() as tx:
            await give_back(tx, [want for wants in rows for want in wants])
        return [None] * len(rows)


@dataclass(slots=True)
class _Buckets:
    """Buckets while rows are judged one after the other: when each is empty again, in microseconds."""

    now: int
    tats: dict[str, int] = field(default_factory=dict)

    def judge(self, wants: Sequence[Want]) -> Verdict:
        tats, now = self.tats, self.now
        waits = [max(tats[w.bucket], now) + w.step - now - w.window_s * _SECOND for w in wants]
        if not waits or max(waits) <= 0:
            for want in wants:
                tats[want.bucket] = max(tats[want.bucket], now) + want.step
            return Verdict(tuple([_level(want, tats[want.bucket], now) for want in wants]))
        denied = [_level(want, tats[want.bucket], now) for want, wait in zip(wants, waits, strict=True) if wait > 0]
        return Verdict(denied=tuple(denied), wait_s=max(waits) / _SECOND)


def _level(want: Want, tat: int, now: int) -> Level:
    busy = max(tat - now, 0)
    return Level(want, max(want.window_s * _SECOND - busy, 0) // want.step, -(-busy // _SECOND))
