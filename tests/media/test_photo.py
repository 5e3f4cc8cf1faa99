"""A customer sends a photo: an event tells of it, and GET /media gives the bytes that left the phone."""

from pathlib import Path
from typing import Any

import pytest

from quixess.cli.rooms import Roles
from quixess.database import ids
from tests.media import files
from tests.messages import hooks
from tests.world import PHONE, World, building, eventually

KINDS = [
    ("image", "image/jpeg", files.JPEG, {"caption": "Is this the right colour?"}),
    ("audio", "audio/ogg; codecs=opus", files.OPUS, {"voice": True}),
    ("document", "application/pdf", files.PDF, {"filename": "Rechnung 7.pdf"}),
    ("sticker", "image/webp", b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(30), {"animated": False}),
    ("video", "video/mp4", b"\x00\x00\x00\x18ftypisom" + bytes(200), {}),
]


async def send(world: World, kind: str, media_id: str, **beside: Any) -> None:
    message = {"type": kind, kind: {"id": media_id} | beside}
    await world.meta.lever(f"phones/{PHONE[1:]}/messages", message)


@pytest.mark.parametrize(("kind", "mime_type", "data", "beside"), KINDS, ids=[kind for kind, *_ in KINDS])
async def test_what_the_customer_sent_is_what_the_tenant_gets(
    world: World, kind: str, mime_type: str, data: bytes, beside: dict[str, Any]
) -> None:
    await send(world, kind, await files.lay(world, data, mime_type), **beside)
    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    content = event["data"]["content"]

    answer = await world.call("GET", content["url"])

    assert event["data"]["type"] == kind
    assert beside.items() <= content.items()
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, data, mime_type)
    assert answer.headers["ETag"].strip('"') == content["sha256"] == files.digest(data)
    assert content["media_id"] in content["url"]
    stored = await files.row(world, ids.parse("med", content["media_id"]) or ids.new())
    assert ids.show("msg", stored["message_id"]) == event["data"]["message_id"]


async def test_a_photo_that_meta_tells_of_twice_is_fetched_once(world: World) -> None:
    await send(world, "image", await files.lay(world))
    await eventually(lambda: world.receiver.got)
    await world.meta.lever("webhooks/redeliver", {"last": 1})
    await hooks.rest(world)

    assert len(await world.rows("SELECT id FROM media")) == 1


async def test_a_file_that_nobody_fetches_yet_is_told_as_not_ready(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as world:
        photo = await files.sent(world)

        answer = await files.get(world, photo)

        assert (answer.status, answer.json["code"]) == (503, "media_not_ready")
        assert answer.headers["Retry-After"] == "5"
