"""POST /send/reply with files of ours: uploaded ones, customers' ones, and what does not fit."""

import json
from typing import Any
from uuid import UUID

from quixess.database import ids
from tests.api.replying import BUTTONS, heard, interactive, reply
from tests.media import files, uploads
from tests.messages import hooks
from tests.world import PHONE, Answer, World, eventually, listening


async def uploaded(world: World, data: bytes, filename: str, kind: str) -> dict[str, Any]:
    answer = await uploads.upload(world, data, filename, kind)
    assert answer.status == 200, answer.json
    told: dict[str, Any] = answer.json
    return told


def media(kind: str, media_id: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, "media": {"id": media_id} | members}


async def last_sent(world: World) -> Any:
    return (await world.sends())[-1]["content"]


async def test_an_upload_is_sent_by_its_id_under_its_own_name(world: World) -> None:
    await heard(world)
    told = await uploaded(world, files.PDF, "bill.pdf", "application/pdf")
    answer = await reply(world, media("document", told["id"], caption="Your bill"))

    assert answer.status == 200, answer.json
    sent = {"id": told["wa_media_id"], "filename": "bill.pdf", "caption": "Your bill"}
    assert await last_sent(world) == sent
    (row,) = await world.rows("SELECT content FROM message WHERE direction = 'outbound'")
    assert json.loads(row["content"]) == {
        "media_id": told["id"],
        "mime_type": "application/pdf",
        "sha256": None,
        "url": f"/api/v1/whatsapp/external/media/{told['id']}",
        "wa_media_id": None,
        "link": None,
        "caption": "Your bill",
        "filename": "bill.pdf",
    }
    assert (await reply(world, media("document", told["id"], filename="other.pdf"))).status == 200
    assert (await last_sent(world))["filename"] == "other.pdf"


async def test_an_image_has_no_name_at_meta(world: World) -> None:
    await heard(world)
    told = await uploaded(world, files.JPEG, "photo.jpg", "image/jpeg")

    assert (await reply(world, media("image", told["id"]))).status == 200
    assert await last_sent(world) == {"id": told["wa_media_id"]}


async def test_a_header_takes_a_file_of_ours_too(world: World) -> None:
    await heard(world)
    told = await uploaded(world, files.PDF, "bill.pdf", "application/pdf")
    asked = interactive("button", BUTTONS, header={"type": "document", "document": {"id": told["id"]}})

    assert (await reply(world, asked)).status == 200
    header = {"type": "document", "document": {"id": told["wa_media_id"], "filename": "bill.pdf"}}
    assert (await last_sent(world))["header"] == header
    (row,) = await world.rows("SELECT content FROM message WHERE direction = 'outbound'")
    shown = json.loads(row["content"])["header"]
    assert (shown["type"], shown["media_id"], shown["filename"]) == ("document", told["id"], "bill.pdf")


async def test_what_a_customer_sent_can_be_sent_on(world: World) -> None:
    meta_id = await files.lay(world)
    await world.meta.lever(f"phones/{PHONE[1:]}/messages", {"type": "image", "image": {"id": meta_id}})

    async def stored() -> Any:
        return await world.rows("SELECT id FROM media WHERE state = 'stored'")

    (row,) = await eventually(stored)
    await hooks.rest(world)
    answer = await reply(world, media("image", ids.show("med", row["id"])))

    assert answer.status == 200, answer.json
    assert await uploads.at_meta(world, (await last_sent(world))["id"]) == files.JPEG


async def test_a_file_must_fit_what_it_is_sent_as(world: World) -> None:
    await heard(world)
    pdf = (await uploaded(world, files.PDF, "bill.pdf", "application/pdf"))["id"]
    photo = (await uploaded(world, files.JPEG, "photo.jpg", "image/jpeg"))["id"]
    voice = (await uploaded(world, files.OPUS, "note.ogg", "audio/ogg"))["id"]
    wrong = [media("image", pdf), media("video", photo), media("sticker", photo), media("audio", photo)]
    wrong += [media("audio", photo, voice=True), media("image", voice)]

    for asked in wrong:
        refused = await reply(world, asked, idempotency_key="k")
        assert (refused.status, refused.json["code"]) == (400, "media_type_mismatch"), asked
        assert refused.json["errors"][0]["pointer"] == "/media/id"
    header = interactive("button", BUTTONS, header={"type": "image", "image": {"id": pdf}})
    assert (await reply(world, header)).json["errors"][0]["pointer"] == "/interactive/header/image/id"
    assert await world.sends() == []
    assert (await reply(world, media("audio", voice, voice=True), idempotency_key="k")).status == 200
    assert await last_sent(world) == {"id": (await last_sent(world))["id"], "voice": True}


async def test_a_sticker_has_a_size_of_its_own(world: World) -> None:
    await heard(world)
    small = await uploaded(world, uploads.webp(), "hi.webp", "image/webp")
    assert (await reply(world, media("sticker", small["id"]))).status == 200
    await world.rows("UPDATE media SET size = 600 * 1024 WHERE id = $1", ids.parse("med", small["id"]))

    refused = await reply(world, media("sticker", small["id"]))
    assert (refused.status, refused.json["code"]) == (400, "media_too_large")
    assert refused.json["errors"][0]["pointer"] == "/media/id"


async def strangers_file(world: World) -> UUID:
    """A file that a customer sent to the brand Rival."""
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
    return await files.sent(world, brand_id=rival.brand_id)


async def test_another_brands_file_is_like_one_that_is_nowhere(world: World) -> None:
    await heard(world)
    asked = [await strangers_file(world), ids.new()]
    answers: list[Answer] = [await reply(world, media("image", ids.show("med", one))) for one in asked]

    told = [answer.json | {"request_id": None} for answer in answers]
    assert answers[0].status == 404
    assert told[0] == told[1]
    assert told[0]["code"] == "media_not_found"
    assert await world.sends() == []


async def test_the_files_bytes_are_what_meta_has(world: World) -> None:
    await heard(world)
    told = await uploaded(world, files.PNG, "a.png", "image/png")
    assert (await reply(world, media("image", told["id"]))).status == 200

    kept = await uploads.at_meta(world, (await last_sent(world))["id"])
    assert kept == files.PNG
