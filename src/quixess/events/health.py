"""The health of endpoints: healthy, failing, disabled; and what a tenant's operator hears of it.

An endpoint that failed ten times in a row is failing: one probe after the other asks whether it answers again, on the
steps of its own ladder, every ten minutes at most, while everything else waits for it without spending attempts. The
first probe that is answered brings it back, and what waited for a later step is due at once. A 410 disables: what waits
is kept until somebody enables the endpoint again, or until retention (docs/events.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database import ids
from quixess.database.core import Row, Tx, columns
from quixess.events import outbox
from quixess.events.endpoints import Endpoint
from quixess.events.outbox import Draft
from quixess.events.outward import Answer
from quixess.feed import Kind

LONGEST_PROBE_WAIT_S = 600.0
_TOLD_AFTER = 3  # probes that failed: a blip is not worth an event
_FAST_FORWARD = 1000  # rows that failed before the endpoint was parked; there are hardly ever more than a window's


@dataclass(frozen=True, slots=True)
class Turn:
    """What an attempt says about its endpoint. At most one of the four.

    `trips`: it failed too often in a row. `hold_s`: nothing may be sent for so long. `gone`: it answered 410.
    `recovers`: a probe was answered.
    """

    endpoint: Endpoint
    answer: Answer
    trips: bool = False
    hold_s: float = 0.0
    gone: bool = False
    recovers: bool = False
    probe: bool = False


async def apply(tx: Tx, turns: Sequence[Turn]) -> list[Draft]:
    """Change the states of endpoints and return the events to record. In any order and number; repeats do nothing."""
    for one in turns:
        feed.tell(tx, one.endpoint.brand_id, Kind.ENDPOINT, one.endpoint.id)
    drafts = [_disabled(row) for row in await _disable(tx, _last([one for one in turns if one.gone]))]
    drafts += [_failing(row) for row in await _hold_failing(tx, _last([one for one in turns if one.probe]))]
    drafts += [_recovered(row) for row in await _recover(tx, _last([one for one in turns if one.recovers]))]
    await _trip(tx, _last([one for one in turns if one.trips]))
    await _hold_healthy(tx, _last([one for one in turns if one.hold_s and not one.probe]))
    return drafts


async def hold_for_probe(tx: Tx, probed: Mapping[UUID, UUID], seconds: float) -> None:
    """Keep others from probing the same endpoints, endpoint id → brand id, until the answer or the lease's end."""
    await tx.execute(
        """UPDATE endpoint e SET held_until = now() + $3 * interval '1 second'
           FROM unnest($1::uuid[], $2::uuid[]) AS p(brand_id, id)
           WHERE e.brand_id = p.brand_id AND e.id = p.id AND e.state = 'failing'""",
        [probed[endpoint_id] for endpoint_id in sorted(probed)],
        sorted(probed),
        seconds,
    )


async def resume(tx: Tx, brand_id: UUID, endpoint_id: UUID) -> None:
    """Let everything that waits for an endpoint go on at once: it recovered, or was enabled."""
    await tx.execute(
        """WITH picked AS MATERIALIZED (
             SELECT ctid FROM delivery WHERE brand_id = $1 AND endpoint_id = $2 AND lease IS NULL AND next_at > now()
             ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED)
           UPDATE delivery d SET next_at = now() FROM picked WHERE d.ctid = picked.ctid AND d.brand_id = $1""",
        brand_id,
        endpoint_id,
        _FAST_FORWARD,
    )
    await outbox.mark_due(tx, {endpoint_id: (brand_id, 0.0)})


def probe_wait(ladder: Sequence[float], failed: int) -> float:
    """Say how long to wait for the next probe after so many that failed, in seconds."""
    return min(ladder[min(failed, len(ladder) - 1)], LONGEST_PROBE_WAIT_S)


def _last(turns: Sequence[Turn]) -> list[Turn]:
    """Name each endpoint once, in the order of the keys."""
    folded = {(one.endpoint.brand_id, one.endpoint.id): one for one in turns}
    return [folded[key] for key in sorted(folded)]


async def _disable(tx: Tx, turns: Sequence[Turn]) -> list[Row]:
    if not turns:
        return []
    return await tx.rows(
        """UPDATE endpoint e SET state = 'disabled', state_since = now(), held_until = NULL, probes = 0,
             state_reason = 'The receiver answered 410 Gone.'
           FROM unnest($1::uuid[], $2::uuid[]) AS t(brand_id, id)
           WHERE e.brand_id = t.brand_id AND e.id = t.id AND e.state <> 'disabled'
           RETURNING e.brand_id, e.id, e.name, e.url, e.state_reason""",
        *columns(turns, "endpoint.brand_id", "endpoint.id"),
    )


async def _trip(tx: Tx, turns: Sequence[Turn]) -> None:
    if turns:
        await tx.execute(
            """UPDATE endpoint e SET state = 'failing', state_since = now(), probes = 0, state_reason = t.reason,
                 held_until = now() + t.hold_s * interval '1 second'
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[]) AS t(brand_id, id, reason, hold_s)
               WHERE e.brand_id = t.brand_id AND e.id = t.id AND e.state = 'healthy'""",
            *columns(turns, "endpoint.brand_id", "endpoint.id"),
            [_reason(one.answer) for one in turns],
            [one.hold_s for one in turns],
        )


async def _hold_failing(tx: Tx, turns: Sequence[Turn]) -> list[Row]:
    """Note a probe that failed, and return those endpoints whose failing is worth an event now."""
    if not turns:
        return []
    rows = await tx.rows(
        """UPDATE endpoint e SET probes = least(e.probes + 1, 30000), state_reason = t.reason,
             held_until = now() + t.hold_s * interval '1 second'
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[]) AS t(brand_id, id, reason, hold_s)
           WHERE e.brand_id = t.brand_id AND e.id = t.id AND e.state = 'failing'
           RETURNING e.brand_id, e.id, e.name, e.url, e.state_reason, e.state_since, e.probes""",
        *columns(turns, "endpoint.brand_id", "endpoint.id"),
        [_reason(one.answer) for one in turns],
        [one.hold_s for one in turns],
    )
    return [row for row in rows if row["probes"] == _TOLD_AFTER]


async def _hold_healthy(tx: Tx, turns: Sequence[Turn]) -> None:
    if turns:
        await tx.execute(
            """UPDATE endpoint e SET held_until = greatest(e.held_until, now() + t.hold_s * interval '1 second')
               FROM unnest($1::uuid[], $2::uuid[], $3::float8[]) AS t(brand_id, id, hold_s)
               WHERE e.brand_id = t.brand_id AND e.id = t.id AND e.state = 'healthy'""",
            *columns(turns, "endpoint.brand_id", "endpoint.id", "hold_s"),
        )


async def _recover(tx: Tx, turns: Sequence[Turn]) -> list[Row]:
    """Bring endpoints back, and return those whose failing was told."""
    if not turns:
        return []
    rows = await tx.rows(
        """UPDATE endpoint e SET state = 'healthy', state_reason = NULL, state_since = now(), held_until = NULL,
             probes = 0
           FROM (SELECT k.brand_id, k.id, k.probes, k.state_since FROM unnest($1::uuid[], $2::uuid[]) AS t(brand_id, id)
                 JOIN endpoint k ON k.brand_id = t.brand_id AND k.id = t.id
                 WHERE k.state = 'failing' ORDER BY k.brand_id, k.id FOR UPDATE OF k) f
           WHERE e.brand_id = f.brand_id AND e.id = f.id
           RETURNING e.brand_id, e.id, e.name, e.url, f.probes, f.state_since""",
        *columns(turns, "endpoint.brand_id", "endpoint.id"),
    )
    for row in rows:
        await resume(tx, row["brand_id"], row["id"])
    return [row for row in rows if row["probes"] >= _TOLD_AFTER]


def _reason(answer: Answer) -> str:
    """Say in one line why an attempt failed: the status where there is one, else the fault's name."""
    return f"HTTP {answer.status}" if answer.fault == "http_status" else str(answer.fault)


def exhausted(parcel: outbox.Parcel, answer: Answer) -> list[Draft]:
    """Tell that an event was given up at one endpoint. What is told about endpoints themselves is not told on."""
    if parcel.type.startswith(("endpoint.", "delivery.")):
        return []
    data = {
        "event_id": ids.show("evt", parcel.event_id),
        "event_type": parcel.type,
        "endpoint_id": ids.show("end", parcel.endpoint.id),
        "url": parcel.endpoint.url,
        "attempts": parcel.attempt,
        "last_status": answer.status,
        "last_fault": answer.fault,
    }
    return [_draft(parcel.brand_id, parcel.endpoint.id, "delivery.exhausted", data)]


def _failing(row: Row) -> Draft:
    return _draft(row["brand_id"], row["id"], "endpoint.failing", _subject(row) | {"reason": row["state_reason"]})


def _disabled(row: Row) -> Draft:
    return _draft(row["brand_id"], row["id"], "endpoint.disabled", _subject(row) | {"reason": row["state_reason"]})


def _recovered(row: Row) -> Draft:
    failing_s = max((datetime.now(UTC) - row["state_since"]).total_seconds(), 0.0)
    return _draft(row["brand_id"], row["id"], "endpoint.recovered", _subject(row) | {"failing_s": round(failing_s)})


def _subject(row: Row) -> dict[str, Any]:
    return {"endpoint_id": ids.show("end", row["id"]), "name": row["name"], "url": row["url"]}


def _draft(brand_id: UUID, endpoint_id: UUID, kind: str, data: dict[str, Any]) -> Draft:
    """Write an event about an endpoint; it goes to the others that ask for it."""
    return Draft(brand_id, kind, datetime.now(UTC), msgspec.json.encode(data).decode(), not_to=endpoint_id)
