"""The form of an upload: one file, read as it comes, and everything else refused by name.

Numbers in comments are the lines of our list of attacks.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.crash.processes import site_over
from tests.media import files, uploads
from tests.world import Answer, World, eventually, serving

MB = 1024 * 1024
NAMED = 'form-data; name="file"; filename="a.jpg"'


async def post(world: World, body: Any, headers: dict[str, str], **more: Any) -> Answer:
    return await world.call("POST", uploads.PATH, data=body, headers=headers, **more)


async def post_part(world: World, part: bytes) -> Answer:
    return await post(world, *uploads.raw_form(part))


async def nothing_is_left(world: World) -> bool:
    return files.on_disk(world) == [] and await world.rows("SELECT id FROM media") == []


async def test_a_form_may_be_cut_anywhere(world: World) -> None:
    tricky = files.JPEG + b"\r\n--xY\r\n--xYz-\r\n--xYzz" + bytes(1000)
    body, headers = uploads.raw_form(uploads.part(NAMED, tricky))

    async def crumbs(size: int) -> AsyncIterator[bytes]:
        for at in range(0, len(body), size):
            yield body[at : at + size]

    for size in (97, 4096, len(body)):
        answer = await post(world, crumbs(size), headers)
        assert answer.status == 200, answer.json
        assert (await files.get(world, answer.json["id"])).body == tricky


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('filename="../../etc/x"', "x"),
        ('filename="C:\\\\dir\\\\bill.jpg"', "bill.jpg"),
        ('filename="a%0D%0ASet-Cookie: x.jpg"', "aSet-Cookie: x.jpg"),
        ('filename="a\x00b\x1b[31m.jpg"', "ab[31m.jpg"),
        ('filename="fdp.\u202egpj"', "fdp.gpj"),
        (f'filename="{"n" * 300}.jpg"', "n" * 236 + ".jpg"),
        ('filename="100%.jpg"', "100%.jpg"),
        ("filename*=UTF-8''Gr%C3%BC%C3%9Fe.jpg", "Grüße.jpg"),
        ('filename="Grüße.jpg"', "Grüße.jpg"),
        ('filename=""', None),
        ('filename=".."', None),
    ],
)
async def test_a_name_is_kept_without_what_could_harm(world: World, written: str, kept: str | None) -> None:
    # 39, 53
    answer = await post_part(world, uploads.part(f'form-data; name="file"; {written}'))

    assert answer.status == 200, answer.json
    assert answer.json["filename"] == kept
    served = await files.get(world, answer.json["id"])
    assert "Set-Cookie" not in served.headers


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (uploads.part('form-data; name="document"; filename="a.jpg"'), "unknown_field"),
        (uploads.part('form-data; name="file"'), "wrong_type"),
        (uploads.part('attachment; name="file"; filename="a.jpg"'), "unknown_field"),
        (uploads.part("form-data"), "unknown_field"),
        (uploads.part(NAMED, b""), "too_short"),
        (uploads.part(NAMED, b"/9j/", "Content-Transfer-Encoding: base64"), "format"),
        (uploads.part(NAMED) + b"\r\n--xYz\r\n" + uploads.part(NAMED), "unknown_field"),
        (
            uploads.part(NAMED) + b"\r\n--xYz\r\n" + uploads.part('form-data; name="type"', b"image/jpeg"),
            "unknown_field",
        ),
        (b"no header at all", "format"),
        (b"X-Long: " + b"x" * 10_000 + b"\r\n\r\n", "format"),
        (b"".join(b"X-%d: y\r\n" % n for n in range(50)) + b"\r\n", "format"),
    ],
)
async def test_a_form_of_another_shape_is_refused_by_name(world: World, part: bytes, code: str) -> None:
    answer = await post_part(world, part)

    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.json
    assert [fault["code"] for fault in answer.json["errors"]] == [code]
    assert await nothing_is_left(world)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xYz--",
        b"\r\n\r\n",
        b"--other\r\n\r\nx\r\n--other--\r\n",
        b"--xYz\r\n" + uploads.part(NAMED),
        b"--xYz\r\n" + uploads.part(NAMED) + b"\r\n--xYz",
        b'{"file": "not a form"}',
    ],
)
async def test_a_form_that_is_none_or_is_cut_is_refused(world: World, body: bytes) -> None:
    # 25, 30
    answer = await post(world, body, {"Content-Type": "multipart/form-data; boundary=xYz"})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.json
    assert await nothing_is_left(world)


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "image/jpeg", "multipart/form-data", "multipart/mixed; boundary=xYz", "text/plain"],
)
async def test_any_other_kind_of_body_is_refused(world: World, content_type: str) -> None:
    # 30
    body, _ = uploads.raw_form(uploads.part(NAMED))
    answer = await post(world, body, {"Content-Type": content_type})

    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


async def test_a_boundary_that_is_too_long_is_refused(world: World) -> None:
    answer = await post(world, b"x", {"Content-Type": f"multipart/form-data; boundary={'b' * 300}"})

    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_compressed_form_is_refused_unopened(world: World, coding: str) -> None:
    # 27
    body, headers = uploads.raw_form(uploads.part(NAMED))
    answer = await post(world, body, headers | {"Content-Encoding": coding})

    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


async def test_an_announcement_of_more_than_any_file_is_refused_unread(world: World) -> None:
    # 25
    _, headers = uploads.raw_form(b"")
    announced = headers | {"Content-Length": str(101 * MB)}
    answer = await post(world, b"", announced)

    assert (answer.status, answer.json["code"]) == (413, "payload_too_large")


async def test_a_key_needs_the_scope_to_reply_and_is_asked_before_a_byte_is_read(world: World) -> None:
    reader = await world.mint("whatsapp:read_messages", "whatsapp:send_template")

    assert (await uploads.upload(world, key=reader)).json["required_scope"] == "whatsapp:reply"
    assert (await uploads.upload(world, key="")).status == 401
    assert await nothing_is_left(world)


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/jpeg", "media_type_not_supported"),
        (b"alert(1) // a script", "image/jpeg", "media_type_mismatch"),
        (files.JPEG, "text/html", "media_type_not_supported"),
        (uploads.webp(101 * 1024), "image/webp", "media_too_large"),
    ],
)
async def test_what_whatsapp_does_not_take_is_refused_before_whatsapp_is_asked(
    world: World, data: bytes, kind: str, code: str
) -> None:
    # 53
    answer = await uploads.upload(world, data, "photo.jpg", kind)

    assert (answer.status, answer.json["code"]) == (400, code)
    assert await nothing_is_left(world)


async def test_a_caller_that_hangs_up_leaves_nothing(world: World) -> None:
    body, headers = uploads.raw_form(uploads.part(NAMED))

    async def half() -> AsyncIterator[bytes]:
        yield body[:2000]
        raise ConnectionResetError

    with pytest.raises(aiohttp.ClientError):
        await post(world, half(), headers)

    await eventually(lambda: not files.drafts(world))
    assert await nothing_is_left(world)


def _peak_kb(pid: int) -> int:
    """The most memory that a process ever had, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
async def test_the_largest_file_passes_through_a_process_whose_memory_stays_small(dsn: str, tmp_path: Path) -> None:
    # 25
    taken = 0

    async def swallow(request: web.Request) -> web.Response:
        nonlocal taken
        async for piece in request.content.iter_any():
            taken += len(piece)
        return web.json_response({"id": "4490709327384033"})

    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.write(files.PDF)
        file.truncate(100 * MB)
    async with site_over(dsn, tmp_path) as site, serving(swallow, "/{path:.*}") as graph_url:
        await site.open()
        await site.rows("UPDATE connection SET graph_url = $1", graph_url)
        headers = {"X-API-Key": site.demo.full_key}
        small = uploads.form(files.PDF, "small.pdf", "application/pdf")
        async with site.http.post(site.first.url + uploads.PATH, data=small, headers=headers) as got:
            assert got.status == 200, await got.text()
        before = _peak_kb(site.first.pid)

        with large.open("rb") as whole:
            form = aiohttp.FormData()
            form.add_field("file", whole, filename="large.pdf", content_type="application/pdf")
            async with site.http.post(site.first.url + uploads.PATH, data=form, headers=headers) as got:
                assert got.status == 200, await got.text()
                assert (await got.json())["size"] == 100 * MB
        assert taken > 100 * MB
        assert _peak_kb(site.first.pid) - before < 32 * 1024
