"""What a browser does with a page's stream: reads its frames, and comes back with the last id it has seen."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import aiohttp

from quixess.database import ids

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Frame:
    """One event. `name` is empty for HTML that htmx puts in place."""

    name: str
    data: str


class Stream:
    """An open stream. `last_id` is what the browser would send when it comes back."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last_id = ""

    async def frame(self) -> Frame | None:
        """Read the next event; None when the stream is over. What only moves the position is none."""
        async with asyncio.timeout(PATIENCE_S):
            name, data = "", []
            while line := await self.answer.content.readline():
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif not field and (name or data):
                    return Frame(name, "\n".join(data))
        return None

    async def until(self, name: str) -> Frame:
        """Read on to the next event of a name."""
        while frame := await self.frame():
            if frame.name == name:
                return frame
        raise AssertionError(f"the stream ended without {name}")

    async def id_after(self, name: str) -> str:
        """Read on to an event of a name, and to the id that comes with it."""
        await self.until(name)
        field = value = ""
        async with asyncio.timeout(PATIENCE_S):
            while field != "id":
                field, _, value = (await self.answer.content.readline()).decode().rstrip("\n").partition(": ")
        self.last_id = value
        return value


@asynccontextmanager
async def streaming(
    http: aiohttp.ClientSession,
    base_url: str,
    topics: str,
    brand_id: UUID,
    *,
    last_id: str = "",
    position: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Stream]:
    """Open the stream of a page of a brand, as the browser that `http` stands for."""
    sent = {"HX-Request": "true", "Accept": "text/html, text/event-stream", "Sec-Fetch-Site": "same-origin"}
    sent |= {"Last-Event-ID": last_id} if last_id else {}
    asked = {"of": ids.show("brd", brand_id), "topics": topics}
    asked |= {} if position is None else {"from": str(position)}
    async with http.get(f"{base_url}/app/live", params=asked, headers=sent | dict(headers or {})) as answer:
        yield Stream(answer)
