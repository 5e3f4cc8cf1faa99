"""The connection in a browser: a wrong token is named as such, and Meta verifies the webhook of the right one."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser import judging
from tests.browser.chromium import Guard
from tests.world import World, building

HOME = "/app/whatsapp/connection"
PATIENCE_MS = 20_000


@pytest_asyncio.fixture(loop_scope="session")
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that knows where Meta reaches it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    async with building(dsn, tmp_path, port=port, public_url=f"http://127.0.0.1:{port}") as one:
        yield one


async def test_a_wrong_token_is_named_and_the_right_one_connects(page: Page, world: World, guard: Guard) -> None:
    guard.allow("422")
    await world.rooms.parting.disconnect(world.brand_id, world.connection_id, actor="test")
    known = world.meta.world
    await page.goto(HOME)
    await expect(page.get_by_text("Disconnected", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Connect a number").click()
    assert await judging.faults(page) == []
    await page.get_by_label("App id").fill(known["app_id"])
    await page.get_by_label("App secret").fill(known["app_secret"])
    await page.get_by_label("Id of the WhatsApp Business account").fill(known["waba_id"])
    await page.get_by_label("Phone number id").fill(known["phone_number_id"])
    await page.get_by_label("Access token").fill("EAAJwrongwrongwrong")
    await page.get_by_text("Not Meta, but a simulator").click()
    await page.get_by_label("Graph API").fill(world.meta.base_url)
    await page.get_by_role("button", name="Check and connect").click()

    await expect(page.get_by_role("alert")).to_contain_text("It ended at: Access token.")
    await expect(page.get_by_label("Access token")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("App secret")).to_have_value("")  # a secret is not sent back
    assert await judging.faults(page) == []

    await page.get_by_label("App secret").fill(known["app_secret"])
    await page.get_by_label("Access token").fill(known["access_token"])
    await page.get_by_role("button", name="Check and connect").click()
    await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    health = page.get_by_role("region", name="Health")
    await expect(health).to_contain_text("The gateway answers a handshake", timeout=PATIENCE_MS)
    await expect(health).to_contain_text("The app's webhook at Meta", timeout=PATIENCE_MS)
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0


@pytest.mark.slow
async def test_the_page_follows_its_number_and_its_dialogs_are_sound(page: Page, world: World) -> None:
    await page.goto(HOME)
    await expect(page.locator("#live-dot")).to_have_text("Live")
    await expect(page.get_by_role("region", name="Health")).to_contain_text("Good", timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Show the verify token").click()
    dialog = page.get_by_role("dialog", name="Webhook at Meta")
    await expect(dialog).to_contain_text(world.meta.world["verify_token"])
    assert await judging.faults(page) == []
    await page.keyboard.press("Escape")
    assert world.meta.world["verify_token"] not in await page.content()

    for name, title in (("New token", "again"), ("New PIN", "New PIN of"), ("New app secret", "New app secret")):
        await page.get_by_role("link", name=name).click()
        await expect(page.get_by_role("dialog")).to_contain_text(title)
        assert await judging.faults(page) == []
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()

    await world.rooms.parting.disconnect(world.brand_id, world.connection_id, actor="test")
    await expect(page.get_by_text("Disconnected", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_role("link", name="Connect again")).to_be_visible()
    await expect(page.get_by_role("region", name="Health")).to_be_hidden()
    await world.rooms.onboarding.reconnect(world.brand_id, world.connection_id, token=None, pin=None, actor="test")
    await expect(page.get_by_text("Connected", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    await expect(page.get_by_role("region", name="Health")).to_contain_text("Good", timeout=PATIENCE_MS)
