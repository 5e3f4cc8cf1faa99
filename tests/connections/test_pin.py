"""A number's two-step PIN is changed at Meta, kept sealed here, and used when the number is registered again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quixess.database import ids
from tests.connections.meta import Office, office

PIN, NEW = "482913", "139254"


@pytest.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(dsn, tmp_path) as one:
        yield one


def path(desk: Office, verb: str) -> str:
    return f"/connections/{ids.show('con', desk.world.connection_id)}/{verb}"


async def change(desk: Office, pin: str = NEW):
    return await desk.call("POST", path(desk, "pin"), {"pin": pin}, brand="Bordercart")


async def deregister(desk: Office) -> None:
    answer = await desk.world.meta.graph("POST", f"{desk.world.meta.world['phone_number_id']}/deregister")
    assert answer.status == 200, answer.json


async def reconnect(desk: Office, **more: str):
    return await desk.call("POST", path(desk, "reconnect"), more, brand="Bordercart")


async def test_the_new_pin_is_metas_and_registers_the_number_again_without_being_named(desk: Office) -> None:
    changed = await change(desk)

    assert (changed.status, changed.json["state"]) == (200, "active")
    await deregister(desk)
    refused = await reconnect(desk, pin=PIN)
    assert (refused.json["step"], refused.json["meta"]["code"]) == ("registration", 133005)
    await desk.world.meta.lever("settings", {"clock_offset_s": 60})  # Meta lets nobody guess faster
    again = await reconnect(desk)
    assert (again.status, again.json["registered"]) == (200, True)
    assert (await desk.world.send_otp()).status == 200


async def test_a_pin_is_told_to_nobody_and_lies_sealed(desk: Office) -> None:
    changed = await change(desk)

    assert NEW.encode() not in changed.body
    (row,) = await desk.world.rows("SELECT pin FROM connection WHERE pin IS NOT NULL")
    assert NEW.encode() not in row["pin"]
    (kept,) = await desk.world.rows("SELECT * FROM audit WHERE action = 'connection.pin_changed'")
    assert (kept["actor"][:4], kept["object"]) == ("opt_", ids.show("con", desk.world.connection_id))
    assert NEW not in kept["detail"]


@pytest.mark.parametrize("pin", ["12345", "1234567", "12345a", "１２３４５６", "", " 12345"])
async def test_what_is_no_pin_is_refused_before_meta_is_asked(desk: Office, pin: str) -> None:
    answer = await change(desk, pin)

    assert answer.status == 400
    assert answer.json["errors"][0]["pointer"] == "/pin"
    assert not pin.strip() or pin not in answer.body.decode()


async def test_a_number_that_is_not_registered_has_no_pin_to_change(desk: Office) -> None:
    await deregister(desk)

    refused = await change(desk)

    assert (refused.status, refused.json["code"], refused.json["step"]) == (409, "not_connectable", "pin")
    assert refused.json["meta"]["code"] == 133010
    assert await desk.world.rows("SELECT id FROM connection WHERE pin IS NOT NULL") == []


async def test_the_pin_of_a_disconnected_number_is_left_alone(desk: Office) -> None:
    await desk.free_the_number()
    assert (await desk.call("POST", "/connections", desk.pasted())).status == 201  # it is Rival's now

    refused = await change(desk)

    assert (refused.status, refused.json["step"]) == (409, "pin")
    assert "reconnect it first" in refused.json["detail"]


async def test_another_brand_cannot_change_it(desk: Office) -> None:
    answer = await desk.call("POST", path(desk, "pin"), {"pin": NEW})

    assert (answer.status, answer.json["code"]) == (404, "connection_not_found")


async def test_a_meta_that_does_not_answer_leaves_it_open_and_the_same_call_settles_it(desk: Office) -> None:
    await desk.world.rows("UPDATE connection SET graph_url = 'http://127.0.0.1:9' RETURNING id")
    refused = await change(desk)
    assert (refused.status, refused.json["code"], refused.json["step"]) == (503, "upstream_unavailable", "pin")
    assert "either PIN" in refused.json["detail"]

    await desk.world.rows("UPDATE connection SET graph_url = $1 RETURNING id", desk.world.meta.base_url)
    assert (await change(desk)).status == 200
