"""Webhook endpoints as people see them: made, tested, changed, switched off and on, their secrets looked at."""

import hmac
import html
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess import access
from quixess.dashboard.pages.endpoint_form import read_schedule, write_schedule
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, forget_confirmation, visiting
from tests.world import World, eventually

HOME = "/app/webhooks/endpoint"
SIX = ["message.received", "message.delivered", "message.read", "message.failed"]


async def base_of(world: World) -> str:
    (row,) = await world.rows(
        "SELECT id FROM endpoint WHERE brand_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1", world.brand_id
    )
    return f"{HOME}/{ids.show('end', row['id'])}"


def secret_on(page: Page) -> str:
    found = re.search(r'<code id="endpoint-secret"[^>]*>(.*?)</code>', page.text)
    assert found is not None, page.words
    return html.unescape(found[1])


async def remove(world: World, browser: Browser) -> Page:
    """Let the endpoint that every world begins with be gone."""
    return await browser.follow(await browser.post(f"{await base_of(world)}/remove"))


async def test_the_first_endpoint_takes_one_field_and_is_tested_at_once(world: World) -> None:
    async with visiting(world) as browser:
        page = await remove(world, browser)
        assert "Where should events go?" in page.words
        fields = {"url": world.receiver.url, "event_types": SIX, "test": "true"}
        made = await browser.post(HOME, fields)
        assert made.headers["Cache-Control"] == "no-store, private"
        secret = secret_on(made)
        assert secret.startswith("whsec_")
        await eventually(lambda: world.receiver.of_type("endpoint.test"))
        assert secret not in (await browser.get(await base_of(world))).text

    headers, body = world.receiver.got[-1]
    signature = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    assert headers["X-Quixess-Signature-256"] == signature


async def test_one_endpoint_tells_how_it_is_and_how_to_check_what_comes(world: World) -> None:
    async with visiting(world) as browser:
        listed = await browser.get(HOME)
        assert await base_of(world) in listed.text
        assert "Healthy" in listed.words
        page = await browser.get(await base_of(world))

    for words in ("Healthy", world.receiver.url, "message.received", "8 attempts over", "Check the signature"):
        assert words in page.words or words in page.text, words
    for language in ("Python", "Node.js", "PHP", "Go", "Shell"):
        assert f"<summary>{language}</summary>" in page.text


async def test_looking_at_the_secret_takes_the_password_and_is_written_down(world: World) -> None:
    base = await base_of(world)
    async with visiting(world) as browser:
        assert browser.person is not None
        await forget_confirmation(world, browser.person)
        asked = await browser.post(f"{base}/secret", headers={"Referer": f"{world.url}{base}"})
        assert asked.status == 303
        assert asked.way == f"/app/confirm?next={base}"
        assert not await world.rows("SELECT id FROM audit WHERE action = 'endpoint.secret_revealed'")

    async with visiting(world, email="olga@bordercart.example") as browser:
        page = await browser.post(f"{base}/secret")
    assert secret_on(page) == world.endpoint_secret
    assert "no-store" in page.headers["Cache-Control"]
    (noted,) = await world.rows("SELECT actor, object FROM audit WHERE action = 'endpoint.secret_revealed'")
    assert (noted["actor"], noted["object"]) == ("olga@bordercart.example", base.rpartition("/")[2])


async def test_a_rotated_secret_overlaps_until_somebody_ends_it(world: World) -> None:
    base = await base_of(world)
    test = {"endpoint": base.rpartition("/")[2]}
    async with visiting(world) as browser:
        fresh = secret_on(await browser.post(f"{base}/rotate", {"hours": "24"}))
        assert fresh != world.endpoint_secret
        await browser.post("/app/webhooks/deliveries/test", test)
        await eventually(lambda: len(world.receiver.got) == 1)
        assert len(world.receiver.got[0][0]["webhook-signature"].split()) == 2

        assert "The secret before this one signs too" in (await browser.get(base)).words
        await browser.follow(await browser.post(f"{base}/overlap/end"))
        await browser.post("/app/webhooks/deliveries/test", test)
        await eventually(lambda: len(world.receiver.got) == 2)
        assert len(world.receiver.got[1][0]["webhook-signature"].split()) == 1


async def test_an_endpoint_is_changed_and_shows_none_of_its_headers(world: World) -> None:
    base = await base_of(world)
    fields = {
        "url": world.receiver.url,
        "name": "shop",
        "event_types": ["message.received", "message.sent"],
        "schedule_s": "1 s, 5s, 2 min, 1h",
        "ordered": "true",
        "headers": "X-Token: tenants-own-token\nX-Shop: 7",
    }
    async with visiting(world) as browser:
        page = await browser.follow(await browser.post(base, fields))
        form = await browser.get(f"{base}/change")
        assert form.field("schedule_s") == "1 s, 5 s, 2 min, 1 h"
        kept = await browser.follow(await browser.post(base, fields | {"headers": ""}))
        gone = await browser.follow(await browser.post(base, fields | {"headers": "", "forget_headers": "true"}))

    for words in ("shop", "message.sent", "one after the other, in order", "X-Token", "own schedule"):
        assert words in page.words
    assert "X-Shop" in kept.words
    assert "X-Shop" not in gone.words
    for shown in (page, form, kept):
        assert "tenants-own-token" not in shown.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "ftp://shop.example/hooks"),
        ("url", ""),
        ("event_types", "nonsense.happened"),
        ("schedule_s", "soon"),
        ("schedule_s", "9999 h"),
        ("headers", "no colon"),
        ("headers", "Host: elsewhere.example"),
    ],
)
async def test_what_cannot_be_is_told_beside_its_field(world: World, field: str, value: str) -> None:
    fields = {"url": world.receiver.url, "event_types": "message.received", field: value}
    async with visiting(world) as browser:
        page = await browser.post(await base_of(world), fields)

    assert page.status == 422
    assert f'id="err-{field}"' in page.text
    assert "elsewhere.example" not in page.text


async def test_an_endpoint_is_switched_off_and_on_by_hand(world: World) -> None:
    base = await base_of(world)
    async with visiting(world, Role.DEVELOPER) as browser:
        page = await browser.follow(await browser.post(f"{base}/off"))
        assert "Switched off" in page.words
        await world.customer_says("Anybody?")
        await eventually(lambda: world.rows("SELECT id FROM event"))
        assert "is switched off" in (await browser.get("/app/webhooks/deliveries")).words
        assert not world.receiver.got
        page = await browser.follow(await browser.post(f"{base}/on"))
        assert "Healthy" in page.words
        await eventually(lambda: world.receiver.of_type("message.received"))


async def test_removing_names_the_endpoint_and_is_for_good(world: World) -> None:
    base = await base_of(world)
    async with visiting(world) as browser:
        assert world.receiver.url in (await browser.get(f"{base}/remove")).words
        page = await remove(world, browser)
        assert "is removed" in page.words
        assert (await browser.get(base)).status == 404
        left = await browser.get(base, {"HX-Request": "true"})
        assert left.headers["HX-Redirect"] == HOME


async def test_nobody_else_sees_or_changes_an_endpoint(world: World) -> None:
    base = await base_of(world)
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    async with visiting(world, Role.AGENT, email="agent@bordercart.example") as agent:
        assert (await agent.get(HOME)).status == 403
        assert (await agent.post(f"{base}/secret")).status == 403
    async with visiting(world, email="rita@rival.example", brand_id=rival.id) as stranger:
        assert base not in (await stranger.get(HOME)).text
        assert (await stranger.get(base)).status == 404
        for way in ("secret", "rotate", "remove", "off", "on", "overlap/end"):
            assert (await stranger.post(f"{base}/{way}")).status == 404
        assert (await stranger.post(base, {"url": "https://rival.example/hooks"})).status == 404
    assert not await world.rows("SELECT id FROM audit WHERE action LIKE 'endpoint.%' AND actor LIKE 'rita%'")


@given(st.lists(st.integers(1, 86_400).map(float) | st.sampled_from([0.5, 0.25, 1.5]), min_size=1, max_size=20))
def test_a_schedule_is_read_as_it_is_written(steps: list[float]) -> None:
    assert read_schedule(write_schedule(steps)) == steps


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_schedule(text: str) -> None:
    with suppress(QuixessError):
        steps = read_schedule(text)
        assert steps is None or all(step >= 0 for step in steps)
