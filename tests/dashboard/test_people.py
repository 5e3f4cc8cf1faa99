"""The people of a brand, as who manages them sees them: invited, moved, helped, removed."""

import re

from quixess.people import Role
from tests.dashboard.visiting import PASSWORD, Browser, Page, browsing, employ, sit_down, visiting
from tests.world import World

HOME = "/app/settings/people"
BEN = "ben@bordercart.example"


def link_in(page: Page, world: World) -> str:
    found = re.search(r'id="person-link"[^>]*>([^<]+)<', page.text)
    assert found is not None, page.text
    assert found[1].startswith(world.url)
    return found[1].removeprefix(world.url)


async def invite(browser: Browser, world: World, email: str = BEN, role: str = "agent", **more: str) -> str:
    return link_in(await browser.post(f"{HOME}/invite", {"email": email, "role": role} | more), world)


async def test_somebody_new_joins_by_a_link_and_may_what_they_were_given(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as ben:
        link = await invite(browser, world, " Ben@Bordercart.example ")
        assert BEN in (await browser.get(HOME)).words
        told = await ben.get(link)
        assert "anna@bordercart.example invites ben@bordercart.example to be an agent of Bordercart" in told.words
        assert (await ben.post(link, {"name": "Ben", "password": "short"})).status == 422
        done = await ben.post(link, {"name": "Ben Bell", "password": PASSWORD})
        assert done.way == "/app"
        assert (await ben.get("/app")).status == 200
        assert (await ben.get(HOME)).status == 403
        listed = (await browser.get(HOME)).words
        assert "Ben Bell" in listed
        assert "Invited" not in listed


async def test_somebody_with_an_account_gets_the_brand_added_to_it(world: World) -> None:
    ben = await employ(world, None, email=BEN)
    async with visiting(world) as browser, browsing(world.url) as guest:
        link = await invite(browser, world, role="developer", inbox="true")
        assert "has an account" in (await guest.get(link)).words
        await sit_down(world, guest, ben)
        assert (await guest.post(link)).way == "/app"
        assert "Bordercart developer with inbox" in (await guest.get("/app/account")).words
        refused = await browser.post(f"{HOME}/invite", {"email": BEN, "role": "agent"})
        assert refused.status == 422
        assert "belongs to the brand already" in refused.words


async def test_an_invitation_is_taken_back_and_a_new_one_ends_the_old(world: World) -> None:
    async with visiting(world) as browser, browsing(world.url) as guest:
        first, second = await invite(browser, world), await invite(browser, world)
        assert (await guest.get(first)).status == 410
        path = re.search(rf'action="({HOME}/invitations/inv_\w+/take-back)"', (await browser.get(HOME)).text)
        assert path is not None
        assert (await browser.post(path[1])).way == HOME
        assert (await guest.post(second, {"name": "Ben", "password": PASSWORD})).status == 410
        assert (await browser.post(path[1])).status == 404


async def test_what_is_wrong_with_an_invitation_stands_beside_its_field(world: World) -> None:
    async with visiting(world, Role.ADMIN) as browser:
        for fields, field in (
            ({"email": "", "role": "agent"}, "email"),
            ({"email": "ben", "role": "agent"}, "email"),
            ({"email": "ben@x.example\u202e", "role": "agent"}, "email"),
            ({"email": BEN, "role": "god"}, "role"),
            ({"email": BEN}, "role"),
        ):
            refused = await browser.post(f"{HOME}/invite", fields)
            assert refused.status == 422, fields
            assert f'id="err-{field}"' in refused.text
        form = (await browser.get(f"{HOME}/invite")).words
        assert "Admin" in form
        assert "other owners" not in form  # an admin cannot make owners


async def test_a_role_is_changed_and_counts_at_once(world: World) -> None:
    ben = await employ(world, Role.AGENT, email=BEN)
    async with visiting(world) as browser, browsing(world.url) as his:
        await sit_down(world, his, ben)
        assert (await his.get("/app/settings/audit")).status == 403
        path = f"{HOME}/{ben.shown_id}/role"
        assert "What Ben may do" in (await browser.get(path)).words
        assert (await browser.post(path, {"role": "admin"})).way == HOME
        assert (await his.get("/app/settings/audit")).status == 200
        assert "agent → admin" in (await his.get("/app/settings/audit")).words


async def test_somebody_who_is_removed_sees_nothing_more_from_that_moment(world: World) -> None:
    ben = await employ(world, Role.DEVELOPER, email=BEN)
    async with visiting(world) as browser, browsing(world.url) as his:
        await sit_down(world, his, ben)
        assert (await his.get("/app")).status == 200
        assert (await browser.post(f"{HOME}/{ben.shown_id}/remove")).way == HOME
        assert (await his.get("/app")).way == "/app/no-brand"
        assert BEN not in (await browser.get(HOME)).words


async def test_a_link_for_a_new_password_is_handed_over(world: World) -> None:
    ben = await employ(world, Role.AGENT, email=BEN)
    async with visiting(world, Role.ADMIN) as browser, browsing(world.url) as his:
        link = link_in(await browser.post(f"{HOME}/{ben.shown_id}/reset"), world)
        assert (await his.post(link, {"password": "small ship, tall harbour"})).way == "/login"
        assert (await his.log_in(BEN, "small ship, tall harbour")).status == 303
        assert browser.person is not None
        assert (await browser.post(f"{HOME}/{browser.person.shown_id}/reset")).status == 403


async def test_an_admin_has_no_buttons_for_owners(world: World) -> None:
    boss = await employ(world, Role.OWNER, email="boss@bordercart.example")
    async with visiting(world, Role.ADMIN) as browser:
        page = await browser.get(HOME)
        assert boss.shown_id not in page.text
        for path in (f"{boss.shown_id}/remove", f"{boss.shown_id}/reset"):
            assert (await browser.post(f"{HOME}/{path}")).status in {403, 409}
        assert (await browser.post(f"{HOME}/{boss.shown_id}/role", {"role": "agent"})).status in {403, 422}


async def test_a_dialog_gets_only_the_form(world: World) -> None:
    async with visiting(world) as browser:
        part = await browser.get(f"{HOME}/invite", {"HX-Request": "true"})
        assert "<html" not in part.text
        assert 'hx-post="/app/settings/people/invite"' in part.text
