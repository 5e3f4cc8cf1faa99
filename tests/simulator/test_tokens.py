"""Tokens: kinds, lives on Meta's clock, what each may do, and every way in which one is refused."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from quixess import simulator as simulators
from tests.simulator import driving
from tests.simulator.driving import Answer, Simulator

DAY_S = 86_400


async def make(simulator: Simulator, **how: Any) -> str:
    return str((await simulator.lever("tokens", how))["access_token"])


async def debugged(simulator: Simulator, token: str) -> dict[str, Any]:
    answer = await simulator.graph(
        "GET", "debug_token", token=simulator.world["app_access_token"], params={"input_token": token}
    )
    return dict(answer.json["data"])


async def looks(simulator: Simulator, token: str, **more: Any) -> Answer:
    return await simulator.graph("GET", simulator.world["waba_id"], token=token, **more)


def refusal(answer: Answer) -> tuple[int, int, int | None]:
    error = answer.json["error"]
    return answer.status, error["code"], error.get("error_subcode")


@pytest.mark.parametrize(
    ("kind", "told", "lives_s"),
    [
        ("user", "USER", 2 * 3600),
        ("long_lived_user", "USER", 60 * DAY_S),
        ("system_user", "SYSTEM_USER", 0),
        ("business_integration", "SYSTEM_USER", 0),
    ],
)
async def test_each_kind_lives_as_long_as_metas_and_debug_token_tells_it(
    simulator: Simulator, kind: str, told: str, lives_s: int
) -> None:
    data = await debugged(simulator, await make(simulator, kind=kind))
    assert data["type"] == told
    assert data["is_valid"] is True
    assert data["app_id"] == simulator.world["app_id"]
    assert (data["expires_at"] - data["issued_at"] if lives_s else data["expires_at"]) == lives_s
    assert data["granular_scopes"] == [
        {"scope": scope, "target_ids": [simulator.world["waba_id"]]}
        for scope in ("whatsapp_business_management", "whatsapp_business_messaging")
    ]


async def test_a_token_expires_when_metas_clock_says_so(simulator: Simulator) -> None:
    token = await make(simulator, lives_s=60 * DAY_S)
    assert (await looks(simulator, token)).status == 200
    await simulator.lever("settings", {"clock_offset_s": 61 * DAY_S})
    answer = await looks(simulator, token)
    assert refusal(answer) == (401, 190, 463)
    assert answer.json["error"]["message"].startswith("Error validating access token: Session has expired on ")
    data = await debugged(simulator, token)
    assert (data["is_valid"], data["error"]["subcode"]) == (False, 463)


@pytest.mark.parametrize(
    ("why", "subcode"), [("app_removed", 458), ("password_changed", 460), ("logged_out", 467), ("expired", 463)]
)
async def test_each_way_to_die_has_its_own_subcode(simulator: Simulator, why: str, subcode: int) -> None:
    token = await make(simulator)
    await simulator.lever("tokens/end", {"token": token, "why": why})
    assert refusal(await looks(simulator, token)) == (401, 190, subcode)


async def test_an_ended_token_can_be_brought_back(simulator: Simulator) -> None:
    token = await make(simulator)
    await simulator.lever("tokens/end", {"token": token})
    await simulator.lever("tokens/end", {"token": token, "why": "none"})
    assert (await looks(simulator, token)).status == 200


async def test_a_token_does_only_what_its_scopes_allow(simulator: Simulator) -> None:
    sender = await make(simulator, scopes=["whatsapp_business_messaging"])
    keeper = await make(simulator, scopes=["whatsapp_business_management"])
    number = simulator.world["phone_number_id"]
    sent = await simulator.graph("POST", f"{number}/messages", token=sender, json=driving.otp())
    assert sent.status == 200
    assert refusal(await looks(simulator, sender)) == (403, 10, None)
    unsent = await simulator.graph("POST", f"{number}/messages", token=keeper, json=driving.otp())
    assert refusal(unsent) == (403, 200, None)
    assert (await looks(simulator, keeper)).status == 200


async def test_a_token_reaches_its_own_wabas_only_and_the_rest_does_not_exist(simulator: Simulator) -> None:
    customer = await simulator.lever("signup", {})
    theirs = customer["session_info"]["data"]
    stranger = await make(simulator, kind="business_integration", waba_ids=[theirs["waba_id"]])
    assert (await simulator.graph("GET", theirs["waba_id"], token=stranger)).status == 200
    for node in ("waba_id", "phone_number_id"):
        answer = await simulator.graph("GET", simulator.world[node], token=stranger)
        assert refusal(answer) == (400, 100, 33)
        assert answer.json["error"]["type"] == "GraphMethodException"
    ours = await simulator.graph("POST", f"{theirs['phone_number_id']}/messages", json=driving.otp())
    assert refusal(ours) == (400, 100, 33)


async def test_without_a_token_and_with_nonsense_it_is_said_which(simulator: Simulator) -> None:
    url = f"{simulator.base_url}/v25.0/{simulator.world['waba_id']}"
    async with simulator.http.get(url) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, 2500)
    nonsense = await looks(simulator, "nonsense")
    assert refusal(nonsense) == (401, 190, None)
    assert nonsense.json["error"]["message"] == "Invalid OAuth access token - Cannot parse access token"


async def test_a_proof_is_checked_where_it_is_given_and_wanted_where_the_app_wants_it(simulator: Simulator) -> None:
    token, app = simulator.world["access_token"], simulator.world["app_id"]
    good = hmac.new(simulator.world["app_secret"].encode(), token.encode(), hashlib.sha256).hexdigest()
    wrong = await looks(simulator, token, params={"appsecret_proof": "0" * 64})
    assert wrong.json["error"]["message"] == "Invalid appsecret_proof provided in the API argument"
    await simulator.lever(f"apps/{app}", {"require_proof": True})
    assert refusal(await looks(simulator, token)) == (400, 104, None)
    assert (await looks(simulator, token, params={"appsecret_proof": good})).status == 200


async def test_a_new_app_secret_signs_and_proves_at_once_and_the_old_one_only_in_an_overlap(
    simulator: Simulator, receiver: driving.Receiver
) -> None:
    token, app, old = (simulator.world[name] for name in ("access_token", "app_id", "app_secret"))
    proof = hmac.new(old.encode(), token.encode(), hashlib.sha256).hexdigest()
    new = (await simulator.lever(f"apps/{app}", {"reset_secret": True, "overlap": True}))["secret"]
    assert (await simulator.lever("world"))["app_secret"] == new != old
    assert (await looks(simulator, token, params={"appsecret_proof": proof})).status == 200
    await simulator.writes({"text": "Hello"})
    await receiver.until_posts(1)
    raw, headers = receiver.posts[0]
    assert headers["X-Hub-Signature-256"] == driving.signed(new, raw)
    await simulator.lever(f"apps/{app}", {"reset_secret": True})
    assert refusal(await looks(simulator, token, params={"appsecret_proof": proof})) == (400, 100, None)
    stale = await simulator.graph("GET", f"{app}/subscriptions", token=f"{app}|{old}")
    assert refusal(stale) == (401, 190, None)


@pytest.mark.parametrize("event", ["PARTNER_APP_UNINSTALLED", "PARTNER_REMOVED"])
async def test_a_customer_who_leaves_ends_the_tokens_and_this_is_told_last(
    simulator: Simulator, receiver: driving.Receiver, event: str
) -> None:
    await simulator.lever("account", {"field": "account_update", "event": event})
    await receiver.until_posts(1)
    assert receiver.changes()[0]["value"]["event"] == event
    assert refusal(await looks(simulator, simulator.world["access_token"])) == (401, 190, 458)
    await simulator.writes({"text": "Is anybody there?"})
    assert len(receiver.posts) == 1
    await simulator.lever("reset", {})
    assert (await looks(simulator, simulator.world["access_token"])).status == 200


async def test_a_customer_who_leaves_one_app_keeps_the_other(simulator: Simulator) -> None:
    other = await simulator.lever("apps", {"name": "Another"})
    token = await make(simulator, app_id=other["id"], kind="business_integration")
    await simulator.lever("account", {"field": "account_update", "event": "PARTNER_APP_UNINSTALLED"})
    assert (await looks(simulator, token)).status == 200
    assert refusal(await looks(simulator, simulator.world["access_token"])) == (401, 190, 458)


async def test_debug_token_tells_nothing_of_another_apps_token(simulator: Simulator) -> None:
    other = await simulator.lever("apps", {})
    token = await make(simulator, app_id=other["id"])
    answer = await simulator.graph("GET", "debug_token", params={"input_token": token})
    assert refusal(answer) == (400, 100, None)
    assert "did not match the Viewing App" in answer.json["error"]["message"]
    own = await simulator.graph("GET", "debug_token", token=other["access_token"], params={"input_token": token})
    assert own.json["data"]["is_valid"] is True


async def test_a_lever_that_names_nothing_known_says_so(simulator: Simulator) -> None:
    assert "token" in await simulator.refused("tokens/end", {"token": "x"})
    assert "WABA" in await simulator.refused("tokens", {"waba_ids": ["123456"]})
    assert "app" in await simulator.refused("apps/1", {})
    assert "kind" in await simulator.refused("tokens", {"kind": "page"})


async def test_a_state_file_of_the_days_of_one_app_is_read(tmp_path: Path, receiver: driving.Receiver) -> None:
    path = tmp_path / "state.json"
    options = simulators.Options(state_path=path, settings=driving.QUICK)
    async with driving.running(options) as first:
        world = first.world
    state = json.loads(path.read_text())
    del state["book"]
    callback = {"callback_url": receiver.url, "verify_token": receiver.verify_token, "fields": ["messages"]}
    path.write_text(json.dumps(state | {"subscription": callback, "override": None, "subscribed": True}))
    async with driving.running(options) as second:
        assert second.world["callback_url"] == receiver.url
        assert second.world["subscribed"] is True
        assert (await looks(second, world["access_token"])).status == 200
        await second.writes({"text": "Hello"})
        await receiver.until_posts(1)
