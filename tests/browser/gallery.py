"""The pictures of docs/screens: every page after a day at Bordercart, light and dark.

    .venv/bin/python -m tests.browser.gallery

They are to be looked at before they are committed. Colours are brought down to 256, which no eye sees on these pages.
"""

import argparse
import asyncio
import base64
import json
import shutil
import socket
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize

from quixess.people import accounts
from tests.browser import chromium, entering, scenes
from tests.browser.shoot import staging
from tests.world import World

HERE = Path(__file__).parents[2] / "docs" / "screens"
_PORT = 8800  # what `quixess up` listens on, and what a reader's own curl will say
_SETTLED_MS = 900
_PALETTE = (Path(__file__).parent / "palette.js").read_text("utf-8")


@dataclass(frozen=True)
class Picture:
    """A page, its file, and what there is to see on it."""

    name: str
    path: str
    says: str
    narrow: bool = False
    press: str = ""  # what is clicked before
    seek: str = ""  # what is brought into view before


PICTURES = (
    Picture("sandbox", "/app/sandbox", "The sandbox phone: a request that works, the phone it reaches, the events."),
    Picture("overview", "/app", "The overview: first steps, the last 24 hours, what went wrong lately."),
    Picture("inbox", "/app/whatsapp/inbox/{conversation}", "The inbox: answers, notes for colleagues, the window."),
    Picture("messages", "/app/whatsapp/messages?message={message}", "Messages, one that failed decoded beside them."),
    Picture("templates", "/app/whatsapp/templates", "Templates, with what Meta says of each."),
    Picture("template-editor", "/app/whatsapp/templates/new?preset=otp_copy_code", "A one-time code from its preset."),
    Picture("connection", "/app/whatsapp/connection", "The connection: its facts, and its health checked."),
    Picture("api-keys", "/app/settings/api-keys?key={key}", "API keys, one with its limits and its latest requests."),
    Picture("new-key", "/app/settings/api-keys", "A new key: what it may do, in words.", press="New key"),
    Picture("events", "/app/webhooks/deliveries?event={event}", "Events: each attempt, payload, signature, replay."),
    Picture("webhook-endpoint", "/app/webhooks/endpoint/{endpoint}", "An endpoint: secret, types, how to verify."),
    Picture("requests", "/app/requests?request={request}", "The request log: an answer with its fix. Nothing secret."),
    Picture("metrics", "/app/metrics", "Metrics: what arrived, how fast, what it cost."),
    Picture("people", "/app/settings/people", "People and their roles."),
    Picture("brands", "/app/settings/brands", "Brands of one installation."),
    Picture("audit", "/app/settings/audit", "Audit: who made, showed, rotated, revoked, replayed."),
    Picture("account", "/app/account", "One's own account: sessions, password, second factor."),
    Picture("reference", "/docs", "The API reference, made of the routes."),
    Picture("sandbox-phone", "/app/sandbox", "The sandbox on a phone.", narrow=True, seek=".handset"),
    Picture("inbox-phone", "/app/whatsapp/inbox/{conversation}", "The inbox on a phone.", narrow=True),
)


async def draw(world: World, browser: Browser, wanted: set[str]) -> None:
    """Take the pictures."""
    there = await scenes.places(world)
    await _dress(world)
    async with world.rooms.db.transaction() as tx:
        anna = await accounts.find(tx, scenes.OWNER)
    assert anna is not None
    entered = await entering.sit_down(world, anna)
    painter = await browser.new_page()
    for scheme in ("light", "dark"):
        for one in PICTURES:
            if (not wanted or one.name in wanted) and not (one.narrow and scheme == "dark"):
                context = await browser.new_context(
                    base_url=world.url,
                    viewport=chromium.NARROW if one.narrow else ViewportSize(width=1360, height=900),
                    color_scheme=scheme,
                )
                await entering.hand_cookie(context, world, entered)
                data = await _take(await context.new_page(), one, there)
                await context.close()
                (HERE / f"{one.name}-{scheme}.png").write_bytes(await thin(painter, data))


async def _take(page: Page, picture: Picture, there: dict[str, str]) -> bytes:
    await page.goto(picture.path.format_map(there))
    if picture.press:
        await page.get_by_role("link", name=picture.press).click()
        await page.locator("dialog[open]").wait_for()
    if picture.seek:
        await page.locator(picture.seek).evaluate("(one) => one.scrollIntoView()")
    await page.wait_for_timeout(_SETTLED_MS)
    return await page.screenshot(animations="disabled")


async def _dress(world: World) -> None:
    """Put addresses of the shop where those of this test run stand; nothing is told to anybody any more."""
    await world.rows(
        """UPDATE endpoint SET url = 'https://shop.bordercart.example/whatsapp', name = 'Shop',
                             schedule_s = '{1,5,30,120,600,3600,21600}'"""
    )
    await world.rows("UPDATE membership SET created_at = created_at - interval '20 days'")


async def thin(painter: Page, data: bytes) -> bytes:
    """Make a PNG of 256 colours of one of millions: a browser reads it, zlib packs it."""
    told = json.loads(await painter.evaluate(_PALETTE, base64.b64encode(data).decode()))
    width, pixels = told["width"], base64.b64decode(told["pixels"])
    rows = b"".join(b"\0" + pixels[at : at + width] for at in range(0, len(pixels), width))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, len(pixels) // width, 8, 3, 0, 0, 0)),
        (b"PLTE", base64.b64decode(told["palette"])),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def index() -> str:
    """Write the page that shows them all."""
    lines = [
        "# Screens",
        "",
        "Written by `.venv/bin/python -m tests.browser.gallery`; all people and numbers are made up.",
        "",
    ]
    for one in PICTURES:
        schemes: tuple[Literal["light", "dark"], ...] = ("light",) if one.narrow else ("light", "dark")
        shown = " ".join(
            f'<img src="{one.name}-{scheme}.png" width="49%" alt="{one.says} ({scheme})">' for scheme in schemes
        )
        lines += [f"## {one.says}", "", shown, ""]
    return "\n".join(lines).rstrip() + "\n"


def _port() -> int:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", _PORT))
        except OSError:
            return 0
    return _PORT


async def main(wanted: set[str], folder: Path) -> None:
    """Build the world and take its pictures."""
    async with staging(folder, full=True, port=_port()) as world, chromium.running() as browser:
        await draw(world, browser, wanted)
    (HERE / "README.md").write_text(index(), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these pictures")
    HERE.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="quixess-gallery-"))
    place.chmod(0o711)
    try:
        asyncio.run(main(set(parser.parse_args().names), place))
    finally:
        shutil.rmtree(place, ignore_errors=True)
