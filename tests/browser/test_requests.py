"""The request log in a browser: a row appears by itself, opens beside the list, and goes with Back or Escape."""

import re

import pytest
from playwright.async_api import Page, expect

from quixess.access import Scope
from tests.browser import judging
from tests.world import World


async def test_a_request_appears_opens_beside_the_list_and_closes(page: Page, world: World) -> None:
    await page.goto("/app/requests")
    await expect(page.get_by_role("heading", name="No requests yet")).to_be_visible()
    await expect(page.locator("#live-dot")).to_have_text("Live")
    assert await judging.faults(page) == []

    narrow = await world.mint(Scope.SEND_OTP)
    await world.call("GET", "/api/v1/whatsapp/external/messages", key=narrow)
    row = page.get_by_role("row", name="GET /messages")
    await expect(row).to_contain_text("403", timeout=20_000)

    await row.get_by_role("link").click()
    drawer = page.get_by_role("complementary", name="GET /messages")
    await expect(drawer).to_contain_text("mint one that has it")
    await expect(page).to_have_url(re.compile(r"request=req_"))
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0

    await page.go_back()
    await expect(drawer).to_be_hidden()
    await row.get_by_role("link").click()
    await expect(drawer).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()


@pytest.mark.slow
async def test_the_list_is_narrowed_without_leaving_the_page(page: Page, world: World) -> None:
    await world.send_otp()
    await world.send_otp(to="12")
    await page.goto("/app/requests")
    await expect(page.get_by_role("row", name="POST /send/otp")).to_have_count(2, timeout=20_000)

    await page.get_by_label("Answer").select_option("4xx")

    await expect(page).to_have_url(re.compile(r"status=4"))
    await expect(page.get_by_role("row", name="POST /send/otp")).to_have_count(1)
    await expect(page.get_by_role("row", name="POST /send/otp")).to_contain_text("invalid_phone")
