"""Every page that there is, empty and full, light and dark, at three widths: no fault of accessibility, nothing that
the policy forbids, nothing wider than the window. The list is the table of pages: a new page is in it at once.
"""

import pytest
from playwright.async_api import Browser, ViewportSize

from quixess import dashboard
from quixess.dashboard.page import PUBLIC
from quixess.people import Role
from tests.browser import entering, judging, scenes
from tests.browser.chromium import Guard
from tests.world import World

PATHS = sorted(
    page.path
    for page in dashboard.PAGES
    if page.method == "GET" and "{" not in page.path and not page.path.endswith((".csv", "/live"))
)
LOOKS = [("light", 1360), ("dark", 1360), ("light", 820), ("light", 390), ("dark", 390)]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("full", [False, True], ids=["empty", "full"])
async def test_every_page_is_without_fault(world: World, browser: Browser, guard: Guard, full: bool):
    if full:
        await scenes.fill(world)
    guard.allow("404")  # what is asked for without the query that it needs
    entered = await entering.enter(world, Role.OWNER)
    wrong: list[str] = []
    for scheme, width in LOOKS:
        context = await browser.new_context(
            base_url=world.url,
            viewport=ViewportSize(width=width, height=860),
            color_scheme="dark" if scheme == "dark" else "light",
        )
        await guard.watch(context)
        await entering.hand_cookie(context, world, entered)
        page = await context.new_page()
        for path in PATHS:
            await page.goto(path)
            told = [*await judging.faults(page)] if width != 820 else []
            if (pixels := await judging.overhang(page)) > 0:
                told.append(f"{pixels} px wider than the window")
            wrong += [f"{path} {scheme} {width}: {one}" for one in told]
        await context.close()

    assert not wrong, "\n".join(wrong)


async def test_a_page_that_nobody_is_signed_in_for_is_without_fault(world: World, browser: Browser, guard: Guard):
    wrong: list[str] = []
    guard.allow("404", "410")  # links that were never good
    for scheme, width in LOOKS:
        context = await browser.new_context(
            base_url=world.url,
            viewport=ViewportSize(width=width, height=860),
            color_scheme="dark" if scheme == "dark" else "light",
        )
        await guard.watch(context)
        page = await context.new_page()
        for one in dashboard.PAGES:
            if one.permission is PUBLIC and one.method == "GET":
                await page.goto(one.path.replace("{token}", "x" * 43))
                told = await judging.faults(page)
                if (pixels := await judging.overhang(page)) > 0:
                    told.append(f"{pixels} px wider than the window")
                wrong += [f"{one.path} {scheme} {width}: {fault}" for fault in told]
        await context.close()

    assert not wrong, "\n".join(wrong)


# What a keyboard must get to: what is seen and takes part, of a group of radio buttons one.
CONTROLS = """(() => {
  const group = (radio) => [...document.getElementsByName(radio.name)];
  const takesPart = (radio) => radio === (group(radio).find((one) => one.checked) ?? group(radio)[0]);
  return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(
    (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0
      && (one.type !== "radio" || takesPart(one)));
})()"""
UNREACHED = f"""{CONTROLS}.filter((one) => !one.dataset.reached)
  .map((one) => one.outerHTML.replace(/\\s+/g, " ").slice(0, 120))"""


async def test_tab_reaches_every_control(world: World, browser: Browser):
    context = await browser.new_context(base_url=world.url, viewport=ViewportSize(width=1360, height=860))
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    page = await context.new_page()
    for path in PATHS:
        await page.goto(path)
        for _ in range(await page.evaluate(f"{CONTROLS}.length") + 15):  # beside them, parts that scroll
            await page.keyboard.press("Tab")
            await page.evaluate("document.activeElement.dataset.reached = 'yes'")

        assert await page.evaluate(UNREACHED) == [], path
    await context.close()
