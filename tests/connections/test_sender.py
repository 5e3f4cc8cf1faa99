"""A brand with several numbers says by which one its codes and templates go out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quixess.database import ids
from tests.connections.meta import Office, office
from tests.world import PHONE, Answer, eventually


@dataclass
class Pair:
    """Bordercart with two numbers: the one that the world connects, and a younger one."""

    desk: Office
    first: str
    second: str
    number: str
    second_number: str

    async def call(self, method: str, path: str, **more: Any) -> Answer:
        return await self.desk.call(method, path, brand="Bordercart", **more)

    async def choose(self, which: str) -> Answer:
        return await self.call("POST", f"/connections/{which}/send-from")

    async def sends_by(self) -> str:
        """The number that a code goes out by now."""
        answer = await self.desk.world.send_otp()
        assert answer.status == 200, answer.json
        return str(answer.json["from"]["phone_number_id"])


@pytest.fixture
async def pair(dsn: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with office(dsn, tmp_path) as desk:
        world = desk.world
        number = await world.meta.lever("numbers", {"verified_name": "Bordercart Returns"})
        made = await desk.call("POST", "/connections", desk.pasted(phone_number_id=number["id"]), brand="Bordercart")
        assert made.status == 201, made.json
        first = ids.show("con", world.connection_id)
        yield Pair(desk, first, made.json["id"], world.meta.world["phone_number_id"], number["id"])


async def test_the_oldest_number_sends_until_another_one_is_chosen(pair: Pair) -> None:
    assert await pair.sends_by() == pair.number

    chosen = await pair.choose(pair.second)

    assert (chosen.status, chosen.json["sends"]) == (200, True)
    assert await pair.sends_by() == pair.second_number
    listed = (await pair.call("GET", "/connections")).json["data"]
    assert {one["id"]: one["sends"] for one in listed} == {pair.first: False, pair.second: True}
    me = await pair.desk.world.call("GET", "/api/v1/whatsapp/external/me")
    assert me.json["connection"]["phone_number_id"] == pair.second_number
    assert (await pair.choose(pair.first)).status == 200
    assert await pair.sends_by() == pair.number


async def test_it_is_written_down_once_who_chose(pair: Pair) -> None:
    for _ in range(2):
        assert (await pair.choose(pair.second)).status == 200

    (kept,) = await pair.desk.world.rows("SELECT * FROM audit WHERE action = 'connection.chosen'")
    assert (kept["actor"][:4], kept["object"]) == ("opt_", pair.second)


async def test_a_chosen_number_that_is_gone_leaves_it_to_the_others_and_sends_again_when_it_is_back(pair: Pair) -> None:
    await pair.choose(pair.second)
    assert (await pair.call("POST", f"/connections/{pair.second}/disconnect")).status == 200

    assert await pair.sends_by() == pair.number
    refused = await pair.choose(pair.second)
    assert (refused.status, refused.json["code"]) == (404, "no_active_connection")

    assert (await pair.call("POST", f"/connections/{pair.second}/reconnect", body={})).status == 200
    assert await pair.sends_by() == pair.second_number


async def test_an_answer_goes_out_by_the_number_that_was_written_to(pair: Pair) -> None:
    world = pair.desk.world
    await pair.choose(pair.second)
    await world.customer_says("Where is my parcel?")
    await eventually(lambda: world.receiver.of_type("message.received"))

    reply = {"to": PHONE, "type": "text", "text": {"body": "It is on its way."}}
    answer = await world.call("POST", "/api/v1/whatsapp/external/send/reply", body=reply)

    assert answer.status == 200, answer.json
    assert answer.json["from"]["phone_number_id"] == pair.number


async def test_a_repeated_request_is_answered_as_before_whatever_number_sends_now(pair: Pair) -> None:
    world = pair.desk.world
    first = await world.send_otp(idempotency_key="signup-1")
    await pair.choose(pair.second)

    again = await world.send_otp(idempotency_key="signup-1")

    assert (again.status, again.json) == (first.status, first.json)
    assert len(await world.sends()) == 1


async def test_templates_are_those_of_the_account_that_sends(pair: Pair) -> None:
    world = pair.desk.world
    await pair.choose(pair.second)
    rows = await world.rows("SELECT id FROM template WHERE connection_id = $1", ids.parse("con", pair.second))

    shown = await world.call("GET", "/api/v1/whatsapp/external/templates")

    assert {one["id"] for one in shown.json["data"]} == {ids.show("tpl", row["id"]) for row in rows}


async def test_another_brand_chooses_no_number_of_ours(pair: Pair) -> None:
    for stranger in (pair.second, ids.show("con", ids.new()), "con_nonsense"):
        answer = await pair.desk.call("POST", f"/connections/{stranger}/send-from")
        assert (answer.status, answer.json["code"]) == (404, "connection_not_found")
