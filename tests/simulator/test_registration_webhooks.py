"""Who is told: apps subscribed to WABAs, with their own secrets, and the overrides of a WABA and of a number."""

from tests.simulator import driving
from tests.simulator.driving import Receiver, Simulator
from tests.simulator.test_tokens import make, refusal


async def test_each_app_of_a_waba_is_told_and_signs_with_its_own_secret(
    simulator: Simulator, receiver: Receiver
) -> None:
    other = await simulator.lever("apps", {"name": "Second"})
    token = await make(simulator, app_id=other["id"])
    async with driving.receiving() as second:
        form = {
            "object": "whatsapp_business_account",
            "callback_url": second.url,
            "verify_token": second.verify_token,
            "fields": "messages",
        }
        path = f"{other['id']}/subscriptions"
        assert (await simulator.graph("POST", path, token=other["access_token"], data=form)).status == 200
        waba = f"{simulator.world['waba_id']}/subscribed_apps"
        await simulator.graph("POST", waba, token=token)
        listed = (await simulator.graph("GET", waba)).json["data"]
        names = {row["whatsapp_business_api_data"]["id"]: row["whatsapp_business_api_data"]["name"] for row in listed}
        assert names == {simulator.world["app_id"]: "Quixess Simulator", other["id"]: "Second"}
        await simulator.writes({"text": "Hello, all of you"})
        await receiver.until_posts(1)
        await second.until_posts(1)
        for one, secret in ((receiver, simulator.world["app_secret"]), (second, other["secret"])):
            raw, headers = one.posts[0]
            assert headers["X-Hub-Signature-256"] == driving.signed(secret, raw)
        await simulator.graph("DELETE", waba, token=token)
        await simulator.writes({"text": "And now?"})
        await receiver.until_posts(2)
        assert len(second.posts) == 1


async def test_an_app_cannot_read_or_change_another_apps_subscription(simulator: Simulator) -> None:
    other = await simulator.lever("apps", {})
    path = f"{simulator.world['app_id']}/subscriptions"
    assert refusal(await simulator.graph("GET", path, token=other["access_token"])) == (400, 100, 33)


async def test_a_numbers_override_goes_before_the_wabas_and_the_apps(simulator: Simulator, receiver: Receiver) -> None:
    number, waba = simulator.world["phone_number_id"], simulator.world["waba_id"]
    async with driving.receiving() as by_waba, driving.receiving() as by_number:
        whole = {"override_callback_uri": by_waba.url, "verify_token": by_waba.verify_token}
        await simulator.graph("POST", f"{waba}/subscribed_apps", json=whole)
        one = {"override_callback_uri": by_number.url, "verify_token": by_number.verify_token}
        answer = await simulator.graph("POST", number, json={"webhook_configuration": one})
        assert answer.json == {"success": True}
        shown = await simulator.graph("GET", number, params={"fields": "webhook_configuration"})
        assert shown.json["webhook_configuration"] == {
            "phone_number": by_number.url,
            "whatsapp_business_account": by_waba.url,
            "application": receiver.url,
        }
        await simulator.writes({"text": "to the number's own"})
        await by_number.until_posts(1)
        await simulator.lever("account", {"field": "account_review_update"})
        await receiver.until_posts(1)
        await simulator.graph("POST", number, json={"webhook_configuration": {"override_callback_uri": ""}})
        await simulator.writes({"text": "to the WABA's"})
        await by_waba.until_posts(1)
        await simulator.graph("POST", f"{waba}/subscribed_apps")
        await simulator.writes({"text": "to the app's"})
        await receiver.until_posts(2)


async def test_an_override_is_shaken_hands_with_and_is_not_too_long(simulator: Simulator, receiver: Receiver) -> None:
    number = simulator.world["phone_number_id"]
    wrong = {"override_callback_uri": receiver.url, "verify_token": "wrong"}
    assert refusal(await simulator.graph("POST", number, json={"webhook_configuration": wrong}))[1] == 2200
    long = {"override_callback_uri": "https://example.org/" + "x" * 181, "verify_token": "x"}
    assert refusal(await simulator.graph("POST", number, json={"webhook_configuration": long}))[1] == 100
    assert refusal(await simulator.graph("POST", number, json={})) == (400, 100, None)


async def test_without_a_callback_of_the_app_there_is_nothing_to_override(simulator: Simulator) -> None:
    other = await simulator.lever("apps", {})
    token = await make(simulator, app_id=other["id"])
    form = {"override_callback_uri": "https://example.org/", "verify_token": "x"}
    answer = await simulator.graph("POST", f"{simulator.world['waba_id']}/subscribed_apps", token=token, json=form)
    assert answer.json["error"]["message"].startswith("(#100) Before override the current callback uri")


async def test_a_customers_waba_is_silent_until_it_is_subscribed(simulator: Simulator, receiver: Receiver) -> None:
    data = (await simulator.lever("signup", {}))["session_info"]["data"]
    token = await make(simulator, kind="business_integration", waba_ids=[data["waba_id"]])
    said = {"text": "Hello", "phone_number_id": data["phone_number_id"]}
    await simulator.writes(said)
    await simulator.graph("POST", f"{data['waba_id']}/subscribed_apps", token=token)
    wamid = await simulator.writes(said)
    await receiver.until_posts(1)
    (entry,) = receiver.entries()
    assert entry["id"] == data["waba_id"]
    assert entry["changes"][0]["value"]["messages"][0]["id"] == wamid
    told = await simulator.lever(
        "account",
        {"field": "account_update", "event": "PARTNER_REMOVED", "phone_number_id": data["phone_number_id"]},
    )
    assert told["value"]["waba_info"]["waba_id"] == data["waba_id"]
    await receiver.until_posts(2)
    assert refusal(await simulator.graph("GET", data["waba_id"], token=token)) == (401, 190, 458)
    assert (await simulator.graph("GET", simulator.world["waba_id"])).status == 200
