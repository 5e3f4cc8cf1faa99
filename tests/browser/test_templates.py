"""Templates in a browser: the preset for codes, a phone that follows what is typed, and a review that is told live."""

import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser import judging
from tests.browser.chromium import Guard
from tests.media.files import JPEG
from tests.world import World, eventually

HOME = "/app/whatsapp/templates"
PATIENCE_MS = 20_000


async def is_approved(world: World, name: str) -> None:
    async def so() -> bool:
        return bool(await world.rows("SELECT FROM template WHERE name = $1 AND status = 'APPROVED'", name))

    await eventually(so)


async def test_a_code_is_made_from_its_preset_and_its_review_is_told_while_one_looks(page: Page, world: World) -> None:
    await page.goto(HOME)
    await expect(page.locator("#live-dot")).to_have_text("Live")
    assert await judging.faults(page) == []
    await page.keyboard.press("c")
    await expect(page.get_by_role("heading", name="New template")).to_be_visible()
    assert await judging.faults(page) == []
    await page.get_by_role("link", name="Signup code authentication", exact=True).click()
    phone = page.get_by_role("region", name="Phone: Bordercart")
    await expect(phone).to_contain_text("123456 is your verification code.")
    await expect(phone).to_contain_text("10 minutes")
    await page.get_by_role("textbox", name="The code expires after").fill("5")
    await expect(phone).to_contain_text("5 minutes", timeout=PATIENCE_MS)
    await page.get_by_role("textbox", name="Name").fill("login_code")
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0
    await page.get_by_role("button", name="Submit to Meta").click()

    await expect(page.get_by_role("heading", name="login_code", level=1)).to_be_visible()
    await is_approved(world, "login_code")
    review = page.locator(".facts .pill").first
    await expect(review).to_have_text("Approved", timeout=PATIENCE_MS)
    await world.meta.lever("templates/login_code", {"event": "REJECTED", "reason": "INVALID_FORMAT"})
    await expect(review).to_have_text("Rejected", timeout=PATIENCE_MS)
    await expect(page.get_by_role("alert")).to_contain_text("invalid format")
    assert await judging.faults(page) == []


@pytest.mark.slow
async def test_what_meta_would_refuse_is_said_while_one_types(page: Page, guard: Guard) -> None:
    guard.allow("422")
    await page.goto(f"{HOME}/new?preset=text")
    name, message = page.get_by_role("textbox", name="Name"), page.get_by_role("textbox", name="Message", exact=True)
    await name.fill("order_left")
    await message.fill("Hello {{1}}, your order left our store.")
    findings = page.get_by_role("region", name="What Meta would say")
    await expect(findings).to_contain_text("Give an example for each variable", timeout=PATIENCE_MS)
    await expect(message).to_be_focused()
    await expect(page.get_by_role("region", name="Phone: Bordercart")).to_contain_text("Hello {{1}}, your order left")

    await page.get_by_role("button", name="Submit to Meta").click()
    examples = page.get_by_role("textbox", name="Examples for the variables")
    await expect(examples).to_have_attribute("aria-invalid", "true")
    await expect(message).to_have_value("Hello {{1}}, your order left our store.")
    await examples.fill("Ann")
    await expect(findings).to_contain_text("Fits", timeout=PATIENCE_MS)
    await expect(page.get_by_role("region", name="Phone: Bordercart")).to_contain_text("Hello Ann, your order left")
    assert await judging.faults(page) == []


@pytest.mark.slow
async def test_a_rejected_template_is_mended_and_another_one_deleted(page: Page, world: World) -> None:
    await world.meta.lever("templates/order_update", {"event": "REJECTED", "reason": "TAG_CONTENT_MISMATCH"})
    await page.goto(HOME)
    row = page.get_by_role("row", name="order_update")
    await expect(row).to_contain_text("Rejected", timeout=PATIENCE_MS)
    await row.get_by_role("link", name="order_update", exact=True).click()
    await page.get_by_role("link", name="Edit and resubmit").click()
    await page.get_by_role("textbox", name="Footer").fill("Bordercart")
    await page.get_by_role("button", name="Submit again").click()
    await expect(page.locator(".facts .pill").first).to_have_text("Approved", timeout=PATIENCE_MS)

    await page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete order_update?")
    await expect(dialog).to_contain_text("for 30 days")
    assert await judging.faults(page) == []
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(re.compile(r"/templates$"))
    await expect(page.get_by_text("order_update is deleted")).to_be_visible()


@pytest.mark.slow
async def test_a_header_with_a_picture_is_given_to_meta_and_the_preview_follows(page: Page) -> None:
    await page.goto(f"{HOME}/new?preset=text")
    await page.get_by_role("textbox", name="Name").fill("table_ready")
    await page.get_by_label("Message", exact=True).fill("Your table is ready. We keep it for a while.")
    await expect(page.get_by_label("An example for Meta's reviewers")).to_be_hidden()
    await page.get_by_label("Header shows").select_option("IMAGE")
    await expect(page.get_by_label("Header", exact=True)).to_be_hidden()
    await expect(page.locator("#preview")).to_contain_text("press “Give it to Meta”", timeout=PATIENCE_MS)
    picture = FilePayload(name="table.jpg", mimeType="image/jpeg", buffer=JPEG)
    await page.get_by_label("An example for Meta's reviewers").set_input_files(picture)
    await page.get_by_role("button", name="Give it to Meta").click()

    await expect(page.get_by_text("Meta has an example")).to_be_visible()
    await expect(page.locator("#preview")).to_contain_text("Fits")
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0
