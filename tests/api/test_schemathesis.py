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
from schemathesis.specs.openapi.checks import positive_data_acceptance

from quixess import api
from quixess.api.endpoint import Endpoint
from tests.api.past import Past, live
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

FEW, MANY = 12, 200
KNOWN = {"msg": "message_id", "cnv": "conversation_id", "evt": "event_id", "med": "media_id", "end": "endpoint_id"}
SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example)


@pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
async def test_every_answer_is_a_documented_one(world: World, endpoint: Endpoint) -> None:
    await explore(world, endpoint, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
async def test_every_answer_of_many_is_a_documented_one(world: World, endpoint: Endpoint) -> None:
    await explore(world, endpoint, MANY)


async def explore(world: World, endpoint: Endpoint, most: int) -> None:
    past = await live(world)
    served = (await world.call("GET", "/openapi.json", key="")).json
    for path in served["paths"].values():
        for one in path.values():
            one["security"] = one["security"][:1]  # both ways at once are refused
    for document in (served, acquainted(served, past)):
        await asyncio.to_thread(ask, operation(document, endpoint), world.url, world.key, most)


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
            headers = {"X-API-Key": key}
            case.call_and_validate(
                base_url=url, headers=headers, timeout=30, excluded_checks=[positive_data_acceptance]
            )

        tell()


def acquainted(document: dict[str, Any], past: Past) -> dict[str, Any]:
    """Give the document to somebody who has been here: ids are those of things that exist."""
    known = copy.deepcopy(document)
    for path in known["paths"].values():
        for one in path.values():
            for parameter in one["parameters"]:
                if values := past.values(parameter):
                    parameter["schema"] = {"enum": values}
    return known
