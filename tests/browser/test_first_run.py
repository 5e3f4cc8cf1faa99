"""The first minute: `quixess up` on an empty folder, the printed link, an account, and a code on the phone."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser import chromium
from tests.browser.chromium import Guard
from tests.cli import test_up
from tests.database.embedded import servers

MINUTE_MS = 60_000


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that nobody has made yet, where the server's own user can reach it."""
    home = Path(tempfile.mkdtemp(prefix="quixess-first-")).resolve()
    home.chmod(0o755)
    yield home / "data"
    servers.clean(home / "data")
    shutil.rmtree(home)


async def test_from_an_empty_folder_to_the_first_bubble(browser: Browser, data_dir: Path) -> None:
    async with test_up.up(data_dir) as up:
        url = up.facts["base_url"]
        guard = Guard(url)
        context = await browser.new_context(viewport=chromium.WIDE)
        await guard.watch(context)
        page = await context.new_page()

        await page.goto(up.facts["dashboard_url"])
        await page.get_by_label("Your name").fill("Anna")
        await page.get_by_label("E-mail").fill("anna@bordercart.example")
        await page.get_by_label("Password").fill("tall ship, small harbour")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(r"/app/sandbox"))
        await expect(page.get_by_role("button", name="Run it here")).to_be_focused()
        await page.keyboard.press("Enter")

        bubble = page.locator("#bubbles .bubble")
        await expect(bubble).to_contain_text("is your verification code", timeout=MINUTE_MS)
        told = page.locator("#told")
        await expect(told.locator("li", has_text="message.read")).to_contain_text("200", timeout=MINUTE_MS)
        await context.close()
        guard.check()
