"""Meta's bodies waiting to be worked off: kept, leased, finished, or listed with their error."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from quixess.database.core import Row, Tx, columns


@dataclass(frozen=True, slots=True)
class Todo:
    """One body to work off. `lease` is None when no process holds it."""

    id: UUID
    app_id: str
    body: bytes = field(repr=False)
    lease: UUID | None


async def insert(tx: Tx, todos: Sequence[Todo], *, lease_s: float) -> None:
    """Keep bodies and their todos in one statement, which is one commit."""
    await tx.execute(
        """WITH t AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[])
                      AS t(id, app_id, body, lease)),
                kept AS (INSERT INTO intake (id, app_id, body) SELECT id, app_id, body FROM t)
           INSERT INTO intake_todo (id, app_id, next_at, lease)
           SELECT id, app_id, CASE WHEN lease IS NULL THEN now() ELSE now() + $5 * interval '1 second' END, lease
           FROM t""",
        *columns(todos, "id", "app_id", "body", "lease"),
        lease_s,
    )


async def claim(tx: Tx, lease: UUID, *, lease_s: float, limit: int) -> list[Todo]:
    """Lease the bodies that waited longest, at most `limit`."""
    rows = await tx.rows(
        """WITH due AS MATERIALIZED (
             SELECT id FROM intake_todo WHERE next_at <= now() ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED),
           held AS (
             UPDATE intake_todo t SET lease = $1, next_at = now() + $2 * interval '1 second', tries = t.tries + 1
             FROM due WHERE t.id = due.id RETURNING t.id)
           SELECT i.id, i.app_id, i.body FROM held JOIN intake i ON i.id = held.id""",
        lease,
        lease_s,
        limit,
    )
    return [Todo(row["id"], row["app_id"], row["body"], lease) for row in rows]


async def finish(tx: Tx, done: Sequence[tuple[Todo, Sequence[str]]]) -> None:
    """Delete the todos of bodies that are worked off. One with parts not understood stays listed with them.

    Raises LookupError when another process has taken one over meanwhile: the whole transaction must not count.
    """
    if not done:
        return
    ordered = sorted(done, key=lambda one: one[0].id)
    rows = await tx.rows(
        """DELETE FROM intake_todo t USING unnest($1::uuid[], $2::uuid[]) AS d(id, lease)
           WHERE t.id = d.id AND t.lease = d.lease RETURNING t.id""",
        [todo.id for todo, _ in ordered],
        [todo.lease for todo, _ in ordered],
    )
    if len(rows) != len(ordered):
        raise LookupError("a body was taken over by another process")
    for todo, problems in ordered:
        if problems:
            await tx.execute(
                """INSERT INTO intake_todo (id, app_id, next_at, error) VALUES ($1, $2, 'infinity', $3)""",
                todo.id,
                todo.app_id,
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
