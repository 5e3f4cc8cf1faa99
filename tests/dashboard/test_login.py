"""Signing in and out: the way to a page, the second half, the password once more, a new one by a link."""

import asyncpg
import pyotp
import pytest

from quixess.people import Role, accounts, invitations, second_factor
from tests.dashboard.visiting import (
    EMAIL,
    PASSWORD,
    Browser,
    browsing,
    employ,
    forget_confirmation,
    sit_down,
    visiting,
)
from tests.world import World

NEW = "small ship, tall harbour"


async def app_of(world: World, email: str = EMAIL) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """Somebody's authenticator app, set up half a minute ago."""
    async with world.rooms.db.transaction() as tx:
        person = await accounts.pick(tx, email)
        app = pyotp.TOTP((await second_factor.begin(tx, world.rooms.keyring, person)).secret)
        codes = await second_factor.enable(tx, world.rooms.keyring, person, app.generate_otp(await step(world) - 1))
    return app, codes


async def step(world: World) -> int:
    (row,) = await world.rows("SELECT floor(extract(epoch FROM clock_timestamp()) / 30)::bigint AS step")
    return int(row["step"])


async def reset_link(world: World, email: str = EMAIL) -> str:
    async with world.rooms.db.transaction() as tx:
        person = await accounts.pick(tx, email)
        token = await invitations.offer_reset(tx, world.rooms.keyring, person, actor="cli")
    return f"/reset/{token}"


async def is_in(browser: Browser) -> bool:
    return (await browser.get("/app/account")).status == 200


async def test_a_page_asks_who_it_is_and_goes_on_where_one_wanted_to_go(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        asked = await browser.get("/app/settings/people?brand=")
        assert asked.way == "/login?next=/app/settings/people%3Fbrand%3D"
        form = await browser.follow(asked)
        assert "Sign in" in form.words
        done = await browser.log_in(next=form.field("next"))
        assert done.way == "/app/settings/people?brand="
        assert "Anna" in (await browser.follow(done)).words
        assert (await browser.get("/login?next=/app/account")).way == "/app/account"  # no need to ask again


async def test_the_front_page_leads_to_the_log_in_and_the_log_in_to_the_overview(world: World) -> None:
    await employ(world, Role.AGENT)
    async with browsing(world.url) as browser:
        assert (await browser.follow(await browser.get("/"))).way == "/login"
        assert (await browser.log_in()).way == "/app"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "/app/../evil", "javascript:alert(1)",
        "/application", "http:evil.example", "/app\u2028/x", "\\\\evil.example", "/app@evil.example",
    ],
)  # fmt: skip
async def test_the_way_back_leads_to_no_other_host(world: World, elsewhere: str) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        done = await browser.log_in(next=elsewhere)
        assert done.headers["Location"] == "/app"


async def test_who_is_wrong_is_not_told_what_is_wrong(world: World) -> None:
    await employ(world, Role.OWNER)
    gone = await employ(world, Role.AGENT, email="gone@bordercart.example")
    async with world.rooms.db.transaction() as tx:
        await accounts.disable(tx, gone, disabled=True, actor="cli")
    async with browsing(world.url) as browser:
        answers = [
            await browser.log_in(password="not the password"),
            await browser.log_in("nobody@bordercart.example"),
            await browser.log_in("gone@bordercart.example"),
            await browser.log_in("' OR 1=1 --", "' OR 1=1 --"),
        ]
        assert {one.status for one in answers} == {401}
        assert len({one.words for one in answers}) == 1
        assert "not the password" not in answers[0].text
        assert browser.cookies == {}


async def test_an_address_is_found_however_it_is_typed(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        assert (await browser.log_in(f"  {EMAIL.upper()} ")).status == 303


async def test_too_many_tries_wait_and_say_how_long(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        for _ in range(5):
            assert (await browser.log_in(password="a wrong password")).status == 401
        slow = await browser.log_in()  # even the right one: else the wait would tell which it is
        assert slow.status == 429
        assert "Too many tries" in slow.words
        await world.rows("UPDATE sign_in_delay SET until = now()")
        assert (await browser.log_in()).status == 303
        assert await world.rows("SELECT 1 FROM sign_in_delay WHERE tries >= 5 AND until > now()") == []


async def test_signing_out_ends_the_session_on_the_server_too(world: World) -> None:
    async with visiting(world) as browser:
        name, stolen = browser.session
        assert (await browser.post("/logout")).way == "/login"
        assert "signed out" in (await browser.get("/login")).text
        assert not await is_in(browser)
        browser.set_cookie(name, stolen)
        assert not await is_in(browser)


async def test_with_a_second_factor_the_password_alone_opens_nothing(world: World) -> None:
    await employ(world, Role.OWNER)
    app, codes = await app_of(world)
    async with browsing(world.url) as browser:
        half = await browser.log_in(next="/app/settings/people")
        assert half.status == 200
        assert "Your code" in half.words
        assert browser.cookies == {}
        fields = {"ticket": half.field("ticket"), "next": half.field("next")}
        wrong = await browser.post("/login/code", fields | {"code": "000000"})
        assert wrong.status == 422
        assert "wait for the app" in wrong.words
        done = await browser.post("/login/code", fields | {"code": app.generate_otp(await step(world))})
        assert done.way == "/app/settings/people"
        assert await is_in(browser)
    async with browsing(world.url) as thief:  # a ticket opens once, and so does a code
        again = await thief.post("/login/code", fields | {"code": app.generate_otp(await step(world))})
        assert again.status == 410
        assert "from the start" in again.words
        half = await thief.log_in()
        fields = {"ticket": half.field("ticket")}
        assert (await thief.post("/login/code", fields | {"code": app.generate_otp(await step(world))})).status == 422
        assert (await thief.post("/login/code", fields | {"code": codes[0]})).status == 303


async def test_codes_cannot_be_tried_one_after_the_other(world: World) -> None:
    await employ(world, Role.OWNER)
    await app_of(world)
    async with browsing(world.url) as browser:
        half = await browser.log_in()
        answers = [
            await browser.post("/login/code", {"ticket": half.field("ticket"), "code": f"{number:06}"})
            for number in range(6)
        ]
        assert [one.status for one in answers] == [422] * 5 + [429]


async def test_a_session_rests_for_half_a_day_and_lives_for_a_week(world: World) -> None:
    for column, fine, over in (("seen_at", "11 hours", "13 hours"), ("created_at", "6 days", "8 days")):
        async with visiting(world, email=f"{column[:4]}@bordercart.example") as browser:
            for age, alive in ((fine, True), (over, False)):
                await world.rows(f"UPDATE session SET {column} = now() - interval '{age}'")
                assert await is_in(browser) is alive, (column, age)


async def test_somebody_who_is_shut_out_is_out_at_once(world: World) -> None:
    async with visiting(world, Role.AGENT) as browser:
        assert await is_in(browser)
        assert browser.person is not None
        async with world.rooms.db.transaction() as tx:
            await accounts.disable(tx, browser.person, disabled=True, actor="cli")
        assert not await is_in(browser)


async def test_what_matters_asks_for_the_password_once_more(world: World) -> None:
    async with visiting(world) as browser:
        assert browser.person is not None
        await forget_confirmation(world, browser.person)
        name, before = browser.session
        asked = await browser.get("/app/settings/people/invite")
        assert asked.way == "/app/confirm?next=/app/settings/people/invite"
        assert (await browser.post("/app/confirm", {"password": "a wrong password"})).status == 422
        assert (await browser.get("/app/settings/people/invite")).status == 303
        done = await browser.post("/app/confirm", {"password": PASSWORD, "next": "/app/settings/people/invite"})
        assert (await browser.follow(done)).status == 200
        _, after = browser.session
        assert after != before
        browser.set_cookie(name, before)
        assert not await is_in(browser)  # who had the old cookie gained nothing


async def test_a_form_that_matters_leads_back_to_its_page(world: World) -> None:
    async with visiting(world) as browser:
        assert browser.person is not None
        await forget_confirmation(world, browser.person)
        referer = {"Referer": f"{world.url}/app/settings/brands"}
        plain = await browser.post("/app/settings/brands/state", {"suspended": "true"}, referer)
        assert plain.way == "/app/confirm?next=/app/settings/brands"
        shown = {"HX-Request": "true", "HX-Current-URL": f"{world.url}/app/settings/brands"}
        enhanced = await browser.post("/app/settings/brands/state", {"suspended": "true"}, shown)
        assert enhanced.headers["HX-Redirect"] == "/app/confirm?next=/app/settings/brands"
        foreign = await browser.post("/app/settings/brands/state", {}, {"Referer": "https://evil.example/app/x"})
        assert foreign.way == "/app/confirm?next=/app"
        (brand,) = await world.rows("SELECT state FROM brand WHERE id = $1", world.brand_id)
        assert brand["state"] == "active"


async def test_a_new_password_by_a_link_signs_out_everywhere(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as other:
        link = await reset_link(world)
        assert EMAIL in (await other.get(link)).words
        assert (await other.post(link, {"password": "short"})).status == 422
        assert (await other.post(link, {"password": NEW})).way == "/login"
        assert not await is_in(browser)
        assert (await other.log_in()).status == 401
        assert (await other.log_in(password=NEW)).status == 303
        assert (await other.post(link, {"password": "yet another good one"})).status == 410


async def test_a_link_for_a_password_ends_after_half_an_hour_and_with_the_next_one(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        first, second = await reset_link(world), await reset_link(world)
        assert (await browser.get(first)).status == 410
        await world.rows("UPDATE link SET expires_at = now()")
        assert (await browser.get(second)).status == 410
        assert (await browser.get("/reset/qxl_" + "0" * 64)).status == 410
        assert (await browser.get("/reset/nonsense")).status == 410


async def test_who_belongs_to_no_brand_is_told_what_to_do(world: World) -> None:
    person = await employ(world, None)
    async with browsing(world.url) as browser:
        await sit_down(world, browser, person)
        told = await browser.follow(await browser.get("/app"))
        assert "belong to no brand" in told.words
        assert "quixess admin invite anna@bordercart.example" in told.words
        assert (await browser.post("/logout")).way == "/login"
        assert (await browser.get("/app/no-brand")).way == "/login"


async def test_signing_in_stands_in_the_audit_of_every_brand_of_the_person(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        await browser.log_in()
    found = await world.rows("SELECT * FROM audit WHERE action = 'person.signed_in'")
    assert [(row["brand_id"], row["actor"], row["detail"]) for row in found] == [
        (world.brand_id, EMAIL, '{"address": "127.0.0.1"}')
    ]


async def test_no_secret_rests_in_clear(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        await browser.log_in()
        link = await reset_link(world)
        secrets = [PASSWORD, browser.session[1], link.rpartition("/")[2]]
    owner = await asyncpg.connect(world.dsn)
    tables = await owner.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 40
    for table in tables:
        text = await owner.fetchval(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table['name']} t")
        assert not [one for one in secrets if one in text or one.encode().hex() in text], table["name"]
    await owner.close()
