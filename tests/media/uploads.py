"""Uploads: forms as clients write them, and bytes that are what they say."""

import io
import zipfile
from typing import Any
from uuid import UUID

import aiohttp

from quixess import connections
from quixess.connections import Connection
from quixess.database import ids
from tests.media import files
from tests.world import Answer, World

PATH = "/api/v1/whatsapp/external/media"


def iso(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(4) + brand + bytes(200)


def office(part: str) -> bytes:
    """A document of today's kind, by the name of its main part."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", "<Types/>" * 50)
        packed.writestr(part, "<x/>" * 50)
    return kept.getvalue()


def ole(stream: str) -> bytes:
    """A document of the old kind, by the name of its main stream."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000) + stream.encode("utf-16-le") + bytes(2000)


def webp(size: int = 0, *, animated: bool = False) -> bytes:
    flags = b"\x02" if animated else b"\x00"
    head = b"RIFF\x24\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + flags + bytes(9)
    return head + (b"ANIM" if animated else b"VP8 ") + bytes(max(40, size - len(head) - 4))


def form(
    data: bytes | io.BytesIO, filename: str = "photo.jpg", kind: str | None = "image/jpeg", name: str = "file"
) -> Any:
    sent = aiohttp.FormData()
    sent.add_field(name, data, filename=filename, content_type=kind)
    return sent


async def upload(
    world: World, data: bytes = files.JPEG, filename: str = "photo.jpg", kind: str | None = "image/jpeg", **more: Any
) -> Answer:
    return await world.call("POST", PATH, data=form(data, filename, kind), **more)


def raw_form(part: bytes, boundary: str = "xYz") -> tuple[bytes, dict[str, str]]:
    """A body of one part as it is given, headers and all, and the header that goes with it."""
    body = b"--%b\r\n%b\r\n--%b--\r\n" % (boundary.encode(), part, boundary.encode())
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def part(disposition: str, data: bytes = files.JPEG, *more: str) -> bytes:
    return "\r\n".join([f"Content-Disposition: {disposition}", *more, "", ""]).encode() + data


async def line(world: World, connection_id: UUID | None = None) -> Connection:
    """The connection as a send has it at hand."""
    async with world.rooms.db.statement() as tx:
        (found,) = await connections.load(
            tx, world.rooms.keyring, [(world.brand_id, connection_id or world.connection_id)]
        )
    return found


async def at_meta(world: World, meta_id: str) -> bytes:
    """The bytes that the simulated Meta has under an id."""
    told = await world.meta.graph("GET", meta_id)
    headers = {"Authorization": f"Bearer {world.meta.world['access_token']}"}
    async with world.http.get(told.json["url"], headers=headers) as answer:
        assert answer.status == 200
        return await answer.read()


def read_id(answer: Answer) -> UUID:
    found = ids.parse("med", answer.json["id"])
    assert found is not None
    return found
