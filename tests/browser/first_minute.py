"""The first minute of a newcomer, in a browser: the printed link, an account, a code on the phone.

    .venv/bin/python -m tests.browser.first_minute

measures it as a program: from a fresh clone of what is committed here, by `make up`, to the first bubble. It takes
ports, data and a folder of its own, and ends all of it. `--no-cache` lets pip fetch everything anew.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from quixess.cli.paint import paint, say, table
from tests.browser import chromium
from tests.browser.chromium import Guard
from tests.cli.shell import environ
from tests.database.embedded import servers
from tests.world import free_port

ROOT = Path(__file__).resolve().parents[2]
MINUTE_MS = 60_000
_MOST_S = 600
_STOP_S = 60


async def follow_link(page: Page, link: str) -> None:
    """Open the link that `quixess up` prints, as far as the form."""
    await page.goto(link)
    await expect(page.get_by_label("Your name")).to_be_focused()


async def make_account(page: Page) -> None:
    """Fill in the form, by the keyboard, as far as the sandbox."""
    await page.get_by_label("Your name").fill("Anna")
    await page.get_by_label("E-mail").fill("anna@bordercart.example")
    await page.get_by_label("Password").fill("tall ship, small harbour")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/app/sandbox"))
    await expect(page.get_by_role("button", name="Run it here")).to_be_focused()


async def send_a_code(page: Page) -> None:
    """Press Enter, and wait for the bubble on the phone."""
    await page.keyboard.press("Enter")
    bubble = page.locator("#bubbles .bubble")
    await expect(bubble).to_contain_text("is your verification code", timeout=MINUTE_MS)


@dataclass
class Watch:
    """How long each step took, in seconds."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    last: float = field(default_factory=time.monotonic)

    def lap(self, what: str) -> None:
        now = time.monotonic()
        self.steps.append((what, now - self.last))
        self.last = now

    def tell(self) -> None:
        """Print a table of it, with the sum."""
        rows = [(what, f"{took:6.1f}") for what, took in self.steps]
        table(("step", "seconds"), rows)
        whole = sum(took for _, took in self.steps)
        say(paint(f"{whole:.1f} s from the clone to the first bubble", "green", "bold"))


async def measure(folder: Path, *, cached: bool) -> Watch:
    """Do it all once, in a folder."""
    async with chromium.running() as browser:  # a newcomer's browser runs already
        watch, clone = Watch(), folder / "quixess"
        git = await asyncio.create_subprocess_exec("git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
        assert await git.wait() == 0
        watch.lap("git clone")
        async with _up(clone, watch, cached=cached) as facts:
            guard = Guard(facts["base_url"])
            context = await browser.new_context(viewport=chromium.WIDE)
            await guard.watch(context)
            page = await context.new_page()
            await follow_link(page, facts["dashboard_url"])
            watch.lap("the printed link, open")
            await make_account(page)
            watch.lap("an account, as fast as a script types")
            await send_a_code(page)
            watch.lap("Run it here → a bubble on the phone")
            await context.close()
            guard.check()
    return watch


@asynccontextmanager
async def _up(clone: Path, watch: Watch, *, cached: bool) -> AsyncIterator[dict[str, Any]]:
    """Run `make up` in a clone for the length of a block; gives what it writes for programs."""
    ready, log = clone.parent / "ready.json", clone.parent / "up.log"
    env = environ(data_dir=str(clone.parent / "data"), port=str(free_port()), simulator_port=str(free_port()))
    env |= {} if cached else {"PIP_NO_CACHE_DIR": "1"}
    command = ("make", "up", f"PYTHON={sys.executable}", f"ARGS=--ready-file {ready}")
    with log.open("wb") as said:
        child = await asyncio.create_subprocess_exec(
            *command, cwd=clone, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    try:
        for there, what in ((clone / ".venv/.run-stamp", "make up: installing"), (ready, "make up: starting")):
            await _until(there.exists, child, log)
            watch.lap(what)
        yield json.loads(ready.read_text())
    finally:
        await _end(child)
        servers.clean(clone.parent / "data")


async def _until(true: Callable[[], bool], child: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(_MOST_S):
        while not true():
            if child.returncode is not None:
                raise SystemExit(await asyncio.to_thread(log.read_text))
            await asyncio.sleep(0.02)


async def _end(child: asyncio.subprocess.Process) -> None:
    """End `make up` as Ctrl-C does: everything that it started hears it."""
    for sent in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, sent)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await child.wait()
                return


def main() -> None:
    """Measure once and tell."""
    parser = argparse.ArgumentParser(description="Measure from a fresh clone to the first bubble on the phone.")
    parser.add_argument("--no-cache", action="store_true", help="let pip fetch everything anew")
    chosen = parser.parse_args()
    if chromium.find() is None:
        raise SystemExit("There is no Chromium: apt install chromium, or name yours in CHROMIUM.")
    folder = Path(tempfile.mkdtemp(prefix="quixess-minute-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own when this is root
    try:
        asyncio.run(measure(folder, cached=not chosen.no_cache)).tell()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
