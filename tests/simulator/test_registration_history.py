"""`message_history`: what became of a send when its webhooks did not arrive."""

from typing import Any

from tests.simulator import driving
from tests.simulator.driving import Receiver, Simulator
from tests.simulator.test_tokens import refusal

EVERYTHING = "id,message_id,events{delivery_status,webhook_update_state,timestamp,application,webhook_uri}"


async def history(simulator: Simulator, **query: str) -> list[dict[str, Any]]:
    path = f"{simulator.world['phone_number_id']}/message_history"
    answer = await simulator.graph("GET", path, params={"fields": EVERYTHING} | query)
    assert answer.status == 200, answer.json
    return list(answer.json["data"])


def told(row: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(one["delivery_status"], one.get("webhook_update_state")) for one in row["events"]["data"]]


async def test_a_send_is_looked_up_by_its_wamid(simulator: Simulator, receiver: Receiver) -> None:
    wamid = (await simulator.send(driving.otp())).json["messages"][0]["id"]
    await simulator.send(driving.otp("+15551239999"))
    await receiver.until(lambda one: len(one.status_entries()) >= 6)

    async def delivered() -> bool:
        (row,) = await history(simulator, message_id=wamid)
        return told(row) == [("SENT", "DELIVERED"), ("DELIVERED", "DELIVERED"), ("READ", "DELIVERED")]

    await driving.eventually(delivered)
    (row,) = await history(simulator, message_id=wamid)
    assert row["message_id"] == wamid
    assert row["events"]["data"][0]["webhook_uri"] == receiver.url
    assert row["events"]["data"][0]["application"] == {"id": simulator.world["app_id"]}
    assert len(await history(simulator)) == 2
    assert await history(simulator, message_id="wamid.OF_NOBODY") == []


async def test_statuses_that_nobody_subscribed_to_are_there_all_the_same(simulator: Simulator) -> None:
    await simulator.graph("DELETE", f"{simulator.world['waba_id']}/subscribed_apps")
    wamid = (await simulator.send(driving.otp())).json["messages"][0]["id"]

    async def there() -> bool:
        (row,) = await history(simulator, message_id=wamid)
        return told(row) == [("SENT", None), ("DELIVERED", None), ("READ", None)]

    await driving.eventually(there)


async def test_a_webhook_that_is_refused_is_being_retried(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"retry_first_ms": 60_000})
    receiver.statuses = [500] * 10
    wamid = (await simulator.send(driving.otp("+1 555 010 0001"))).json["messages"][0]["id"]

    async def retrying() -> bool:
        (row,) = await history(simulator, message_id=wamid)
        return told(row) == [("FAILED", "RETRYING")]

    await driving.eventually(retrying)


async def test_why_a_message_failed_is_told(simulator: Simulator, receiver: Receiver) -> None:
    wamid = (await simulator.send(driving.otp("+1 555 010 0001"))).json["messages"][0]["id"]
    await receiver.until_statuses("failed")
    path = f"{simulator.world['phone_number_id']}/message_history"
    query = {"message_id": wamid, "fields": "events{delivery_status,error_description}"}
    (row,) = (await simulator.graph("GET", path, params=query)).json["data"]
    assert row["events"]["data"][0]["error_description"] == "Message undeliverable"


async def test_without_fields_only_the_ids_are_told_and_pages_are_short(simulator: Simulator) -> None:
    for tail in range(3):
        await simulator.send(driving.otp(f"+1555123999{tail}"))
    path = f"{simulator.world['phone_number_id']}/message_history"
    first = (await simulator.graph("GET", path, params={"limit": "2"})).json
    assert [set(row) for row in first["data"]] == [{"id", "message_id"}] * 2
    after = first["paging"]["cursors"]["after"]
    rest = (await simulator.graph("GET", path, params={"limit": "2", "after": after})).json
    assert len(rest["data"]) == 1


async def test_the_events_of_one_send_are_found_by_the_id_of_its_history(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.send(driving.otp())
    await receiver.until_statuses("sent", "delivered", "read")
    (row,) = await history(simulator)
    answer = await simulator.graph("GET", f"{row['id']}/events")
    assert [one["node"]["delivery_status"] for one in answer.json["data"]] == ["SENT", "DELIVERED", "READ"]
    one = await simulator.graph("GET", f"{row['id']}/events", params={"status_filter": "READ"})
    assert [one["node"]["delivery_status"] for one in one.json["data"]] == ["READ"]
    assert refusal(await simulator.graph("GET", "1234567890123456/events")) == (400, 100, 33)
