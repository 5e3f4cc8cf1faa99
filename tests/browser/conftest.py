"""A page for each test that asks, signed in as the owner of Bordercart and watched by a guard.

The browser is started once for all tests of a process. It belongs to one event loop, so every test and fixture here
runs in that of the session.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from quixess.people import Role
from tests import conftest as above
from tests.browser import chromium, entering
from tests.browser.chromium import Guard
from tests.world import World, building

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder in the loop of the session."""
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud that there was no browser: a run without it proves less."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(isinstance(one.longrepr, tuple) and chromium.MISSING in one.longrepr[2] for one in skipped):
        terminalreporter.write_line(chromium.MISSING, yellow=True, bold=True)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    if chromium.find() is None:
        pytest.skip(chromium.MISSING)
    async with chromium.running() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def dsn() -> AsyncIterator[str]:
    async with above.database() as name:
        yield name


@pytest_asyncio.fixture(loop_scope="session")
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with building(dsn, tmp_path) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def guard(world: World) -> AsyncIterator[Guard]:
    """Watches the pages of the test; `guard.allow(…)` lets pass what it does on purpose."""
    one = Guard(world.url)
    yield one
    one.check()


@pytest_asyncio.fixture(loop_scope="session")
async def page(world: World, browser: Browser, guard: Guard) -> AsyncIterator[Page]:
    """A page of the owner's browser: `await page.goto("/app")`."""
    context = await browser.new_context(base_url=world.url, viewport=chromium.WIDE)
    await guard.watch(context)
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    yield await context.new_page()
    await context.close()
