"""Metrics in a browser: ranges by links, a table behind each chart, prices in a dialog."""

import re

from playwright.async_api import Page, expect

from tests.browser import judging
from tests.metrics.history import NOW, History
from tests.world import World

PRICED = {"category": "authentication", "type": "regular", "billable": True, "model": "PMP"}


async def test_numbers_tables_and_the_estimate_of_cost(page: Page, world: World) -> None:
    await History(world.rooms.db, world.brand_id).message(NOW, "read", pricing=PRICED)
    await page.goto("/app/metrics")
    await page.get_by_role("link", name="1h").click()
    await expect(page).to_have_url(re.compile(r"range=1h"))
    assert await judging.faults(page) == []

    chart = page.get_by_role("figure").filter(has_text="by what became of them")
    await expect(chart.get_by_role("img")).to_be_visible()
    await chart.get_by_text("As a table").click()
    await expect(chart.get_by_role("table")).to_contain_text("Delivered, not read")

    await page.get_by_role("link", name="Prices").click()
    dialog = page.get_by_role("dialog", name="Prices")
    await dialog.get_by_label("Currency").fill("EUR")
    await dialog.get_by_label("Authentication", exact=True).fill("0.02")
    assert await judging.faults(page) == []
    await dialog.get_by_role("button", name="Save prices").click()

    await expect(page.get_by_role("heading", name="Cost")).to_contain_text("about 0.02 EUR")
    assert await judging.overhang(page) <= 0
