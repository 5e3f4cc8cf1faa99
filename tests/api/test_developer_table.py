"""The declarations of the endpoints, one by one: examples that are what they say, and no field without a word."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from quixess import api
from quixess.api import body, problem
from quixess.api.endpoint import Endpoint
from quixess.errors import CATALOGUE, QuixessError
from quixess.messages import refusals
from tests.api import replying, templating
from tests.world import World

endpoints = pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
EXAMPLES = [
    pytest.param(endpoint, example, id=f"{endpoint.id} {name}")
    for endpoint in api.ENDPOINTS
    for name, example in endpoint.examples.items()
]


@pytest.mark.parametrize(("endpoint", "example"), EXAMPLES)
def test_an_example_is_a_body_that_the_endpoint_reads(endpoint: Endpoint, example: Any) -> None:
    assert endpoint.request is not None
    body.decode(json.dumps(example).encode(), "application/json", endpoint.request)


@endpoints
def test_the_answer_that_is_shown_is_one_of_the_answers(endpoint: Endpoint) -> None:
    if endpoint.response is bytes:
        assert endpoint.answer is None
        return
    shown = json.dumps(endpoint.answer)

    read: Any = msgspec.json.decode(shown, type=endpoint.response)
    assert msgspec.json.decode(msgspec.json.encode(read)) == json.loads(shown)


@endpoints
def test_every_field_that_is_answered_is_described(endpoint: Endpoint) -> None:
    if endpoint.response is not bytes:
        silent = [name for name, kind in members(inspect.type_info(endpoint.response)) if not described(kind)]
        assert silent == []


def members(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, inspect.Type]]:
    """Yield every field of ours in an answer, with its place."""
    if isinstance(kind, inspect.StructType):
        for one in kind.fields:
            yield f"{path}/{one.encode_name}", one.type
            yield from members(one.type, f"{path}/{one.encode_name}")
    for inner in inside(kind):
        yield from members(inner, path)


def inside(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return [kind.type]
    if isinstance(kind, inspect.UnionType):
        return list(kind.types)
    return [kind.item_type] if isinstance(kind, inspect.ListType) else []


def described(kind: inspect.Type) -> bool:
    """Tell whether a field says what it is: itself, or the struct that it holds."""
    if isinstance(kind, inspect.Metadata) and "description" in (kind.extra_json_schema or {}):
        return True
    if isinstance(kind, inspect.StructType):
        return bool(kind.cls.__doc__)
    return any(described(inner) for inner in inside(kind))


@endpoints
def test_what_an_endpoint_says_of_itself_is_whole_sentences(endpoint: Endpoint) -> None:
    for text in (endpoint.summary, *endpoint.parameters.values()):
        assert text[0].isupper() or text[0] == "`", text
        assert text.endswith("."), text
    assert endpoint.description == "" or endpoint.description.endswith(".")
    assert endpoint.description or endpoint.id == "get_media"


@endpoints
def test_an_id_is_always_called_by_its_kind(endpoint: Endpoint) -> None:
    """`msg_…` stands in `id` of a message and in `message_id` of everything else, and so on."""
    prefixes = {
        "message_id": "msg_",
        "conversation_id": "cnv_",
        "brand_id": "brd_",
        "endpoint_id": "end_",
        "delivery_id": "dlv_",
        "replay_id": "dlv_",
        "job_id": "rpl_",
        "request_id": "req_",
    }

    for name, value in texts(endpoint.answer):
        assert name not in prefixes or value.startswith(prefixes[name]), (name, value)
        assert not name.endswith("_at") or value.endswith("Z"), (name, value)
        if name in {"phone_e164", "display_phone"}:
            assert value.startswith("+"), (name, value)


def texts(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from texts(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from texts(value, name)
    elif isinstance(tree, str):
        yield name, tree


@pytest.mark.parametrize("code", [code for code, (status, _) in CATALOGUE.items() if status in {429, 503}])
def test_who_is_to_come_back_is_told_when(code: str) -> None:
    _, headers, _ = problem.render(QuixessError(code, "Wait."), "req_1")

    assert int(dict(headers)[b"retry-after"]) >= 1


def test_a_refusal_of_meta_tells_when_to_come_back() -> None:
    assert refusals.not_sent(None, None).retry_after_s


# The simulated Meta takes them


async def test_every_example_of_a_reply_that_names_nobody_elses_things_goes_out(world: World) -> None:
    endpoint = next(one for one in api.ENDPOINTS if one.id == "send_reply")
    await replying.heard(world)

    for name, example in endpoint.examples.items():
        if not borrowed(example):
            answer = await world.call("POST", endpoint.route, body=example)
            assert answer.status == 200, (name, answer.json)
            assert answer.json["type"] == example["type"], name


def borrowed(example: dict[str, Any]) -> bool:
    """Tell whether an example names something or somebody that only its reader has."""
    return any(text.startswith(("wamid.", "med_", "cnv_", "evt_", "end_", "US.")) for _, text in texts(example))


async def test_every_example_of_a_template_fits_a_template_of_its_kind(world: World) -> None:
    """`order_update` and `signup_otp` are those that everybody finds at the simulated Meta."""
    endpoint = next(one for one in api.ENDPOINTS if one.id == "send_template")
    for name, shape in SHAPES.items():
        await world.meta.lever("templates", {"name": name, "language": "en_US"} | shape)

    for name, example in endpoint.examples.items():
        if not borrowed(example):
            answer = await world.call("POST", endpoint.route, body=example)
            assert answer.status == 200, (name, answer.json)


async def test_the_examples_about_events_and_templates_are_taken(world: World) -> None:
    for endpoint in (one for one in api.ENDPOINTS if not one.idempotent and not one.parameters):
        for name, example in endpoint.examples.items():
            if endpoint.id != "sync_templates_external" and not borrowed(example):
                answer = await world.call("POST", endpoint.route, body=example)
                assert answer.status in endpoint.statuses, (endpoint.id, name, answer.json)


def part(kind: str, **more: Any) -> dict[str, Any]:
    return templating.part(kind, **more)


def buttons(*found: dict[str, Any]) -> dict[str, Any]:
    return part("buttons", buttons=list(found))


SHAPES: dict[str, dict[str, Any]] = {
    "invoice_due": {"components": [part("body", text="{{1}} is due on {{2}}.")]},
    "welcome": {"components": [part("header", format="TEXT", text="Hi {{1}}"), part("body", text="This is {{1}}.")]},
    "parcel": {"components": [part("header", format="IMAGE"), part("body", text="Look.")]},
    "pickup": {"components": [part("header", format="LOCATION"), part("body", text="Here we are.")]},
    "track": {"components": [part("body", text="Hi {{1}}."), buttons(templating.BUTTONS[1])]},
    "confirm": {
        "components": [
            part("body", text="Is it right?"),
            buttons({"type": "QUICK_REPLY", "text": "Yes"}, {"type": "QUICK_REPLY", "text": "No"}),
        ]
    },
    "sale": {"category": "MARKETING", "components": [part("body", text="Today."), buttons(templating.BUTTONS[2])]},
    "survey": templating.KINDS["survey"],
    "new_in": templating.KINDS["cards"],
    "order_sent": templating.KINDS["named"],
}
