"""Meta decides something of a template or an account: the very next send knows, and the tenant is told."""

import json
import time
from typing import Any

from tests.messages import hooks
from tests.world import World, eventually

APPROVED = {"event": "APPROVED", "message_template_language": "en-US", "reason": "NONE"}


async def say(world: World, field: str, value: dict[str, Any], *, waba_id: str | None = None) -> None:
    """Let Meta tell one change of the account, now, and wait until everything it caused is over."""
    entry = {
        "id": waba_id or world.meta.world["waba_id"],
        "time": int(time.time()),
        "changes": [{"field": field, "value": value}],
    }
    raw = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    assert (await hooks.post(world, raw)).status == 200
    await hooks.rest(world)


async def listen_to(world: World, *types: str) -> None:
    await world.rows("UPDATE endpoint SET event_types = $1", list(types))


async def test_an_approved_template_is_sent_at_once_without_asking_meta_for_the_list(world: World) -> None:
    rows = await world.rows("UPDATE template SET status = 'PENDING' WHERE name = 'signup_otp' RETURNING meta_id")
    before = await world.rows("SELECT templates_synced_at FROM connection")
    template = {"message_template_id": int(rows[0]["meta_id"]), "message_template_name": "signup_otp"}

    await say(world, "message_template_status_update", APPROVED | template)

    assert (await world.send_otp()).status == 200
    assert await world.rows("SELECT templates_synced_at FROM connection") == before
    (event,) = world.receiver.of_type("template.status_changed")
    assert (event["data"]["old_status"], event["data"]["new_status"]) == ("PENDING", "APPROVED")


async def test_a_paused_template_is_refused_at_once_and_before_meta(world: World) -> None:
    assert (await world.send_otp()).status == 200

    await world.meta.lever("templates/signup_otp", {"event": "PAUSED", "language": "en_US"})
    await eventually(lambda: world.receiver.of_type("template.status_changed"))

    refused = await world.send_otp()
    assert (refused.status, refused.json["code"]) == (409, "template_not_approved")
    assert refused.json["template_status"] == "PAUSED"
    assert len(await world.sends()) == 1
    assert len(world.receiver.of_type("template.status_changed")) == 1


async def test_a_template_made_elsewhere_is_fetched_when_meta_tells_of_it(world: World) -> None:
    form = {"name": "new_otp", "language": "en_US", "category": "AUTHENTICATION"}
    await world.meta.lever("templates", form)

    await say(world, "message_template_status_update", APPROVED | {"message_template_name": "new_otp"})

    async def cached() -> Any:
        return await world.rows("SELECT 1 FROM template WHERE name = 'new_otp'")

    await eventually(cached)
    (event,) = world.receiver.of_type("template.status_changed")
    assert (event["data"]["template_id"], event["data"]["old_status"]) == (None, None)


async def test_a_disabled_account_stops_sending_and_a_reinstated_one_goes_on(world: World) -> None:
    await listen_to(world, "account.updated")

    await say(world, "account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}})
    refused = await world.send_otp()
    assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
    assert await world.sends() == []

    await say(world, "account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}})
    assert (await world.send_otp()).status == 200
    told = [(event["data"]["event"], event["data"]["severity"]) for event in world.receiver.of_type("account.updated")]
    assert told == [("DISABLED_UPDATE", "critical"), ("DISABLED_UPDATE", "info")]


async def test_news_of_an_account_goes_to_those_who_ask_for_it_only(world: World) -> None:
    await say(world, "business_capability_update", {"max_phone_numbers_per_waba": 25})

    assert world.receiver.events == []
    assert [row["field"] for row in await world.rows("SELECT field FROM notice")] == ["business_capability_update"]

    await listen_to(world, "account.updated")
    await say(world, "business_capability_update", {"max_phone_numbers_per_waba": 50})
    assert [event["data"]["details"] for event in world.receiver.events] == [{"max_phone_numbers_per_waba": 50}]


async def test_fields_that_nobody_knows_are_taken_for_ever_and_never_stick(world: World) -> None:
    shapes: list[Any] = [{}, {"event": {"deep": [1]}}, {"waba_info": 7}, {"display_phone_number": []}, {"errors": [7]}]
    for number, value in enumerate(shapes):
        await say(world, f"telepathy_{number}", value)
    await say(world, "", {"x": "\x00"})
    await say(world, "account_update", {"event": "ACCOUNT_DELETED"}, waba_id="1")

    assert await world.rows("SELECT 1 FROM intake_todo") == []
    assert len(await world.rows("SELECT 1 FROM notice")) >= 5
    assert (await world.send_otp()).status == 200
