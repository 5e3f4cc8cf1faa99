"""The bytes of an event: the fields of version 1, in their order, and times as everybody can read them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

from quixess.database import ids
from quixess.events import envelope
from tests.events import tenants
from tests.messages import hooks
from tests.world import World

EVENT = UUID("018bcfe5-6800-7000-8000-000000000001")
BRAND = UUID("018bcfe5-6800-7000-8000-000000000002")


def test_the_bytes_are_these() -> None:
    body = envelope.write(
        EVENT,
        "message.received",
        BRAND,
        '{"content":{"body":"é / @"}}',
        occurred_at=datetime(2023, 11, 14, 22, 13, 20, 999_999, UTC),
        delivered_at=datetime(2023, 11, 15, 0, 13, 21, 5_000, timezone(timedelta(hours=2))),
    )

    assert body.decode() == (
        '{"id":"evt_01HF7YAT00E008000000000001","type":"message.received","version":"1",'
        '"occurred_at":"2023-11-14T22:13:20.999Z","delivered_at":"2023-11-14T22:13:21.005Z",'
        '"brand_id":"brd_01HF7YAT00E008000000000002","data":{"content":{"body":"é / @"}}}'
    )


def test_times_are_utc_with_three_digits_and_z() -> None:
    assert envelope.moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000Z"
    india = timezone(timedelta(hours=5, minutes=30))
    assert envelope.moment(datetime(2026, 1, 1, 0, 0, 0, 1_999, india)) == "2025-12-31T18:30:00.001Z"


async def test_what_arrives_is_what_was_written(world: World) -> None:
    await tenants.receive(world)
    await hooks.rest(world)

    ((headers, body),) = world.receiver.got
    (row,) = await world.rows("SELECT id, data FROM event")
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    shape = (
        f'{{"id":"{ids.show("evt", row["id"])}","type":"message\\.received","version":"1",'
        f'"occurred_at":"{moment}","delivered_at":"{moment}","brand_id":"{ids.show("brd", world.brand_id)}",'
        f'"data":{re.escape(row["data"])}}}'
    )
    assert re.fullmatch(shape.replace("{", r"\{", 1), body.decode())
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Quixess-Event-Type"] == "message.received"
    assert headers["Content-Length"] == str(len(body))
