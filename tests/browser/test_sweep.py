"""Every page that there is, empty and full, light and dark, at three widths: no fault of accessibility, nothing that
the policy forbids, nothing wider than the window, nothing heavier than the budget. The list is the table of pages: a
new page is in it at once. One with something in its address needs a place in `scenes.places`.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, CDPSession, Locator, Page, ViewportSize

from quixess import dashboard
from quixess.dashboard import live
from quixess.dashboard.page import PUBLIC
from quixess.people import Role
from tests.browser import chromium, entering, judging, scenes
from tests.browser.chromium import Guard
from tests.world import World

# What has no title is no page of its own: a file, or a part that a page fetches.
PAGES = [one for one in dashboard.PAGES if one.method == "GET" and one.title and one.path != live.PATH]
PLAIN = sorted(one.path for one in PAGES if "{" not in one.path)
PLACED = sorted(one.path for one in PAGES if "{" in one.path and one.permission is not PUBLIC)
# Open drawers are addresses, too, and so is what a filter finds nothing for.
OPEN = [
    "/app/settings/api-keys?key={key}",
    "/app/requests?request={request}",
    "/app/webhooks/deliveries?event={event}",
    "/app/whatsapp/messages?message={message}",
    "/app/whatsapp/messages?q=zzzz",
    "/app/whatsapp/inbox?q=zzzz",
    "/app/whatsapp/templates/new?preset=otp_copy_code",
    "/app/whatsapp/templates/new?preset=text",
    "/app/sandbox?phone=2",
]
BUDGET = 130 * 1024  # bytes over the wire, with an empty cache
OPENERS = "a[hx-target='#dialog'], button[hx-target='#dialog']"
WIDTHS = (820, 390)
HEIGHT = 860

pytestmark = pytest.mark.slow


@dataclass
class Sweep:
    """A browser's page that is led from address to address, and what was found on the way."""

    page: Page
    wire: CDPSession
    wrong: list[str] = field(default_factory=list)
    bytes: int = 0

    async def look_at(self, path: str) -> None:
        """Look at a page with an empty cache: wide, light and dark, then narrower."""
        self.bytes = 0
        await self.page.set_viewport_size(ViewportSize(width=1360, height=HEIGHT))
        await self.page.emulate_media(color_scheme="light")
        await self.page.goto(path)
        if self.bytes > BUDGET:  # what is fetched later belongs to what happens on the page
            self.wrong.append(f"{path}: {self.bytes} bytes, {BUDGET} may be")
        await self.judge(f"{path} light")
        await self.page.emulate_media(color_scheme="dark")
        await self.judge(f"{path} dark")
        for width in WIDTHS:
            await self.page.set_viewport_size(ViewportSize(width=width, height=HEIGHT))
            await self.measure(f"{path} {width}")
        await self.judge(f"{path} dark {width}")

    async def judge(self, where: str) -> None:
        """Ask axe, and measure."""
        self.wrong += [f"{where}: {fault}" for fault in await judging.faults(self.page)]
        await self.measure(where)

    async def measure(self, where: str) -> None:
        """Note what stands out over the edge."""
        if (pixels := await judging.overhang(self.page)) > 0:
            self.wrong.append(f"{where}: {pixels} px wider than the window")

    def check(self) -> None:
        """Fail with everything that was found."""
        assert not self.wrong, "\n".join(self.wrong)


@asynccontextmanager
async def sweeping(
    world: World, browser: Browser, guard: Guard, role: Role | None = Role.OWNER
) -> AsyncIterator[Sweep]:
    """Lead the browser of somebody with a role (None: nobody) over pages; fail at the end with all that is wrong."""
    context = await browser.new_context(base_url=world.url, viewport=chromium.WIDE)
    await guard.watch(context)
    if role is not None:
        await entering.hand_cookie(context, world, await entering.enter(world, role))
    page = await context.new_page()
    wire = await context.new_cdp_session(page)
    sweep = Sweep(page, wire)

    heads: dict[str, float] = {}

    def begin(told: dict[str, Any]) -> None:
        if "/app/media/" not in told["response"]["url"]:  # what people sent is as large as it is
            heads[told["requestId"]] = told["response"]["encodedDataLength"]

    def end(told: dict[str, Any]) -> None:
        sweep.bytes += int(told["encodedDataLength"] - heads.pop(told["requestId"], told["encodedDataLength"]))

    wire.on("Network.responseReceived", begin)
    wire.on("Network.loadingFinished", end)
    await wire.send("Network.enable")
    await wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    yield sweep
    await context.close()
    sweep.check()


async def dialogs_of(page: Page, path: str) -> list[Locator]:
    """Find what opens a dialog on a page, one of each kind."""
    await page.goto(path)
    found: dict[str, Locator] = {}
    for one in await page.locator(OPENERS).all():
        way = await one.get_attribute("hx-get") or await one.get_attribute("hx-post") or ""
        if await one.is_visible():
            found.setdefault(
                re.sub(r"[a-z]{3}_[0-9A-Z]{26}", "", way), page.locator(f"[hx-get='{way}'], [hx-post='{way}']")
            )
    return list(found.values())


def addresses(there: dict[str, str], paths: Sequence[str]) -> list[str]:
    """Fill in what stands for `{…}` in addresses."""
    return [path.format_map(there) for path in paths]


async def test_every_page_is_without_fault_while_there_is_nothing(world: World, browser: Browser, guard: Guard):
    guard.allow("404")  # what is asked for without the query that it needs
    async with sweeping(world, browser, guard) as sweep:
        for path in PLAIN:
            await sweep.look_at(path)


async def test_every_page_is_without_fault_after_a_day(world: World, browser: Browser, guard: Guard):
    await scenes.fill(world)
    guard.allow("404")
    async with sweeping(world, browser, guard) as sweep:
        for path in PLAIN:
            await sweep.look_at(path)


async def test_every_page_of_one_thing_is_without_fault(world: World, browser: Browser, guard: Guard):
    await scenes.fill(world)
    there = await scenes.places(world)
    guard.allow("409")  # a template of the catalogue that is asked for, but cannot be changed now
    async with sweeping(world, browser, guard) as sweep:
        for path in addresses(there, PLACED + OPEN):
            await sweep.look_at(path)


async def test_every_dialog_is_without_fault(world: World, browser: Browser, guard: Guard):
    await scenes.fill(world)
    there = await scenes.places(world)
    opened = 0
    async with sweeping(world, browser, guard) as sweep:
        page = sweep.page
        for path in [*PLAIN, *addresses(there, PLACED + OPEN)]:
            for opener in await dialogs_of(page, path):
                await opener.first.click()
                await page.locator("dialog[open]").wait_for()
                where = f"{path}, dialog {await opener.first.get_attribute('hx-get')}"
                await sweep.judge(where)
                for width in WIDTHS:
                    await page.set_viewport_size(ViewportSize(width=width, height=HEIGHT))
                    await sweep.measure(f"{where} {width}")
                await page.set_viewport_size(chromium.WIDE)
                await page.keyboard.press("Escape")
                if await page.locator("dialog[open]").count():  # one that shows a secret, or asks first
                    await page.goto(path)
                opened += 1
    assert opened > 10


async def test_a_page_that_nobody_is_signed_in_for_is_without_fault(world: World, browser: Browser, guard: Guard):
    guard.allow("404", "410")  # links that were never good
    async with sweeping(world, browser, guard, None) as sweep:
        for one in PAGES:
            if one.permission is PUBLIC:
                await sweep.look_at(one.path.replace("{token}", "x" * 43))


async def test_pages_stand_when_they_are_seen_otherwise(world: World, browser: Browser, guard: Guard):
    """Without motion, in the reader's own few colours, and twice as large: 1360 pixels hold what 680 did."""
    await scenes.fill(world)
    there = await scenes.places(world)
    asked = ["/app", "/app/sandbox", "/app/settings/api-keys/new", "/app/webhooks/deliveries?event={event}",
             "/app/whatsapp/inbox/{conversation}", "/app/whatsapp/templates/new?preset=otp_copy_code"]  # fmt: skip
    async with sweeping(world, browser, guard) as sweep:
        page = sweep.page
        await page.emulate_media(reduced_motion="reduce", forced_colors="active")
        await page.set_viewport_size(ViewportSize(width=680, height=430))
        for path in addresses(there, asked):
            await page.goto(path)
            await sweep.judge(f"{path} forced colours, 200 %")
            moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
            assert await page.evaluate(moving) == 0, path
            await page.keyboard.press("Tab")
            seen = "getComputedStyle(document.activeElement).outlineStyle"
            assert await page.evaluate(seen) != "none", path


# What a keyboard must get to: what is seen and takes part, of a group of radio buttons one.
CONTROLS = """(() => {
  const group = (radio) => [...document.getElementsByName(radio.name)];
  const takesPart = (radio) => radio === (group(radio).find((one) => one.checked) ?? group(radio)[0]);
  return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(
    (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0
      && (one.type !== "radio" || takesPart(one)));
})()"""
UNREACHED = f"""{CONTROLS}.filter((one) => !one.reached)
  .map((one) => one.outerHTML.replace(/\\s+/g, " ").slice(0, 120))"""


async def test_tab_reaches_every_control(world: World, browser: Browser):
    context = await browser.new_context(base_url=world.url, viewport=ViewportSize(width=1360, height=860))
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    page = await context.new_page()
    for path in PLAIN:
        await page.goto(path)
        for _ in range(await page.evaluate(f"{CONTROLS}.length") + 15):  # beside them, parts that scroll
            await page.keyboard.press("Tab")
            await page.evaluate("document.activeElement.reached = true")

        assert await page.evaluate(UNREACHED) == [], path
    await context.close()
