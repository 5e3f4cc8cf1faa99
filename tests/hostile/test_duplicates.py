"""One Idempotency-Key is one message, at every endpoint that sends. Line 19 of our list of attacks."""

import asyncio
import dataclasses

from quixess import api
from tests.hostile import asking
from tests.hostile.asking import Ask
from tests.hostile.test_keys import OWN
from tests.world import World, eventually

SENDERS = tuple(endpoint for endpoint in api.ENDPOINTS if endpoint.idempotent)


async def working(world: World) -> list[Ask]:
    """Give for each endpoint that sends one request that Meta takes, whose answer is forgotten."""
    await world.customer_says("Hello?")
    await eventually(lambda: world.receiver.of_type("message.received"))
    found = {}
    for one in asking.every(OWN, SENDERS):
        if one.endpoint.id not in found and (await one.of(world)).status == 200:
            found[one.endpoint.id] = one
    if "send_template" in {endpoint.id for endpoint in SENDERS} - set(found):
        found["send_template"] = _order_update()
    assert set(found) == {endpoint.id for endpoint in SENDERS}
    return list(found.values())


def _order_update() -> Ask:
    """The template that the simulated Meta has from the start."""
    one = next(one for one in asking.every(OWN, SENDERS) if one.endpoint.id == "send_template")
    body = {"to": OWN["e164"], "template_name": "order_update", "variables": {"body": ["Frank", "A-1042"]}}
    return dataclasses.replace(one, body=body)


# 19
async def test_200_at_once_with_one_key_are_one_message_at_every_endpoint_that_sends(world: World) -> None:
    for one in await working(world):
        before = len(await world.sends())
        key = {"Idempotency-Key": f"all-at-once-{one.endpoint.id}"}
        answers = await asyncio.gather(*(one.of(world, headers=key) for _ in range(200)))
        assert {answer.status for answer in answers} <= {200, 409}, one.endpoint.id
        assert {answer.json["code"] for answer in answers if answer.status == 409} <= {"idempotency_in_progress"}
        assert len({answer.body for answer in answers if answer.status == 200}) == 1, one.endpoint.id
        assert len(await world.sends()) == before + 1, one.endpoint.id
        rows = await world.rows("SELECT 1 FROM message WHERE idempotency_key = $1", key["Idempotency-Key"])
        assert len(rows) == 1, one.endpoint.id


# 19
async def test_a_key_of_one_endpoint_is_refused_at_every_other(world: World) -> None:
    asks = await working(world)
    for one in asks:
        key = {"Idempotency-Key": f"mine-{one.endpoint.id}"}
        assert (await one.of(world, headers=key)).status == 200
        before = len(await world.sends())
        for other in asks:
            if other is not one:
                answer = await other.of(world, headers=key)
                assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused"), other.endpoint.id
        assert len(await world.sends()) == before
