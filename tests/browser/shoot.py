"""Screenshots of pages, to be looked at: wide and 390 px, light and dark.

    .venv/bin/python -m tests.browser.shoot /app /app/settings/api-keys --into shots

A world of its own is built for them, with `--full` with something in it. `--stay` leaves it running, and prints where.
"""

import argparse
import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, ViewportSize

from quixess.database import embedded
from quixess.people import Role
from tests.browser import chromium, entering, judging, scenes
from tests.world import World, building

LOOKS: tuple[tuple[Literal["light", "dark"], ViewportSize], ...] = (
    ("light", chromium.WIDE),
    ("dark", chromium.WIDE),
    ("light", chromium.NARROW),
)


async def shoot(browser: Browser, world: World, role: Role, paths: Sequence[str], into: Path, wait_ms: int) -> None:
    """Write three pictures of each page, and say what axe and the width tell of it."""
    entered = await entering.enter(world, role)
    for scheme, window in LOOKS:
        guard = chromium.Guard(world.url)
        context = await browser.new_context(base_url=world.url, viewport=window, color_scheme=scheme)
        await guard.watch(context)
        await entering.hand_cookie(context, world, entered)
        page = await context.new_page()
        for path in paths:
            await page.goto(path)
            await page.wait_for_timeout(wait_ms)
            name = f"{re.sub(r'[^a-z0-9]+', '-', path.lower()).strip('-')}-{scheme}-{window['width']}.png"
            await page.screenshot(path=into / name, full_page=window is chromium.NARROW)
            wrong = [*await judging.faults(page), *guard.found]
            if (overhang := await judging.overhang(page)) > 0:
                wrong.append(f"{overhang} px wider than the window")
            guard.found.clear()
            print(into / name, *wrong or ["ok"], sep="\n  ")  # noqa: T201 - a program
        await context.close()


@asynccontextmanager
async def staging(folder: Path, *, full: bool, port: int = 0) -> AsyncIterator[World]:
    """Build a world on a PostgreSQL of its own, with everything in a folder; it listens on a port (0: any)."""
    server = embedded.EmbeddedPostgres(folder)
    try:
        dsn = await asyncio.to_thread(server.start)
        async with building(dsn, folder, port=port) as world:
            if full:
                await scenes.fill(world)
            yield world
    finally:
        await asyncio.to_thread(server.stop)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["/app"])
    parser.add_argument("--into", type=Path, default=Path("build/shots"))
    parser.add_argument("--role", type=Role, default=Role.OWNER)
    parser.add_argument("--full", action="store_true", help="fill the world first")
    parser.add_argument("--stay", action="store_true", help="leave it running")
    parser.add_argument("--wait", type=int, default=400, help="milliseconds to look at a page before the picture")
    return parser.parse_args()


async def main(chosen: argparse.Namespace, folder: Path) -> None:
    """Shoot what was chosen."""
    async with staging(folder, full=chosen.full) as world, chromium.running() as browser:
        await shoot(browser, world, chosen.role, chosen.paths, chosen.into, chosen.wait)
        if chosen.stay:
            entered = await entering.enter(world, chosen.role)
            print(world.url, entered.person.email, entering.PASSWORD, sep="\n")  # noqa: T201
            await asyncio.Event().wait()


if __name__ == "__main__":
    arguments = read_arguments()
    arguments.into.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="quixess-shots-"))
    place.chmod(0o711)
    try:
        asyncio.run(main(arguments, place))
    finally:
        shutil.rmtree(place, ignore_errors=True)
