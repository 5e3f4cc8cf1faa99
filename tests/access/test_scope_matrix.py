"""Every endpoint × every scope, from the table of routes: one scope opens, each other one is told which it lacks."""

import asyncio
import re
from typing import Any

import pytest

from quixess import access, api
from quixess.access import Scope
from quixess.api import Endpoint
from quixess.api.gate import AnyKey
from tests.world import Answer, World

ENDPOINTS = {endpoint.id: endpoint for endpoint in api.ENDPOINTS}


async def call(world: World, endpoint: Endpoint, key: str) -> Answer:
    """Call an endpoint with ids that nobody has and an empty body: it may refuse that, but not for the scope."""
    path = re.sub(r"\{[a-z_]+\}", "nothing", endpoint.route)
    body: Any = {} if endpoint.method in {"POST", "PUT", "PATCH"} else None
    return await world.call(endpoint.method, path, key=key, body=body)


async def keys_of(world: World) -> dict[Scope, str]:
    return {scope: await world.mint(scope) for scope in Scope}


# 11, 12
async def test_the_right_scope_opens_and_every_other_one_is_refused(world: World) -> None:
    keys = await keys_of(world)
    for endpoint in ENDPOINTS.values():
        answers = await asyncio.gather(*(call(world, endpoint, key) for key in keys.values()))
        for scope, answer in zip(keys, answers, strict=True):
            place = f"{endpoint.id} with {scope}"
            if isinstance(endpoint.scope, AnyKey) or scope == endpoint.scope:
                assert answer.status not in {401, 405}, place
                assert answer.status != 403 or answer.json["code"] != "insufficient_scope", place
            else:
                assert (answer.status, answer.json["code"]) == (403, "insufficient_scope"), place
                assert answer.json["required_scope"] == endpoint.scope, place
    assert await world.sends() == []


async def test_all_scopes_but_the_right_one_are_not_enough(world: World) -> None:
    for endpoint in ENDPOINTS.values():
        if isinstance(endpoint.scope, Scope):
            others = await world.mint(*(set(Scope) - {endpoint.scope}))
            assert (await call(world, endpoint, others)).json["code"] == "insufficient_scope", endpoint.id


# 1, 15
async def test_without_a_key_without_a_brand_and_with_a_suspended_one_nothing_opens(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        unbound, _ = await access.mint_key(tx, world.rooms.keyring, None, name="u", scopes=[*Scope], actor="test")
    for key, status, code in (
        ("", 401, "missing_api_key"),
        (access.make_secret(), 401, "invalid_api_key"),
        (unbound, 400, "brand_not_bound"),
    ):
        answers = await asyncio.gather(*(call(world, endpoint, key) for endpoint in ENDPOINTS.values()))
        assert {(answer.status, answer.json["code"]) for answer in answers} == {(status, code)}
    async with world.rooms.db.transaction() as tx:
        await access.suspend_brand(tx, world.brand_id, suspended=True)
    answers = await asyncio.gather(*(call(world, endpoint, world.key) for endpoint in ENDPOINTS.values()))
    assert {(answer.status, answer.json["code"]) for answer in answers} == {(403, "brand_suspended")}


# 63
async def test_an_address_that_a_key_does_not_name_opens_nothing(world: World) -> None:
    elsewhere = await world.mint(constraints=access.Constraints(ip_allow=("203.0.113.0/24",)))
    answers = await asyncio.gather(*(call(world, endpoint, elsewhere) for endpoint in ENDPOINTS.values()))
    assert {(answer.status, answer.json["code"]) for answer in answers} == {(403, "ip_not_allowed")}


def test_every_scope_opens_something_and_ids_are_unique() -> None:
    assert {endpoint.scope for endpoint in api.ENDPOINTS if isinstance(endpoint.scope, Scope)} <= set(Scope)
    assert len(ENDPOINTS) == len(api.ENDPOINTS)
    assert len({(one.method, one.route) for one in api.ENDPOINTS}) == len(api.ENDPOINTS)


def test_an_endpoint_without_a_scope_does_not_load() -> None:
    known = api.ENDPOINTS[0]
    with pytest.raises(TypeError, match="declares no scope"):
        Endpoint(
            id="open", method="GET", path="/open", scope=None, summary="Open.",  # type: ignore[arg-type]
            handler=known.handler, response=known.response,
        )  # fmt: skip
