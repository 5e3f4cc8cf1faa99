"""The work: does anybody do it, is it done in time, and do the brands' endpoints take what is told."""

from datetime import datetime, timedelta
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.health import beats
from quixess.health.model import Check, failed, passed, warned

_LATE = timedelta(minutes=1)
_IN_DOUBT_SINCE = timedelta(hours=1)


async def examine_work(tx: Tx) -> list[Check]:
    """Look at what the workers do for all brands: one is alive, Meta's bodies, and sends in doubt."""
    alive, last = await beats.hear(tx)
    row = await tx.row(
        """SELECT clock_timestamp() AS now,
             (SELECT min(next_at) FROM intake_todo WHERE error IS NULL) AS oldest,
             (SELECT count(*) FROM intake_todo WHERE error IS NOT NULL) AS broken,
             (SELECT id FROM unsettled ORDER BY id LIMIT 1) AS unsettled"""
    )
    assert row is not None  # noqa: S101 - it asks for no row of a table
    return [
        _judge_worker(alive, last),
        _judge_intake(row["oldest"], row["now"]),
        _judge_bodies(row["broken"]),
        _judge_sends(row["unsettled"], row["now"]),
    ]


async def examine_endpoints(tx: Tx, brand_id: UUID) -> list[Check]:
    """Look at where a brand wants its events, and whether they get there in time."""
    rows = await tx.rows(
        """SELECT id, state, state_reason, state_since FROM endpoint
           WHERE brand_id = $1 AND deleted_at IS NULL AND url IS NOT NULL ORDER BY id""",
        brand_id,
    )
    if not rows:
        fix = "Name one: `quixess endpoint set`, or `webhook` when a number is connected."
        return [warned("endpoints", "The brand has no endpoint: its events are kept and told to nobody.", fix)]
    late = await tx.row(
        """SELECT min(d.next_at) AS since, clock_timestamp() AS now FROM delivery d
           JOIN endpoint e ON e.brand_id = d.brand_id AND e.id = d.endpoint_id
           WHERE d.brand_id = $1 AND e.state = 'healthy' AND (e.held_until IS NULL OR e.held_until < now())""",
        brand_id,
    )
    assert late is not None  # noqa: S101 - a minimum without GROUP BY is one row
    troubled = [_judge_endpoint(row) for row in rows if row["state"] != "healthy"]
    fine = [passed("endpoints", _count(len(rows), "endpoint takes its events", "endpoints take their events"))]
    return [*(troubled or fine), _judge_deliveries(late["since"], late["now"])]


def _judge_worker(alive: int, last: datetime | None) -> Check:
    if alive:
        return passed("worker", _count(alive, "worker is at work", "workers are at work"), since=last)
    said = "No worker is at work: nothing is delivered, received or looked after."
    return failed("worker", said, "Start one: `quixess work`, or `quixess serve --work`.", since=last)


def _judge_intake(oldest: datetime | None, now: datetime) -> Check:
    if oldest is None or now - oldest < _LATE:
        return passed("intake", "Meta's webhooks are worked off as they come.")
    fix = "Start more workers (`quixess work`), and look into the log of those that run."
    return failed("intake", "Webhooks of Meta wait to be worked off.", fix, since=oldest)


def _judge_bodies(broken: int) -> Check:
    if not broken:
        return passed("intake_errors", "Every body of Meta's made sense.")
    fix = "See them with `quixess intake list`; `quixess intake rerun` after an upgrade."
    said = _count(broken, "body of Meta's could not be worked off", "bodies of Meta's could not be worked off")
    return warned("intake_errors", said, fix)


def _judge_sends(oldest: UUID | None, now: datetime) -> Check:
    since = None if oldest is None else ids.made_at(oldest)
    if since is None or now - since < _IN_DOUBT_SINCE:
        return passed("unsettled_sends", "No send is in doubt for long.")
    fix = "Make sure that a worker runs and that Meta's webhooks arrive: they settle sends."
    return warned("unsettled_sends", "Nobody knows yet what became of some sends.", fix, since=since)


def _judge_endpoint(row: Row) -> Check:
    name, since = ids.show("end", row["id"]), row["state_since"]
    reason = f" ({row['state_reason']})" if row["state_reason"] else ""
    if row["state"] == "disabled":
        fix = f"Mend the receiver, then `quixess endpoint enable {name}`: what waits is delivered."
        return failed("endpoints", f"{name} is disabled{reason}.", fix, since=since)
    fix = "Mend the receiver: it is asked again by itself, and nothing is lost meanwhile."
    return warned("endpoints", f"{name} is failing{reason}.", fix, since=since)


def _judge_deliveries(oldest: datetime | None, now: datetime) -> Check:
    if oldest is None or now - oldest < _LATE:
        return passed("deliveries", "Events go out in time.")
    fix = "Start more workers: `quixess work`."
    return failed("deliveries", "Events for healthy endpoints wait to be delivered.", fix, since=oldest)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}."
