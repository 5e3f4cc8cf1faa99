"""Usage: what Meta tells of its quotas with answers that went well slows or holds sends before it refuses them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from quixess import connections
from quixess.cli.rooms import Roles
from quixess.messages.pacing import Pacing
from quixess.meta.graph import Usage
from tests.api import connecting
from tests.messages import pauses
from tests.world import Answer, World, building

ANOTHER = "+12818184371"
OF_CASES, OF_APP = "X-Business-Use-Case-Usage", "X-App-Usage"


@dataclass
class Meta:
    """A Graph API that takes every send, with these headers in its answers."""

    headers: dict[str, str] = field(default_factory=dict)
    sends: int = 0

    async def answer(self, _: web.Request) -> web.Response:
        self.sends += 1
        taken = {"messages": [{"id": f"wamid.{uuid4().hex}", "message_status": "accepted"}]}
        return web.json_response(taken, headers=self.headers)


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world without a worker: nobody else asks Meta for anything."""
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as one:
        yield one


@asynccontextmanager
async def telling(world: World, **headers: str) -> AsyncIterator[Meta]:
    meta = Meta({name.replace("_", "-"): text for name, text in headers.items()})
    async with connecting.meta_saying(meta.answer) as url:
        await connecting.reconnect(world, url)
        yield meta


def case(about: str, percent: float = 0, minutes: float = 0, kind: str = "whatsapp") -> str:
    """The header as Meta writes it, for one use case of one account or number."""
    spent = {"type": kind, "call_count": percent, "total_cputime": 1, "total_time": 1}
    return json.dumps({about: [spent | {"estimated_time_to_regain_access": minutes}]})


def waits(answer: Answer) -> int:
    assert (answer.status, answer.json["code"]) == (429, "whatsapp_rate_limited")
    assert "Nothing was sent" in answer.json["detail"]
    return int(answer.headers["Retry-After"])


async def paused(world: World) -> dict[str, float]:
    """What is paused, and for how many seconds."""
    rows = await world.rows("SELECT key, extract(epoch FROM until - now())::float8 AS s FROM pause ORDER BY key")
    return {row["key"]: row["s"] for row in rows}


@pytest.mark.parametrize("whose", ["waba_id", "phone_number_id"])
async def test_an_announced_wait_holds_every_send_and_asks_nothing_of_meta(world: World, whose: str) -> None:
    async with telling(world, x_business_use_case_usage=case(world.meta.world[whose], 100, 3)) as meta:
        assert (await world.send_otp()).status == 200
        for to in (ANOTHER, "+12818184372"):
            assert 120 < waits(await world.send_otp(to, idempotency_key="k")) <= ceil(180 * 1.2)
        assert meta.sends == 1

        meta.headers.clear()
        await pauses.end(world)
        assert (await world.send_otp(ANOTHER, idempotency_key="k")).status == 200
        assert await paused(world) == {}


@pytest.mark.parametrize("percent", [95, 100, 140])
async def test_a_quota_that_is_nearly_used_up_slows_sends(world: World, percent: int) -> None:
    async with telling(world, x_business_use_case_usage=case(world.meta.world["waba_id"], percent)) as meta:
        for turn in range(1, 4):
            assert (await world.send_otp()).status == 200
            assert 1 <= waits(await world.send_otp(ANOTHER)) <= 6  # always as short: nothing was refused
            assert meta.sends == turn
            await pauses.end(world)
            world.rooms.sending._pacing._announced.clear()  # as if the seconds had gone by


@pytest.mark.parametrize(("percent", "held"), [(94, False), (96, True)])
async def test_the_apps_own_quota_slows_the_app(world: World, percent: int, held: bool) -> None:
    spent = {"call_count": 2, "total_time": percent, "total_cputime": 3}
    async with telling(world, x_app_usage=json.dumps(spent)):
        assert (await world.send_otp()).status == 200

        assert list(await paused(world)) == [f"app:{world.meta.world['app_id']}"] * held


async def test_while_there_is_room_nothing_is_written(world: World) -> None:
    async with telling(world, x_business_use_case_usage=case(world.meta.world["waba_id"], 80)):
        for _ in range(3):
            assert (await world.send_otp()).status == 200

        assert await paused(world) == {}


@pytest.mark.parametrize(
    "told",
    [
        case("WABA", 100, 60, kind="whatsapp_business_management"),
        case("999999999999999", 100, 60),
        "nonsense",
        "[]",
        '{"WABA": {}}',
        '{"WABA": [{"call_count": "many"}]}',
        '{"WABA": [{"call_count": -100, "estimated_time_to_regain_access": 1e300}]}',
        "[" * 5_000,
    ],
)
async def test_what_is_not_about_these_sends_or_makes_no_sense_holds_nobody(world: World, told: str) -> None:
    told = told.replace("WABA", world.meta.world["waba_id"])
    async with telling(world, x_business_use_case_usage=told, x_app_usage="?"):
        for _ in range(2):
            assert (await world.send_otp()).status == 200

    assert await paused(world) == {}


async def test_the_longest_wait_of_all_that_is_told_counts(world: World) -> None:
    waba = world.meta.world["waba_id"]
    told = json.dumps({waba: [{"call_count": 99}, {"type": "whatsapp", "estimated_time_to_regain_access": 2}, {}]})
    async with telling(world, x_business_use_case_usage=told, x_app_usage='{"call_count": 97}'):
        assert (await world.send_otp()).status == 200

        found = await paused(world)
    assert 100 < found[f"account:{waba}"] <= 120
    assert found[f"app:{world.meta.world['app_id']}"] <= 5


async def test_sends_that_were_under_way_write_the_same_news_once(world: World) -> None:
    ours = Pacing(world.rooms.db, world.rooms.keyring)
    async with world.rooms.db.statement() as tx:
        line = (await connections.active(tx, world.rooms.keyring, [world.brand_id]))[world.brand_id]
    places = ours.places(line, "12818184370", None)
    told = (Usage(line.waba_id, "whatsapp", 100, 180),)

    await asyncio.gather(*(ours.accepted(places, told) for _ in range(20)))
    await world.rows("DELETE FROM pause RETURNING key")
    await ours.accepted(places, told)
    assert await paused(world) == {}

    later = (Usage(line.waba_id, "whatsapp", 100, 600),)
    await ours.accepted(places, later)
    assert set(await paused(world)) == {f"account:{line.waba_id}"}


async def test_a_longer_pause_in_force_stays_as_it_is(world: World) -> None:
    await world.rows(
        "INSERT INTO pause (key, code, until, tries) VALUES ($1, 80007, now() + interval '1 hour', 4) RETURNING key",
        f"account:{world.meta.world['waba_id']}",
    )
    ours: Any = world.rooms.sending._pacing
    async with world.rooms.db.statement() as tx:
        line = (await connections.active(tx, world.rooms.keyring, [world.brand_id]))[world.brand_id]

    await ours.accepted(ours.places(line, "12818184370", None), (Usage(line.waba_id, "whatsapp", 96, 0),))

    (row,) = await world.rows("SELECT tries, until > now() + interval '50 minutes' AS stays FROM pause")
    assert (row["tries"], row["stays"]) == (4, True)
