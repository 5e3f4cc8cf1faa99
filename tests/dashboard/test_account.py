"""One's own account: name, password, second factor, sessions."""

import re

import pyotp
import pytest

from quixess.dashboard.pages.account import browser as describe
from quixess.people import Role
from tests.dashboard.test_login import NEW, is_in, step
from tests.dashboard.visiting import PASSWORD, browsing, employ, forget_confirmation, visiting
from tests.world import World

HOME = "/app/account"


async def test_a_name_is_changed_and_an_empty_one_is_not(world: World) -> None:
    async with visiting(world, Role.AGENT) as browser:
        assert (await browser.post(f"{HOME}/name", {"name": "  Anna   van der Berg "})).way == HOME
        assert 'value="Anna van der Berg"' in (await browser.get(HOME)).text
        assert (await browser.post(f"{HOME}/name", {"name": ""})).status == 422
        assert (await browser.post(f"{HOME}/name", {"name": "x" * 101})).status == 422


async def test_a_name_is_text_wherever_it_stands(world: World) -> None:
    async with visiting(world) as browser:
        await browser.post(f"{HOME}/name", {"name": '"><img src=x onerror=alert(1)>'})
        for path in (HOME, "/app/settings/people"):
            assert "<img src=x" not in (await browser.get(path)).text


async def test_the_password_is_changed_by_who_knows_it(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as elsewhere:
        await elsewhere.log_in()
        for fields, field in (
            ({"current": "a wrong password", "password": NEW}, "current"),
            ({"current": PASSWORD, "password": "short"}, "password"),
            ({"current": PASSWORD, "password": ""}, "password"),
        ):
            refused = await browser.post(f"{HOME}/password", fields)
            assert refused.status == 422
            assert f'id="err-{field}"' in refused.text
        assert await is_in(elsewhere)
        assert (await browser.post(f"{HOME}/password", {"current": PASSWORD, "password": NEW})).way == HOME
        assert await is_in(browser)
        assert not await is_in(elsewhere)
        assert (await elsewhere.log_in()).status == 401
        assert (await elsewhere.log_in(password=NEW)).status == 303


async def test_a_second_factor_is_set_up_with_a_picture_a_code_and_ten_codes_for_later(world: World) -> None:
    async with visiting(world) as browser:
        shown = await browser.get(f"{HOME}/second-factor")
        assert 'aria-label="QR code"' in shown.text
        uri = re.search(r'href="(otpauth://[^"]+)"', shown.text)
        assert uri is not None
        app = pyotp.parse_uri(uri[1].replace("&amp;", "&"))
        assert isinstance(app, pyotp.TOTP)
        assert app.name == "anna@bordercart.example"
        assert (await browser.post(f"{HOME}/second-factor", {"code": "000000"})).status == 422
        done = await browser.post(f"{HOME}/second-factor", {"code": app.generate_otp(await step(world))})
        codes = re.findall(r"\b[a-z2-9]{5}-[a-z2-9]{5}\b", done.text.partition('id="codes"')[2].partition("</pre>")[0])
        assert len(codes) == 10
        assert codes[0] not in (await browser.get(HOME)).text
        assert "10 recovery codes left" in (await browser.get(HOME)).words
        assert (await browser.get(f"{HOME}/second-factor")).status == 409
        renewed = await browser.post(f"{HOME}/recovery-codes")
        assert codes[0] not in renewed.text
        assert (await browser.post(f"{HOME}/second-factor/off")).way == HOME
        assert "recovery codes left" not in (await browser.get(HOME)).words


async def test_the_second_factor_is_touched_only_after_the_password(world: World) -> None:
    async with visiting(world) as browser:
        assert browser.person is not None
        await forget_confirmation(world, browser.person)
        for path in ("second-factor", "second-factor/off", "recovery-codes"):
            assert (await browser.post(f"{HOME}/{path}")).way.startswith("/app/confirm")


async def test_a_session_that_one_does_not_know_is_ended(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as stranger, browsing(world.url) as third:
        await stranger.log_in()
        await third.log_in()
        page = await browser.get(HOME)
        assert page.text.count("Mozilla/5.0 (Story)") == 3
        assert page.text.count("this one") == 1
        ends = re.findall(rf'action="({HOME}/sessions/ses_\w+/end)"', page.text)
        assert len(ends) == 2
        assert (await browser.post(ends[0])).way == HOME
        assert (await browser.post(ends[0])).status == 404
        assert [await is_in(one) for one in (browser, stranger, third)].count(True) == 2
        assert (await browser.post(f"{HOME}/sessions/others/end")).way == HOME
        assert [await is_in(one) for one in (browser, stranger, third)] == [True, False, False]


async def test_nobody_ends_a_session_of_somebody_else(world: World) -> None:
    await employ(world, Role.OWNER, email="ben@bordercart.example")
    async with visiting(world, Role.AGENT) as browser, browsing(world.url) as ben:
        await ben.log_in("ben@bordercart.example")
        await ben.log_in("ben@bordercart.example")
        ends = re.findall(rf'action="({HOME}/sessions/ses_\w+/end)"', (await ben.get(HOME)).text)
        for path in (*ends, f"{HOME}/sessions/x/end"):
            assert (await browser.post(path)).status == 404
        assert await is_in(ben)


async def test_a_page_of_one_owns_no_copy_in_any_cache(world: World) -> None:
    async with visiting(world) as browser:
        for path in (HOME, f"{HOME}/second-factor", "/app/settings/people"):
            assert (await browser.get(path)).headers["Cache-Control"] == "no-store, private"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) … Chrome/141.0.0.0 Safari/537.36 Edg/141.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) … Version/18.1 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) … CriOS/141 Mobile Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) … Chrome/141.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("<b>", "Unknown"),
        (None, "Unknown"),
    ],
)
def test_a_browser_is_known_by_what_it_says(agent, words):
    assert describe(agent) == words
