"""Installations of any size, written by SQL: brands with all that they have, and years of traffic of one of them.

Half of the messages are of the tenant that is measured, the rest of a thousand others. They lie over the last twenty
days, in partitions, each with its statuses, words, wamid, event, attempt and outcome, as the gateway leaves them.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from bench.processes import BenchError
from bench.tenants import Tenant
from quixess.database import partitions

_DAYS = 20
_AT_ONCE = 500_000
_PARTED = 1_000  # so many of the brands have messages
_FILLING = {"synchronous_commit": "off", "maintenance_work_mem": "512MB", "work_mem": "128MB"}

# An id of the moment that belongs to row `n` of `rows`; `kind` keeps those of different tables apart.
_ID = """(lpad(to_hex({start} + n * {span} / {rows}), 12, '0') || '7' || substr(md5('{kind}' || n), 1, 3) || '8'
          || substr(md5('{kind}' || n), 4, 15))::uuid"""
_BRANDS = (
    """CREATE TABLE bench_brand AS SELECT k, uuidv7() AS id, uuidv7() AS connection_id, uuidv7() AS endpoint_id
       FROM generate_series(1, {brands}) k""",
    "INSERT INTO brand (id, name) SELECT id, 'Brand ' || k FROM bench_brand",
    """INSERT INTO api_key (id, lineage_id, brand_id, key_hash, pepper_version, prefix8, last4, name, scopes,
                            created_by)
       SELECT id, id, id, sha256(k::text::bytea), 1, 'qxs_live', 'abcd', 'bench', '{{whatsapp:send_otp}}', 'bench'
       FROM bench_brand""",
    """INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url, token,
                               token_last4, templates_due_at, token_due_at, pace_due_at)
       SELECT b.id, b.connection_id, m.app_id, '7' || b.k, '8' || b.k, '15550000000', m.graph_url, '', 'abcd',
              f.at, f.at, f.at
       FROM bench_brand b, (SELECT app_id, graph_url FROM connection LIMIT 1) m, {later} f""",
    """INSERT INTO number (phone_number_id, app_id, waba_id, brand_id, connection_id)
       SELECT phone_number_id, app_id, waba_id, brand_id, id FROM connection WHERE waba_id LIKE '7%'""",
    """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
       SELECT b.id, uuidv7(), b.connection_id, b.k || '-' || t, 'template_' || t, 'en_US', 'UTILITY', 'APPROVED', '[]'
       FROM bench_brand b, generate_series(1, 3) t""",
    """INSERT INTO endpoint (brand_id, id, url, secret)
       SELECT id, endpoint_id, 'https://tenant.example/' || k, '' FROM bench_brand""",
    "INSERT INTO endpoint_due (endpoint_id, brand_id, next_at) SELECT endpoint_id, id, 'infinity' FROM bench_brand",
    """INSERT INTO count_turn (id, counted_to, next_at) SELECT b.id, now(), f.at FROM brand b, {later} f
       ON CONFLICT DO NOTHING""",
    """INSERT INTO gap_turn (id, walked_to, next_at) SELECT b.id, uuidv7(), f.at FROM brand b, {later} f
       ON CONFLICT DO NOTHING""",
)
_LATER = "(SELECT now() + interval '1 day' AS at)"  # what the worker does for each brand by itself is not measured here
_WHO = """(SELECT n, CASE WHEN n % 2 = 0 THEN {ours} ELSE b.id END AS brand_id,
                  CASE WHEN n % 2 = 0 THEN {connection} ELSE b.connection_id END AS connection_id,
                  CASE WHEN n % 2 = 0 THEN {endpoint} ELSE b.endpoint_id END AS endpoint_id,
                  {id} AS id, {talk} AS talk, {event} AS event, {sent} AS sent,
                  to_timestamp(({start} + n * {span} / {rows}) / 1000.0) AS at
           FROM generate_series({first}::bigint, {last}) n JOIN bench_brand b ON b.k = 1 + n % {parted}) m"""
_TALK = "md5('talk' || (n % 2) || '-' || (n % {parted}) || '-' || (n / 2 % {talks}))::uuid"
_ROWS = (
    """INSERT INTO contact (brand_id, id, phone, name)
       SELECT DISTINCT ON (m.talk) m.brand_id, m.talk, '1305' || ('x' || substr(m.talk::text, 1, 8))::bit(32)::bigint,
              'Frank' FROM {who} ORDER BY m.talk ON CONFLICT DO NOTHING""",
    """INSERT INTO conversation (brand_id, id, connection_id, contact_id, active_at)
       SELECT DISTINCT ON (m.talk) m.brand_id, m.talk, m.connection_id, m.talk, m.at FROM {who} ORDER BY m.talk
       ON CONFLICT DO NOTHING""",
    """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, phone, wamid,
                            content, occurred_at)
       SELECT m.brand_id, m.id, m.connection_id, m.talk, 'inbound', 'text', 'received', 9, '13051234567',
              'wamid.TOWN' || m.n, '{{"body": "Is the blue one still there? My order is A-1001"}}', m.at FROM {who}""",
    """INSERT INTO message_status (brand_id, message_id, status, occurred_at)
       SELECT m.brand_id, m.id, s, m.at FROM {who}, unnest(ARRAY['delivered', 'read']) s""",
    """INSERT INTO wamid (connection_id, wamid, brand_id, message_id)
       SELECT m.connection_id, 'wamid.TOWN' || m.n, m.brand_id, m.id FROM {who}""",
    """INSERT INTO message_word (brand_id, word, message_id)
       SELECT m.brand_id, w, m.id FROM {who}, unnest(ARRAY['blue', 'order', 'word' || m.n % 5000]) w""",
    """INSERT INTO event (brand_id, id, type, version, message_id, conversation_id, data, occurred_at)
       SELECT m.brand_id, m.event, 'message.received', '1', m.id, m.talk, '{data}', m.at FROM {who}""",
    """INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts, ended_at)
       SELECT m.brand_id, m.sent, m.event, m.endpoint_id, 'delivered', 1, m.at FROM {who}""",
    """INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, status, duration_ms, started_at)
       SELECT m.brand_id, m.sent, m.sent, m.event, m.endpoint_id, 1, 200, 12, m.at FROM {who}""",
    "INSERT INTO intake (id, app_id, body) SELECT m.id, '1', '{data}' FROM {who} WHERE m.n % 10 = 0",
)
_DATA = (
    '{"message_id": "msg_01KAPX0000000000000000000A", "type": "text", "content": {"body": "Is the blue one there?"}}'
)


def build(dsn: str, tenant: Tenant, *, rows: int, brands: int) -> float:
    """Fill a migrated database that holds the tenant, and give the seconds that it took."""
    started = time.monotonic()
    asyncio.run(_build(dsn, tenant, rows, max(brands, _PARTED)))
    return time.monotonic() - started


async def _build(dsn: str, tenant: Tenant, rows: int, brands: int) -> None:
    connection = await asyncpg.connect(dsn, server_settings=_FILLING, command_timeout=None)
    if connection.get_server_version().major < 18:
        raise BenchError("ids are made by PostgreSQL's uuidv7(): version 18 or newer")
    now = datetime.now(UTC)
    for back in range(_DAYS + 1):
        await partitions.ensure(connection, (now - timedelta(days=back)).date())
    for statement in _BRANDS:
        await connection.execute(statement.format(brands=brands, later=_LATER))
    own = await connection.fetchrow("SELECT id FROM connection WHERE brand_id = $1", tenant.brand_id)
    assert own is not None
    named = _named(tenant, own["id"], now, rows)
    for first in range(1, rows + 1, _AT_ONCE):
        who = _WHO.format(first=first, last=min(first + _AT_ONCE - 1, rows), **named)
        for statement in _ROWS:
            await connection.execute(statement.format(who=who, data=_DATA))
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    await connection.close()


def _named(tenant: Tenant, connection_id: UUID, now: datetime, rows: int) -> dict[str, object]:
    start, span = int((now - timedelta(days=_DAYS)).timestamp() * 1000), _DAYS * 86_400_000
    times = {"start": start, "span": span, "rows": rows}
    return times | {
        "id": _ID.format(kind="message", **times),
        "event": _ID.format(kind="event", **times),
        "sent": _ID.format(kind="sent", **times | {"start": start + 5}),  # a delivery comes after its event
        "talk": _TALK.format(parted=_PARTED, talks=max(1, rows // 20_000)),
        "parted": _PARTED,
        "ours": f"'{tenant.brand_id}'::uuid",
        "connection": f"'{connection_id}'::uuid",
        "endpoint": f"'{tenant.endpoint_id}'::uuid",
    }
