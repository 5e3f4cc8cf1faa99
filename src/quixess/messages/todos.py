"""Meta's bodies waiting to be worked off: kept, leased, finished, or listed with their error."""

from collections.abc import Collection, Sequence
from operator import itemgetter
from uuid import UUID

import msgspec

from quixess.database.core import Row, Tx, columns

_ID = itemgetter("id")  # our ids sort by time


class Todo(msgspec.Struct, frozen=True):
    """One body to work off. `lease` is None when no process holds it, `lane` whose turn it takes."""

    id: UUID
    app_id: str
    body: bytes
    lease: UUID | None
    lane: int


async def insert(tx: Tx, todos: Sequence[Todo], *, lease_s: float) -> None:
    """Keep bodies and their todos in one statement, which is one commit."""
    await tx.execute(
        """WITH t AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::smallint[])
                      AS t(id, app_id, body, lease, lane)),
                kept AS (INSERT INTO intake (id, app_id, body) SELECT id, app_id, body FROM t)
           INSERT INTO intake_todo (id, app_id, lane, lease, next_at)
           SELECT id, app_id, lane, lease, CASE WHEN lease IS NULL THEN now() ELSE now() + $6 * interval '1 second' END
           FROM t""",
        *columns(todos, "id", "app_id", "body", "lease", "lane"),
        lease_s,
    )


_CLAIM = """
  WITH RECURSIVE lanes AS (
    (SELECT t.lane, t.next_at FROM intake_todo t WHERE t.error IS NULL AND t.lane > $4
     ORDER BY t.lane, t.next_at LIMIT 1)
    UNION ALL
    SELECT n.lane, n.next_at FROM lanes l CROSS JOIN LATERAL (
      SELECT t.lane, t.next_at FROM intake_todo t WHERE t.error IS NULL AND t.lane > l.lane
      ORDER BY t.lane, t.next_at LIMIT 1) n),
  due AS MATERIALIZED (SELECT lane FROM lanes WHERE next_at <= now() AND lane <> ALL ($5::smallint[]) LIMIT $3),
  picked AS MATERIALIZED (
    SELECT p.ctid FROM due CROSS JOIN LATERAL (
      SELECT t.ctid FROM intake_todo t WHERE t.error IS NULL AND t.lane = due.lane AND t.next_at <= now()
      ORDER BY t.next_at LIMIT $3 / (SELECT count(*) FROM due) FOR UPDATE SKIP LOCKED) p),
  held AS (
    UPDATE intake_todo t SET lease = $1, next_at = now() + $2 * interval '1 second', tries = t.tries + 1
    WHERE t.ctid = ANY (ARRAY(SELECT ctid FROM picked)) RETURNING t.id, t.lane)
  SELECT i.id, i.app_id, i.body, held.lane FROM held JOIN intake i ON i.id = held.id"""


async def claim(
    tx: Tx, lease: UUID, *, lease_s: float, limit: int, after: int = -1, but: Collection[int] = ()
) -> list[Todo]:
    """Lease bodies that are due, at most `limit`: of each lane the same share, those that waited longest.

    The lanes after the lane `after` are gone through in their order, leaving out those of `but`; the index is read once
    for each, however much waits in it.
    """
    rows = await tx.rows(_CLAIM, lease, lease_s, limit, after, list(but))
    return [Todo(row["id"], row["app_id"], row["body"], lease, row["lane"]) for row in sorted(rows, key=_ID)]


class TakenOver(Exception):  # noqa: N818 - it is told apart, and no fault
    """Another process has a body by now: this one was frozen, or a clock was stepped, past its lease."""


async def finish(tx: Tx, done: Sequence[tuple[Todo, Sequence[str]]]) -> None:
    """Delete the todos of bodies that are worked off. One with parts not understood stays listed with them.

    Raises `TakenOver` when another process has taken one over meanwhile: the whole transaction must not count.
    """
    if not done:
        return
    ordered = sorted(done, key=lambda one: one[0].id)
    rows = await tx.rows(
        """DELETE FROM intake_todo t USING unnest($1::uuid[], $2::uuid[]) AS d(id, lease)
           WHERE t.id = d.id AND t.lease = d.lease AND t.id = ANY ($1::uuid[]) RETURNING t.id""",
        [todo.id for todo, _ in ordered],
        [todo.lease for todo, _ in ordered],
    )
    if len(rows) != len(ordered):
        raise TakenOver
    for todo, problems in ordered:
        if problems:
            await tx.execute(
                """INSERT INTO intake_todo (id, app_id, lane, next_at, error) VALUES ($1, $2, $3, 'infinity', $4)""",
                todo.id,
                todo.app_id,
                todo.lane,
                "; ".join(problems)[:2000],
            )


async def give_up(tx: Tx, todo: Todo, reason: str) -> None:
    """Keep a body that cannot be worked off, with the reason, until an operator runs it again."""
    await tx.execute(
        "UPDATE intake_todo SET error = $3, next_at = 'infinity', lease = NULL WHERE id = $1 AND lease = $2",
        todo.id,
        todo.lease,
        reason[:2000].replace("\x00", "�"),
    )


async def list_broken(tx: Tx, *, limit: int = 100) -> list[Row]:
    """List bodies that could not be worked off, newest first, with their error and size in bytes."""
    return await tx.rows(
        """SELECT t.id, t.app_id, t.error, i.received_at, octet_length(i.body) AS size
           FROM intake_todo t JOIN intake i ON i.id = t.id WHERE t.error IS NOT NULL ORDER BY t.id DESC LIMIT $1""",
        limit,
    )


async def run_again(tx: Tx, intake_id: UUID | None) -> int:
    """Put one broken body, or all of them, back to work and return how many."""
    done = await tx.execute(
        """UPDATE intake_todo SET error = NULL, next_at = now(), lease = NULL
           WHERE error IS NOT NULL AND (id = $1 OR $1 IS NULL)""",
        intake_id,
    )
    return int(done.rpartition(" ")[2])
