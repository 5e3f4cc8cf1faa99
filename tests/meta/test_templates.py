"""The calls of template management, as Meta sees them."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from quixess.meta import graph, templates
from tests.meta import wire

CREDENTIALS = graph.Credentials("106540352242922", "102290129340398", "EAAtoken")
EDGE = "/v25.0/102290129340398/message_templates"
BODY = {"name": "a", "language": "en_US", "category": "UTILITY", "components": []}


def split(request: wire.Request) -> tuple[str, str, dict[str, str]]:
    parts = urlsplit(request.target)
    return request.method, parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


async def test_a_template_is_made_and_metas_category_counts() -> None:
    mood = wire.answer(200, {"id": "594425479261596", "status": "pending", "category": "MARKETING"})
    async with wire.meta(mood) as meta, graph.Graph(base_url=meta.base_url) as client:
        made = await templates.create(client, CREDENTIALS, BODY)

    assert made == templates.Made("594425479261596", "PENDING", "MARKETING")
    (request,) = meta.requests
    assert split(request) == ("POST", EDGE, {})
    assert json.loads(request.body) == BODY
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("answer", [{}, {"id": "1"}, {"status": "PENDING"}, {"id": None, "status": "PENDING"}])
async def test_an_answer_without_id_or_status_leaves_a_doubt(answer: dict[str, Any]) -> None:
    async with wire.meta(wire.answer(200, answer)) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await templates.create(client, CREDENTIALS, BODY)


async def test_a_template_is_edited_by_its_id() -> None:
    async with wire.meta(wire.answer(200, {"success": True})) as meta, graph.Graph(base_url=meta.base_url) as client:
        await templates.edit(client, CREDENTIALS, "594", {"category": "UTILITY"})

    (request,) = meta.requests
    assert split(request)[:2] == ("POST", "/v25.0/594")
    assert json.loads(request.body) == {"category": "UTILITY"}


async def test_a_template_is_deleted_by_name_or_in_one_language() -> None:
    async with wire.meta(wire.answer(200, {"success": True})) as meta, graph.Graph(base_url=meta.base_url) as client:
        await templates.delete(client, CREDENTIALS, "a")
        await templates.delete(client, CREDENTIALS, "a", "594")

    assert [split(one) for one in meta.requests] == [
        ("DELETE", EDGE, {"name": "a"}),
        ("DELETE", EDGE, {"name": "a", "hsm_id": "594"}),
    ]


async def test_a_pause_is_ended_by_the_templates_id() -> None:
    async with wire.meta(wire.answer(200, {"success": True})) as meta, graph.Graph(base_url=meta.base_url) as client:
        await templates.unpause(client, CREDENTIALS, "594")

    assert [split(one)[:2] for one in meta.requests] == [("POST", "/v25.0/594/unpause")]


async def test_meta_has_to_say_success() -> None:
    async with wire.meta(wire.answer(200, {"success": False})) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await templates.delete(client, CREDENTIALS, "a")
        with pytest.raises(graph.Unknown):
            await templates.edit(client, CREDENTIALS, "594", {})


async def test_an_id_that_is_no_number_never_leaves() -> None:
    async with wire.meta(wire.answer(200, {"success": True})) as meta, graph.Graph(base_url=meta.base_url) as client:
        for id_ in ("../1", "", "1?x"):
            with pytest.raises(ValueError, match="digits"):
                await templates.edit(client, CREDENTIALS, id_, {})
        assert meta.requests == []


async def test_one_template_is_read_by_its_id() -> None:
    raw = {"id": "594", "name": "a", "language": "en", "status": "APPROVED", "category": "UTILITY"}
    moods = (wire.answer(200, raw), wire.answer(200, {"id": "594"}))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        found = await templates.read(client, CREDENTIALS, "594")
        with pytest.raises(graph.Unknown):
            await templates.read(client, CREDENTIALS, "594")

    assert (found.id, found.name, found.components) == ("594", "a", [])


async def test_the_words_of_codes_are_asked_for_by_language() -> None:
    words = {"language": "es_ES", "body": "…", "footer": "…", "buttons": []}
    moods = (wire.answer(200, {"data": [words, 7]}), wire.answer(200, {}))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        found = await templates.preview_codes(client, CREDENTIALS, ["es_ES", "en_US"], warned=True, minutes=5)
        with pytest.raises(graph.Unknown):
            await templates.preview_codes(client, CREDENTIALS, ["es_ES"], warned=False, minutes=None)

    assert found == [words]
    asked = [split(one)[2] for one in meta.requests]
    assert asked[0] == {
        "category": "AUTHENTICATION",
        "languages": "es_ES,en_US",
        "add_security_recommendation": "true",
        "button_types": "OTP",
        "code_expiration_minutes": "5",
    }
    assert (asked[1]["add_security_recommendation"], "code_expiration_minutes" in asked[1]) == ("false", False)
