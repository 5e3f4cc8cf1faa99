"""Lines 56 to 59 of the list: forms of other sites, sessions, the first set-up, roles."""

import asyncio

import pytest

from quixess.dashboard import PAGES, PUBLIC
from quixess.database import ids
from quixess.people import Role, accounts, first_run, members, sessions
from quixess.people.members import Hand
from quixess.people.roles import may
from tests.dashboard.visiting import EMAIL, PASSWORD, Browser, browsing, employ, visiting
from tests.world import World

CHANGES = [page for page in PAGES if page.method != "GET"]
STRANGERS: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    {"Sec-Fetch-Site": "cross-site", "Content-Type": "multipart/form-data; boundary=x"},
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "http://127.0.0.1:1"},
)
SETUP = {"name": "Anna", "email": EMAIL, "password": PASSWORD}


def address(path: str) -> str:
    """A path whose parameters name something that could be there."""
    for name, prefix in (("person", "opr"), ("invitation", "inv"), ("session", "ses")):
        path = path.replace(f"{{{name}}}", ids.show(prefix, ids.new()))
    while "{" in path:
        head, _, rest = path.partition("{")
        path = head + "x" + rest.partition("}")[2]
    return path


async def role_of(world: World, browser: Browser) -> Role | None:
    assert browser.person is not None
    async with world.rooms.db.statement() as tx:
        return next((one.role for one in await sessions.memberships_of(tx, browser.person.id)), None)


# 56: forms of other sites ----------------------------------------------------------------------------------------


async def test_no_form_of_another_site_does_anything(world: World) -> None:
    async with visiting(world) as browser:
        before = await world.rows("SELECT count(*) AS n FROM audit")
        for page in CHANGES:
            for stranger in STRANGERS:
                if page.method == "POST":
                    refused = await browser.post(address(page.path), {"name": "x"}, stranger, bare=True)
                    assert refused.status == 403, (page.path, stranger)
                    assert "another site" in refused.words
        assert await world.rows("SELECT count(*) AS n FROM audit") == before
        assert (await browser.get("/app/account")).status == 200  # nor was anybody signed out


async def test_a_browser_that_names_no_site_names_the_origin_instead(world: World) -> None:
    async with visiting(world) as browser:
        own = {"Origin": world.url}
        assert (await browser.post("/app/account/name", {"name": "Anna"}, own, bare=True)).status == 303
        assert (await browser.post("/app/account/name", {"name": "Anna"}, {"Sec-Fetch-Site": "none"})).status == 303


async def test_a_log_in_cannot_be_forced_on_anybody(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        forced = await browser.post(
            "/login", {"email": EMAIL, "password": PASSWORD}, {"Sec-Fetch-Site": "cross-site"}, bare=True
        )
        assert forced.status == 403
        assert browser.cookies == {}


async def test_cookies_mean_nothing_at_the_api_and_keys_nothing_at_the_pages(world: World) -> None:
    async with visiting(world) as browser:
        assert (await browser.get("/api/v1/whatsapp/external/me")).status == 401
    async with browsing(world.url) as browser:
        assert (await browser.get("/app", {"X-API-Key": world.key})).status == 303
        assert (await browser.get("/app", {"Authorization": f"Bearer {world.key}"})).status == 303


# 57: sessions ----------------------------------------------------------------------------------------------------


async def test_a_session_that_was_planted_is_not_the_one_that_gets_in(world: World) -> None:
    await employ(world, Role.OWNER)
    async with (
        visiting(world, Role.AGENT, email="mallory@bordercart.example") as mallory,
        browsing(world.url) as victim,
    ):
        name, planted = mallory.session
        victim.set_cookie(name, planted)
        assert (await victim.post("/logout")).status == 303
        victim.set_cookie(name, "A" * 43)
        await victim.log_in()
        assert victim.session[1] not in {planted, "A" * 43}


async def test_a_stolen_cookie_dies_with_the_password(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as thief:
        name, stolen = browser.session
        thief.set_cookie(name, stolen)
        assert (await thief.get("/app/account")).status == 200
        fields = {"current": PASSWORD, "password": "small ship, tall harbour"}
        assert (await browser.post("/app/account/password", fields)).status == 303
        assert (await thief.get("/app/account")).status == 303
        assert (await browser.get("/app/account")).status == 200


async def test_a_log_out_among_many_requests_leaves_none_that_gets_in(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as other:
        other.set_cookie(*browser.session)
        await asyncio.gather(*(other.get("/app/account") for _ in range(10)), browser.post("/logout"))
        assert (await other.get("/app/account")).status == 303


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 5000, "' OR 1=1 --", "%00", "é" * 43, "../../etc/passwd"])
async def test_what_is_no_session_is_nobody(world: World, cookie: str) -> None:
    async with visiting(world) as browser:
        name, _ = browser.session
        own = {"Cookie": f"{name}={cookie}"}
        browser.http.cookie_jar.clear()
        assert (await browser.get("/app/account", own)).status == 303


async def test_over_https_a_cookie_without_the_host_prefix_is_none(world: World) -> None:
    async with visiting(world) as browser:
        _, token = browser.session
        browser.http.cookie_jar.clear()
        https = {"Host": "wa.example", "Origin": "https://wa.example"}
        for name in ("quixess", "quixess-443", "__Secure-quixess"):
            assert (await browser.get("/app/account", https | {"Cookie": f"{name}={token}"})).status == 303
        assert (await browser.get("/app/account", https | {"Cookie": f"__Host-quixess={token}"})).status == 200


async def test_what_a_cookie_may_do_is_said_to_the_browser(world: World) -> None:
    await employ(world, Role.OWNER)
    async with browsing(world.url) as browser:
        plain = (await browser.log_in()).headers["Set-Cookie"]
        assert "HttpOnly" in plain
        assert "SameSite=lax" in plain
        assert "Path=/" in plain
        https = {"Host": "wa.example", "Origin": "https://wa.example"}
        secure = await browser.post("/login", {"email": EMAIL, "password": PASSWORD}, https)
        assert secure.headers["Set-Cookie"].startswith("__Host-quixess=")
        assert "Secure" in secure.headers["Set-Cookie"]
        assert "Domain" not in secure.headers["Set-Cookie"]


# 58: the first set-up --------------------------------------------------------------------------------------------


async def setup_link(world: World) -> str:
    async with world.rooms.db.transaction() as tx:
        return f"/setup/{await first_run.offer(tx, world.rooms.keyring, actor='up')}"


async def test_once_anybody_has_an_account_there_is_no_set_up(world: World) -> None:
    link = await setup_link(world)
    await employ(world, Role.AGENT)
    async with browsing(world.url) as browser:
        for path in (link, "/setup/", "/setup", "/setup/x"):
            assert (await browser.get(path)).status == 404
            assert (await browser.post(path, SETUP)).status == 404
    assert len(await world.rows("SELECT 1 FROM operator")) == 1


async def test_of_ten_with_the_right_link_one_becomes_the_owner(world: World) -> None:
    link = await setup_link(world)

    async def try_it(number: int) -> int:
        async with browsing(world.url) as browser:
            return (await browser.post(link, SETUP | {"email": f"anna{number}@bordercart.example"})).status

    assert sorted(await asyncio.gather(*(try_it(number) for number in range(10)))) == [303] + [404] * 9
    assert len(await world.rows("SELECT 1 FROM operator")) == 1
    assert len(await world.rows("SELECT 1 FROM membership WHERE role = 'owner'")) == 1


async def test_a_hundred_wrong_links_open_nothing_and_look_alike(world: World) -> None:
    await setup_link(world)
    async with browsing(world.url) as browser:
        wrong = [f"/setup/qxl_{number:064x}" for number in range(97)]
        answers = [
            await browser.post(path, SETUP) for path in (*wrong, "/setup/x", "/setup/null", "/setup/qxl_" + "A" * 64)
        ]
        assert {one.status for one in answers} == {404}
    assert await world.rows("SELECT 1 FROM operator") == []


# 59: roles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.ADMIN, Role.DEVELOPER, Role.AGENT])
async def test_no_role_opens_a_page_by_its_address_that_is_not_for_it(world: World, role: Role) -> None:
    async with visiting(world, role) as browser:
        for page in PAGES:
            if page.permission is PUBLIC or may(role, page.permission):
                continue
            path = address(page.path)
            refused = await (browser.get(path) if page.method == "GET" else browser.post(path))
            assert refused.status == 403, (page.method, path)
            assert "Your role does not allow this" in refused.words


async def test_nobody_raises_themselves(world: World) -> None:
    async with visiting(world, Role.ADMIN) as browser:
        assert browser.person is not None
        own = f"/app/settings/people/{browser.person.shown_id}/role"
        assert (await browser.post(own, {"role": "owner"})).status == 403
        invited = await browser.post("/app/settings/people/invite", {"email": "me@x.example", "role": "owner"})
        assert invited.status == 403
        assert await role_of(world, browser) is Role.ADMIN
    async with visiting(world, Role.DEVELOPER, email="dev@bordercart.example") as browser:
        assert browser.person is not None
        own = f"/app/settings/people/{browser.person.shown_id}/role"
        assert (await browser.post(own, {"role": "owner", "inbox": "true"})).status == 403
        assert await role_of(world, browser) is Role.DEVELOPER


async def test_the_last_owner_cannot_leave_or_step_down(world: World) -> None:
    async with visiting(world) as browser:
        assert browser.person is not None
        own = f"/app/settings/people/{browser.person.shown_id}"
        assert (await browser.post(f"{own}/remove")).status == 409
        refused = await browser.post(f"{own}/role", {"role": "agent"})
        assert refused.status == 422
        assert "only owner" in refused.words
        assert await role_of(world, browser) is Role.OWNER


async def test_an_invitation_opens_once_and_for_its_own_address_only(world: World) -> None:
    async with visiting(world) as owner, browsing(world.url) as guest:
        made = await owner.post("/app/settings/people/invite", {"email": "ben@x.example", "role": "agent"})
        link = made.text.partition('id="person-link"')[2].partition(">")[2].partition("<")[0].removeprefix(world.url)
        async with visiting(world, None, email="mallory@x.example") as mallory:
            await employ(world, None, email="ben@x.example")
            assert (await mallory.post(link)).status == 403
            assert (await guest.post(link, {"name": "Ben", "password": PASSWORD})).status == 401
            assert (await guest.log_in("ben@x.example")).status == 303
            assert (await guest.post(link)).status == 303
            assert (await guest.post(link)).status == 410
            assert (await mallory.post(link)).status == 410


async def test_a_visitor_never_sees_a_brand_that_is_not_theirs(world: World) -> None:
    async with visiting(world) as browser:
        other = await world.rows("INSERT INTO brand (id, name) VALUES ($1, 'Rival') RETURNING id", ids.new())
        rival = ids.show("brd", other[0]["id"])
        stranger = await employ(world, Role.AGENT, email="rita@rival.example", brand_id=other[0]["id"])
        assert (await browser.get(f"/app/account?brand={rival}")).status == 404
        assert (await browser.post("/app/brand", {"brand": rival})).status == 404
        assert (await browser.get(f"/app/settings/people/{stranger.shown_id}/role")).status == 404
        assert (await browser.post(f"/app/settings/people/{stranger.shown_id}/remove")).status == 404
        assert (await browser.post(f"/app/settings/people/{stranger.shown_id}/reset")).status == 404
        for path in ("/app/settings/people", "/app/settings/brands", "/app/settings/audit", "/app/settings/audit.csv"):
            page = await browser.get(path)
            assert "Rival" not in page.text
            assert "rival.example" not in page.text


async def test_a_new_password_for_somebody_else_cannot_reach_another_brand(world: World) -> None:
    """Ben is an agent here and owns Rival: who manages us must not become the owner of Rival."""
    async with visiting(world) as browser:
        (rival,) = await world.rows("INSERT INTO brand (id, name) VALUES ($1, 'Rival') RETURNING id", ids.new())
        ben = await employ(world, Role.AGENT, email="ben@x.example")
        path = f"/app/settings/people/{ben.shown_id}/reset"
        assert (await browser.post(path)).status == 200
        async with world.rooms.db.transaction() as tx:
            found = await accounts.pick(tx, "ben@x.example")
            await members.add(tx, rival["id"], found, Role.OWNER, inbox=False, hand=Hand("cli", Role.OWNER))
        assert (await browser.post(path)).status == 403
