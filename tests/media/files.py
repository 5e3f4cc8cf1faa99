"""Customers' files: bytes that look like what they are, laid down at the simulated Meta and followed to the shelf."""

import base64
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

from quixess import media
from quixess.database import ids
from quixess.media import Expected
from tests.world import Answer, World, eventually

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200)
OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead\x01" + bytes(400)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(500)
TEXT = "Grüße, dies ist ein Brief.".encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def base64_digest(data: bytes) -> str:
    """The digest as Meta's webhooks write it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


async def lay(world: World, data: bytes = JPEG, mime_type: str = "image/jpeg", filename: str | None = None) -> str:
    """Lay a file down at the simulated Meta; returns Meta's id of it."""
    body = {"mime_type": mime_type, "data_base64": base64.b64encode(data).decode(), "filename": filename}
    answer = await world.meta.lever("media", body)
    assert answer["sha256"] == digest(data)
    return str(answer["id"])


async def fault(world: World, name: str, **more: Any) -> None:
    """Make Meta's next downloads go wrong."""
    await world.meta.lever("media/faults", {"fault": name} | more)


async def expect(world: World, meta_id: str, mime_type: str = "image/jpeg", **more: Any) -> UUID:
    """Say that a message told of this file, as receiving does; returns our id of it."""
    facts: dict[str, Any] = {
        "brand_id": world.brand_id,
        "id": ids.new(),
        "connection_id": world.connection_id,
        "message_id": ids.new(),
        "meta_id": meta_id,
        "mime_type": mime_type,
        "sha256": None,
        "filename": None,
    }
    wanted = Expected(**(facts | more))
    async with world.rooms.db.transaction() as tx:
        await media.expect(tx, [wanted])
    return wanted.id


async def sent(world: World, data: bytes = JPEG, mime_type: str = "image/jpeg", **more: Any) -> UUID:
    """Lay a file down and say that a message told of it."""
    return await expect(world, await lay(world, data, mime_type), mime_type, **more)


async def get(world: World, media_id: UUID | str, *, key: str | None = None, **headers: str) -> Answer:
    shown = media_id if isinstance(media_id, str) else ids.show("med", media_id)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.call("GET", f"/api/v1/whatsapp/external/media/{shown}", key=key, headers=named)


async def row(world: World, media_id: UUID) -> Any:
    (found,) = await world.rows("SELECT * FROM media WHERE id = $1", media_id)
    return found


async def ended(world: World, media_id: UUID) -> Any:
    """Wait until the file is there or given up; returns its row."""

    async def over() -> Any:
        found = await row(world, media_id)
        return found if found["state"] != "waiting" else None

    return await eventually(over)


def folder(world: World) -> Path:
    return world.settings.data_dir / "media"


def on_disk(world: World) -> list[str]:
    """The hashes of the files that lie there, drafts left out."""
    return sorted(path.name for path in folder(world).glob("??/??/*"))


def drafts(world: World) -> list[Path]:
    return list(folder(world).glob("incoming/*"))
