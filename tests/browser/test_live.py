"""Live pages in a real browser: a tab that is hidden, a process that is killed, a message put in its place."""

import json
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Locator, Page, expect

from quixess import feed
from quixess.dashboard import live
from quixess.database import ids
from tests.world import World, eventually

PATIENCE_MS = 20_000
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
# Another stream than that of the page: of one conversation, with a place for its messages.
LISTEN = """([address]) => {
  document.getElementById("live").remove();
  document.getElementById("main").insertAdjacentHTML("beforeend", `
    <ol id="talk"></ol><div id="live" hx-sse:connect="${address}" hx-swap="none"></div>`);
  window.htmx.process(document.getElementById("live"));
}"""


def dot(page: Page) -> Locator:
    return page.locator("#live-dot")


async def bubble(visit: Any, message_id: UUID) -> str:
    """Write a message as the page of a conversation does.

    Messages are put in order by the value of their digits: our ids in letters would stand in another one.
    """
    async with visit.desk.db.reading(visit.brand_id) as tx:
        row = await tx.row("SELECT content FROM message WHERE brand_id = $1 AND id = $2", visit.brand_id, message_id)
    shown, text = ids.show("msg", message_id), json.loads(row["content"])["body"]
    return (
        '<hx-partial hx-target="#talk" hx-swap="upsert key:data-seq">'
        f'<li id="{shown}" data-seq="{message_id.int}">{text}</li></hx-partial>'
    )


async def listen_to_a_conversation(page: Page, world: World) -> None:
    await page.goto("/app")
    await world.customer_says("Hello?")
    (talk,) = await eventually(lambda: world.rows("SELECT id FROM conversation"))
    brand, thread = ids.show("brd", world.brand_id), ids.show("cnv", talk["id"])
    await page.evaluate(LISTEN, [f"/app/live?of={brand}&topics=thread:{thread}&from=1"])
    await eventually(lambda: listens(world, feed.thread(talk["id"])))


def listens(world: World, topic: str) -> bool:
    streams = world.rooms.feed._following._streams
    return any(topic in stream.topics for stream in streams.get(world.brand_id, ()))


async def test_messages_are_put_in_place_once_each_and_in_order(
    page: Page, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(live._RENDERERS, "thread", bubble)
    await listen_to_a_conversation(page, world)
    said = [f"Message {number}" for number in range(5)]

    for many, text in enumerate(said, start=2):
        await writes(world, text, many)

    lines = page.locator("#talk li")
    await expect(lines.last).to_have_text("Message 4", timeout=PATIENCE_MS)
    assert (await lines.all_text_contents())[-5:] == said


async def test_a_tab_that_was_hidden_misses_nothing(page: Page, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(live._RENDERERS, "thread", bubble)
    await listen_to_a_conversation(page, world)
    await world.customer_says("Seen at once")
    await expect(page.locator("#talk")).to_contain_text("Seen at once", timeout=PATIENCE_MS)
    await page.evaluate(HIDE, True)
    await expect(dot(page)).to_have_text("Paused")
    await eventually(lambda: not world.rooms.feed._following._streams)  # a hidden tab holds none

    for many, text in enumerate(("One", "Two", "Three"), start=3):
        await writes(world, text, many)
    await page.evaluate(HIDE, False)

    lines = page.locator("#talk li")
    await expect(lines.last).to_have_text("Three", timeout=PATIENCE_MS)
    assert (await lines.all_text_contents())[-4:] == ["Seen at once", "One", "Two", "Three"]
    await expect(dot(page)).to_have_text("Live")


async def writes(world: World, text: str, many: int) -> None:
    """Let the customer write, and wait until as many messages have come in."""
    await world.customer_says(text)

    async def came_in() -> bool:
        (row,) = await world.rows("SELECT count(*) AS n FROM message WHERE direction = 'inbound'")
        return bool(row["n"] >= many)

    await eventually(came_in)
