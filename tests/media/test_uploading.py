"""POST /media: what the brand uploads is stored, known to Meta, served again, and renewed when Meta may forget it."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from quixess import access, connections
from quixess.connections import Connection
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.media import sweeping
from quixess.media.store import Disk
from tests.api import connecting
from tests.media import files, uploads
from tests.world import World, eventually, serving


async def test_a_file_goes_to_the_shelf_and_to_meta_and_comes_back_byte_for_byte(world: World) -> None:
    answer = await uploads.upload(world, files.JPEG, "Grüße.jpg")

    assert answer.status == 200, answer.json
    told = answer.json
    assert told == {
        "id": told["id"],
        "wa_media_id": told["wa_media_id"],
        "mime_type": "image/jpeg",
        "size": len(files.JPEG),
        "sha256": files.digest(files.JPEG),
        "filename": "Grüße.jpg",
        "created_at": told["created_at"],
        "expires_at": told["expires_at"],
    }
    kept_for = datetime.fromisoformat(told["expires_at"]) - datetime.fromisoformat(told["created_at"])
    assert kept_for == timedelta(days=world.settings.media_days)
    served = await files.get(world, told["id"])
    assert (served.status, served.body, served.headers["Content-Type"]) == (200, files.JPEG, "image/jpeg")
    assert await uploads.at_meta(world, told["wa_media_id"]) == files.JPEG
    assert files.drafts(world) == []
    assert files.on_disk(world) == [told["sha256"]]
    row = await files.row(world, uploads.read_id(answer))
    assert (row["state"], row["source"], row["message_id"], row["meta_id"]) == ("stored", "upload", None, None)


async def test_the_same_bytes_twice_are_two_files_and_one_on_disk(world: World) -> None:
    one, two = await asyncio.gather(uploads.upload(world), uploads.upload(world))

    assert one.json["id"] != two.json["id"]
    assert files.on_disk(world) == [files.digest(files.JPEG)]


async def test_an_upload_ages_like_a_customers_file_and_takes_metas_ids_along(world: World) -> None:
    await uploads.upload(world)
    await world.rows("UPDATE media SET created_at = now() - interval '91 days'")

    assert await sweeping.sweep(world.rooms.db, Disk(files.folder(world)), keep_days=90) == (1, 1)
    await _nothing_is_left(world)


async def handle(world: World, media_id: UUID, connection: Connection | None = None) -> Any:
    return await world.rooms.uploads.handle(world.brand_id, media_id, connection or await uploads.line(world))


async def test_the_id_that_meta_gave_is_used_until_meta_may_forget_it(world: World) -> None:
    answer = await uploads.upload(world, files.PDF, "bill.pdf", "application/pdf")
    media_id, first = uploads.read_id(answer), answer.json["wa_media_id"]

    known = await handle(world, media_id)
    assert (known.meta_id, known.mime_type, known.filename, known.size) == (
        first, "application/pdf", "bill.pdf", len(files.PDF),
    )  # fmt: skip
    await world.rows("UPDATE media_handle SET uploaded_at = now() - interval '25 days 1 minute'")
    renewed = await handle(world, media_id)
    assert renewed.meta_id != first
    assert await uploads.at_meta(world, renewed.meta_id) == files.PDF
    assert (await handle(world, media_id)).meta_id == renewed.meta_id


async def test_a_customers_photo_is_given_to_meta_when_it_is_to_be_sent_on(world: World) -> None:
    photo = await files.sent(world)
    await files.ended(world, photo)

    known = await handle(world, photo)

    assert await uploads.at_meta(world, known.meta_id) == files.JPEG
    assert (await handle(world, photo)).meta_id == known.meta_id


async def test_calls_at_the_same_time_share_one_upload(world: World) -> None:
    photo = await files.sent(world)
    await files.ended(world, photo)
    line = await uploads.line(world)

    known = await asyncio.gather(*(handle(world, photo, line) for _ in range(10)))

    assert len({one.meta_id for one in known}) == 1


async def test_a_caller_that_goes_away_takes_no_upload_from_the_others(world: World) -> None:
    photo = await files.sent(world)
    await files.ended(world, photo)
    line = await uploads.line(world)
    first, second = (asyncio.create_task(handle(world, photo, line)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert await uploads.at_meta(world, (await second).meta_id) == files.JPEG


async def test_each_number_of_the_brand_has_an_id_of_its_own(world: World) -> None:
    answer = await uploads.upload(world)
    async with world.rooms.db.transaction() as tx:
        facts = replace(connecting.facts(world, world.meta.base_url), phone_number_id="999000999")
        other = await connections.connect(tx, world.rooms.keyring, world.brand_id, facts)
    await world.rows("UPDATE connection SET phone_number_id = $1", world.meta.world["phone_number_id"])

    theirs = await handle(world, uploads.read_id(answer), await uploads.line(world, other))

    assert theirs.meta_id != answer.json["wa_media_id"]
    assert len(await world.rows("SELECT * FROM media_handle")) == 2


async def test_another_brands_file_is_no_more_there_than_one_that_never_was(world: World) -> None:
    ours = uploads.read_id(await uploads.upload(world))
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    line = await uploads.line(world)

    told = set()
    for media_id in (ours, ids.new()):
        with pytest.raises(QuixessError) as refused:
            await world.rooms.uploads.handle(rival.id, media_id, line)
        told.add((refused.value.code, refused.value.detail))
    assert [code for code, _ in told] == ["media_not_found"]


@pytest.mark.parametrize(
    ("state", "code"), [("failed", "media_failed"), ("gone", "media_gone"), ("uploading", "media_not_found")]
)
async def test_what_is_not_there_cannot_be_sent(world: World, state: str, code: str) -> None:
    media_id = uploads.read_id(await uploads.upload(world))
    await world.rows("UPDATE media SET state = $1, reason = 'It went.'", state)

    with pytest.raises(QuixessError) as refused:
        await handle(world, media_id)
    assert refused.value.code == code
    served = await files.get(world, media_id)
    assert served.json["code"] == code


@pytest.mark.parametrize(
    ("data", "mime_type", "size", "code"),
    [
        (b"PK\x03\x04" + bytes(60), "application/zip", 64, "media_type_not_supported"),
        (files.JPEG, "image/jpeg", 5 * 1024 * 1024 + 1, "media_too_large"),
        (uploads.webp(), "image/webp", 100 * 1024 + 1, "media_too_large"),
        (uploads.webp(animated=True), "image/webp", 500 * 1024 + 1, "media_too_large"),
    ],
)
async def test_a_customers_file_that_a_business_may_not_send_is_refused_by_name(
    world: World, data: bytes, mime_type: str, size: int, code: str
) -> None:
    received = await files.sent(world, data, mime_type)
    await files.ended(world, received)
    await world.rows("UPDATE media SET size = $1", size)

    with pytest.raises(QuixessError) as refused:
        await handle(world, received)
    assert refused.value.code == code


async def test_a_file_that_was_lost_on_disk_is_gone_and_asks_meta_nothing(world: World) -> None:
    media_id = uploads.read_id(await uploads.upload(world))
    await world.rows("UPDATE media_handle SET uploaded_at = now() - interval '26 days'")
    (path,) = files.folder(world).glob("??/??/*")
    await asyncio.to_thread(path.unlink)

    with pytest.raises(QuixessError) as refused:
        await handle(world, media_id)
    assert refused.value.code == "media_gone"


# When Meta does not take it


async def _nothing_is_left(world: World) -> None:
    assert await world.rows("SELECT id FROM media") == []
    assert await world.rows("SELECT media_id FROM media_handle") == []
    assert files.on_disk(world) == []
    assert files.drafts(world) == []


def _graph_error(status: int, code: int, **more: Any) -> web.Response:
    error = {"message": f"(#{code}) No", "type": "OAuthException", "code": code} | more
    return web.json_response({"error": error}, status=status)


@pytest.mark.parametrize(
    ("status", "code", "answered", "ours"),
    [
        (400, 131053, 502, "whatsapp_error"),
        (401, 190, 502, "whatsapp_connection_unauthorized"),
        (400, 130429, 429, "whatsapp_rate_limited"),
        (500, 131000, 503, "upstream_unavailable"),
    ],
)
async def test_metas_no_is_told_with_metas_words_and_leaves_nothing_behind(
    world: World, status: int, code: int, answered: int, ours: str
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return _graph_error(status, code)

    async with connecting.meta_saying(refuse) as graph_url:
        await connecting.reconnect(world, graph_url)
        answer = await uploads.upload(world)

    assert (answer.status, answer.json["code"]) == (answered, ours), answer.json
    assert answer.json["whatsapp_error"]["error"]["code"] == code
    assert ("Retry-After" in answer.headers) is (answered in {429, 503})
    await _nothing_is_left(world)
    (line,) = await world.rows("SELECT state FROM connection")
    assert line["state"] == ("unauthorized" if code == 190 else "active")


@pytest.mark.parametrize("said", [{}, {"id": ""}, {"id": 7}, {"id": "../me"}, []])
async def test_an_answer_of_metas_without_an_id_is_no_yes(world: World, said: Any) -> None:
    async def nonsense(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response(said)

    async with serving(nonsense, "/{path:.*}") as graph_url:
        await connecting.reconnect(world, graph_url)
        answer = await uploads.upload(world)

    assert (answer.status, answer.json["code"]) == (503, "upstream_unavailable")
    await _nothing_is_left(world)


async def test_a_meta_that_is_not_there_is_told_as_such(world: World) -> None:
    await connecting.reconnect(world, connecting.nobody())

    answer = await uploads.upload(world)

    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "upstream_unavailable", "2")
    await _nothing_is_left(world)


async def test_a_brand_without_a_connection_uploads_nothing(world: World) -> None:
    await world.rows("UPDATE connection SET state = 'disconnected'")

    answer = await uploads.upload(world)

    assert (answer.status, answer.json["code"]) == (404, "no_active_connection")
    await _nothing_is_left(world)


async def test_a_no_takes_nothing_from_another_brand_with_the_same_bytes(world: World) -> None:
    kept = await files.sent(world)
    await files.ended(world, kept)
    await connecting.reconnect(world, connecting.nobody())

    assert (await uploads.upload(world)).status == 503

    assert (await files.get(world, kept)).body == files.JPEG


async def test_a_folder_that_takes_nothing_is_ours_to_mend(world: World) -> None:
    files.folder(world).write_text("a file where the folder should be")

    answer = await uploads.upload(world)

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert await world.rows("SELECT id FROM media") == []


async def test_no_more_than_eight_files_of_a_brand_come_in_at_once(world: World) -> None:
    held = asyncio.Event()

    async def slowly() -> Any:
        async def pieces() -> Any:
            body, _ = uploads.raw_form(uploads.part('form-data; name="file"; filename="a.jpg"'))
            yield body[:20]
            await held.wait()
            yield body[20:]

        _, headers = uploads.raw_form(b"")
        return await world.call("POST", uploads.PATH, data=pieces(), headers=headers)

    waiting = [asyncio.create_task(slowly()) for _ in range(8)]

    async def all_in() -> bool:
        return len(files.drafts(world)) == 8

    await eventually(all_in)
    refused = await uploads.upload(world)
    assert (refused.status, refused.json["code"]) == (503, "overloaded")
    held.set()
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 8
    assert (await uploads.upload(world)).status == 200
