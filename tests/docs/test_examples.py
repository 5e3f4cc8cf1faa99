"""The JSON in the pages has the members and the kinds of values that the real thing has."""

import json
from typing import Any

import pytest

from tests.docs import pages
from tests.world import World, building, eventually

METADATA = {"signup_id": "s-99"}


def example(page: str, holding: str) -> Any:
    return json.loads(pages.block(page, "json", holding))


@pytest.fixture
def sample() -> dict[str, Any]:
    """The request of the page."""
    found: dict[str, Any] = example("docs/api.md", '"code": "482913"')
    return found


async def test_the_request_of_the_page_gets_the_answer_of_the_page(world: World, sample: dict[str, Any]) -> None:
    answer = await world.call("POST", "/api/v1/whatsapp/external/send/otp", body=sample)

    told = example("docs/api.md", '"status": "accepted"')
    assert answer.status == 200
    assert pages.shape(answer.json) == pages.shape(told)
    assert list(answer.json) == list(told)
    for name in ("type", "status", "metadata", "template", "to"):
        assert answer.json[name] == told[name]


async def test_a_doubt_is_answered_as_on_the_page(dsn: str, tmp_path: Any) -> None:
    async with building(dsn, tmp_path, unknown_wait=0.01) as world:
        told = example("docs/api.md", '"status": "unconfirmed"')
        answer = await world.send_otp(told["to"]["phone"])

    assert answer.status == 202
    assert pages.shape(answer.json) == pages.shape(told)
    assert list(answer.json) == list(told)


async def test_a_wrong_number_is_answered_word_for_word_as_on_the_page(world: World) -> None:
    answer = await world.send_otp("12818184370")

    told = example("docs/api.md", '"pointer"')
    assert (answer.status, answer.json | {"request_id": ""}) == (told["status"], told | {"request_id": ""})


async def test_a_refusal_of_meta_is_answered_as_on_the_page(world: World) -> None:
    answer = await world.send_otp("+15550100014")

    told = example("docs/api.md", '"whatsapp_error"')
    assert answer.status == told["status"]
    assert pages.shape(answer.json) == pages.shape(told)
    assert answer.json["detail"] == told["detail"]
    assert answer.json["whatsapp_error"]["error"]["code"] == told["whatsapp_error"]["error"]["code"]


@pytest.mark.parametrize("kind", ["message.received", "message.delivered", "message.read", "message.failed"])
async def test_an_event_looks_as_on_the_page(world: World, kind: str) -> None:
    told = example("docs/events.md", f'"type": "{kind}"')
    if kind == "message.received":
        await world.customer_says(told["data"]["content"]["body"])
    else:
        await world.send_otp(f"+{told['data']['to']['phone']}", metadata=METADATA)
    (event,) = await eventually(lambda: world.receiver.of_type(kind))

    assert pages.shape(event) == pages.shape(told)
    assert list(event) == list(told)
    for name in ("type", "status", "metadata", "content", "from", "to", "errors", "inferred", "pricing"):
        if (name, kind) != ("to", "message.received"):
            assert event["data"].get(name) == told["data"].get(name), name


async def test_every_type_that_is_told_has_its_section_and_every_section_its_type(world: World) -> None:
    await world.send_otp()
    await world.send_otp("+15550100001")
    await world.customer_says("Hi there")
    await eventually(lambda: {"message.received", "message.read", "message.failed"} <= kinds(world))

    table = pages.section("docs/events.md", "# Events").partition("\n## ")[0]
    assert {row[0].strip("[`").partition("`")[0] for row in pages.rows(table)} == kinds(world)


async def test_the_headers_of_the_page_are_those_of_an_event(world: World) -> None:
    await world.customer_says("Hi there")
    await eventually(lambda: world.receiver.got)

    told = " ".join(row[0] for row in pages.rows(pages.section("docs/events.md", "## Headers")))
    ours = {
        name for name in world.receiver.got[0][0] if name.lower().startswith(("x-quixess", "webhook", "content-type"))
    }
    assert {name.strip("`,") for name in told.split()} == ours


async def test_the_headers_of_the_page_are_those_of_an_answer(world: World) -> None:
    told = {row[0].strip("`").lower() for row in pages.rows(pages.section("docs/api.md", "## Headers"))}
    await world.send_otp(idempotency_key="one")

    replayed = await world.send_otp(idempotency_key="one")
    slowed = await world.send_otp(to="+15550100005")
    told_of = {name.lower() for one in (replayed, slowed) for name in one.headers} - {"date", "content-length"}
    assert told_of <= told
    assert {"idempotent-replayed", "idempotency-status", "retry-after", "x-request-id"} <= told_of


def kinds(world: World) -> set[str]:
    return {event["type"] for event in world.receiver.events}
