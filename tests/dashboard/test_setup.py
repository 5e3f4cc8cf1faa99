"""The first run: one link, one owner, and after that no such page."""

import asyncpg

from quixess.database import ids
from quixess.people import Role, first_run
from tests.dashboard.visiting import EMAIL, PASSWORD, browsing, employ, visiting
from tests.world import World

FIELDS = {"name": "Anna Ames", "email": EMAIL, "password": PASSWORD}


async def link(world: World) -> str:
    async with world.rooms.db.transaction() as tx:
        token = await first_run.offer(tx, world.rooms.keyring, actor="up")
    assert token is not None
    return f"/setup/{token}"


async def test_the_printed_link_makes_the_owner_of_what_is_there_and_signs_them_in(world: World) -> None:
    async with browsing(world.url) as browser:
        assert "Nobody has an account yet" in (await browser.get("/login")).words
        address = await link(world)
        shown = await browser.get(address)
        assert "will own Bordercart" in shown.words
        assert "brand" not in [name for name in FIELDS if f'name="{name}"' not in shown.text]
        done = await browser.post(address, FIELDS)
        assert done.way == f"/app/sandbox?brand={ids.show('brd', world.brand_id)}"
        account = (await browser.get("/app/account")).words
        assert "Anna Ames" in account or EMAIL in account
        assert "Bordercart owner" in account
        assert (await browser.get(address)).status == 404
        assert (await browser.post(address, FIELDS | {"email": "ben@bordercart.example"})).status == 404
        assert "Nobody has an account yet" not in (await browser.get("/login")).words


async def test_what_is_missing_stands_beside_its_field_and_the_link_stays_good(world: World) -> None:
    async with browsing(world.url) as browser:
        address = await link(world)
        for field, wrong in (("name", ""), ("email", "anna"), ("password", "short"), ("password", "password1234")):
            refused = await browser.post(address, FIELDS | {field: wrong})
            assert refused.status == 422
            assert f'id="err-{field}"' in refused.text
            assert PASSWORD not in refused.text
        assert (await browser.post(address, FIELDS)).status == 303


async def test_without_a_brand_the_first_one_is_made_as_well(world: World) -> None:
    owner = await asyncpg.connect(world.dsn)
    await owner.execute("TRUNCATE brand CASCADE")
    await owner.close()
    async with browsing(world.url) as browser:
        address = await link(world)
        assert "Your first brand" in (await browser.get(address)).words
        assert 'id="err-brand"' in (await browser.post(address, FIELDS)).text
        done = await browser.post(address, FIELDS | {"brand": "Harbour Books"})
        assert done.way == "/app"
        assert "Harbour Books" in (await browser.follow(done)).words


async def test_a_newer_link_ends_the_older_one_and_an_hour_ends_both(world: World) -> None:
    async with browsing(world.url) as browser:
        first, second = await link(world), await link(world)
        assert (await browser.get(first)).status == 404
        assert (await browser.get(second)).status == 200
        await world.rows("UPDATE link SET expires_at = now()")
        assert (await browser.get(second)).status == 404


async def test_no_link_is_made_once_anybody_has_an_account(world: World) -> None:
    await employ(world, Role.AGENT)
    async with world.rooms.db.transaction() as tx:
        assert await first_run.offer(tx, world.rooms.keyring, actor="up") is None


async def test_the_owner_may_do_everything_at_once(world: World) -> None:
    async with browsing(world.url) as browser:
        await browser.post(await link(world), FIELDS)
        for path in ("/app/settings/people", "/app/settings/brands", "/app/settings/audit"):
            assert (await browser.get(path)).status == 200
        assert "signed in" in (await browser.get("/app/settings/audit")).words
    async with visiting(world, Role.AGENT, email="ben@bordercart.example") as agent:
        assert (await agent.get("/app/settings/people")).status == 403
