"""The JSON in the pages has the members and the kinds of values that the real thing has."""

import json
from pathlib import Path
from typing import Any

import pytest

from quixess.database import ids
from quixess.events import trials
from quixess.events.endpoints import KNOWN_TYPES
from tests.docs import pages, told
from tests.events import everything, tenants
from tests.messages import hooks
from tests.world import World, building, eventually


def example(page: str, holding: str) -> Any:
    under = "## Send a code, step by step" if page == "docs/api.md" else ""
    return json.loads(pages.block(page, "json", holding, under))


@pytest.fixture
def sample() -> dict[str, Any]:
    """The request of the page."""
    found: dict[str, Any] = example("docs/api.md", '"code": "482913"')
    return found


async def test_the_request_of_the_page_gets_the_answer_of_the_page(world: World, sample: dict[str, Any]) -> None:
    answer = await world.call("POST", "/api/v1/whatsapp/external/send/otp", body=sample)

    page = example("docs/api.md", '"status": "accepted"')
    assert answer.status == 200
    assert pages.shape(answer.json) == pages.shape(page)
    assert list(answer.json) == list(page)
    for name in ("type", "status", "metadata", "template", "to"):
        assert answer.json[name] == page[name]


async def test_a_doubt_is_answered_as_on_the_page(dsn: str, tmp_path: Any) -> None:
    async with building(dsn, tmp_path, unknown_wait=0.01) as world:
        page = example("docs/api.md", '"status": "unconfirmed"')
        answer = await world.send_otp(page["to"]["phone"])

    assert answer.status == 202
    assert pages.shape(answer.json) == pages.shape(page)
    assert list(answer.json) == list(page)


async def test_a_wrong_number_is_answered_word_for_word_as_on_the_page(world: World) -> None:
    answer = await world.send_otp("12818184370")

    page = example("docs/api.md", '"pointer"')
    assert (answer.status, answer.json | {"request_id": ""}) == (page["status"], page | {"request_id": ""})


async def test_a_refusal_of_meta_is_answered_as_on_the_page(world: World) -> None:
    answer = await world.send_otp("+15550100014")

    page = example("docs/api.md", '"whatsapp_error"')
    assert answer.status == page["status"]
    assert pages.shape(answer.json) == pages.shape(page)
    assert answer.json["detail"] == page["detail"]
    assert answer.json["whatsapp_error"]["error"]["code"] == page["whatsapp_error"]["error"]["code"]


async def test_every_event_and_every_content_of_the_page_was_told(dsn: str, tmp_path: Path) -> None:
    async with everything.staging(dsn, tmp_path) as stage:
        events = await everything.play(stage)

    full = example("docs/events.md", '"type": "message.received"')
    assert told.plain(full) in [told.plain(event) for event in events]
    for kind in sorted({*KNOWN_TYPES, trials.TYPE} - {full["type"]}):
        data = told.plain(told.example(kind))
        assert data in [told.plain(event["data"]) for event in events if event["type"] == kind], kind
    contents = [(event["data"]["type"], told.plain(event["data"]["content"])) for event in events if is_message(event)]
    rows = pages.rows(pages.section("docs/events.md", "#### Content"))
    for kind, content in rows:
        assert (kind.strip("`"), told.plain(json.loads(content.strip("`")))) in contents
    assert {kind.strip("`") for kind, _ in rows} == {kind for kind, _ in contents}


def is_message(event: dict[str, Any]) -> bool:
    return bool(event["type"] == "message.received")


async def test_the_headers_of_the_page_are_those_of_an_event(world: World) -> None:
    await world.customer_says("Hi there")
    (event,) = await eventually(lambda: world.receiver.events)
    await hooks.rest(world)
    event_id = ids.parse("evt", event["id"])
    assert event_id is not None
    await tenants.replay(world, event_id)
    await eventually(lambda: len(world.receiver.got) == 2)

    named = " ".join(row[0] for row in pages.rows(pages.section("docs/events.md", "## Headers")))
    first, again = ({name for name in headers if is_ours(name)} for headers, _ in world.receiver.got)
    assert {name.strip("`,") for name in named.split()} == again
    assert again - first == {"X-Quixess-Replay"}


def is_ours(name: str) -> bool:
    return name.lower().startswith(("x-quixess", "webhook", "content-type"))


async def test_the_headers_of_the_page_are_those_of_an_answer(world: World) -> None:
    named = {row[0].strip("`").lower() for row in pages.rows(pages.section("docs/api.md", "## Headers"))}
    await world.send_otp(idempotency_key="one")

    replayed = await world.send_otp(idempotency_key="one")
    slowed = await world.send_otp(to="+15550100005")
    told_of = {name.lower() for one in (replayed, slowed) for name in one.headers} - {"date", "content-length"}
    assert told_of <= named
    assert {"idempotent-replayed", "idempotency-status", "retry-after", "x-request-id"} <= told_of
