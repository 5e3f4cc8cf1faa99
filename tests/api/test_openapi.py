"""/openapi.json: complete, valid, true to the table of routes, and good for whoever reads it without a key."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import openapi_spec_validator
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its stubs are a package apart
from referencing import Registry, Resource

from quixess import api
from quixess.access import Scope
from quixess.api import openapi
from quixess.api.endpoint import Endpoint
from quixess.api.manage import MANAGEMENT
from quixess.api.openapi import Described, Operated, problems
from quixess.api.told import TOLD
from quixess.errors import CATALOGUE
from quixess.events.endpoints import KNOWN_TYPES
from quixess.events.trials import TYPE as TRIAL
from tests.events import schemas
from tests.world import World

SERVER = "https://wa.shop.example"
OPERATED = openapi.for_operators(MANAGEMENT)
EVERY: list[Described] = [*api.ENDPOINTS, *OPERATED]
DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi.document(EVERY, SERVER)))
endpoints = pytest.mark.parametrize("endpoint", EVERY, ids=lambda one: one.id)


def operation(endpoint: Described) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][endpoint.route][endpoint.method.lower()]
    return found


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Say what is wrong with a value, by a schema of the document."""
    whole = schema | {"components": DOCUMENT["components"]}
    found = Draft202012Validator(whole, registry=Registry().with_resource("", _resource(whole))).iter_errors(value)
    return [f"{fault.json_path}: {fault.message}" for fault in found]


def _resource(whole: dict[str, Any]) -> Any:
    return Resource.from_contents(whole | {"$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_the_document_is_valid_openapi() -> None:
    openapi_spec_validator.validate(DOCUMENT)


def test_every_endpoint_is_an_operation_and_every_operation_an_endpoint() -> None:
    told = {
        (method.upper(), path, one["operationId"])
        for path, both in DOCUMENT["paths"].items()
        for method, one in both.items()
    }

    assert told == {(one.method, one.route, one.id) for one in EVERY}
    assert len({one.id for one in EVERY}) == len(EVERY)


@pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
def test_an_operation_names_its_scope_and_explains_itself(endpoint: Endpoint) -> None:
    one = operation(endpoint)

    wanted = str(endpoint.scope) if isinstance(endpoint.scope, Scope) else None
    assert one["x-required-scope"] == wanted
    assert one["summary"]
    assert one["description"]
    assert one["security"] == [{"ApiKey": []}, {"Bearer": []}]


@pytest.mark.parametrize("endpoint", OPERATED, ids=lambda one: one.id)
def test_an_operation_for_operators_stands_apart_and_no_key_opens_it(endpoint: Operated) -> None:
    one = operation(endpoint)

    scheme = DOCUMENT["components"]["securitySchemes"]["OperatorToken"]
    path = [parameter for parameter in one["parameters"] if parameter.get("in") == "path"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert one["security"] == [{"OperatorToken": []}]
    assert one["tags"] == ["Management"]
    assert "x-required-scope" not in one
    assert endpoint.description
    assert path[0]["name"] == "brand"
    assert {parameter["name"] for parameter in path} == set(re.findall(r"{(\w+)}", endpoint.route))
    assert [parameter["name"] for parameter in path if parameter["example"] == parameter["name"]] == []
    assert {"missing_operator_token", "invalid_operator_token", "brand_not_found"} <= set(problems.codes(endpoint))
    assert {"missing_api_key", "insufficient_scope"}.isdisjoint(problems.codes(endpoint))


def test_the_operations_for_operators_come_last_under_a_tag_of_their_own() -> None:
    tags = [one["tags"][0] for path in DOCUMENT["paths"].values() for one in path.values()]

    assert DOCUMENT["tags"][-1]["name"] == "Management"
    assert tags[-len(OPERATED) :] == ["Management"] * len(OPERATED)
    assert tags.count("Management") == len(OPERATED)


@pytest.mark.parametrize("endpoint", OPERATED, ids=lambda one: one.id)
def test_the_examples_of_operators_are_taken_by_the_gateway_itself(endpoint: Operated) -> None:
    for example in endpoint.examples.values():
        assert endpoint.request is not None
        assert msgspec.convert(example, endpoint.request)
    assert msgspec.to_builtins(msgspec.convert(endpoint.answer, endpoint.response)) == endpoint.answer


@endpoints
def test_every_error_of_an_operation_is_listed_under_its_status_with_an_example(endpoint: Described) -> None:
    told = {
        code: (int(status), answer["content"]["application/problem+json"])
        for status, answer in operation(endpoint)["responses"].items()
        if status >= "4"
        for code in answer["content"]["application/problem+json"]["examples"]
    }

    assert set(told) == set(problems.codes(endpoint))
    assert set(endpoint.errors) <= set(told)
    for code, (status, content) in told.items():
        example = content["examples"][code]["value"]
        assert CATALOGUE[code][0] == status == example["status"]
        assert faults(content["schema"], example) == []


@endpoints
def test_every_example_is_what_its_schema_says(endpoint: Described) -> None:
    found = list(_examples(operation(endpoint)))

    for schema, example in found:
        assert faults(schema, example) == []
    assert found or endpoint.response is bytes


def _examples(one: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    for content in one.get("requestBody", {}).get("content", {}).values():
        yield from ((content["schema"], example["value"]) for example in content.get("examples", {}).values())
    for answer in one["responses"].values():
        content = answer.get("content", {}).get("application/json", {})
        if "example" in content:
            yield content["schema"], content["example"]


@endpoints
def test_a_body_has_examples_and_an_answer_has_one(endpoint: Described) -> None:
    assert endpoint.examples or endpoint.request is None
    assert endpoint.answer is not None or endpoint.response is bytes


@endpoints
def test_every_field_that_a_caller_fills_in_is_described(endpoint: Described) -> None:
    one = operation(endpoint)
    named = [parameter for parameter in one["parameters"] if "name" in parameter]
    bodies = [content["schema"] for content in one.get("requestBody", {}).get("content", {}).values()]
    members = [member for schema in bodies for member in _members(schema, set())]

    assert [name for name, member in members if not _described(member)] == []
    assert [parameter["name"] for parameter in named if not parameter["description"]] == []


def _described(member: dict[str, Any]) -> bool:
    """Tell whether it has a description of its own or of what it is made of, or can hold one word only."""
    if "description" in member or "const" in member or len(member.get("enum", [])) == 1:
        return True
    if "$ref" in member:
        return _described(DOCUMENT["components"]["schemas"][member["$ref"].rpartition("/")[2]])
    return any(_described(one) for one in [*member.get("anyOf", []), *([member["items"]] if "items" in member else [])])


def _members(schema: dict[str, Any], seen: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from _members(DOCUMENT["components"]["schemas"][name], seen | {name})
        return
    for name, member in schema.get("properties", {}).items():
        yield name, member
        yield from _members(member, seen)
    for inner in [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from _members(inner, seen)


@endpoints
def test_requests_are_closed_and_answers_are_open(endpoint: Described) -> None:
    components = DOCUMENT["components"]["schemas"]
    prefix = openapi.OF_MANAGEMENT if isinstance(endpoint, Operated) else ""

    if endpoint.request is not None:
        assert components[prefix + endpoint.request.__name__]["additionalProperties"] is False
    if endpoint.response is not bytes:
        assert "additionalProperties" not in components[prefix + endpoint.response.__name__]


def test_no_pattern_is_python_s_own() -> None:
    patterns = re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(DOCUMENT))

    assert patterns
    assert [pattern for pattern in patterns if "\\Z" in pattern or "\\d" in pattern] == []


def test_optional_texts_are_no_soup_of_unions() -> None:
    assert '"anyOf": [{"type": "string"}, {"type": "null"}]' not in json.dumps(DOCUMENT)


def test_every_event_is_a_webhook_with_an_example_that_its_schema_allows() -> None:
    assert set(DOCUMENT["webhooks"]) == KNOWN_TYPES | {TRIAL}
    for kind, path in DOCUMENT["webhooks"].items():
        content = path["post"]["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == kind
        assert faults(content["schema"], content["example"]) == []
        assert schemas.faults(content["example"]) == []


def test_an_event_with_another_member_is_refused_by_the_components_as_by_the_files() -> None:
    event = TOLD.events["message.received"] | {"more": 1}

    assert schemas.faults(event)
    assert faults({"$ref": "#/components/schemas/message.received"}, event)


async def test_the_document_is_served_without_a_key_for_the_host_that_was_asked(world: World) -> None:
    answer = await world.call("GET", "/openapi.json", key="")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == DOCUMENT | {"servers": [{"url": world.url}]}


async def test_a_document_that_is_known_is_not_sent_again(world: World) -> None:
    first = await world.call("GET", "/openapi.json", key="")

    again = await world.call("GET", "/openapi.json", key="", headers={"If-None-Match": first.headers["ETag"]})
    other = await world.call("GET", "/openapi.json", key="", headers={"If-None-Match": '"another"'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert other.status == 200


async def test_behind_a_proxy_the_document_names_https(world: World) -> None:
    outside = {"X-Forwarded-Proto": "https", "Host": "wa.shop.example"}
    answer = await world.call("GET", "/openapi.json", key="", headers=outside)
    odd = await world.call("GET", "/openapi.json", key="", headers={"X-Forwarded-Proto": "javascript:"})

    assert answer.json["servers"] == [{"url": SERVER}]
    assert odd.json["servers"] == [{"url": world.url}]
