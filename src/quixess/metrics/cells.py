"""Cells: what is counted, as SQL over the rows themselves. Each kind of cell has a table that holds it by the hour.

A statement is given a brand and spans of time, each with its hour (or another beginning) and the ids that bound it. So
it reads ranges of primary keys and nothing else, and counts a past hour, this one, or five minutes alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quixess.database import ids
from quixess.metrics.waits import STEP

_SPANS = "unnest($2::timestamptz[], $3::uuid[], $4::uuid[]) AS s(at, low, high)"
_MESSAGES = "FROM message r WHERE r.brand_id = $1 AND r.id >= s.low AND r.id < s.high"
_ATTEMPTS = "FROM attempt r WHERE r.brand_id = $1 AND r.id >= s.low AND r.id < s.high"
_OUTCOMES = "FROM outcome r WHERE r.brand_id = $1 AND r.delivery_id >= s.low AND r.delivery_id < s.high"
# OFFSET 0 keeps the planner from joining the other way round: it would read all rows of the brand for a few spans.
_EACH = f"FROM {_SPANS} CROSS JOIN LATERAL (SELECT r.* {{rows}} OFFSET 0)"
_NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
UNKNOWN = -1
"""Stands for `outcome_unknown` where a number is wanted: a code that is ours, and not Meta's."""
_FAILED_WITH = f"""CASE WHEN m.state <> 'failed' THEN 0
          WHEN m.errors -> 0 ->> 'code' = 'outcome_unknown' THEN {UNKNOWN}
          WHEN m.errors -> 0 ->> 'code' ~ '^[0-9]{{1,18}}$'
            THEN least((m.errors -> 0 ->> 'code')::bigint, 2147483647)::integer ELSE 0 END"""
# A status tells whole seconds. The code was there before the next one began, and before we heard of it.
_CODE_MS = "extract(epoch FROM least(d.recorded_at, d.occurred_at + interval '1 second') - m.occurred_at) * 1000"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of cell: its table, the columns beside brand and hour, the rows it reads, and how they are counted.

    `again` are the hours after which an hour is counted once more: what it counts still moves.
    """

    table: str
    columns: str
    rows: str
    counted: str
    again: tuple[int, ...]

    @property
    def select(self) -> str:
        """Count the cells of spans: `at`, then the columns."""
        return f"SELECT s.at, {self.counted}"

    @property
    def insert(self) -> str:
        """Write the cells of spans into the table."""
        return f"INSERT INTO {self.table} (brand_id, hour, {self.columns}) SELECT $1, c.* FROM ({self.select}) c"

    @property
    def busy(self) -> str:
        """Find the spans in which there is something to count."""
        return f"SELECT s.at FROM {_SPANS} CROSS JOIN LATERAL (SELECT {self.rows} LIMIT 1) r"


MESSAGES = Kind(
    "message_hour",
    "state, category, template_name, key_id, code, price_category, price_type, billable, messages",
    _MESSAGES,
    f"""m.state, coalesce(m.template_category, '') AS category, coalesce(m.template_name, '') AS template_name,
        coalesce(m.key_id, {_NOBODY}) AS key_id,
        {_FAILED_WITH} AS code,
        coalesce(m.pricing ->> 'category', '') AS price_category, coalesce(m.pricing ->> 'type', '') AS price_type,
        coalesce((m.pricing ->> 'billable')::boolean, false) AS billable, count(*) AS messages
        {_EACH.format(rows=_MESSAGES)} m WHERE m.source = 'live' AND m.type <> 'call'
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9""",
    (1, 3, 9, 27, 81, 168),
)
CODES = Kind(
    "code_hour",
    "template_name, step, messages",
    _MESSAGES,
    f"""coalesce(m.template_name, '') AS template_name, {STEP.format(ms=_CODE_MS)} AS step, count(*) AS messages
        {_EACH.format(rows=_MESSAGES)} m
        CROSS JOIN LATERAL (
          SELECT t.recorded_at, t.occurred_at FROM message_status t
          WHERE t.brand_id = $1 AND t.message_id = m.id AND t.status = 'delivered' AND t.participant = ''
            AND NOT t.inferred LIMIT 1) d
        WHERE m.template_category = 'AUTHENTICATION' AND m.direction = 'outbound'
        GROUP BY 1, 2, 3""",
    (1, 3, 9, 27),
)
ATTEMPTS = Kind(
    "attempt_hour",
    "endpoint_id, answer, step, attempts",
    _ATTEMPTS,
    f"""a.endpoint_id, CASE WHEN a.fault IS NULL THEN '2xx' WHEN a.status >= 300 THEN a.status / 100 || 'xx'
          ELSE a.fault END AS answer, {STEP.format(ms="a.duration_ms")} AS step, count(*) AS attempts
        {_EACH.format(rows=_ATTEMPTS)} a GROUP BY 1, 2, 3, 4""",
    (1,),
)
OUTCOMES = Kind(
    "outcome_hour",
    "endpoint_id, state, deliveries",
    _OUTCOMES,
    f"o.endpoint_id, o.state, count(*) AS deliveries {_EACH.format(rows=_OUTCOMES)} o GROUP BY 1, 2, 3",
    (1, 3, 9, 27),
)
KINDS = (MESSAGES, CODES, ATTEMPTS, OUTCOMES)

Span = tuple[datetime, datetime]


def arguments(spans: Sequence[Span]) -> tuple[list[Any], list[Any], list[Any]]:
    """Give what a statement is asked with beside the brand: each span with the ids that bound it."""
    return (
        [begin for begin, _ in spans],
        [ids.floor(begin) for begin, _ in spans],
        [ids.floor(end) for _, end in spans],
    )
