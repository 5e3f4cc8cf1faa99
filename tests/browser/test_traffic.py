"""Messages, events and endpoints in a browser: lists that follow what happens, drawers, replays, secrets in dialogs."""

import re

import pytest
from playwright.async_api import Page, expect

from quixess.database import ids
from tests.browser import judging
from tests.browser.chromium import Guard
from tests.events import past
from tests.world import World, eventually

PATIENCE_MS = 20_000


async def endpoint_of(world: World) -> str:
    (row,) = await world.rows("SELECT id FROM endpoint WHERE brand_id = $1 AND deleted_at IS NULL", world.brand_id)
    return ids.show("end", row["id"])


async def test_a_message_appears_is_followed_and_closed(page: Page, world: World) -> None:
    await page.goto("/app/whatsapp/messages")
    await expect(page.get_by_role("heading", name="Send your first message")).to_be_visible()
    await expect(page.locator("#live-dot")).to_have_text("Live")
    assert await judging.faults(page) == []

    await world.send_otp()
    row = page.get_by_role("row", name="+1 281-818-4370")
    await expect(row).to_contain_text("Read", timeout=PATIENCE_MS)
    await row.get_by_role("link").click()
    drawer = page.get_by_role("complementary", name="To +1 281-818-4370")
    await expect(drawer).to_contain_text("The code was never kept")
    await expect(page).to_have_url(re.compile(r"message=msg_"))
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0

    await page.go_back()
    await expect(drawer).to_be_hidden()
    await page.get_by_label("Direction").select_option("From customers")
    await expect(page).to_have_url(re.compile(r"direction=inbound"))
    await expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()


@pytest.mark.slow
async def test_a_test_message_is_sent_from_the_keyboard(page: Page, guard: Guard, world: World) -> None:
    guard.allow("422")
    await page.goto("/app/whatsapp/messages")
    await page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Send a test message")
    to = dialog.get_by_label("To", exact=True)
    await expect(to).to_be_focused()
    assert await judging.faults(page) == []
    await to.fill("12")
    await page.keyboard.press("Enter")
    await expect(to).to_have_attribute("aria-invalid", "true")
    await expect(to).to_be_focused()

    await to.fill("+1 555 010 0077")
    await page.keyboard.press("Enter")

    drawer = page.get_by_role("complementary", name="To +1 555-010-0077")
    await expect(drawer).to_contain_text("Delivered", timeout=PATIENCE_MS)
    await expect(drawer).to_contain_text("The dashboard")
    assert len(await world.sends()) == 1


async def test_events_are_filtered_opened_closed_and_replayed(page: Page, world: World) -> None:
    """Journey 9."""
    endpoint = ids.parse("end", await endpoint_of(world))
    assert endpoint is not None
    world.receiver.answers += [503]
    await world.customer_says("Is my order on its way?")
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 2)
    await past.fail(world.rooms.db, world.brand_id, endpoint, 3)
    await page.goto("/app/webhooks/deliveries")
    await page.get_by_label("State").select_option("Failed")
    await expect(page).to_have_url(re.compile(r"state=failed"))
    await expect(page.locator("[data-row]")).to_have_count(3)
    await page.get_by_label("State").select_option("Delivered")

    await page.get_by_role("row", name="message.received").get_by_role("link").click()
    drawer = page.get_by_role("complementary", name="message.received")
    await expect(drawer).to_contain_text("503 Service Unavailable")
    await expect(drawer).to_contain_text("X-Quixess-Signature-256: sha256=")
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0
    await page.go_back()
    await expect(drawer).to_be_hidden()
    await expect(page).to_have_url(re.compile(r"state=delivered$"))
    await page.go_forward()
    await expect(drawer).to_be_visible()

    await page.keyboard.press("r")
    await expect(page.locator(".toast")).to_have_text("It is on its way again")
    attempts = page.get_by_role("list", name=re.compile("^Attempts at")).get_by_role("listitem")
    await expect(attempts).to_have_count(3, timeout=PATIENCE_MS)
    await expect(attempts.last).to_contain_text("replay")
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()


@pytest.mark.slow
async def test_all_that_failed_is_counted_and_replayed(page: Page, world: World) -> None:
    endpoint = ids.parse("end", await endpoint_of(world))
    assert endpoint is not None
    await past.fail(world.rooms.db, world.brand_id, endpoint, 3)
    await past.fail(world.rooms.db, world.brand_id, endpoint, 2, at=past.ago(days=2))
    await page.goto("/app/webhooks/deliveries")
    await page.get_by_role("link", name="Replay failed").click()
    dialog = page.get_by_role("dialog", name="Replay what failed")
    await expect(dialog).to_contain_text("3 events failed")
    await dialog.get_by_label("Since").select_option("Last 7 days")
    await expect(dialog).to_contain_text("5 events failed")
    assert await judging.faults(page) == []
    await dialog.get_by_role("button", name="Replay").click()

    await expect(page.get_by_text("Replay is done")).to_be_visible(timeout=PATIENCE_MS)
    await eventually(lambda: len(world.receiver.got) == 5)


@pytest.mark.slow
async def test_ticked_events_are_replayed(page: Page, world: World) -> None:
    for text in ("One", "Two"):
        await world.customer_says(text)
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 2)
    await page.goto("/app/webhooks/deliveries")
    await expect(page.locator("[data-row]")).to_have_count(2)
    for box in await page.get_by_role("checkbox").all():
        await box.check()
    await page.get_by_role("button", name="Replay what is ticked").click()

    await expect(page.locator(".toast")).to_have_text("2 events on the way again")
    await eventually(lambda: len(world.receiver.got) == 4)


async def test_an_endpoint_is_made_its_secret_shown_once_and_looked_at_again(page: Page, world: World) -> None:
    await page.goto(f"/app/webhooks/endpoint/{await endpoint_of(world)}")
    await page.get_by_role("link", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove it").click()
    await expect(page.get_by_role("heading", name="Where should events go?")).to_be_visible()
    assert await judging.faults(page) == []

    await page.get_by_label("URL of your server").fill(world.receiver.url)
    await page.get_by_role("button", name="Save and send a test").click()
    dialog = page.get_by_role("dialog", name="Your endpoint is there")
    secret = await dialog.locator("#endpoint-secret").inner_text()
    assert secret.startswith("whsec_")
    assert await judging.faults(page) == []
    await dialog.get_by_role("link", name="See the test event").click()
    await expect(page.get_by_role("complementary", name="endpoint.test")).to_contain_text(
        "Delivered", timeout=PATIENCE_MS
    )
    assert secret not in await page.content()

    await page.goto(f"/app/webhooks/endpoint/{await endpoint_of(world)}")
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0
    await page.get_by_role("button", name="Reveal").click()
    await expect(page.get_by_role("dialog").locator("#endpoint-secret")).to_have_text(secret)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert secret not in await page.content()

    await page.get_by_role("link", name="Rotate").click()
    await page.get_by_role("button", name="Make a new secret").click()
    fresh = page.get_by_role("dialog", name="The new secret").locator("#endpoint-secret")
    await expect(fresh).not_to_have_text(secret)
