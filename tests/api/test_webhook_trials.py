"""POST /webhook-events/test: a test event to an endpoint; and endpoints that lead back to ourselves."""

from quixess.database import ids
from quixess.events import trials
from tests.api import telling
from tests.api.telling import EVENTS
from tests.events import operators, tenants
from tests.world import Receiver, World, eventually, listening

TEST = f"{EVENTS}/test"


async def test_a_test_event_arrives_at_the_only_endpoint(world: World) -> None:
    answer = await world.call("POST", TEST)
    await eventually(lambda: world.receiver.got)
    (event,) = world.receiver.events

    assert answer.status == 202
    assert answer.json == {
        "id": event["id"],
        "type": "endpoint.test",
        "status": "pending",
        "endpoint_id": ids.show("end", await telling.endpoint_of(world)),
        "queued_at": answer.json["queued_at"],
    }
    assert event["data"]["endpoint_id"] == answer.json["endpoint_id"]
    assert [one["id"] for one in await telling.listed(world, "type=endpoint.test")] == [event["id"]]


async def test_of_several_endpoints_one_is_named(world: World) -> None:
    async with listening() as backup:
        other = await operators.add(world, backup, name="backup")
        unnamed = await world.call("POST", TEST, body={})
        named = await world.call("POST", TEST, body={"endpoint_id": ids.show("end", other.id)})
        await eventually(lambda: backup.got)

    (fault,) = unnamed.json["errors"]
    assert (unnamed.status, fault["pointer"], fault["code"]) == (400, "/endpoint_id", "required")
    for one in (other.id, await telling.endpoint_of(world)):
        assert ids.show("end", one) in fault["detail"]
    assert named.status == 202
    assert world.receiver.got == []


async def test_without_an_endpoint_there_is_nothing_to_test(world: World) -> None:
    await world.rows("UPDATE endpoint SET url = NULL")
    none = await world.call("POST", TEST)
    assert (none.status, none.json["code"]) == (409, "webhook_not_configured")
    named = await world.call("POST", TEST, body={"endpoint_id": ids.show("end", await telling.endpoint_of(world))})
    assert (named.status, named.json["errors"][0]["pointer"]) == (404, "/endpoint_id")


async def test_a_brand_may_test_five_times_a_minute(world: World) -> None:
    answers = [await world.call("POST", TEST) for _ in range(trials.MOST_A_MINUTE + 1)]

    assert [answer.status for answer in answers] == [202] * trials.MOST_A_MINUTE + [429]
    assert answers[-1].json["code"] == "rate_limited"
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_an_endpoint_that_is_our_own_api_sets_nothing_going(world: World) -> None:
    """Hostile 45: events posted to our own endpoints, with a key of the brand's, are refused: no loop begins."""
    await tenants.receive(world)
    await eventually(lambda: world.receiver.got)
    (event,) = world.receiver.events
    own = [
        f"{EVENTS}/replay", f"{EVENTS}/{event['id']}/replay", TEST, "/api/v1/whatsapp/templates/sync",
        "/api/v1/whatsapp/external/send/otp", "/api/v1/whatsapp/external/send/template",
        "/api/v1/whatsapp/external/send/reply",
    ]  # fmt: skip
    loops = {
        (await operators.add(world, Receiver(url=world.url + path), headers={"X-API-Key": world.key})).id
        for path in own
    }
    await tenants.receive(world)

    async def given_up() -> bool:
        rows = await world.rows("SELECT endpoint_id FROM outcome WHERE state = 'exhausted'")
        return {row["endpoint_id"] for row in rows} == loops

    await eventually(given_up)
    tried = await world.rows("SELECT status FROM attempt WHERE endpoint_id = ANY ($1)", list(loops))
    assert {row["status"] for row in tried} == {400}
    assert len(tried) == 8 * len(loops)
    assert await world.rows("SELECT 1 FROM replay") == []
    assert await world.sends() == []
    assert len(await world.rows("SELECT 1 FROM event")) == 2
    assert len(world.receiver.got) == 2
