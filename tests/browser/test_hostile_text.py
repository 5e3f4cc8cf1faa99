"""Hostile text on every page of a real browser: nothing runs, nothing loads, no page is torn, no policy is asked."""

import pytest
from playwright.async_api import Browser, Page

from quixess.people import Role
from tests.browser import chromium, entering, judging
from tests.browser.chromium import Guard
from tests.hostile import strangers
from tests.world import World

pytestmark = pytest.mark.slow

RAN = """document.title === "1" || document.querySelectorAll(
  "script:not([src]), iframe, [onload], [onerror], [style], a[href^=javascript], img:not([src^='/'])").length > 0"""


async def test_no_text_of_anybody_runs_or_tears_a_page(world: World, browser: Browser, guard: Guard) -> None:
    """Journey 19, attack 51."""
    owner = await entering.enter(world, Role.OWNER)
    paths = await strangers.write_everywhere(world, owner.person.id)
    guard.allow("404")  # what is asked for without the query that it needs
    context = await browser.new_context(base_url=world.url, viewport=chromium.WIDE)
    await guard.watch(context)
    await entering.hand_cookie(context, world, owner)
    page = await context.new_page()
    page.on("dialog", lambda dialog: guard.found.append(f"dialog: {dialog.message}"))
    wrong = []
    for path in paths:
        if ".csv" not in path:
            await page.goto(path)
            wrong += [f"{path}: {one}" for one in await faults(page)]
    await context.close()

    assert not wrong, "\n".join(wrong)


async def faults(page: Page) -> list[str]:
    """List what is wrong with a page at two widths. A part that is fetched into a page has none of its own."""
    found = ["something ran"] if await page.evaluate(RAN) else []
    for window in (chromium.NARROW, chromium.WIDE) if await page.locator("main").count() else ():
        await page.set_viewport_size(window)
        if (pixels := await judging.overhang(page)) > 0:
            found.append(f"{pixels} px wider than {window['width']}")
    return found
