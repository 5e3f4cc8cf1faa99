"""Keys and brands, on every endpoint of the table: whoever is no caller learns nothing and does nothing.

Numbers in comments are the lines of our list of attacks (tests/hostile/test_index.py). What needs one endpoint only is
in tests/access.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from quixess import access
from quixess.access import Scope
from quixess.database import ids
from tests.api import raw
from tests.hostile import asking
from tests.hostile.asking import Ask
from tests.world import World

OWN = {
    **{
        kind: ids.show(kind, ids.new())
        for kind in ("msg", "cnv", "med", "evt", "rpl", "end", "tpl", "key", "brd", "ctc")
    },
    "template": "signup_otp",
    "wamid": "wamid.HBgLMTI4MTgxODQzNzA",
    "e164": "+12818184370",
    "user_id": "US.13491208655302741918",
}
"""Values of the right form that nobody has: who is refused at the gate never learns that."""


def firsts() -> list[Ask]:
    """Give one good request of each endpoint."""
    return list({one.endpoint.id: one for one in reversed(list(asking.every(OWN)))}.values())


async def send_raw(world: World, one: Ask, *headers: tuple[str, str], target: str | None = None) -> raw.Answer:
    """Ask over a socket, with exactly these headers beside Host, type and length."""
    port = urlsplit(world.url).port
    assert port is not None
    body = b"" if one.body is None else json.dumps(one.body).encode()
    typed = [("Content-Type", "application/json")] if body else []
    return await raw.send(port, raw.request(one.endpoint.method, target or one.target, [*typed, *headers], body))


async def expect_nothing_happened(world: World) -> None:
    assert await world.sends() == []
    for table in ("message", "idempotency", "event", "replay", "media"):
        assert await world.rows(f"SELECT 1 FROM {table}") == [], table


def spoilt(key: str) -> Mapping[str, list[tuple[str, str]]]:
    """Ways to present a good key that make it none."""
    other = access.make_secret()
    return {
        "good and bad": [("X-API-Key", key), ("X-API-Key", other)],  # 5
        "bad and good": [("X-API-Key", other), ("X-API-Key", key)],
        "twice the same": [("X-API-Key", key), ("X-API-Key", key)],
        "two bearers": [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {other}")],
        "in a cookie": [("Cookie", f"X-API-Key={key}; api_key={key}")],  # 6
        "not ASCII inside": [("X-API-Key", key[:20] + "\xfc" + key[20:])],  # 7
        "a NUL behind": [("X-API-Key", key + "\x00")],
        "a newline inside": [("X-API-Key", key[:20] + "\n" + key[20:])],
        "a fold inside": [("X-API-Key", key[:20] + "\r\n " + key[20:])],
        "no key": [],
        "an empty one": [("X-API-Key", "")],
        "a stranger's": [("X-API-Key", other)],
    }


# 5, 6, 7
async def test_no_endpoint_takes_a_key_that_is_spoilt_doubled_or_in_the_wrong_place(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    for one in firsts():
        for name, headers in spoilt(world.key).items():
            answer = await send_raw(world, one, *headers)
            assert answer.status in {400, 401}, (one.endpoint.id, name, answer.body)
            assert world.key.encode() not in answer.body, name
        for place in ("X-API-Key", "api_key", "access_token", "key"):
            target = f"{one.target}{'&' if '?' in one.target else '?'}{place}={world.key}"
            answer = await send_raw(world, one, target=target)
            assert answer.status == 401, (one.endpoint.id, place, answer.body)
            assert world.key.encode() not in answer.body, place
    await expect_nothing_happened(world)
    written = capfd.readouterr()
    assert world.key[4:] not in written.out + written.err


# 8
async def test_no_endpoint_works_for_a_suspended_brand(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        await access.suspend_brand(tx, world.brand_id, suspended=True)
    for one in firsts():
        answer = await one.of(world)
        assert (answer.status, answer.json["code"]) == (403, "brand_suspended"), one.endpoint.id
    await expect_nothing_happened(world)


# 15
async def test_no_endpoint_works_for_a_key_without_a_brand(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        unbound, _ = await access.mint_key(tx, world.rooms.keyring, None, name="u", scopes=tuple(Scope), actor="test")
    for one in firsts():
        answer = await one.of(world, key=unbound)
        assert (answer.status, answer.json["code"]) == (400, "brand_not_bound"), one.endpoint.id
    await expect_nothing_happened(world)


# 14
async def test_no_endpoint_lets_the_caller_choose_the_brand(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    for brand in (ids.show("brd", rival.id), str(rival.id)):
        for one in firsts():
            for name in ("brand_id", "brand", "connection_id"):
                for body in with_member(one.body, name, brand):
                    refused = await dataclasses.replace(one, body=body).of(world)
                    assert refused.status in {400, 404, 409}, (one.endpoint.id, name, refused.body)
                    assert brand.encode() not in refused.body, one.endpoint.id
                if one.endpoint.query is not None:
                    refused = await dataclasses.replace(one, query={name: brand}).of(world)
                    assert (refused.status, refused.json["code"]) == (400, "invalid_request"), one.endpoint.id
            for header in ("X-Brand-Id", "Brand-Id"):
                plain, named = await one.of(world), await one.of(world, headers={header: brand})
                assert named.status in {plain.status, 429}, (one.endpoint.id, header)  # one sync every 30 s
                assert brand.encode() not in named.body, one.endpoint.id
    brands = await world.rows(
        "SELECT brand_id FROM message UNION SELECT brand_id FROM event UNION SELECT brand_id FROM media"
    )
    assert {row["brand_id"] for row in brands} <= {world.brand_id}


def with_member(body: Any, name: str, value: str) -> list[Any]:
    """Put a member into the body itself, and into the first object inside it that has fields of ours."""
    if not isinstance(body, dict):
        return []
    inner = next((key for key, part in body.items() if isinstance(part, dict) and key != "metadata"), None)
    return [body | {name: value}] + ([body | {inner: body[inner] | {name: value}}] if inner else [])
