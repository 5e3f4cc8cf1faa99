"""The numbers of a brand as people see them: connected by what was pasted, looked at, given new tokens, parted with."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from quixess import connections
from quixess.database import ids
from quixess.people import Role
from quixess.vault import Place
from tests.api import connecting
from tests.connections.meta import Office, office
from tests.dashboard.visiting import Browser, forget_confirmation, visiting
from tests.world import World

HOME = "/app/whatsapp/connection"


@asynccontextmanager
async def rival(desk: Office) -> AsyncIterator[Browser]:
    """A browser of the owner of the brand that has no number yet."""
    brand_id = ids.parse("brd", desk.brand)
    async with visiting(desk.world, brand_id=brand_id, email="boss@rival.example") as browser:
        yield browser


def pasted(desk: Office, **other: str) -> dict[str, str]:
    """What one copies at Meta, as the fields of the form."""
    known = desk.pasted()
    return {("token" if name == "access_token" else name): value for name, value in known.items()} | other


def path_of(world: World) -> str:
    return f"{HOME}/{ids.show('con', world.connection_id)}"


def app_of(world: World) -> str:
    return str(world.meta.world["app_id"])


@pytest.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(dsn, tmp_path) as one:
        await one.free_the_number()
        yield one


async def test_a_number_is_connected_by_what_was_pasted(desk: Office) -> None:
    async with rival(desk) as browser:
        assert "A number at Meta" in (await browser.get(HOME)).words
        done = await browser.post(f"{HOME}/new", pasted(desk, webhook=desk.world.receiver.url))
        assert done.status == 200
        assert re.search(r'id="endpoint-secret"[^>]*>whsec_', done.text)
        shown = await browser.get(HOME)
        assert "Connected" in shown.words
        assert desk.world.receiver.url in shown.words
        for secret in ("app_secret", "access_token"):
            assert desk.world.meta.world[secret] not in done.text + shown.text
        again = await browser.post(f"{HOME}/new", pasted(desk))
        assert again.way == HOME  # nothing to be shown once


@pytest.mark.parametrize(
    ("wrong", "step", "field"),
    [
        ({"app_secret": "0123456789abcdef0123456789abcdef"}, "App and its secret", "app_secret"),
        ({"token": "EAAJwrongwrongwrong"}, "Access token", "token"),
        ({"waba_id": "999999999999999"}, "WhatsApp Business account", "waba_id"),
        ({"phone_number_id": "999999999999999"}, "Phone number", "phone_number_id"),
    ],
)
async def test_what_meta_does_not_take_is_named_with_its_step(
    desk: Office, wrong: dict[str, str], step: str, field: str
) -> None:
    async with rival(desk) as browser:
        refused = await browser.post(f"{HOME}/new", pasted(desk, **wrong))
        assert refused.status == 422
        assert f"It ended at: {step}." in refused.words
        assert f'id="err-{field}"' in refused.text
        assert refused.field("app_id") == desk.world.meta.world["app_id"]
        assert desk.world.meta.world["access_token"] not in refused.text
        assert "A number at Meta" in (await browser.get(HOME)).words


async def test_what_cannot_be_is_named_before_meta_is_asked(desk: Office) -> None:
    async with rival(desk) as browser:
        for fields, field in (
            ({"app_id": "my app"}, "app_id"),
            ({"token": ""}, "token"),
            ({"pin": "12"}, "pin"),
            ({"webhook": "ftp://shop.example"}, "webhook"),
            ({"graph_url": "graph"}, "graph_url"),
        ):
            refused = await browser.post(f"{HOME}/new", pasted(desk) | fields)
            assert refused.status == 422, fields
            assert f'id="err-{field}"' in refused.text


async def test_meta_that_does_not_answer_is_told_and_nothing_stays(desk: Office) -> None:
    await desk.world.rows("UPDATE meta_app SET graph_url = 'http://127.0.0.1:9' RETURNING id")
    async with rival(desk) as browser:
        refused = await browser.post(f"{HOME}/new", pasted(desk, graph_url="http://127.0.0.1:9"))
        assert refused.status == 422
        assert "Meta gave no clear answer" in refused.words


async def test_a_graph_api_that_nobody_allowed_is_named_beside_its_field(desk: Office) -> None:
    async with rival(desk) as browser:
        for form, fields in (("new", pasted(desk)), ("app", {"app_id": "4242", "app_secret": "0123456789abcdef"})):
            refused = await browser.post(f"{HOME}/{form}", fields | {"graph_url": "https://graph.example"})
            assert refused.status == 422
            assert 'id="err-graph_url"' in refused.text
            assert "QUIXESS_GRAPH_URLS" in refused.words
            assert re.search(r"<details[^>]* open>", refused.text)


async def test_an_app_is_made_known_before_its_first_number(desk: Office) -> None:
    known = desk.world.meta.world
    fields = {"app_id": known["app_id"], "graph_url": desk.world.meta.base_url}
    async with rival(desk) as browser:
        wrong = await browser.post(f"{HOME}/app", fields | {"app_secret": "0123456789abcdef0123456789abcdef"})
        assert wrong.status == 422
        assert 'id="err-app_secret"' in wrong.text
        chosen = {"app_secret": known["app_secret"], "verify_token": "a-token-of-our-own"}
        done = await browser.post(f"{HOME}/app", fields | chosen)
        assert done.status == 200
        assert "a-token-of-our-own" in done.words
        assert f"/webhooks/meta/{known['app_id']}" in done.words
        assert known["app_secret"] not in done.text


async def test_embedded_signup_says_why_it_is_a_form_and_connects(desk: Office) -> None:
    async with rival(desk) as browser:
        form = await browser.get(f"{HOME}/sign-up")
        assert "30 seconds" in form.words
        known = desk.world.meta.world
        fields = {name: known[name] for name in ("app_id", "waba_id", "phone_number_id")} | {"code": "AQwrongcode1"}
        refused = await browser.post(f"{HOME}/sign-up", fields)
        assert refused.status == 422
        assert "It ended at: Code of the sign-up." in refused.words
        assert "AQwrongcode1" not in refused.text
        unknown = await browser.post(f"{HOME}/sign-up", fields | {"app_id": "4242424242424242"})
        assert 'id="err-app_id"' in unknown.text


async def test_without_a_public_address_what_meta_must_know_is_shown(dsn: str, tmp_path: Path) -> None:
    async with office(dsn, tmp_path, public=False) as desk:
        await desk.free_the_number()
        async with rival(desk) as browser:
            done = await browser.post(f"{HOME}/new", pasted(desk))
            known = desk.world.meta.world
            assert f"{desk.world.url}/webhooks/meta/{known['app_id']}" in done.words
            assert known["verify_token"] in done.words


async def test_how_a_number_is_stands_beside_it(world: World) -> None:
    async with visiting(world, Role.DEVELOPER) as browser:
        shown = await browser.get(HOME)
        assert "••••" not in shown.words  # no token for a developer
        assert "Connect a number" not in shown.words
        part = await browser.get(f"{path_of(world)}/health", {"HX-Request": "true"})
        assert "<html" not in part.text
        assert "The number is connected." in part.words
        assert "The access token is valid" in part.words
        assert "Set QUIXESS_PUBLIC_URL" in (await browser.get(f"{path_of(world)}/health")).words


async def test_the_verify_token_is_shown_to_who_manages_and_it_is_written_down(world: World) -> None:
    path = f"{path_of(world)}/webhook"
    async with visiting(world) as browser:
        assert browser.person is not None
        assert world.meta.world["verify_token"] not in (await browser.get(HOME)).text
        shown = await browser.post(path)
        assert world.meta.world["verify_token"] in shown.text
        assert f"{world.url}/webhooks/meta/{world.meta.world['app_id']}" in shown.text
        assert await world.rows("SELECT FROM audit WHERE action = 'verify_token.revealed'")
        await forget_confirmation(world, browser.person)
        assert (await browser.post(path)).way.startswith("/app/confirm")


async def test_a_number_is_disconnected_and_connected_again(world: World) -> None:
    path = path_of(world)
    async with visiting(world) as browser:
        assert "Sends from this number fail at once" in (await browser.get(f"{path}/disconnect")).words
        assert (await browser.post(f"{path}/disconnect")).way == HOME
        assert (await world.send_otp()).status == 404
        assert "Disconnected" in (await browser.get(HOME)).words
        wrong = await browser.post(f"{path}/reconnect", {"token": "EAAJwrongwrongwrong"})
        assert wrong.status == 422
        assert "It ended at: Access token." in wrong.words
        back = await browser.post(f"{path}/reconnect", {"token": world.meta.world["access_token"]})
        assert back.status in {200, 303}
        assert (await world.send_otp()).status == 200


async def test_a_new_app_secret_is_held_against_meta(world: World) -> None:
    path = f"{path_of(world)}/app-secret"
    async with visiting(world) as browser:
        wrong = await browser.post(path, {"app_secret": "0123456789abcdef0123456789abcdef"})
        assert wrong.status == 422
        assert 'id="err-app_secret"' in wrong.text
        same = await browser.follow(await browser.post(path, {"app_secret": world.meta.world["app_secret"]}))
        assert "in use already" in same.words


async def test_an_old_app_secret_is_ended_before_its_time(world: World) -> None:
    path = f"{path_of(world)}/app-secret"
    async with visiting(world) as browser:
        assert "End it now" not in (await browser.get(path)).words
        assert "no old secret" in (await browser.follow(await browser.post(f"{path}/overlap"))).words
        await world.rows(
            """UPDATE meta_app SET previous_secret = $1, previous_secret_until = now() + interval '1 day'
               RETURNING id""",
            world.rooms.keyring.seal(b"the one before", Place("meta_app", "previous_secret", app_of(world))),
        )
        assert "End it now" in (await browser.get(path)).words
        assert "refused from then on" in (await browser.get(f"{path}/overlap")).words
        assert "counts no more" in (await browser.follow(await browser.post(f"{path}/overlap"))).words
        assert "End it now" not in (await browser.get(path)).words


async def test_a_numbers_pin_is_changed_by_who_shows_a_password(world: World) -> None:
    path = f"{path_of(world)}/pin"
    async with visiting(world) as browser:
        assert browser.person is not None
        assert "Meta asks for no old one" in (await browser.get(path)).words
        for wrong in ("", "12345", "12345a"):
            refused = await browser.post(path, {"pin": wrong})
            assert refused.status == 422
            assert 'id="err-pin"' in refused.text
        done = await browser.follow(await browser.post(path, {"pin": "139254"}))
        assert "kept sealed here" in done.words
        assert "139254" not in done.text
        (row,) = await world.rows("SELECT actor, detail FROM audit WHERE action = 'connection.pin_changed'")
        assert row["actor"] == browser.person.email
        await forget_confirmation(world, browser.person)
        assert (await browser.post(path, {"pin": "139254"})).way.startswith("/app/confirm")


async def test_a_pin_that_meta_does_not_take_is_told_beside_it(world: World) -> None:
    path = path_of(world)
    async with visiting(world) as browser:
        await world.meta.graph("POST", f"{world.meta.world['phone_number_id']}/deregister")
        refused = await browser.post(f"{path}/pin", {"pin": "139254"})
        assert refused.status == 422
        assert "registered number only" in refused.words


async def test_one_of_several_numbers_is_chosen_to_send_from(world: World) -> None:
    number = await world.meta.lever("numbers", {"verified_name": "Bordercart Returns"})
    facts = replace(
        connecting.facts(world, world.meta.base_url),
        phone_number_id=number["id"],
        display_phone=number["display_phone_number"],
    )
    async with visiting(world) as browser:
        alone = await browser.get(HOME)
        assert "Send from this number" not in alone.words
        async with world.rooms.db.transaction() as tx:
            second = await connections.connect(tx, world.rooms.keyring, world.brand_id, facts)
        shown = await browser.get(HOME)
        assert shown.words.count("Send from this number") == 1
        path = f"{HOME}/{ids.show('con', second)}/send-from"
        assert path in shown.text
        done = await browser.follow(await browser.post(path))
        assert "Codes and templates go out by +" in done.words
        assert path not in done.text
        async with world.rooms.db.transaction() as tx:
            await connections.disconnect(tx, world.brand_id, second, reason="test")
        gone = await browser.follow(await browser.post(path))
        assert "not connected any more" in gone.words


async def test_only_who_manages_connections_changes_them_and_only_their_own(world: World) -> None:
    strange = f"{HOME}/{ids.show('con', ids.new())}"
    async with visiting(world, Role.DEVELOPER) as browser:
        own = (
            f"{path_of(world)}/{verb}" for verb in ("disconnect", "webhook", "pin", "send-from", "app-secret/overlap")
        )
        for path in (f"{HOME}/new", f"{HOME}/sign-up", f"{HOME}/app", *own):
            assert (await browser.post(path)).status == 403
        assert (await browser.get(f"{strange}/health")).status == 404
    async with visiting(world, Role.ADMIN, email="boss@bordercart.example") as browser:
        for verb in ("disconnect", "reconnect", "webhook", "pin", "send-from", "app-secret", "app-secret/overlap"):
            assert (await browser.post(f"{strange}/{verb}")).status == 404
        assert (await browser.post(f"{HOME}/nonsense/webhook")).status == 404
