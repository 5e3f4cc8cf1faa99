"""The API reference in a browser: every endpoint expands, and what is copied there runs as it is."""

import asyncio
import shutil
from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from quixess import api
from tests.browser import chromium, judging
from tests.browser.chromium import Guard
from tests.world import World


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: the copied curl was NOT run")
async def test_every_endpoint_expands_and_a_copied_curl_runs(world: World, browser: Browser, guard: Guard) -> None:
    """Journey 16."""
    context = await browser.new_context(
        base_url=world.url, viewport=chromium.WIDE, permissions=["clipboard-read", "clipboard-write"]
    )
    await guard.watch(context)
    page = await context.new_page()
    await page.goto("/docs")
    await page.get_by_label("Your key").fill(world.key)
    endpoints = page.locator("details.endpoint:has(.verb)")
    assert await endpoints.count() >= len(api.ENDPOINTS)
    for one in await endpoints.all():
        await one.locator("summary").first.click()
        await expect(one.locator(".tabs").first).to_be_visible()
    assert await judging.overhang(page) <= 0

    sending = endpoints.filter(has_text="/send/otp").first
    await sending.locator(".tabs .code:visible").first.hover()
    await sending.locator(".tabs").get_by_role("button", name="Copy").first.click()
    await expect(sending.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl ")
    running = await asyncio.create_subprocess_exec("sh", "-c", copied, stdout=asyncio.subprocess.PIPE)
    said, _ = await running.communicate()

    assert b'"accepted"' in said
    assert len(await world.sends()) == 1
    await context.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_reference_is_without_fault(
    world: World, browser: Browser, guard: Guard, path: str, scheme: Literal["light", "dark"]
) -> None:
    for window in (chromium.WIDE, chromium.NARROW):
        context = await browser.new_context(base_url=world.url, viewport=window, color_scheme=scheme)
        await guard.watch(context)
        page = await context.new_page()
        await page.goto(path)
        assert await judging.faults(page) == []
        assert await judging.overhang(page) <= 0
        await context.close()
