"""Files for the headers of templates: from an operator to Meta's reviewers, and nowhere else."""

import contextlib
import io
from typing import Any

import aiohttp
import pytest

from tests.media import files, uploads
from tests.meta import wire
from tests.templates.drafting import BODY, draft
from tests.templates.managing import PREFIX, Operator, at_meta, operator
from tests.world import Answer, World

MP4 = uploads.iso(b"mp42")
HANDLE = "4::aW1hZ2UvanBlZw==:ARbExample"


@pytest.fixture
async def ops(world: World) -> Operator:
    return await operator(world)


async def show(ops: Operator, data: bytes = files.JPEG, kind: str | None = "image/jpeg", **more: Any) -> Answer:
    headers = {"Authorization": f"Bearer {ops.token}"}
    form = uploads.form(io.BytesIO(data), "header", kind)
    return await ops.world.call("POST", f"{PREFIX}/templates/samples", key="", data=form, headers=headers, **more)


def answers(*moods: wire.Mood) -> Any:
    return wire.meta(wire.answer(200, {"id": "upload:MTphd==?sig=ARZq"}), *moods)


async def standing_in(world: World, meta: wire.Meta) -> None:
    """Let another Meta stand in for the simulated one."""
    await world.rows("UPDATE connection SET graph_url = $1 RETURNING id", meta.base_url)


@pytest.mark.parametrize(
    ("data", "kind", "format_", "mime_type"),
    [
        (files.JPEG, "image/jpeg", "IMAGE", "image/jpeg"),
        (files.PNG, None, "IMAGE", "image/png"),
        (MP4, "video/mp4", "VIDEO", "video/mp4"),
        (files.PDF, "application/octet-stream", "DOCUMENT", "application/pdf"),
    ],
    ids=["jpeg", "png", "mp4", "pdf"],
)
async def test_a_file_goes_to_metas_reviewers_and_stays_nowhere(
    world: World, ops: Operator, data: bytes, kind: str | None, format_: str, mime_type: str
) -> None:
    async with answers(wire.answer(200, {"h": HANDLE})) as meta:
        await standing_in(world, meta)
        answer = await show(ops, data, kind)

    assert answer.status == 200, answer.json
    assert answer.json == {"handle": HANDLE, "format": format_, "mime_type": mime_type, "size": len(data)}
    opened, brought = meta.requests
    assert f"/{world.meta.world['app_id']}/uploads?" in opened.target
    assert f"file_length={len(data)}" in opened.target
    assert brought.body == data
    assert brought.headers["authorization"] == f"OAuth {world.meta.world['access_token']}"
    assert (files.drafts(world), files.on_disk(world)) == ([], [])
    assert await world.rows("SELECT id FROM media") == []


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (files.TEXT, "text/plain", "media_type_not_supported"),
        (uploads.webp(), "image/webp", "media_type_not_supported"),
        (uploads.iso(b"3gp4"), "video/3gpp", "media_type_not_supported"),
        (uploads.office("word/document.xml"), None, "media_type_not_supported"),
        (b"<!DOCTYPE html><html></html>", "image/jpeg", "media_type_not_supported"),
        (files.JPEG, "application/pdf", "media_type_mismatch"),
        (files.JPEG + bytes(5 * 1024 * 1024), "image/jpeg", "media_too_large"),
        (MP4 + bytes(16 * 1024 * 1024), "video/mp4", "media_too_large"),
        (b"", "image/jpeg", "invalid_request"),
    ],
)
async def test_what_no_header_shows_is_refused_before_meta_is_asked(
    world: World, ops: Operator, data: bytes, kind: str | None, code: str
) -> None:
    async with answers() as meta:
        await standing_in(world, meta)
        answer = await show(ops, data, kind)

        assert (answer.status, answer.json["code"]) == (400, code), answer.json
        assert meta.requests == []
    assert files.drafts(world) == []


async def test_a_form_with_something_else_is_refused(world: World, ops: Operator) -> None:
    headers = {"Authorization": f"Bearer {ops.token}"}
    path = f"{PREFIX}/templates/samples"

    as_json = await world.call("POST", path, key="", body={"file": "x"}, headers=headers)
    misnamed = await world.call("POST", path, key="", data=uploads.form(files.JPEG, name="photo"), headers=headers)
    by_a_stranger = await world.call("POST", path, data=uploads.form(files.JPEG))

    assert (as_json.status, as_json.json["code"]) == (415, "unsupported_media_type")
    assert (misnamed.status, misnamed.json["code"]) == (400, "invalid_request")
    assert (by_a_stranger.status, by_a_stranger.json["code"]) == (401, "missing_operator_token")


async def test_a_file_larger_than_any_is_stopped_on_its_way(world: World, ops: Operator) -> None:
    sent = 0

    async def pieces() -> Any:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%PDF-1.7\n'
        for _ in range(120):
            sent += 1
            yield bytes(1024 * 1024)
        yield b"\r\n--b--\r\n"

    headers = {"Authorization": f"Bearer {ops.token}", "Content-Type": "multipart/form-data; boundary=b"}
    with contextlib.suppress(aiohttp.ClientError):
        answer = await world.call("POST", f"{PREFIX}/templates/samples", key="", data=pieces(), headers=headers)
        assert answer.json["code"] in {"media_too_large", "payload_too_large"}
    assert sent < 120
    assert files.drafts(world) == []


@pytest.mark.parametrize(
    ("moods", "status", "code"),
    [
        ([wire.error(400, 200)], 502, "whatsapp_error"),
        ([wire.error(400, 190)], 502, "whatsapp_connection_unauthorized"),
        ([wire.error(429, 4, {"Retry-After": "9"})], 429, "whatsapp_rate_limited"),
        (
            [wire.answer(400, {"debug_info": {"retriable": False, "type": "OffsetInvalidError"}})],
            503,
            "upstream_unavailable",
        ),
        ([wire.reset], 503, "upstream_unavailable"),
        ([wire.answer(200, {"id": "nothing"})], 503, "upstream_unavailable"),
    ],
)
async def test_what_meta_says_instead_is_told(
    world: World, ops: Operator, moods: list[wire.Mood], status: int, code: str
) -> None:
    async with answers(*moods) as meta:
        await standing_in(world, meta)
        answer = await show(ops)

    assert (answer.json["code"], answer.status) == (code, status), answer.json
    assert world.meta.world["access_token"] not in answer.body.decode()
    assert "sig=ARZq" not in answer.body.decode()
    (row,) = await world.rows("SELECT state FROM connection WHERE id = $1", world.connection_id)
    assert row["state"] == ("unauthorized" if code == "whatsapp_connection_unauthorized" else "active")
    assert files.drafts(world) == []


async def test_a_brand_without_a_number_gives_nothing(world: World, ops: Operator) -> None:
    await world.rows("UPDATE connection SET state = 'disconnected' RETURNING id")

    answer = await show(ops)

    assert (answer.status, answer.json["code"]) == (404, "no_active_connection")


async def test_a_template_with_a_picture_is_made_from_it(world: World, ops: Operator) -> None:
    given = (await show(ops)).json
    header = {"type": "HEADER", "format": given["format"], "example": {"header_handle": [given["handle"]]}}

    made = await ops.approved(draft(header, BODY, name="with_picture"))

    assert made["template"]["components"][0]["format"] == "IMAGE"
    (there,) = await at_meta(world, "with_picture")
    assert there["components"][0]["format"] == "IMAGE"
