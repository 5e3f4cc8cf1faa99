"""Marking as read at Meta: one note, and an honest outcome."""

import json

import pytest

from quixess.meta import graph
from tests.meta import wire

CREDENTIALS = graph.Credentials("106540352242922", "102290129340398", "EAAtoken")


async def test_a_message_is_marked_as_read_by_one_note() -> None:
    answer = wire.answer(200, {"success": True})
    async with wire.meta(answer) as meta, graph.Graph(base_url=meta.base_url) as client:
        await client.mark_read(CREDENTIALS, "wamid.X", typing=True)

    (request,) = meta.requests
    assert (request.method, request.target) == ("POST", "/v25.0/106540352242922/messages")
    assert json.loads(request.body) == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.X",
        "typing_indicator": {"type": "text"},
    }


async def test_a_refusal_and_a_silent_answer_are_outcomes() -> None:
    refused = {"error": {"message": "(#131009) Parameter value is not valid", "code": 131009}}
    async with wire.meta(wire.answer(400, refused)) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Rejected):
            await client.mark_read(CREDENTIALS, "wamid.X")
    async with wire.meta(wire.answer(200, {})) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await client.mark_read(CREDENTIALS, "wamid.X")
