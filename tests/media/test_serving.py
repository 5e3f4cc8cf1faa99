"""GET /media/{id}: the same bytes, to their brand only, and never as anything a browser would run."""

import asyncio
from urllib.parse import unquote

import pytest

from quixess import access, connections
from quixess.connections import Facts
from quixess.database import ids
from tests.media import files
from tests.world import World


@pytest.fixture
async def letter(world: World) -> str:
    """A stored text file; gives the id as callers see it."""
    stored = await files.sent(world, files.TEXT, "text/plain", filename="Brief.txt")
    await files.ended(world, stored)
    return ids.show("med", stored)


async def test_the_bytes_come_with_headers_that_let_no_browser_run_them(world: World, letter: str) -> None:
    answer = await files.get(world, letter)

    assert (answer.status, answer.body) == (200, files.TEXT)
    told = {name: answer.headers[name] for name in ("Content-Type", "Content-Length", "ETag", "Accept-Ranges")}
    assert told == {
        "Content-Type": "text/plain",
        "Content-Length": str(len(files.TEXT)),
        "ETag": f'"{files.digest(files.TEXT)}"',
        "Accept-Ranges": "bytes",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"Brief.txt\"; filename*=UTF-8''Brief.txt"
    assert "private" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-4", 0, 5), ("bytes=5-", 5, None), ("bytes=-6", -6, None), ("bytes=3-9999", 3, None)],
)
async def test_a_range_gives_that_part(world: World, letter: str, asked: str, start: int, end: int | None) -> None:
    answer = await files.get(world, letter, Range=asked)

    part = files.TEXT[start:end]
    first = start if start >= 0 else len(files.TEXT) + start
    assert (answer.status, answer.body) == (206, part)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(files.TEXT)}"


@pytest.mark.parametrize("asked", ["bytes=9999-", "bytes=9999-10000", "bytes=-0"])
async def test_a_range_outside_the_file_is_told_its_size(world: World, letter: str, asked: str) -> None:
    answer = await files.get(world, letter, Range=asked)

    assert (answer.status, answer.json["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(files.TEXT)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=-", "bytes=7-3", "lines=1-2", "bytes=x-y", "bytes=٣-٤"])
async def test_a_range_that_is_no_single_one_counts_as_none(world: World, letter: str, asked: str) -> None:
    answer = await files.get(world, letter, Range=asked)

    assert (answer.status, answer.body) == (200, files.TEXT)


async def test_a_caller_that_has_the_file_is_spared_it(world: World, letter: str) -> None:
    etag = f'"{files.digest(files.TEXT)}"'

    same = await files.get(world, letter, If_None_Match=etag)
    other = await files.get(world, letter, If_None_Match='"else"')
    changed = await files.get(world, letter, Range="bytes=0-4", If_Range='"else"')
    unchanged = await files.get(world, letter, Range="bytes=0-4", If_Range=etag)
    assert (same.status, same.body) == (304, b"")
    assert [other.status, changed.status, unchanged.status] == [200, 200, 206]


async def test_head_tells_the_size_and_sends_nothing(world: World, letter: str) -> None:
    answer = await world.call("HEAD", f"/api/v1/whatsapp/external/media/{letter}")

    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", str(len(files.TEXT)))


async def test_a_file_on_its_way_is_waited_for(world: World) -> None:
    await files.fault(world, "not_found", count=3)
    photo = await files.sent(world)

    answer = await files.get(world, photo)

    assert (answer.status, answer.body) == (200, files.JPEG)


async def test_another_brands_file_and_one_that_never_was_are_told_alike(world: World, letter: str) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    stranger = await world.mint(brand_id=rival.id)

    answers = [
        await files.get(world, letter, key=stranger),
        await files.get(world, ids.new(), key=stranger),
        await files.get(world, "med_nonsense", key=stranger),
        await files.get(world, letter.replace("med_", "msg_"), key=stranger),
    ]
    told = {(answer.status, str({**answer.json, "request_id": ""})) for answer in answers}
    assert len(told) == 1
    assert (answers[0].status, answers[0].json["code"]) == (404, "media_not_found")


async def test_a_key_needs_the_scope_to_read_messages(world: World, letter: str) -> None:
    other = await world.mint("whatsapp:send_otp")

    answer = await files.get(world, letter, key=other)

    assert (answer.status, answer.json["required_scope"]) == (403, "whatsapp:read_messages")


async def test_two_brands_with_the_same_bytes_share_a_file_and_learn_nothing_of_it(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
        line = await connections.connect(tx, world.rooms.keyring, rival.id, facts(world, "999000999"))
    await world.rows("UPDATE connection SET phone_number_id = $1", world.meta.world["phone_number_id"])
    key = await world.mint(brand_id=rival.id)

    ours = await files.sent(world)
    theirs = await files.sent(world, brand_id=rival.id, connection_id=line, filename="theirs.jpg")
    await asyncio.gather(files.ended(world, ours), files.ended(world, theirs))

    assert files.on_disk(world) == [files.digest(files.JPEG)]
    got = await files.get(world, theirs, key=key)
    assert (got.status, got.body) == (200, files.JPEG)
    assert "theirs.jpg" not in (await files.get(world, ours)).headers["Content-Disposition"]
    assert (await files.get(world, ours, key=key)).json["code"] == "media_not_found"
    assert (await files.get(world, theirs)).json["code"] == "media_not_found"


def facts(world: World, number: str) -> Facts:
    """What connects another number to the simulated Meta."""
    return Facts(
        app_id=world.meta.world["app_id"],
        app_secret=world.meta.world["app_secret"],
        verify_token=world.meta.world["verify_token"],
        waba_id=world.meta.world["waba_id"],
        phone_number_id=number,
        display_phone="+15559990999",
        token=world.meta.world["access_token"],
        graph_url=world.meta.base_url,
    )


@pytest.mark.parametrize(
    ("filename", "saved_as"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\evil.exe", "evil.exe"),
        ('a"; filename="b.html', "a_; filename=_b.html"),
        ("line\r\nSet-Cookie: x=1.pdf", "lineSet-Cookie_ x=1.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        (".htaccess", "htaccess"),
        ("Übersicht 📎.pdf", "Übersicht 📎.pdf"),
        ("100%.pdf", "100%.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("..", None),
        ("", None),
        (None, None),
    ],
)
async def test_a_hostile_name_cannot_leave_the_header_or_the_folder(
    world: World, filename: str | None, saved_as: str | None
) -> None:
    stored = await files.sent(world, files.PDF, "application/pdf", filename=filename)
    await files.ended(world, stored)

    answer = await files.get(world, stored)

    disposition = answer.headers["Content-Disposition"]
    kind, plain, starred = disposition.split("; filename", 1)[0], *disposition.rsplit("; filename*=UTF-8''", 1)
    assert kind == "attachment"
    assert unquote(starred) == (saved_as or f"{ids.show('med', stored)}.pdf")
    assert plain.isascii()
    assert plain.count('"') == 2
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("told", "served"),
    [
        ("audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
        ("TEXT/HTML", "text/html"),
        ("text/plain\r\nX-Evil: 1", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ('application/zip; x="\r\n', "application/zip"),
    ],
)
async def test_a_hostile_type_cannot_leave_the_header(world: World, told: str, served: str) -> None:
    data = files.OPUS if told.startswith("audio") else b"anything"
    stored = await files.expect(world, await files.lay(world, data, "application/zip"), told)
    await files.ended(world, stored)

    answer = await files.get(world, stored)

    assert (answer.headers["Content-Type"], answer.body) == (served, data)
    assert "X-Evil" not in answer.headers


async def test_a_file_that_was_lost_on_disk_is_gone_and_not_a_crash(world: World, letter: str) -> None:
    (path,) = files.folder(world).glob("??/??/*")
    await asyncio.to_thread(path.unlink)

    answer = await files.get(world, letter)

    assert (answer.status, answer.json["code"]) == (410, "media_gone")
