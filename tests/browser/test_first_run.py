"""The first minute: `quixess up` on an empty folder, the printed link, an account, and a code on the phone."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser import chromium, first_minute
from tests.browser.chromium import Guard
from tests.cli import test_up
from tests.database.embedded import servers


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

        await first_minute.follow_link(page, up.facts["dashboard_url"])
        await first_minute.make_account(page)
        await first_minute.send_a_code(page)

        told = page.locator("#told")
        await expect(told.locator("li", has_text="message.read")).to_contain_text("200", timeout=first_minute.MINUTE_MS)
        await context.close()
        guard.check()
