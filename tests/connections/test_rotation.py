"""Tokens are exchanged before they die; one that died is flagged, told once, and fails sends at once.

Meta's clock can be moved: a token that was given when it stood 41 days back is 41 days old.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess import connections
from quixess.cli.rooms import Roles
from quixess.connections import Facts, rotation, tokens
from quixess.connections.tokens import Held
from quixess.meta.tokens import Life
from tests.journeys.test_notices import listen_to
from tests.world import World, building, eventually

DAY_S = 86_400
MESSAGING = "whatsapp_business_messaging"


@pytest.fixture
async def still(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose worker rests: the test itself looks after the tokens."""
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as one:
        yield one


async def token_of_age(world: World, days: float, **more: Any) -> str:
    """A token of 60 days that was given so many days ago."""
    await world.meta.lever("settings", {"clock_offset_s": -days * DAY_S})
    made = await world.meta.lever("tokens", {"kind": "system_user", "lives_s": 60 * DAY_S} | more)
    await world.meta.lever("settings", {"clock_offset_s": 0})
    return str(made["access_token"])


async def connect_with(world: World, token: str) -> None:
    meta = world.meta
    facts = Facts(
        app_id=meta.world["app_id"],
        app_secret=meta.world["app_secret"],
        verify_token=meta.world["verify_token"],
        waba_id=meta.world["waba_id"],
        phone_number_id=meta.world["phone_number_id"],
        display_phone=meta.world["display_phone_number"],
        token=token,
        graph_url=meta.base_url,
    )
    async with world.rooms.db.transaction() as tx:
        assert await connections.connect(tx, world.rooms.keyring, world.brand_id, facts) == world.connection_id


async def row_of(world: World) -> Any:
    (row,) = await world.rows("SELECT * FROM connection")
    return row


async def look_again(world: World) -> None:
    """Look after the token now, whenever it is due."""
    await world.rows("UPDATE connection SET token_due_at = now()")
    assert await world.rooms.rotation.run_once() == 1


async def actions(world: World) -> list[str]:
    rows = await world.rows("SELECT action FROM audit WHERE action LIKE 'token.%' ORDER BY id")
    return [row["action"] for row in rows]


async def waiting_news(world: World) -> list[str]:
    return [row["word"] for row in await world.rows("SELECT word FROM token_news ORDER BY id")]


async def kill(world: World, token: str, why: str = "logged_out") -> None:
    await world.meta.lever("tokens/end", {"token": token, "why": why})


async def current(world: World) -> str:
    """The token that is in use, opened."""
    async with world.rooms.db.transaction() as tx:
        found = await connections.load(tx, world.rooms.keyring, [(world.brand_id, world.connection_id)])
    return found[0].credentials.token


# Two thirds of a life -----------------------------------------------------------------------------------------------


async def test_the_worker_exchanges_a_token_at_two_thirds_of_its_life_and_keeps_the_old_one(world: World) -> None:
    old = await token_of_age(world, 41)
    await connect_with(world, old)

    await eventually(lambda: rotated(world))

    row, new = await row_of(world), await current(world)
    assert new != old
    assert (row["token_last4"], row["previous_token_last4"]) == (new[-4:], old[-4:])
    assert timedelta(days=59) < row["token_expires_at"] - row["token_rotated_at"] <= timedelta(days=60)
    assert row["previous_token_until"] < row["token_expires_at"]
    assert row["token_fault"] is None
    assert await actions(world) == ["token.rotated"]
    assert (await world.send_otp()).status == 200
    assert (await world.meta.graph("GET", world.meta.world["phone_number_id"], token=old)).status == 200


async def rotated(world: World) -> Any:
    return await world.rows("SELECT 1 FROM connection WHERE token_rotated_at IS NOT NULL")


async def test_a_younger_token_is_left_alone_until_its_day(still: World) -> None:
    young = await token_of_age(still, 39.5)
    await connect_with(still, young)

    await look_again(still)

    row = await row_of(still)
    assert await current(still) == young
    assert row["token_kind"] == "SYSTEM_USER"
    assert timedelta(hours=11) < row["token_due_at"] - row["token_checked_at"] < timedelta(hours=13)
    assert await actions(still) == []


async def test_a_token_that_never_expires_is_looked_at_every_day(still: World) -> None:
    await look_again(still)
    row = await row_of(still)
    assert row["token_expires_at"] is None
    assert row["token_due_at"] - row["token_checked_at"] == timedelta(days=1)


async def test_of_many_processes_one_looks_after_a_token(still: World) -> None:
    await still.rows("UPDATE connection SET token_due_at = now()")
    looked = await asyncio.gather(*(still.rooms.rotation.run_once() for _ in range(5)))
    assert sorted(looked) == [0, 0, 0, 0, 1]


async def test_a_token_that_is_pasted_during_a_rotation_stays(still: World) -> None:
    await connect_with(still, await token_of_age(still, 41))
    async with still.rooms.db.transaction() as tx:
        (held,) = await tokens.claim(tx, still.rooms.keyring, lease_s=300)
    pasted = await token_of_age(still, 1)
    await connect_with(still, pasted)

    assert not await swap(still, held)

    assert await current(still) == pasted
    assert (await row_of(still))["previous_token"] is None


async def swap(world: World, held: Held) -> bool:
    now = datetime.now(UTC)
    life = Life(True, "1", "USER", frozenset(), now, now + timedelta(days=60), None)
    async with world.rooms.db.transaction() as tx:
        return await tokens.swap(tx, world.rooms.keyring, held, "EAAnew", life, until=now, due_s=60)


@given(st.integers(1, 400 * DAY_S), st.integers(0, 500 * DAY_S))
def test_exactly_the_last_third_of_a_life_is_for_the_exchange(lives_s: int, age_s: int) -> None:
    born = datetime(2026, 1, 1, tzinfo=UTC)
    life = Life(True, "1", "USER", frozenset(), born, born + timedelta(seconds=lives_s), None)
    assert rotation.is_due(life, born + timedelta(seconds=age_s)) == (3 * age_s >= 2 * lives_s)


def test_a_token_of_unknown_birth_is_exchanged_twenty_days_before_its_end() -> None:
    end = datetime(2026, 3, 1, tzinfo=UTC)
    life = Life(True, "1", "USER", frozenset(), None, end, None)
    assert not rotation.is_due(life, end - timedelta(days=21))
    assert rotation.is_due(life, end - timedelta(days=20))


# When it does not work ----------------------------------------------------------------------------------------------


async def test_a_new_token_that_proves_worse_is_ended_and_the_old_one_goes_on(still: World) -> None:
    """This one may send and not manage: Meta exchanges it, and then shows the new one no number."""
    narrow = await token_of_age(still, 41, scopes=[MESSAGING])
    await connect_with(still, narrow)

    await look_again(still)

    row = await row_of(still)
    assert await current(still) == narrow
    assert "does not work" in row["token_fault"]
    assert (row["token_tries"], row["previous_token"]) == (1, None)
    assert await waiting_news(still) == ["TOKEN_NOT_RENEWED"]
    assert await actions(still) == ["token.not_renewed"]
    valid = {one["access_token"]: one["is_valid"] for one in (await still.meta.lever("tokens"))["data"]}
    assert valid[narrow]
    assert list(valid.values()).count(False) == 1


async def test_trouble_is_told_once_and_again_three_days_before_the_end(still: World) -> None:
    await connect_with(still, await token_of_age(still, 50, scopes=[MESSAGING]))
    for _ in range(3):
        await look_again(still)
    assert await waiting_news(still) == ["TOKEN_NOT_RENEWED", "TOKEN_EXPIRING"]

    await connect_with(still, await token_of_age(still, 58, scopes=[MESSAGING]))
    await still.rows("UPDATE connection SET token_warned = 14, token_failed_at = now()")
    for _ in range(3):
        await look_again(still)
    assert (await waiting_news(still))[2:] == ["TOKEN_EXPIRING"]


async def test_a_person_who_has_to_log_in_again_is_told_two_weeks_and_three_days_before(still: World) -> None:
    """A login counts 90 days, whatever becomes of the token; no exchange moves that."""
    for age in (70, 80, 80.5, 88):
        token = await token_of_age(still, age, kind="long_lived_user", lives_s=0)
        warned = (await row_of(still))["token_warned"]
        await connect_with(still, token)
        await still.rows("UPDATE connection SET token_warned = $1", warned)
        await look_again(still)
        assert await current(still) == token
    assert await waiting_news(still) == ["TOKEN_EXPIRING", "TOKEN_EXPIRING"]
    assert (await row_of(still))["token_warned"] == 3


async def test_meta_that_is_away_is_asked_again_later_and_told_of_after_hours_only(still: World) -> None:
    await still.rows("UPDATE connection SET graph_url = 'http://127.0.0.1:1'")
    waits = []
    for _ in range(4):
        await look_again(still)
        row = await row_of(still)
        waits.append((row["token_due_at"] - row["token_checked_at"]).total_seconds())
    assert waits == [60, 240, 960, 3840]
    assert await waiting_news(still) == []

    await look_again(still)
    assert await waiting_news(still) == ["TOKEN_NOT_RENEWED"]
    assert (await row_of(still))["state"] == "active"

    await still.rows("UPDATE connection SET graph_url = $1", still.meta.base_url)
    await look_again(still)
    row = await row_of(still)
    assert (row["token_fault"], row["token_failed_at"], row["token_tries"]) == (None, None, 0)


async def test_a_wrong_app_secret_is_no_dead_token(still: World) -> None:
    await still.meta.lever(f"apps/{still.meta.world['app_id']}", {"reset_secret": True})
    await look_again(still)
    row = await row_of(still)
    assert row["state"] == "active"
    assert "check the app's id and secret" in row["token_fault"]


# Death --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["app_removed", "password_changed", "logged_out", "expired"])
async def test_a_token_that_died_is_found_without_any_send(still: World, why: str) -> None:
    await kill(still, await current(still), why)
    await look_again(still)
    assert (await row_of(still))["state"] == "unauthorized"
    assert await waiting_news(still) == ["TOKEN_REFUSED"]
    assert await actions(still) == ["token.refused"]


async def test_sends_for_a_dead_token_fail_at_once_with_the_reason_until_somebody_reconnects(world: World) -> None:
    await listen_to(world, "account.updated")
    await kill(world, await current(world))

    first = await world.send_otp()
    assert (first.status, first.json["code"]) == (502, "whatsapp_connection_unauthorized")
    before = await world.sends()
    for _ in range(3):
        refused = await world.send_otp()
        assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
        assert "no longer accepts the access token" in refused.json["detail"]
        assert "reconnect" in refused.json["detail"]
    assert await world.sends() == before

    (event,) = await eventually(lambda: world.receiver.of_type("account.updated"))
    assert (event["data"]["field"], event["data"]["event"]) == ("token", "TOKEN_REFUSED")
    assert event["data"]["severity"] == "critical"
    assert event["data"]["phone_number_id"] == world.meta.world["phone_number_id"]

    await connect_with(world, await token_of_age(world, 1))
    assert (await world.send_otp()).status == 200


async def test_many_sends_that_meet_a_dead_token_tell_it_once(world: World) -> None:
    await listen_to(world, "account.updated")
    await kill(world, await current(world))
    await asyncio.gather(*(world.send_otp(f"+1281818{number:04}") for number in range(20)))
    await eventually(lambda: world.receiver.of_type("account.updated"))
    assert await actions(world) == ["token.refused"]
    assert await waiting_news(world) == []


async def test_a_new_token_that_is_refused_gives_way_to_the_one_before(world: World) -> None:
    await listen_to(world, "account.updated")
    old = await token_of_age(world, 41)
    await connect_with(world, old)
    await eventually(lambda: rotated(world))
    await kill(world, await current(world))

    assert (await world.send_otp()).status == 502
    assert (await world.send_otp()).status == 200

    row = await row_of(world)
    assert await current(world) == old
    assert (row["state"], row["previous_token"], row["token_last4"]) == ("active", None, old[-4:])
    (event,) = await eventually(lambda: world.receiver.of_type("account.updated"))
    assert event["data"]["event"] == "TOKEN_FELL_BACK"


async def test_the_refusal_of_a_token_that_was_replaced_changes_nothing(still: World) -> None:
    old = await current(still)
    await connect_with(still, await token_of_age(still, 1))
    async with still.rooms.db.transaction() as tx:
        await connections.flag_unauthorized(tx, still.brand_id, still.connection_id, old)
    assert (await row_of(still))["state"] == "active"
    assert await waiting_news(still) == []
