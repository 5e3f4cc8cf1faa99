"""API keys as people see them: minted once, narrowed, extended, rotated, revoked, and what they asked."""

import html
import re

import pytest

from quixess import access
from quixess.access import Scope
from quixess.database import ids
from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, forget_confirmation, visiting
from tests.world import OTP, World, eventually

HOME = "/app/settings/api-keys"
EXTERNAL = "/api/v1/whatsapp/external"
SIGNUP = {"name": "Signup service", "scopes": Scope.SEND_OTP.value}


def secret_in(page: Page) -> str:
    found = re.search(r'id="key-secret"[^>]*>([^<]+)<', page.text)
    assert found is not None, page.words
    return html.unescape(found[1])


def link_of(page: Page, name: str) -> str:
    """Where the row of a key leads, by the key's name."""
    found = re.search(rf'<a class="rowlink" href="([^"]+)"[^>]*>{re.escape(name)}</a>', page.text)
    assert found is not None, page.words
    return html.unescape(found[1])


async def path_of(browser: Browser, name: str) -> str:
    """The address below which a key is changed."""
    return f"{HOME}/{link_of(await browser.get(HOME), name).rpartition('=')[2]}"


async def test_a_key_is_made_shown_once_and_works(world: World) -> None:
    async with visiting(world) as browser:
        made = await browser.post(f"{HOME}/new", SIGNUP)
        assert made.status == 200
        assert "no-store" in made.headers["Cache-Control"]
        secret = secret_in(made)
        assert f"-H 'X-API-Key: {secret}'" in html.unescape(made.text)
        assert '"template_name": "signup_otp"' in html.unescape(made.text)
        assert (await world.send_otp(key=secret)).status == 200

        listed = await browser.get(HOME)
        assert secret not in listed.text
        assert f"{secret[:8]}…{secret[-4:]}" in listed.words
        assert "anna@bordercart.example" in listed.words
        assert secret not in (await browser.get(link_of(listed, "Signup service"))).text


async def test_limits_are_read_from_what_is_typed(world: World) -> None:
    limits = {
        "templates": "signup_otp, order_update",
        "destinations": "DE +43",
        "ip_allow": "203.0.113.7",
        "requests_per_minute": "60",
        "messages_per_day": "5000",
        "days": "90",
    }
    async with visiting(world) as browser:
        assert (await browser.post(f"{HOME}/new", SIGNUP | limits)).status == 200
        opened = (await browser.get(link_of(await browser.get(HOME), "Signup service"))).words

    for words in ("signup_otp, order_update", "DE, 43", "203.0.113.7/32", "Requests a minute 60", "a day 5,000"):
        assert words in opened


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"scopes": ""}, "scopes"),
        ({"scopes": "whatsapp:everything"}, "scopes"),
        ({"templates": "Signup OTP!"}, "templates"),
        ({"destinations": "XX"}, "destinations"),
        ({"ip_allow": "203.0.113"}, "ip_allow"),
        ({"messages_per_day": "0"}, "messages_per_day"),
        ({"messages_per_day": "many"}, "messages_per_day"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_made(
    world: World, fields: dict[str, str], field: str
) -> None:
    async with visiting(world) as browser:
        refused = await browser.post(f"{HOME}/new", SIGNUP | fields)
        assert refused.status == 422
        assert f'id="err-{field}"' in refused.text
        assert "Signup service" not in (await browser.get(HOME)).words


async def test_presets_tick_what_a_service_needs(world: World) -> None:
    async with visiting(world) as browser:
        form = await browser.get(f"{HOME}/new?preset=support")
        ticked = re.findall(r'name="scopes" value="([^"]+)" checked', form.text)

    assert set(ticked) == {Scope.REPLY, Scope.READ_TEMPLATES, Scope.READ_MESSAGES, Scope.READ_CONVERSATIONS}


async def test_a_developer_without_the_inbox_hands_out_no_inbox(world: World) -> None:
    async with visiting(world, Role.DEVELOPER) as browser:
        form = await browser.get(f"{HOME}/new")
        assert Scope.REPLY not in form.text
        refused = await browser.post(f"{HOME}/new", SIGNUP | {"scopes": Scope.REPLY.value})
        assert refused.status == 403
        full = await path_of(browser, "full")  # it may reply, the developer may not
        assert (await browser.post(f"{full}/rotate", {"hours": "1"})).status == 403
        assert (await browser.post(f"{full}/extend", {"scopes": Scope.REPLY.value})).status == 403


async def test_scopes_are_added_and_count_at_once(world: World) -> None:
    async with visiting(world) as browser:
        secret = secret_in(await browser.post(f"{HOME}/new", SIGNUP))
        assert (await world.call("GET", f"{EXTERNAL}/messages", key=secret)).status == 403
        path = await path_of(browser, "Signup service")
        form = await browser.get(f"{path}/extend")
        assert f'value="{Scope.SEND_OTP}"' not in form.text
        assert (await browser.post(f"{path}/extend")).status == 422
        assert (await browser.post(f"{path}/extend", {"scopes": Scope.READ_MESSAGES.value})).status == 303

    assert (await world.call("GET", f"{EXTERNAL}/messages", key=secret)).status == 200


async def test_a_key_is_rotated_with_an_overlap_and_once(world: World) -> None:
    async with visiting(world) as browser:
        old = secret_in(await browser.post(f"{HOME}/new", SIGNUP))
        path = await path_of(browser, "Signup service")
        new = secret_in(await browser.post(f"{path}/rotate", {"hours": "1"}))
        assert new != old
        assert (await world.send_otp(key=old)).status == 200
        assert (await world.send_otp(key=new)).status == 200
        again = await browser.post(f"{path}/rotate", {"hours": "1"})
        assert again.status == 422
        assert "rotated" in again.words


async def test_a_revoked_key_is_refused_and_listed_among_the_ended(world: World) -> None:
    async with visiting(world) as browser:
        secret = secret_in(await browser.post(f"{HOME}/new", SIGNUP))
        path = await path_of(browser, "Signup service")
        asked = await browser.get(f"{path}/revoke")
        assert "Revoke Signup service?" in asked.words
        assert "never used" in asked.words
        assert (await browser.post(f"{path}/revoke")).way == HOME
        assert (await world.send_otp(key=secret)).status == 401
        assert 'class="rowlink"' in (await browser.get(HOME)).text  # the full key is there still
        ended = await browser.get(f"{HOME}?show=ended")
        assert "Revoked" in ended.words
        assert "Add scopes" not in (await browser.get(link_of(ended, "Signup service"))).words


async def test_calls_are_counted_and_listed_beside_the_key(world: World) -> None:
    async with visiting(world) as browser:
        secret = secret_in(await browser.post(f"{HOME}/new", SIGNUP))
        for _ in range(3):
            await world.call("GET", f"{EXTERNAL}/me", key=secret)
        await world.call("GET", f"{EXTERNAL}/messages", key=secret)

        async def counted() -> bool:
            row = (await browser.get(HOME)).text.partition("Signup service")[2].partition("</tr>")[0]
            return 'class="num">4</td>' in row

        await eventually(counted)
        opened = await browser.get(link_of(await browser.get(HOME), "Signup service"))
        assert opened.text.count(">GET /me<") == 3
        assert "403" in opened.words


async def test_another_brands_key_is_not_there(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
        _, theirs = await access.mint_key(
            tx, world.rooms.keyring, rival.id, name="Rival's", scopes=[Scope.SEND_OTP], actor="test"
        )
    shown = ids.show("key", theirs.id)
    async with visiting(world) as browser:
        assert "Rival" not in (await browser.get(HOME)).words
        for path in (f"{HOME}?key={shown}", f"{HOME}/{shown}/revoke", f"{HOME}/{shown}/rotate"):
            assert (await browser.get(path)).status == 404
        assert (await browser.post(f"{HOME}/{shown}/revoke")).status == 404


async def test_an_agent_sees_no_keys_and_a_key_needs_the_password_again(world: World) -> None:
    async with visiting(world, Role.AGENT) as agent:
        assert (await agent.get(HOME)).status == 403
        assert (await agent.post(f"{HOME}/new", SIGNUP)).status == 403
    async with visiting(world, email="boss@bordercart.example") as browser:
        assert browser.person is not None
        await forget_confirmation(world, browser.person)
        assert (await browser.get(f"{HOME}/new")).way.startswith("/app/confirm")
        assert (await browser.post(f"{HOME}/new", SIGNUP)).way.startswith("/app/confirm")
    assert len(await world.rows("SELECT FROM api_key")) == 1


async def test_hostile_names_stay_text(world: World) -> None:
    name = '<img src=x onerror="alert(1)">'
    async with visiting(world) as browser:
        made = await browser.post(f"{HOME}/new", SIGNUP | {"name": name})
        await world.call("POST", OTP, key=secret_in(made), body={})
        listed = await browser.get(HOME)
        assert name not in made.text + listed.text
        assert name in html.unescape(listed.text)
