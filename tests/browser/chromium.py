"""A real browser: found on this machine, started once for a test, and watched for everything that must not happen."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

MISSING = (
    "Browser tests were skipped: there is no Chromium. Debian and Ubuntu: apt install chromium; elsewhere: "
    ".venv/bin/playwright install chromium, or name yours in CHROMIUM."
)
WIDE, NARROW = ViewportSize(width=1360, height=860), ViewportSize(width=390, height=844)
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_WATCH = """addEventListener("securitypolicyviolation", (event) => console.error(
  `CSP ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`))"""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find() -> str | None:
    """Find a Chromium: the one that CHROMIUM names, the distribution's, or Playwright's; None without any."""
    if named := os.environ.get("CHROMIUM"):
        return named
    if there := next((path for name in _NAMES if (path := shutil.which(name))), None):
        return there
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright")
    return next((str(path) for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)), None)


@asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    """Run a Chromium for the length of a block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find(), args=_FLAGS)
        yield browser
        await browser.close()


@dataclass
class Guard:
    """What went wrong on the pages of a test, told at its end. `allowed` are parts of lines that may be there."""

    home: str
    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    async def watch(self, context: BrowserContext) -> None:
        """Watch every page of a context."""
        await context.add_init_script(_WATCH)
        context.on("page", self._watch_page)

    def allow(self, *parts: str) -> None:
        """Let pass what a test brings about on purpose, such as the 422 of a form that is filled in wrongly."""
        self.allowed += parts

    def check(self) -> None:
        """Fail when there was a violation of the policy, an error of a script, or a request that went wrong."""
        wrong = [line for line in self.found if not any(part in line for part in self.allowed)]
        assert not wrong, "The browser was not content:\n" + "\n".join(wrong)

    def _watch_page(self, page: Page) -> None:
        page.on("console", lambda said: self.found.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self._note_failure(request.url, request.failure or ""))
        page.on("request", lambda request: self._note_stranger(request.url))

    def _note_failure(self, url: str, failure: str) -> None:
        if "ERR_ABORTED" not in failure:  # a page that is left takes its requests with it
            self.found.append(f"failed: {url} {failure}")

    def _note_stranger(self, url: str) -> None:
        if urlsplit(url).scheme not in {"data", "blob"} and not url.startswith(self.home):
            self.found.append(f"another host: {url}")
