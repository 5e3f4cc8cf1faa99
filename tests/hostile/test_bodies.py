"""Bodies that are no bodies, on every endpoint that takes JSON, over real sockets: a plain 4xx, and nothing happens.

Numbers in comments are the lines of our list of attacks (tests/hostile/test_index.py). Each rule by itself is tried in
tests/api/test_body.py; here it is shown that no endpoint goes round it.
"""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from quixess import api
from tests.api import raw
from tests.api.test_send_attacks import PHONES
from tests.hostile import asking
from tests.hostile.asking import Ask, Slot
from tests.hostile.test_keys import OWN, expect_nothing_happened
from tests.world import World

MARKER = "\ue000hole\ue000"
NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    str(2**63),
    str(-(2**63) - 1),
    "9" * 5000,
    "01",
    "+1",
    "0x1",
)
NO_TEXTS = ("\\u0000", "a\\u0000b", "\\u0007", "\\u001b[31m", "\\ud800", "\\udc00\\ud800", "\\r")
TAKERS = tuple(endpoint for endpoint in api.ENDPOINTS if endpoint.request is not None)


def firsts() -> Iterator[Ask]:
    """Give one good request of each endpoint that takes JSON."""
    seen = set()
    for one in asking.every(OWN, TAKERS):
        if one.endpoint.id not in seen:
            seen.add(one.endpoint.id)
            yield one


def holes() -> Iterator[tuple[Ask, Slot, bytes]]:
    """Give each body once for each text in it, written with a marker where the text stood."""
    for one in firsts():
        for slot in asking.slots(one):
            if slot.where == "body":
                yield one, slot, json.dumps(slot.put(one, MARKER).body, ensure_ascii=False).encode()


async def post(
    world: World, one: Ask, body: bytes, *headers: tuple[str, str], kind: str | None = "application/json"
) -> raw.Answer:
    """Send exactly these bytes with a good key."""
    port = urlsplit(world.url).port
    assert port is not None
    typed = [] if kind is None else [("Content-Type", kind)]
    request = raw.request(one.endpoint.method, one.target, [("X-API-Key", world.key), *typed, *headers], body)
    return await raw.send(port, request)


def assert_problem(answer: raw.Answer, statuses: set[int], *where: object) -> None:
    assert answer.status in statuses, (*where, answer.status, answer.body[:300])
    assert answer.headers["content-type"] == "application/problem+json", where
    assert answer.json()["status"] == answer.status, where


# 25
async def test_a_body_that_is_too_long_is_refused_whether_it_says_so_or_not(world: World) -> None:
    port = urlsplit(world.url).port
    assert port is not None
    for one in firsts():
        announced = await post(world, one, b"", ("Content-Length", "10000000"))
        assert_problem(announced, {413}, one.endpoint.id)
        async with raw.connected(port) as wire:
            headers = [("X-API-Key", world.key), ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
            await wire.write(raw.request(one.endpoint.method, one.target, headers))
            await wire.write(b"10000\r\n" + b" " * 65_536 + b"\r\n" + b"8000\r\n" + b"[" * 32_768 + b"\r\n")
            await wire.write((b"10000\r\n" + b" " * 65_536 + b"\r\n") * 8 + b"0\r\n\r\n")
            assert_problem(await wire.answer(), {413}, one.endpoint.id)
    await expect_nothing_happened(world)


MONSTERS = {
    "100,000 deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "30,000 deep objects": b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    "50,000 keys": b"{" + b",".join(b'"%x":1' % n for n in range(25_000)) + b"}",
    "a million members": b'{"to":[' + b"1," * 120_000 + b"1]}",
    "quotes that never end": b'"' * 200_000,
    "backslashes that never end": b'{"to":"' + b"\\" * 200_000,
    "the same key twice": b'{"to":"+12818184370","to":"+12818184371"}',
    "the same key twice, written otherwise": b'{"to":"+12818184370","\\u0074o":"+12818184371"}',
    "no JSON": b"to=+12818184370&code=482913",
    "half of it": b'{"to": "+1281818',
    "two of them": b"{}{}",
    "a list": b"[]",
    "a text": b'"{}"',
    "null": b"null",
    "spaces": b"   ",
}


# 26
async def test_a_monster_is_refused_and_breaks_nothing(world: World) -> None:
    for one in firsts():
        for name, body in MONSTERS.items():
            assert_problem(await post(world, one, body), {400, 413}, one.endpoint.id, name)
    await expect_nothing_happened(world)


# 27
async def test_a_packed_body_is_refused_unopened(world: World) -> None:
    for one in firsts():
        for coding in ("gzip", "br", "deflate", "zstd", "gzip, gzip"):
            answer = await post(world, one, b"\x1f\x8b" + bytes(200), ("Content-Encoding", coding))
            assert_problem(answer, {415}, one.endpoint.id, coding)
    await expect_nothing_happened(world)


# 28
async def test_a_number_that_is_none_is_refused_wherever_it_stands(world: World) -> None:
    for one, slot, written in holes():
        for number in NUMBERS:
            body = written.replace(json.dumps(MARKER, ensure_ascii=False).encode(), number.encode())
            assert_problem(await post(world, one, body), {400}, one.endpoint.id, slot.name, number[:20])
    await expect_nothing_happened(world)


# 29
async def test_what_is_no_text_is_refused_wherever_it_stands(world: World) -> None:
    for one, slot, written in holes():
        for text in NO_TEXTS:
            body = written.replace(MARKER.encode(), text.encode())
            assert_problem(await post(world, one, body), {400}, one.endpoint.id, slot.name, text)
        for octets in (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\x1f"):
            body = written.replace(MARKER.encode(), octets)
            assert_problem(await post(world, one, body), {400}, one.endpoint.id, slot.name, octets)
    await expect_nothing_happened(world)


# 29
async def test_what_is_no_key_of_an_object_is_refused(world: World) -> None:
    for one in firsts():
        for text in NO_TEXTS:
            rest = json.dumps(one.body)[1:]
            body = f'{{"{text}": 1{"" if rest == "}" else ", "}{rest}'.encode()
            assert_problem(await post(world, one, body), {400}, one.endpoint.id, text)
    await expect_nothing_happened(world)


# 29
async def test_another_encoding_is_refused(world: World) -> None:
    for one in firsts():
        text = json.dumps(one.body)
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig"):
            assert_problem(await post(world, one, text.encode(encoding)), {400}, one.endpoint.id, encoding)
    await expect_nothing_happened(world)


KINDS = (
    None,
    "",
    "text/plain",
    "application/json;charset=utf-7",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/json",
    "application/json, text/plain",
    "application/problem+json",
)


# 30
async def test_json_that_says_it_is_something_else_is_415(world: World) -> None:
    for one in firsts():
        body = json.dumps(one.body or {"a": 1}).encode()
        for kind in KINDS:
            assert_problem(await post(world, one, body, kind=kind), {415}, one.endpoint.id, kind)
    await expect_nothing_happened(world)


# 35
async def test_no_endpoint_sends_to_what_is_no_phone(world: World) -> None:
    own = "+" + "".join(letter for letter in world.meta.world["display_phone_number"] if letter.isdigit())
    sends = [one for one in firsts() if isinstance(one.body, dict) and one.endpoint.path.startswith("/send/")]
    assert sends
    for one in sends:
        kept = {name: part for name, part in one.body.items() if name not in {"conversation_id", "recipient"}}
        for name, phone in (PHONES | {"the business itself": own}).items():
            refused = await dataclasses.replace(one, body=kept | {"to": phone}).of(world)
            assert refused.status == 400, (one.endpoint.id, name, refused.body)
            assert refused.json["errors"][0]["pointer"] == "/to", (one.endpoint.id, name)
            assert refused.json["code"] in {"invalid_phone", "invalid_request"}, (one.endpoint.id, name)
            assert len(phone) < 8 or phone not in refused.json["detail"], (one.endpoint.id, name)
    await expect_nothing_happened(world)


def with_everything(tree: Any, value: Any) -> Any:
    """Put the same value in the place of every text."""
    if isinstance(tree, dict):
        return {name: with_everything(part, value) for name, part in tree.items()}
    if isinstance(tree, list):
        return [with_everything(part, value) for part in tree]
    return value if isinstance(tree, str) else tree


# API3
async def test_a_value_of_another_kind_is_refused_and_never_echoed(world: World) -> None:
    """Whatever is sent instead of a text: the answer is a 4xx that does not repeat it."""
    for one in asking.every(OWN, TAKERS):
        for value in (4829137, ["4829137"], {"is": "4829137"}, True, "4829137" * 3000):
            changed = with_everything(one.body, value)
            if changed != one.body:
                refused = await dataclasses.replace(one, body=changed).of(world)
                assert 400 <= refused.status < 500, (one.endpoint.id, one.name, value, refused.body)
                assert "4829137" not in refused.body.decode(), (one.endpoint.id, one.name)
    await expect_nothing_happened(world)
