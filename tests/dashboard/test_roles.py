"""The role × route table, made of the table of pages: every page, asked for by every role and by nobody at all."""

import re

import aiohttp
import pytest

from quixess import dashboard
from quixess.dashboard.page import PUBLIC, Page
from quixess.people import Role, may
from tests.browser import entering
from tests.world import World

GUARDED = [page for page in dashboard.PAGES if page.permission is not PUBLIC]
SAME_SITE, OTHER_SITE = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}


def name(page: Page) -> str:
    return f"{page.method} {page.path}"


async def ask(world: World, page: Page, headers: dict[str, str]) -> aiohttp.ClientResponse:
    """Ask for a page without a query and with an empty form; ids in its path are nobody's."""
    path = re.sub(r"{\w+(?::\w+)?}", "x_0000000000000000000000000z", page.path)
    sent = headers | {"Accept": "text/html"}
    async with world.http.request(page.method, world.url + path, headers=sent, allow_redirects=False) as answer:
        return answer


def test_every_page_has_a_permission_or_is_public_in_so_many_words():
    with pytest.raises(TypeError, match="declares no permission"):
        Page("GET", "/app/x", None, lambda visit: visit)  # type: ignore[arg-type]

    public = {page.path for page in dashboard.PAGES if page.permission is PUBLIC}
    assert not {path for path in public if path.startswith("/app")} - {"/app/theme", "/app/no-brand"}


def test_no_address_is_declared_twice():
    names = [name(page) for page in dashboard.PAGES]

    assert sorted(names) == sorted(set(names))


async def test_every_page_lets_in_the_roles_that_may_and_nobody_else(world: World):
    """One world for the whole table: what is asked for is nobody's, so nothing is changed by asking."""
    wrong = []
    for role in Role:
        entered = await entering.enter(world, role)
        for page in GUARDED:
            answer = await ask(world, page, entered.headers)
            refused = answer.status == 403
            if refused is may(role, page.permission):  # type: ignore[arg-type]
                wrong.append(f"{role} {name(page)}: {answer.status}")
            if answer.status >= 500:
                wrong.append(f"{role} {name(page)}: {answer.status}")

    assert not wrong


async def test_nobody_gets_past_the_log_in_page(world: World):
    for page in GUARDED:
        answer = await ask(world, page, SAME_SITE)

        assert answer.status in {303, 401}, name(page)
        if answer.status == 303:
            assert answer.headers["Location"].startswith("/login"), name(page)


async def test_no_form_of_another_site_does_anything(world: World):
    entered = await entering.enter(world, Role.OWNER)
    for page in dashboard.PAGES:
        if page.method != "GET":
            answer = await ask(world, page, {"Cookie": entered.cookie} | OTHER_SITE)

            assert answer.status == 403, name(page)


async def test_every_answer_is_kept_by_nobody_and_frames_nothing(world: World):
    entered = await entering.enter(world, Role.OWNER)
    for page in dashboard.PAGES:
        if page.method == "GET" and page.path != "/app/live":
            answer = await ask(world, page, entered.headers)

            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, name(page)
            assert "frame-ancestors 'none'" in policy, name(page)
            assert "unsafe" not in policy, name(page)
            assert "no-store" in answer.headers["Cache-Control"], name(page)
            assert answer.headers["X-Content-Type-Options"] == "nosniff", name(page)


async def test_an_api_key_opens_no_page(world: World):
    for page in GUARDED:
        answer = await ask(world, page, {"X-API-Key": world.key} | SAME_SITE)

        assert answer.status in {303, 401}, name(page)
