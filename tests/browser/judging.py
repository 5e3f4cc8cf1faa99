"""What a page must be: without faults of accessibility, and never wider than the screen."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


# What is fading in has little contrast for a moment. What moves for ever is not waited for.
_STANDSTILL = """Promise.all(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime < Infinity)
  .map((one) => one.finished.catch(() => null))).then(() => null)"""


async def faults(page: Page) -> list[str]:
    """List what axe finds wrong with a page that stands still: the rule, and where."""
    await page.evaluate(_STANDSTILL)
    results = await Axe().run(page, options=_OPTIONS)
    return [
        f"{fault['id']}: {', '.join(str(node['target'][0]) for node in fault['nodes'][:4])} "
        f"({fault['nodes'][0].get('failureSummary', '').splitlines()[-1].strip()})"
        for fault in results.response["violations"]
    ]


async def overhang(page: Page) -> int:
    """Tell how many pixels a page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
