"""What the gateway asks of Meta, over a wire that is listened to: all of it fits Meta's schemas, the answers too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from quixess import simulator as simulators
from tests.api import replying, templating
from tests.api.replying import heard, reply
from tests.conformance import sends
from tests.conformance.openapi import OpenApi
from tests.conformance.recording import Recorder, recording
from tests.media import uploads
from tests.simulator import driving
from tests.simulator.driving import Simulator
from tests.world import PHONE, World, building

Watched = tuple[World, Recorder]
USER = {"user_id": "US.13491208655302741918", "username": "@frank", "hide_phone": True}
FILLED: dict[str, dict[str, Any]] = {
    "named": {"body": {"name": "Frank", "order_id": "A-1"}},
    "rich": {
        "header": {"text": "Frank"},
        "body": ["Frank", "A-1"],
        "buttons": [
            {"index": 0, "payload": "yes"},
            {"index": 1, "url_suffix": "A-1"},
            {"index": 2, "coupon_code": "SAVE20"},
        ],
    },
    "picture": {"header": {"image": {"link": "https://shop.example/1.jpg"}}},
    "paper": {"header": {"document": {"link": "https://shop.example/1.pdf", "filename": "bill.pdf"}}},
    "spot": {"header": {"location": {"latitude": 37.44, "longitude": -122.16, "name": "Philz", "address": "101"}}},
    "survey": {"buttons": [{"index": 0, "flow_token": "t", "flow_data": {"k": "v"}}]},
    "news": {"body": ["Frank"]},
}


@pytest.fixture
async def watched(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    """A world whose gateway reaches the simulated Meta through the recorder, and nothing past it."""
    recorders: list[Recorder] = []
    running = driving.running

    @asynccontextmanager
    async def overheard(options: simulators.Options) -> AsyncIterator[Simulator]:
        async with running(options) as meta, recording(meta) as (recorder, seen):
            recorders.append(recorder)
            yield seen

    monkeypatch.setattr(driving, "running", overheard)
    async with building(dsn, tmp_path) as world:
        yield world, recorders[0]


def conforms(recorder: Recorder, meta_file: OpenApi, *asked: tuple[str, str]) -> None:
    """Hold all that was heard against the schemas; `asked` must be among it."""
    assert set(asked) <= recorder.asked()
    assert recorder.faults(meta_file) == []


async def test_a_code_conforms(watched: Watched, meta_file: OpenApi) -> None:
    world, recorder = watched
    assert (await world.send_otp()).status == 200
    conforms(recorder, meta_file, ("POST", "messages"), ("GET", "message_templates"))


@pytest.mark.parametrize("name", FILLED)
async def test_a_template_conforms(watched: Watched, meta_file: OpenApi, name: str) -> None:
    world, recorder = watched
    await templating.make(world, name)
    answer = await templating.send(world, name, variables=FILLED[name])
    assert answer.status == 200, answer.json
    conforms(recorder, meta_file, ("POST", "messages"))


async def test_answers_of_every_kind_conform(watched: Watched, meta_file: OpenApi) -> None:
    world, recorder = watched
    wamid = await heard(world)
    await replying.lay_files(world)
    for kind, (said, _) in replying.KINDS.items():
        answer = await reply(world, said)
        assert answer.status == 200, (kind, answer.json)
    quoting = await reply(world, reply_to=wamid, mark_read=True)
    typing = await reply(world, {"type": "reaction", "reaction": {"message_id": wamid, "emoji": "👍"}})
    assert (quoting.status, typing.status) == (200, 200)
    conforms(recorder, meta_file, ("POST", "messages"))


async def test_a_file_taken_in_and_sent_conforms(watched: Watched, meta_file: OpenApi) -> None:
    world, recorder = watched
    await heard(world)
    kept = await uploads.upload(world)
    answer = await reply(world, {"type": "image", "media": {"id": kept.json["id"]}})
    assert answer.status == 200, answer.json
    conforms(recorder, meta_file, ("POST", "media"), ("POST", "messages"))


async def test_somebody_without_a_number_is_reached_in_metas_form(watched: Watched, meta_file: OpenApi) -> None:
    world, recorder = watched
    await world.meta.lever(f"phones/{PHONE[1:]}", USER)
    await heard(world)
    await templating.make(world, "news")
    said = await reply(world, replying.TEXT, recipient=USER["user_id"])
    sent = await templating.send(world, "news", to=None, recipient=USER["user_id"], variables=FILLED["news"])
    assert (said.status, sent.status) == (200, 200), (said.json, sent.json)
    conforms(recorder, meta_file, ("POST", "messages"))


@pytest.mark.parametrize(
    ("spoilt", "named"),
    [
        ({"text": {"body": "x" * 5000}}, "text/body"),
        ({"text": {}}, "text"),
        ({"to": "15551234567"}, "to"),
        ({"type": "image", "image": {"id": "1", "caption": "c", "filename": "f"}}, "filename"),
        ({"type": "audio", "audio": {"id": "1", "caption": "c"}}, "caption"),
        ({"type": "poll", "poll": {}}, "type"),
        ({"type": "interactive", "interactive": {"type": "button", "body": {"text": "?"}, "action": {}}}, "buttons"),
    ],
)
def test_the_judge_is_stricter_than_metas_schema(meta_file: OpenApi, spoilt: dict[str, Any], named: str) -> None:
    good = {"messaging_product": "whatsapp", "to": "+15551234567", "type": "text", "text": {"body": "Hi"}}
    assert sends.faults(meta_file, good) == []
    assert any(named in fault for fault in sends.faults(meta_file, good | spoilt))
