"""The health of a connection: each thing that can be wrong, at Meta or here, is named with its fix."""

from pathlib import Path

import pytest

from quixess import access
from tests.health.consulting import Patient, patient
from tests.world import World, building, eventually, free_port, listening


@pytest.fixture
async def number(dsn: str, tmp_path: Path):
    """A number whose gateway knows where Meta reaches it."""
    port = free_port()
    async with building(dsn, tmp_path, port=port, public_url=f"http://127.0.0.1:{port}") as world:
        yield await patient(world)


async def heard(number: Patient) -> None:
    """Let a customer's message arrive."""
    await number.world.customer_says("hello")
    await eventually(lambda: number.world.receiver.of_type("message.received"))


async def test_a_number_that_is_well_passes_every_check(number: Patient) -> None:
    await heard(number)

    answer = await number.ask()

    assert answer.json["state"] == "pass", answer.json
    states = {check["name"]: check["state"] for check in answer.json["checks"]}
    assert set(states.values()) == {"pass"}
    assert {"token", "scopes", "number", "quality", "name", "limits", "subscription", "callback", "reachable"} <= set(
        states
    )
    assert {f"health_status.{kind}" for kind in ("phone_number", "waba", "business", "app")} <= set(states)
    for secret in ("access_token", "app_secret", "verify_token"):
        assert number.world.meta.world[secret].encode() not in answer.body


async def test_a_dead_token_is_one_failure_and_not_many(number: Patient) -> None:
    await number.world.meta.lever("tokens/end", {"token": number.world.meta.world["access_token"]})

    assert "Make a new token" in await number.one("token", "fail")
    checks = await number.checks()
    assert {checks[name]["state"] for name in ("number", "quality", "subscription")} == {"skip"}


@pytest.mark.parametrize(("days", "state"), [(2, "fail"), (10, "warn"), (60, "pass")])
async def test_a_token_that_ends_soon_is_told_before(number: Patient, days: int, state: str) -> None:
    made = await number.world.meta.lever("tokens", {"kind": "system_user", "lives_s": days * 86_400})
    await reconnect(number, made["access_token"])

    check = (await number.checks())["token"]

    assert check["state"] == state
    assert "days" in check["said"]


async def test_a_missing_permission_is_named(number: Patient) -> None:
    made = await number.world.meta.lever("tokens", {"scopes": ["whatsapp_business_management"]})
    await keep_token(number, made["access_token"])

    assert "whatsapp_business_messaging" in await number.one("scopes", "fail")


async def test_an_app_secret_that_meta_does_not_take_is_told(number: Patient) -> None:
    await number.world.meta.lever(f"apps/{number.world.meta.world['app_id']}", {"reset_secret": True})

    assert "quixess connection secret" in await number.one("token", "fail")
    assert "quixess connection secret" in await number.one("callback", "fail")


@pytest.mark.parametrize(
    ("how", "name", "state", "fix"),
    [
        ({"registered": False}, "number", "fail", "--pin-file"),
        ({"status": "BANNED"}, "number", "fail", "appeal"),
        ({"status": "FLAGGED"}, "number", "warn", "marketing"),
        ({"status": "SOMETHING_NEW"}, "number", "warn", "WhatsApp Manager"),
        ({"platform_type": "ON_PREMISE"}, "number", "fail", "Register"),
        ({"deleted": True}, "number", "fail", "WhatsApp Manager"),
        ({"quality_rating": "RED"}, "quality", "fail", "marketing"),
        ({"quality_rating": "YELLOW"}, "quality", "warn", "marketing"),
        ({"name_status": "DECLINED"}, "name", "fail", "WhatsApp Manager"),
        ({"name_status": "PENDING_REVIEW"}, "name", "warn", "WhatsApp Manager"),
    ],
)
async def test_what_meta_says_of_the_number_is_told_with_its_fix(
    number: Patient, how: dict[str, object], name: str, state: str, fix: str
) -> None:
    await number.number(**how)

    assert fix in await number.one(name, state)


async def test_the_limit_of_an_unverified_business_is_a_warning(number: Patient) -> None:
    await number.world.meta.lever("settings", {"messaging_limit": "TIER_250"})

    assert "Verify the business" in await number.one("limits", "warn")


@pytest.mark.parametrize(("can", "state"), [("BLOCKED", "fail"), ("LIMITED", "warn")])
async def test_metas_own_verdict_comes_with_metas_solution(number: Patient, can: str, state: str) -> None:
    error = {"error_code": 141010, "error_description": "No payment.", "possible_solution": "Add a card."}
    await number.number(health={"can_send_message": can, "errors": [error]})
    waba = number.world.meta.world["waba_id"]
    await number.world.meta.lever(f"wabas/{waba}", {"health": {"can_send_message": can, "errors": []}})

    said = await number.one("health_status.phone_number", state)

    assert all(part in said for part in ("No payment.", "141010", "Add a card."))
    assert "Business Support Home" in await number.one("health_status.waba", state)


async def test_an_app_that_is_not_subscribed_to_the_account_hears_nothing(number: Patient) -> None:
    await number.world.meta.graph("DELETE", f"{number.world.meta.world['waba_id']}/subscribed_apps")

    assert "reconnect" in await number.one("subscription", "fail")


async def test_an_address_of_the_accounts_own_is_a_warning(number: Patient) -> None:
    known = number.world.meta.world
    form = {
        "override_callback_uri": f"{number.world.url}/webhooks/meta/{known['app_id']}",
        "verify_token": known["verify_token"],
    }
    answer = await number.world.meta.graph("POST", f"{known['waba_id']}/subscribed_apps", json=form)
    assert answer.status == 200, answer.json

    assert "override" in await number.one("subscription", "warn")


async def test_an_address_of_the_numbers_own_is_a_warning(number: Patient) -> None:
    known = number.world.meta.world
    own = {
        "override_callback_uri": f"{number.world.url}/webhooks/meta/{known['app_id']}",
        "verify_token": known["verify_token"],
    }
    answer = await number.world.meta.graph("POST", known["phone_number_id"], json={"webhook_configuration": own})
    assert answer.status == 200, answer.json

    assert "number's override" in await number.one("subscription", "warn")


async def test_an_app_without_a_webhook_and_one_with_too_few_fields_are_told(number: Patient) -> None:
    known = number.world.meta.world
    path, token = f"{known['app_id']}/subscriptions", known["app_access_token"]
    ours = f"{number.world.url}/webhooks/meta/{known['app_id']}"
    form = {"object": "whatsapp_business_account", "callback_url": ours, "verify_token": known["verify_token"]}

    await number.world.meta.graph("POST", path, token=token, data=form | {"fields": "messages"})
    assert "account_update" in await number.one("callback", "warn")
    await number.world.meta.graph("POST", path, token=token, data=form | {"fields": "security"})
    assert "`messages`" in await number.one("callback", "fail")
    await number.world.meta.graph("DELETE", path, token=token)
    assert "page Webhooks" in await number.one("callback", "fail")


async def test_another_address_than_ours_at_meta_and_nobody_at_ours_are_told(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, public_url=f"http://127.0.0.1:{free_port()}") as world:
        number = await patient(world)

        assert "another address" in await number.one("callback", "fail")
        assert "QUIXESS_PUBLIC_URL" in await number.one("reachable", "fail")


async def test_somebody_else_at_our_address_is_told(dsn: str, tmp_path: Path) -> None:
    async with listening() as stranger:
        address = stranger.url.removesuffix("/webhooks/quixess")
        async with building(dsn, tmp_path, public_url=address) as world:
            said = await (await patient(world)).one("reachable", "fail")

    assert "Somebody else" in said


async def test_without_a_public_address_the_handshake_is_left_out_and_says_why(world: World) -> None:
    number = await patient(world)

    assert "QUIXESS_PUBLIC_URL" in await number.one("reachable", "skip")


async def test_silence_of_meta_is_told_with_its_age(number: Patient) -> None:
    assert "callback and subscription" in await number.one("webhook_seen", "warn")
    await number.write("UPDATE connection SET webhook_seen_at = now() - interval '5 days'")
    assert "5 days" in await number.one("webhook_seen", "warn")


@pytest.mark.parametrize(("age", "state"), [("5 hours", "warn"), ("2 days", "fail"), (None, "fail")])
async def test_templates_that_are_out_of_step_are_told(number: Patient, age: str | None, state: str) -> None:
    await number.write("UPDATE connection SET templates_synced_at = now() - $1::text::interval", age)

    assert "template sync" in await number.one("templates", state)


async def test_meta_out_of_reach_is_said_once_for_each_question_and_nothing_breaks(number: Patient) -> None:
    await number.write("UPDATE connection SET graph_url = 'http://127.0.0.1:9'")

    answer = await number.ask()

    assert (answer.status, answer.json["state"]) == (200, "fail")
    assert "way out to Meta" in await number.one("token", "fail")


async def test_a_number_that_stopped_says_why_and_one_that_was_parted_with_is_no_failure(number: Patient) -> None:
    await number.write(
        "UPDATE connection SET state = 'unauthorized', state_reason = 'Meta no longer accepts the token'"
    )
    assert "Meta no longer accepts the token" in await number.one("connection", "fail")

    await number.write("UPDATE connection SET state = 'disconnected', state_reason = 'An operator did.'")
    assert (await number.ask()).json["state"] == "pass"
    assert "reconnect" in await number.one("connection", "skip")

    await number.write("UPDATE connection SET closed_by = 'PARTNER_REMOVED'")
    assert "Reconnect" in await number.one("connection", "fail")


async def test_a_number_of_another_brand_is_not_there(number: Patient) -> None:
    async with number.world.rooms.db.transaction() as tx:
        await access.create_brand(tx, "Rival")

    answer = await number.ask(brand="Rival")

    assert (answer.status, answer.json["code"]) == (404, "connection_not_found")


async def reconnect(number: Patient, token: str) -> None:
    """Put another token in the place of the old one, as an operator does."""
    path = f"/api/v1/whatsapp/brands/Bordercart/connections/{await only(number)}/reconnect"
    answer = await number.world.call(
        "POST", path, key="", body={"access_token": token}, headers={"Authorization": f"Bearer {number.token}"}
    )
    assert answer.status == 200, answer.json


async def keep_token(number: Patient, token: str) -> None:
    """Keep a token that connecting would refuse: one that lost a permission later."""
    from quixess.connections.finding import token_place  # noqa: PLC0415 - only here

    world = number.world
    sealed = world.rooms.keyring.seal(token.encode(), token_place(world.brand_id, world.connection_id))
    await number.write("UPDATE connection SET token = $1, token_last4 = $2", sealed, token[-4:])


async def only(number: Patient) -> str:
    answer = await number.world.call(
        "GET",
        "/api/v1/whatsapp/brands/Bordercart/connections",
        key="",
        headers={"Authorization": f"Bearer {number.token}"},
    )
    return str(answer.json["data"][0]["id"])
