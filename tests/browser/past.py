"""A month behind a world: what metrics, charts and lists look back on, without waiting for it."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from quixess.database import ids
from tests.metrics.history import History
from tests.world import World

_DAYS = 30
_LATELY = 26  # hours
_BUSIEST = 14  # o'clock
_STATES = ("read",) * 15 + ("delivered",) * 6 + ("sent",)
_KINDS = (("signup_otp", "AUTHENTICATION", "Signup service"),) * 5 + (
    ("delivery_update", "UTILITY", "Order mails"),
    ("delivery_update", "UTILITY", "Order mails"),
    ("back_in_stock", "MARKETING", "Order mails"),
)
_FAULT = '[{"code": 131026, "title": "Message undeliverable"}]'


@dataclass(frozen=True)
class _Moment:
    """One message of the past, what became of it, and how a server took the news."""

    id: UUID
    at: datetime
    state: str
    template: str
    category: str
    key: str
    wait_s: float
    answer_ms: int
    status: int


async def remember(world: World) -> None:
    """Give Bordercart the month that it has behind it. The same month each time."""
    moments = list(_month(random.Random(7)))
    await world.rows("UPDATE brand SET created_at = now() - interval '40 days' WHERE id = $1", world.brand_id)
    await _write_messages(world, moments)
    await _write_answers(world, [one for one in moments if one.state == "received"])
    await _write_deliveries(world, moments)
    await world.rows("DELETE FROM count_turn WHERE id = $1", world.brand_id)
    await History(world.rooms.db, world.brand_id).count()


def _month(chance: random.Random) -> Iterator[_Moment]:
    now = datetime.now(UTC)
    hour = now.replace(minute=0, second=0, microsecond=0)
    for back in range(1, _DAYS * 24):
        start = hour - timedelta(hours=back)
        tide = 0.5 + 0.5 * math.cos((start.hour - _BUSIEST) * math.pi / 12)
        for _ in range(round((0.15 + tide) * chance.uniform(20, 36) / (1 if back < _LATELY else 3))):
            yield _moment(start + timedelta(seconds=chance.uniform(0, 3599)), chance)


def _moment(at: datetime, chance: random.Random) -> _Moment:
    template, category, key = chance.choice(_KINDS)
    state = "failed" if chance.random() < 0.015 else "received" if chance.random() < 0.3 else chance.choice(_STATES)
    return _Moment(
        id=UUID(int=ids.floor(at).int | chance.getrandbits(62)),
        at=at,
        state=state,
        template=template,
        category=category,
        key=key,
        wait_s=1.2 + chance.gammavariate(2, 0.9),
        answer_ms=round(30 + chance.gammavariate(2, 28)),
        status=503 if chance.random() < 0.02 else 200,
    )


async def _write_messages(world: World, moments: list[_Moment]) -> None:
    told = [one for one in moments if one.state != "received"]
    columns = ([one.id for one in told], [one.at for one in told], [one.state for one in told])
    named = ([one.template for one in told], [one.category for one in told], [one.key for one in told])
    await world.rows(
        """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, content,
                                occurred_at, template_name, template_category, key_id, errors, pricing)
           SELECT $1, m.id, $2, m.id, 'outbound', 'template', m.state, 0, '{}', m.at, m.template, m.category,
                  k.lineage_id, CASE m.state WHEN 'failed' THEN $9::json END,
                  CASE WHEN m.state <> 'failed' THEN json_build_object('category', lower(m.category), 'type', 'regular',
                    'billable', true, 'model', 'PMP') END
           FROM unnest($3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[])
             AS m (id, at, state, template, category, key)
           JOIN api_key k ON k.brand_id = $1 AND k.name = m.key""",
        *(world.brand_id, world.connection_id, *columns, *named, _FAULT),
    )
    there = [one for one in told if one.state in {"read", "delivered"}]
    await world.rows(
        """INSERT INTO message_status (brand_id, message_id, status, occurred_at, recorded_at)
           SELECT $1, id, 'delivered', date_trunc('second', at), at
           FROM unnest($2::uuid[], $3::timestamptz[]) AS m (id, at)""",
        *(world.brand_id, [one.id for one in there], [one.at + timedelta(seconds=one.wait_s) for one in there]),
    )


async def _write_answers(world: World, moments: list[_Moment]) -> None:
    await world.rows(
        """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, content,
                                occurred_at)
           SELECT $1, id, $2, id, 'inbound', 'text', 'received', 0, '{}', at
           FROM unnest($3::uuid[], $4::timestamptz[]) AS m (id, at)""",
        *(world.brand_id, world.connection_id, [one.id for one in moments], [one.at for one in moments]),
    )


async def _write_deliveries(world: World, moments: list[_Moment]) -> None:
    columns = ([one.id for one in moments], [one.at for one in moments])
    answers = ([one.status for one in moments], [one.answer_ms for one in moments])
    await world.rows(
        """WITH told AS (
             SELECT m.*, e.id AS endpoint_id
             FROM unnest($2::uuid[], $3::timestamptz[], $4::int[], $5::int[]) AS m (id, at, status, ms),
               (SELECT id FROM endpoint WHERE brand_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1) e
           ), attempts AS (
             INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, status, duration_ms,
                                  started_at)
             SELECT $1, id, id, id, endpoint_id, 1, status, ms, at FROM told
           )
           INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
           SELECT $1, id, id, endpoint_id, 'delivered', 1 + (status <> 200)::int FROM told""",
        *(world.brand_id, *columns, *answers),
    )
