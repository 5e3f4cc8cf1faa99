"""Each WABA has templates of its own: lists, creations, sends, decisions and limits go by it."""

from typing import Any

from tests.simulator import driving
from tests.simulator.driving import PHONE, Answer, Receiver, Simulator
from tests.simulator.test_library import body

FIRST = ("signup_otp", "order_update")
DAY_S = 86_400


async def listed(simulator: Simulator, waba: str, **query: str) -> list[dict[str, Any]]:
    answer = await simulator.graph("GET", f"{waba}/message_templates", params=query)
    assert answer.status == 200, answer.json
    rows: list[dict[str, Any]] = answer.json["data"]
    return rows


async def create(simulator: Simulator, waba: str, **how: Any) -> Answer:
    return await simulator.graph("POST", f"{waba}/message_templates", json=body(**how))


async def customer(simulator: Simulator) -> tuple[str, str]:
    """Make a WABA that our token reaches, and a number of it; gives both ids."""
    waba = (await simulator.lever("wabas", {"business_id": simulator.world["business_id"]}))["id"]
    return waba, (await simulator.lever("numbers", {"waba_id": waba}))["id"]


def names(rows: list[dict[str, Any]]) -> set[str]:
    return {row["name"] for row in rows}


async def test_a_new_waba_begins_with_the_first_templates_under_ids_of_its_own(simulator: Simulator) -> None:
    waba, _ = await customer(simulator)
    ours, theirs = await listed(simulator, simulator.world["waba_id"]), await listed(simulator, waba)
    assert names(ours) == names(theirs) == set(FIRST)
    assert not {row["id"] for row in ours} & {row["id"] for row in theirs}


async def test_a_template_is_listed_and_sent_where_it_was_made(simulator: Simulator) -> None:
    waba, number = await customer(simulator)
    assert (await create(simulator, waba)).status == 200
    assert names(await listed(simulator, waba)) == {"parcel", *FIRST}
    assert names(await listed(simulator, simulator.world["waba_id"])) == set(FIRST)
    await simulator.lever("templates/parcel", {"event": "APPROVED", "waba_id": waba})
    message = driving.template(PHONE, "parcel", [])
    assert (await simulator.graph("POST", f"{number}/messages", json=message)).status == 200
    assert (await simulator.send(message)).json["error"]["code"] == 132001


async def test_a_name_is_taken_counted_deleted_and_blocked_in_its_waba_alone(simulator: Simulator) -> None:
    waba, _ = await customer(simulator)
    home = simulator.world["waba_id"]
    await simulator.lever("settings", {"template_limit": 3})
    for where in (home, waba):
        assert (await create(simulator, where)).status == 200
        assert (await create(simulator, where)).json["error"]["error_subcode"] == 2388024
    assert (await simulator.graph("DELETE", f"{waba}/message_templates?name=parcel")).json == {"success": True}
    assert (await create(simulator, waba)).json["error"]["error_subcode"] == 2388023
    assert names(await listed(simulator, home)) == {"parcel", *FIRST}


async def test_a_token_reaches_the_templates_of_its_wabas_alone(simulator: Simulator) -> None:
    waba = (await simulator.lever("wabas", {"name": "Somebody else"}))["id"]
    token = (await simulator.lever("tokens", {"waba_ids": [waba]}))["access_token"]
    theirs = (await simulator.graph("GET", f"{waba}/message_templates", token=token)).json["data"][0]["id"]
    assert (await simulator.graph("GET", theirs, token=token)).status == 200
    for method, path in (("GET", theirs), ("POST", theirs), ("POST", f"{theirs}/unpause")):
        refused = await simulator.graph(method, path, json={"components": []})
        assert refused.json["error"]["error_subcode"] == 33


async def test_decisions_are_told_of_their_waba(simulator: Simulator, receiver: Receiver) -> None:
    waba, _ = await customer(simulator)
    await simulator.graph("POST", f"{waba}/subscribed_apps")
    await create(simulator, waba)
    await receiver.until_posts(1)
    await simulator.lever("templates/parcel", {"event": "PAUSED", "waba_id": waba})
    await simulator.lever("settings", {"clock_offset_s": 3 * 3600 + 1})
    await receiver.until_posts(3)
    assert {entry["id"] for entry in receiver.entries()} == {waba}
    assert "has no template" in await simulator.refused("templates/parcel", {"event": "PAUSED"})
    assert "no WABA" in await simulator.refused("templates", {"name": "x", "waba_id": "1"})


async def test_a_limit_is_told_as_meta_has_them(simulator: Simulator) -> None:
    async def told() -> Any:
        path = f"{simulator.world['waba_id']}/message_templates?summary=message_template_limit"
        return (await simulator.graph("GET", path)).json["summary"]["message_template_limit"]

    assert await told() == 6000
    for limit, shown in ((250, 250), (3, 250), (6000, 6000)):
        await simulator.lever("settings", {"template_limit": limit})
        assert await told() == shown


async def test_a_reset_gives_every_waba_its_first_templates_back(simulator: Simulator) -> None:
    waba, _ = await customer(simulator)
    await create(simulator, waba)
    await simulator.lever("reset", {})
    assert (
        names(await listed(simulator, waba)) == names(await listed(simulator, simulator.world["waba_id"])) == {*FIRST}
    )
