"""Customers who write everything that WhatsApp lets them write."""

import base64
import struct
import zlib
from collections.abc import Callable
from typing import Any

from tests.world import PHONE, World, eventually

HOSTILE = '<img src=x onerror="document.title=1"> \u202eevil\u202c <script>alert(1)</script>'


def picture(width: int = 320, height: int = 200) -> bytes:
    """Draw a PNG with a slope of colours."""
    return png(width, height, lambda x, y: (30 + x % 180, 90 + y % 150, 140))


def png(width: int, height: int, colour: Callable[[int, int], tuple[int, int, int]]) -> bytes:
    """Draw a PNG, each point in the colour that it is given."""
    rows = b"".join(b"\0" + bytes(value for x in range(width) for value in colour(x, y)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


async def writes(world: World, message: dict[str, Any], phone: str = PHONE, name: str = "Frank") -> str:
    """Write a message of any type; returns its wamid once it is here."""
    lever = f"phones/{phone.removeprefix('+')}/messages"
    wamid = str((await world.meta.lever(lever, {"name": name} | message))["wamid"])

    async def came() -> bool:
        return bool(await world.rows("SELECT FROM wamid WHERE wamid = $1", wamid))

    await eventually(came)
    return wamid


async def says(world: World, text: str, phone: str = PHONE, name: str = "Frank") -> str:
    """Write a text."""
    return await writes(world, {"text": text}, phone, name)


async def sends_file(
    world: World,
    kind: str,
    mime_type: str,
    data: bytes,
    *,
    filename: str | None = None,
    phone: str = PHONE,
    name: str = "Frank",
    **more: Any,
) -> str:
    """Send a file; returns its wamid."""
    put = {"mime_type": mime_type, "data_base64": base64.b64encode(data).decode()}
    file = await world.meta.lever("media", put | ({"filename": filename} if filename else {}))
    named = {"filename": filename} if filename and kind == "document" else {}
    return await writes(world, {"type": kind, kind: {"id": file["id"], **named, **more}}, phone, name)


async def fill_thread(world: World) -> str:
    """Write one of each kind that the inbox has a shape for; returns the wamid of the first text."""
    first = await says(world, "Hello! Is this one still there? https://shop.example/p/42.")
    await sends_file(world, "image", "image/png", picture(), caption="Like this")
    await sends_file(world, "document", "application/pdf", b"%PDF-1.4\n%bill\n", filename="bill.pdf")
    await sends_file(world, "audio", "audio/ogg; codecs=opus", b"OggS" + bytes(60), voice=True)
    place = {"latitude": 37.44, "longitude": -122.16, "name": "Philz", "address": "101 Forest Ave"}
    await writes(world, {"type": "location", "location": place})
    card = {"name": {"formatted_name": "Ann Example", "first_name": "Ann"}, "phones": [{"phone": "+1 555 010 0004"}]}
    await writes(world, {"type": "contacts", "contacts": [card]})
    chosen = {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes, please"}}
    await writes(world, {"type": "interactive", "interactive": chosen, "reply_to": first})
    await writes(world, {"type": "reaction", "reaction": {"message_id": first, "emoji": "👍"}})
    await writes(world, {"type": "text", "text": {"body": "This one?"}, "reply_to": first})
    await writes(world, {"type": "unsupported", "unsupported": {"type": "poll_creation"}})
    return first
