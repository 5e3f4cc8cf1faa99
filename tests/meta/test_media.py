"""The way to a file's bytes: whom the token is shown to, and how far a redirect is followed."""

import base64
import hashlib

import pytest
from yarl import URL

from quixess.meta import media
from quixess.meta.graph import Credentials, Graph
from quixess.meta.media import Expired, NotFetched, Strange, TooLarge, Trusted
from quixess.meta.outcomes import Unknown
from tests.meta import wire

CREDENTIALS = Credentials("106540352242922", "102290129340398", "EAAtoken", "app secret")
DIGEST = hashlib.sha256(b"bytes").hexdigest()


async def get(url: str, *origins: str, most: int = 1000) -> bytes:
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)

    trusted = Trusted(frozenset(URL(origin) for origin in origins))
    async with Graph() as graph:
        await media.download(graph, CREDENTIALS, url, take, most=most, trusted=trusted)
    return b"".join(pieces)


def moved(to: str, status: int = 302) -> wire.Mood:
    return wire.answer(status, b"elsewhere", {"Location": to})


async def test_meta_tells_where_the_file_lies() -> None:
    told = {"url": "https://lookaside.fbsbx.com/x?mid=1", "mime_type": "image/jpeg", "sha256": DIGEST.upper()}
    async with wire.meta(wire.answer(200, told | {"file_size": "5"})) as meta, Graph(base_url=meta.base_url) as graph:
        found = await media.locate(graph, CREDENTIALS, "4490")

    assert found == media.RemoteMedia(told["url"], "image/jpeg", DIGEST, 5)
    assert meta.requests[0].target.startswith("/v25.0/4490?phone_number_id=106540352242922&appsecret_proof=")
    assert "lookaside" not in repr(found)


@pytest.mark.parametrize("told", [{}, {"url": ""}, {"url": 7}])
async def test_an_answer_without_a_url_is_none(told: dict[str, object]) -> None:
    async with wire.meta(wire.answer(200, told)) as meta, Graph(base_url=meta.base_url) as graph:
        with pytest.raises(Unknown):
            await media.locate(graph, CREDENTIALS, "4490")


async def test_the_bytes_want_the_token_and_a_name() -> None:
    async with wire.meta(wire.answer(200, b"bytes")) as meta:
        assert await get(f"{meta.base_url}/f?hash=A%2FB", meta.base_url) == b"bytes"

    assert meta.requests[0].target == "/f?hash=A%2FB"
    assert meta.requests[0].headers["authorization"] == "Bearer EAAtoken"
    assert meta.requests[0].headers["user-agent"].startswith("Quixess/")


async def test_a_redirect_to_another_host_is_followed_without_the_token() -> None:
    async with wire.meta(wire.answer(200, b"bytes")) as cdn, wire.meta(moved(f"{cdn.base_url}/there")) as meta:
        assert await get(f"{meta.base_url}/f", meta.base_url, cdn.base_url) == b"bytes"

    assert meta.requests[0].headers["authorization"] == "Bearer EAAtoken"
    assert "EAAtoken" not in str(cdn.requests)
    assert "authorization" not in cdn.requests[0].headers
    assert "appsecret_proof" not in cdn.requests[0].target


async def test_a_redirect_on_the_same_host_keeps_the_token() -> None:
    async with wire.meta(moved("/again?x=1", 307), wire.answer(200, b"bytes")) as meta:
        assert await get(f"{meta.base_url}/f", meta.base_url) == b"bytes"

    assert [request.headers["authorization"] for request in meta.requests] == ["Bearer EAAtoken"] * 2


async def test_a_token_that_was_left_behind_is_not_picked_up_on_the_way_back() -> None:
    async with wire.meta() as meta, wire.meta() as cdn:
        meta.moods += [moved(f"{cdn.base_url}/there"), wire.answer(200, b"bytes")]
        cdn.moods += [moved(f"{meta.base_url}/back")]
        assert await get(f"{meta.base_url}/f", meta.base_url, cdn.base_url) == b"bytes"

    assert ["authorization" in request.headers for request in meta.requests] == [True, False]


async def test_a_redirect_to_a_strange_host_is_not_even_asked() -> None:
    async with wire.meta(wire.answer(200, b"bytes")) as trap, wire.meta(moved(f"{trap.base_url}/f")) as meta:
        with pytest.raises(Strange):
            await get(f"{meta.base_url}/f", meta.base_url)

        assert (trap.requests, trap.accepts) == ([], 0)


async def test_a_fourth_redirect_is_one_too_many() -> None:
    async with wire.meta(moved("/f")) as meta:
        with pytest.raises(NotFetched, match="more than 3 redirects"):
            await get(f"{meta.base_url}/f", meta.base_url)

        assert len(meta.requests) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://lookaside.fbsbx.com/f",
        "https://lookaside.fbsbx.com:8443/f",
        "https://lookaside.fbsbx.com.evil.example/f",
        "https://evilfbsbx.com/f",
        "https://user:pass@lookaside.fbsbx.com/f",
        "https://lookaside.fbsbx.com@evil.example/f",
        "https://evil.example\\@lookaside.fbsbx.com/f",
        "https://fbsbx.com./f",
        "//lookaside.fbsbx.com/f",
        "ftp://lookaside.fbsbx.com/f",
        "file:///etc/passwd",
        "https://[::1/f",
        "https://lookaside.fbsbx.com:99999/f",
        "/f",
        "",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_a_url_that_is_not_metas_is_not_trusted(url: str) -> None:
    with pytest.raises(Strange):
        Trusted().read(None, url)


@pytest.mark.parametrize(
    "url",
    ["https://lookaside.fbsbx.com/f?x=1", "https://SCONTENT.FBCDN.NET/f", "https://mmg.whatsapp.net:443/f"],
)
def test_metas_hosts_are_trusted_by_https(url: str) -> None:
    assert str(Trusted().read(None, url)).startswith("https://")


async def test_a_url_that_died_is_told_from_other_faults() -> None:
    async with wire.meta(wire.answer(404, b"")) as meta:
        with pytest.raises(Expired):
            await get(f"{meta.base_url}/f", meta.base_url)
    async with wire.meta(wire.answer(401, b"<html>")) as meta:
        with pytest.raises(NotFetched, match="HTTP 401 for the file"):
            await get(f"{meta.base_url}/f", meta.base_url)


@pytest.mark.parametrize(
    "mood",
    [
        wire.answer(200, bytes(1001)),
        wire.raw(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n" + bytes(1001)),
    ],
    ids=["announced", "unannounced"],
)
async def test_more_bytes_than_allowed_are_not_taken(mood: wire.Mood) -> None:
    async with wire.meta(mood) as meta:
        with pytest.raises(TooLarge):
            await get(f"{meta.base_url}/f", meta.base_url)


@pytest.mark.parametrize(
    "mood",
    [wire.raw(b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\nhalf"), wire.reset, wire.raw(b"nonsense\r\n\r\n")],
    ids=["cut", "reset", "no http"],
)
async def test_a_download_that_breaks_may_be_tried_again(mood: wire.Mood) -> None:
    async with wire.meta(mood) as meta:
        with pytest.raises(NotFetched, match="the download broke"):
            await get(f"{meta.base_url}/f", meta.base_url)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (DIGEST, DIGEST),
        (DIGEST.upper(), DIGEST),
        (base64.b64encode(bytes.fromhex(DIGEST)).decode(), DIGEST),
        (base64.b64encode(bytes.fromhex(DIGEST)).decode().rstrip("="), DIGEST),
        (base64.urlsafe_b64encode(b"\xff" * 32).decode(), "ff" * 32),
        ("", None),
        (None, None),
        (7, None),
        (DIGEST[:-1], None),
        (base64.b64encode(b"short").decode(), None),
        ("ünïcode", None),
    ],
)
def test_a_digest_is_read_in_both_encodings_of_meta(text: object, digest: str | None) -> None:
    assert media.read_digest(text) == digest
