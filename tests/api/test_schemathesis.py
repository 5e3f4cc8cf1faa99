"""The served document against the gateway it describes: every request it allows, and many that it does not.

Schemathesis makes requests from /openapi.json and compares each answer with it: no 5xx, no status, header, type or
shape that is not there, no bad request that is taken, no answer without a key. Left out is one check: that all which
the schemas allow is taken. They know that a phone number is a text, and not which numbers exist.
"""

import asyncio
import copy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as bounds
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from quixess import api
from quixess.api.endpoint import Endpoint
from quixess.api.openapi import operations
from tests.api.past import Past, live
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

FEW, MANY = 10, 200
SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example)


@pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
async def test_every_answer_is_a_documented_one(world: World, endpoint: Endpoint) -> None:
    await explore(world, endpoint, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
async def test_every_answer_of_many_is_a_documented_one(world: World, endpoint: Endpoint) -> None:
    await explore(world, endpoint, MANY)


async def test_what_the_document_does_not_say_is_noticed(world: World) -> None:
    """Without this, a check that checks nothing would pass as well."""
    endpoint = next(one for one in api.ENDPOINTS if one.id == "send_otp")
    silent, strict = await read(world), await read(world)
    silent["paths"][endpoint.route]["post"]["responses"].pop("400")
    strict["components"]["schemas"]["Problem"]["properties"]["code"] = {"const": "another"}

    for document, fault in ((silent, "Undocumented status code"), (strict, "Response violates schema")):
        with pytest.raises(BaseExceptionGroup, match=fault):
            await asyncio.to_thread(ask, operation(document, endpoint), world.url, world.key, FEW)


@pytest.mark.parametrize("endpoint", [one for one in api.ENDPOINTS if one.examples], ids=lambda one: one.id)
async def test_every_example_is_answered_as_documented(world: World, endpoint: Endpoint) -> None:
    await live(world)
    one = operation(await read(world), endpoint)
    path = {name: operations.sample(name, words) for name, words in endpoint.parameters.items()}

    for body in endpoint.examples.values():
        case = one.Case(body=body, media_type="application/json", path_parameters=path)
        answer = await asyncio.to_thread(check, case, world.url, world.key)
        assert answer.status_code != 400 or answer.json()["code"] not in {"invalid_request", "invalid_json"}, body


async def explore(world: World, endpoint: Endpoint, most: int) -> None:
    served = await read(world)
    known = acquainted(served, await live(world))
    for document in [served, known] if known != served and endpoint.parameters else [served]:
        await asyncio.to_thread(ask, operation(document, endpoint), world.url, world.key, most)


async def read(world: World) -> dict[str, Any]:
    """Read the document. Of the two ways to show a key one is left, for both at once are refused."""
    document: dict[str, Any] = (await world.call("GET", "/openapi.json", key="")).json
    for path in document["paths"].values():
        for one in path.values():
            one["security"] = one["security"][:1]
    return document


def operation(document: dict[str, Any], endpoint: Endpoint) -> APIOperation:
    found: APIOperation = schemathesis.openapi.from_dict(document)[endpoint.route][endpoint.method]
    return found


def ask(one: APIOperation, url: str, key: str, most: int) -> None:
    """Ask with up to `most` requests of each mode: those that the document allows, and others."""
    for mode in GenerationMode:

        @seed(4)
        @bounds(max_examples=most, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=SLOW)
        @given(case=one.as_strategy(generation_mode=mode))
        def tell(case: Any) -> None:
            check(case, url, key)

        tell()


def check(case: Any, url: str, key: str) -> Any:
    headers = {"X-API-Key": key}
    excluded = [positive_data_acceptance]
    if case.media_type == "multipart/form-data":  # what is no text to the schema is a good text file once it is written
        excluded.append(negative_data_rejection)
    return case.call_and_validate(base_url=url, headers=headers, timeout=30, excluded_checks=excluded)


def acquainted(document: dict[str, Any], past: Past) -> dict[str, Any]:
    """Give the document to somebody who has been here: ids are those of things that exist."""
    known = copy.deepcopy(document)
    for path in known["paths"].values():
        for one in path.values():
            for parameter in one["parameters"]:
                if values := past.values(parameter):
                    parameter["schema"] = {"enum": values}
    return known
