"""People who visit the dashboard: a browser without a script, signed in or not.

async with visiting(world, Role.DEVELOPER) as browser:
    page = await browser.get("/app/settings/api-keys")
    done = await browser.post("/app/settings/api-keys", {"name": "Signup service"})
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import aiohttp
from yarl import URL

from quixess.people import Person, Role, accounts, members, passwords, sessions
from quixess.people.members import Hand
from tests.world import World

PASSWORD = "tall ship, small harbour"
EMAIL = "anna@bordercart.example"
BROWSER = "Mozilla/5.0 (Story) Firefox/140.0"


@dataclass
class Page:
    """What came back. `text` is the HTML, `words` what a reader sees of it."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def words(self) -> str:
        inside = re.sub(
            r"(?s)<(script|style|svg|template)\b.*?</\1>", " ", self.text.partition("<body")[2] or self.text
        )
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", inside)).split())

    @property
    def way(self) -> str:
        """Where it sends the browser, without the host."""
        return (
            str(URL(self.headers["Location"]).relative())
            if "://" in self.headers["Location"]
            else self.headers["Location"]
        )

    def field(self, name: str) -> str:
        """What a field of a form is filled with."""
        found = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', self.text)
        assert found is not None, f"there is no field {name}"
        value = re.search(r'\bvalue="([^"]*)"', found[0])
        return unescape(value[1]) if value else ""


class Browser:
    """Keeps cookies and follows nothing by itself. Says that its forms are ours, as browsers do."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str) -> None:
        self.http = http
        self.base_url = base_url
        self.person: Person | None = None

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return await self._ask("GET", path, None, {"Sec-Fetch-Site": "same-origin"} | dict(headers or {}))

    async def post(
        self,
        path: str,
        fields: Mapping[str, str | Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        bare: bool = False,
    ) -> Page:
        """Send a form. `bare` leaves out what a browser says of where the form stood."""
        said = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers or {})
        if not bare:
            said = {"Sec-Fetch-Site": "same-origin"} | said
        return await self._ask("POST", path, urlencode(fields or {}, doseq=True), said)

    async def send_file(self, path: str, fields: Mapping[str, str], name: str, file: bytes, kind: str) -> Page:
        """Send a form with a file, as browsers do."""
        form = aiohttp.FormData(fields)
        form.add_field(name, file, filename="file", content_type=kind)
        return await self._ask("POST", path, form, {"Sec-Fetch-Site": "same-origin"})

    async def follow(self, page: Page) -> Page:
        """Go where a page sends the browser."""
        assert page.status == 303, page.text
        return await self.get(page.way)

    @property
    def cookies(self) -> dict[str, str]:
        return {name: one.value for name, one in self.http.cookie_jar.filter_cookies(URL(self.base_url)).items()}

    def set_cookie(self, name: str, value: str) -> None:
        self.http.cookie_jar.update_cookies({name: value}, URL(self.base_url))

    @property
    def session(self) -> tuple[str, str]:
        """Name and value of the session's cookie."""
        return next((name, value) for name, value in self.cookies.items() if re.fullmatch(r"quixess-\d+", name))

    async def log_in(self, email: str = EMAIL, password: str = PASSWORD, **more: str) -> Page:
        return await self.post("/login", {"email": email, "password": password} | more)

    async def _ask(self, method: str, path: str, body: str | aiohttp.FormData | None, headers: dict[str, str]) -> Page:
        url = URL(self.base_url + path, encoded=True)
        async with self.http.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.text())


@asynccontextmanager
async def browsing(base_url: str) -> AsyncIterator[Browser]:
    """A browser that nobody is signed in with."""
    jar = aiohttp.CookieJar(unsafe=True)  # takes cookies of 127.0.0.1, too
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"User-Agent": BROWSER}) as http:
        yield Browser(http, base_url)


@asynccontextmanager
async def visiting(
    world: World,
    role: Role | None = Role.OWNER,
    *,
    email: str = EMAIL,
    brand_id: UUID | None = None,
    inbox: bool = False,
) -> AsyncIterator[Browser]:
    """A browser of somebody who has a role for Bordercart, or for another brand, and is signed in."""
    async with browsing(world.url) as browser:
        browser.person = await employ(world, role, email=email, brand_id=brand_id, inbox=inbox)
        await sit_down(world, browser, browser.person)
        yield browser


async def employ(
    world: World, role: Role | None, *, email: str = EMAIL, brand_id: UUID | None = None, inbox: bool = False
) -> Person:
    """Make an account, with a role for a brand; without a role one that belongs nowhere."""
    hashed = await passwords.make(PASSWORD)
    async with world.rooms.db.transaction() as tx:
        person = await accounts.find(tx, email)
        if person is None:
            name = email.partition("@")[0].capitalize()
            person = await accounts.create(tx, email=email, name=name, password_hash=hashed)
        if role is not None:
            hand = Hand("test", Role.OWNER)
            await members.add(tx, brand_id or world.brand_id, person, role, inbox=inbox, hand=hand)
    return person


async def sit_down(world: World, browser: Browser, person: Person, **more: Any) -> None:
    """Sign a person in without the form."""
    async with world.rooms.db.transaction() as tx:
        token = await sessions.open_session(
            tx, world.rooms.keyring, person.id, address="127.0.0.1", agent=BROWSER, **more
        )
    browser.set_cookie(f"quixess-{URL(world.url).port}", token)


async def forget_confirmation(world: World, person: Person) -> None:
    """Let ten minutes pass since the password was last shown."""
    await world.rows(
        "UPDATE session SET stepped_up_at = now() - interval '11 minutes' WHERE operator_id = $1", person.id
    )
