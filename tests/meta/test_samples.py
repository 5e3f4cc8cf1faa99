"""A file for Meta's reviewers: a session first, then its bytes, each asked once, and a handle for the template."""

import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from quixess.meta import graph, samples
from quixess.meta.graph import Credentials, Graph
from tests.meta import wire

APP = "1234567890123456"
CREDENTIALS = Credentials("106540352242922", "102290129340398", "EAAtoken", "app secret")
SESSION = "upload:MTphdHRhY2htZW50Oj/lk2+JiZw==?sig=ARZqkGCA_uQMxC8nHKI"
HANDLE = "4::aW1hZ2UvcG5n:ARbExample:e:1472075513:1:2:ARZ_3y"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)


async def upload(client: Graph, file: Any = None) -> str:
    sent = file or io.BytesIO(PNG)
    return await samples.upload(
        client, CREDENTIALS, APP, sent, mime_type="image/png", filename="sample.png", size=len(PNG)
    )


async def test_a_session_is_opened_and_the_bytes_follow(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    moods = (wire.answer(200, {"id": SESSION}), wire.answer(200, {"h": HANDLE}))
    async with wire.meta(*moods) as meta, Graph(base_url=meta.base_url) as client:
        assert await upload(client, (tmp_path / "a.png").open("rb")) == HANDLE

    opened, brought = meta.requests
    asked = urlsplit(opened.target)
    proof = parse_qs(asked.query)["appsecret_proof"]
    assert (opened.method, asked.path) == ("POST", f"/v25.0/{APP}/uploads")
    assert parse_qs(asked.query) == {
        "file_name": ["sample.png"], "file_length": [str(len(PNG))], "file_type": ["image/png"],
        "appsecret_proof": proof,
    }  # fmt: skip
    assert (opened.headers["authorization"], opened.body) == ("Bearer EAAtoken", b"")
    assert (brought.method, brought.target) == ("POST", f"/v25.0/{SESSION}&appsecret_proof={proof[0]}")
    assert brought.headers["authorization"] == "OAuth EAAtoken"
    assert brought.headers["file_offset"] == "0"
    assert brought.headers["content-length"] == str(len(PNG))
    assert brought.body == PNG


async def test_a_session_without_a_signature_is_an_address_too() -> None:
    moods = (wire.answer(200, {"id": "upload:abc"}), wire.answer(200, {"h": "4::a\n4::b"}))
    bare = Credentials("1", "2", "EAAtoken")
    async with wire.meta(*moods) as meta, Graph(base_url=meta.base_url) as client:
        handle = await samples.upload(
            client, bare, APP, io.BytesIO(PNG), mime_type="image/png", filename="a.png", size=len(PNG)
        )

    assert handle == "4::a\n4::b"
    assert meta.requests[1].target == "/v25.0/upload:abc"


@pytest.mark.parametrize(
    "session",
    [None, 7, "", "upload:", "4490", "upload:../me", "upload:a b", "upload:a#b", "https://evil.example/upload:a"],
)
async def test_what_is_no_session_is_never_asked_for(session: Any) -> None:
    async with wire.meta(wire.answer(200, {"id": session})) as meta, Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await upload(client)
        assert len(meta.requests) == 1


@pytest.mark.parametrize("told", [{}, {"h": ""}, {"h": 7}, {"h": "a b"}, {"h": "a\r\nb"}])
async def test_an_answer_without_a_handle_is_none(told: dict[str, Any]) -> None:
    moods = (wire.answer(200, {"id": SESSION}), wire.answer(200, told))
    async with wire.meta(*moods) as meta, Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await upload(client)


async def test_a_refusal_of_either_call_is_metas_and_closes_the_file() -> None:
    for moods in (
        [wire.error(400, 100)],
        [wire.answer(200, {"id": SESSION}), wire.error(403, 200)],
    ):
        file = io.BytesIO(PNG)
        async with wire.meta(*moods) as meta, Graph(base_url=meta.base_url) as client:
            with pytest.raises(graph.Rejected):
                await upload(client, file)
        assert file.closed


async def test_bytes_that_break_on_the_way_leave_a_doubt_and_are_not_sent_again() -> None:
    moods = (wire.answer(200, {"id": SESSION}), wire.reset)
    async with wire.meta(*moods) as meta, Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await upload(client)
        assert len(meta.requests) == 2


async def test_an_app_that_is_no_number_never_leaves() -> None:
    async with wire.meta(wire.answer(200, {})) as meta, Graph(base_url=meta.base_url) as client:
        with pytest.raises(ValueError, match="digits"):
            await samples.upload(
                client, CREDENTIALS, "../1", io.BytesIO(PNG), mime_type="image/png", filename="a.png", size=len(PNG)
            )
        assert meta.requests == []


def test_the_answers_of_metas_page_are_read() -> None:
    told = json.loads('{"id": "upload:MTphdHRhY2htZW50Ojlk2mJiZxUwLWV6MDUtNDIwMy05yTA3LWQ4ZDPmZGFkNTM0NT8=?sig=ARZ_q"}')

    assert samples._SESSION.fullmatch(told["id"])
