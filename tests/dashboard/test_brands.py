"""Brands: one's own, a new one, another name, a rest for its keys."""

from quixess.database import ids
from quixess.people import Role
from tests.dashboard.visiting import employ, visiting
from tests.world import World

HOME = "/app/settings/brands"


async def test_a_new_brand_belongs_to_who_made_it_and_is_open_at_once(world: World) -> None:
    async with visiting(world) as browser:
        assert (await browser.post(f"{HOME}/new", {"name": ""})).status == 422
        refused = await browser.post(f"{HOME}/new", {"name": "Bordercart"})
        assert refused.status == 422
        assert "choose another name" in refused.words
        assert (await browser.post(f"{HOME}/new", {"name": "Harbour Books"})).way == "/app"
        listed = (await browser.get(HOME)).words
        assert "Harbour Books open" in listed
        assert "Bordercart" in listed


async def test_the_switcher_goes_to_another_brand_and_a_link_can_too(world: World) -> None:
    async with visiting(world) as browser:
        (made,) = await world.rows("INSERT INTO brand (id, name) VALUES ($1, 'Harbour Books') RETURNING id", ids.new())
        await employ(world, Role.OWNER, brand_id=made["id"])
        ours, other = ids.show("brd", world.brand_id), ids.show("brd", made["id"])
        assert (await browser.post("/app/brand", {"brand": other})).way == "/app"
        assert "Harbour Books open" in (await browser.get(HOME)).words
        assert "Bordercart open" in (await browser.get(f"{HOME}?brand={ours}")).words
        assert "Bordercart open" in (await browser.get(HOME)).words


async def test_a_brand_is_renamed_and_stays_the_same(world: World) -> None:
    async with visiting(world) as browser:
        assert (await browser.post(f"{HOME}/name", {"name": "brd_x"})).status == 422
        assert (await browser.post(f"{HOME}/name", {"name": "Border & Cart <b>"})).way == HOME
        page = await browser.get(HOME)
        assert "Border &amp; Cart &lt;b&gt;" in page.text
        assert ids.show("brd", world.brand_id) in page.text
        assert b'"Border & Cart <b>"' in (await world.call("GET", "/api/v1/whatsapp/external/me")).body


async def test_a_brand_that_rests_refuses_its_keys_until_it_is_resumed(world: World) -> None:
    async with visiting(world) as browser:
        assert (await browser.post(f"{HOME}/state", {"suspended": "true"})).way == HOME
        assert (await world.call("GET", "/api/v1/whatsapp/external/me")).status == 403
        assert "suspended" in (await browser.get(HOME)).words
        assert (await browser.post(f"{HOME}/state")).way == HOME
        assert (await world.call("GET", "/api/v1/whatsapp/external/me")).status == 200
        told = (await browser.get("/app/settings/audit")).words
        assert "suspended the brand" in told
        assert "let the brand work again" in told
