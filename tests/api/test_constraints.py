"""Constraints of a key over HTTP: templates, destinations, addresses, and what a proxy may say of them."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from quixess import access
from quixess.access import Constraints, Scope
from tests.api import raw
from tests.world import CODE, OTP, PHONE, Answer, World, building, eventually

EXTERNAL = "/api/v1/whatsapp/external"
ME = f"{EXTERNAL}/me"
BERLIN, LONDON, MADRID = "+493012345678", "+442071234567", "+34911234567"


def expect_refused(answer: Answer, code: str, constraint: str) -> None:
    assert (answer.status, answer.json["code"], answer.json["constraint"]) == (403, code, constraint)


async def narrow(world: World, constraints: str) -> None:
    """Narrow every key by hand, as no command does."""
    await world.rows("UPDATE api_key SET constraints = $1", constraints)


# Templates --------------------------------------------------------------------------------------------------------


async def test_a_key_sends_by_its_templates_and_by_no_other(world: World) -> None:
    await world.meta.lever("templates", {"name": "login_otp", "category": "AUTHENTICATION"})
    narrowed = await world.mint(constraints=Constraints(templates=("login_otp",)))
    refused = await world.send_otp(key=narrowed)
    expect_refused(refused, "key_constraint", "templates")
    assert "signup_otp" not in refused.body.decode()
    body = {"to": PHONE, "template_name": "signup_otp", "variables": {"body": [CODE]}}
    expect_refused(
        await world.call("POST", f"{EXTERNAL}/send/template", key=narrowed, body=body), "key_constraint", "templates"
    )
    assert await world.rows("SELECT id FROM message") == []
    assert (await world.send_otp(key=narrowed, template_name="login_otp")).status == 200


async def test_templates_narrow_neither_replies_nor_reads(world: World) -> None:
    narrowed = await world.mint(constraints=Constraints(templates=("login_otp",)))
    await world.customer_says("hello")
    await _wait_for_conversation(world)
    reply = {"to": PHONE, "type": "text", "text": {"body": "Hi"}}
    assert (await world.call("POST", f"{EXTERNAL}/send/reply", key=narrowed, body=reply)).status == 200
    assert (await world.call("GET", ME, key=narrowed)).status == 200


# Destinations -----------------------------------------------------------------------------------------------------


async def test_a_key_sends_to_its_countries_and_prefixes_and_nowhere_else(world: World) -> None:
    narrowed = await world.mint(constraints=Constraints(destinations=("DE", "44")))
    fates = {BERLIN: 200, LONDON: 200, MADRID: 403, PHONE: 403, "+43120123456": 403}
    for phone, status in fates.items():
        answer = await world.send_otp(to=phone, key=narrowed)
        assert answer.status == status, phone
        if status == 403:
            expect_refused(answer, "destination_not_allowed", "destinations")
            assert phone[1:] not in answer.body.decode()
    assert len(await world.sends()) == 2


async def test_countries_that_share_a_calling_code_are_told_apart(world: World) -> None:
    narrowed = await world.mint(constraints=Constraints(destinations=("CA",)))
    assert (await world.send_otp(to="+14165550123", key=narrowed)).status == 200
    assert (await world.send_otp(to=PHONE, key=narrowed)).status == 403
    # Nobody knows where a number of no plan lies; the whole calling code has to be named for it.
    assert (await world.send_otp(to="+15550100011", key=narrowed)).status == 403
    wide = await world.mint(constraints=Constraints(destinations=("1",)))
    assert (await world.send_otp(to="+15550100011", key=wide)).status == 200


async def test_a_user_id_tells_no_country_and_is_refused(world: World) -> None:
    narrowed = await world.mint(constraints=Constraints(destinations=("US",)))
    body = {"recipient": "US.13491208655302741918", "type": "text", "text": {"body": "Hi"}}
    answer = await world.call("POST", f"{EXTERNAL}/send/reply", key=narrowed, body=body)
    expect_refused(answer, "destination_not_allowed", "destinations")
    assert "phone number" in answer.json["detail"]


async def test_a_conversation_leads_to_its_phone_and_that_has_to_lie_in_the_destinations(world: World) -> None:
    await world.customer_says("hello")
    conversation = await _wait_for_conversation(world)
    body = {"conversation_id": conversation, "type": "text", "text": {"body": "Hi"}}
    path = f"{EXTERNAL}/send/reply"
    german = await world.mint(constraints=Constraints(destinations=("DE",)))
    american = await world.mint(constraints=Constraints(destinations=("US",)))
    refused = await world.call("POST", path, key=german, body=body)
    expect_refused(refused, "destination_not_allowed", "destinations")
    assert await world.sends() == []
    assert (await world.call("POST", path, key=american, body=body)).status == 200


# 22
async def test_a_stored_answer_is_given_only_to_who_may_still_ask(world: World) -> None:
    """Authorisation comes before the replay: no stored body for a key that lost its right."""
    await world.customer_says("hello")
    conversation = await _wait_for_conversation(world)
    reply = {"conversation_id": conversation, "type": "text", "text": {"body": "Hi"}}

    async def ask() -> list[Answer]:
        key = {"Idempotency-Key": "reply"}
        return [
            await world.send_otp(idempotency_key="otp"),
            await world.call("POST", f"{EXTERNAL}/send/reply", body=reply, headers=key),
        ]

    first = await ask()
    assert [answer.status for answer in first] == [200, 200]
    for constraints, codes in {
        '{"templates": ["other"]}': ["key_constraint", None],
        '{"destinations": ["DE"]}': ["destination_not_allowed"] * 2,
        '{"ip_allow": ["10.0.0.0/8"]}': ["ip_not_allowed"] * 2,
        '{"nonsense": 1}': ["key_constraint"] * 2,
    }.items():
        await narrow(world, constraints)
        answers = await ask()
        assert [answer.json.get("code") for answer in answers] == codes, constraints
        for answer, stored, code in zip(answers, first, codes, strict=True):
            assert (stored.json["id"] in answer.body.decode()) == (code is None)

    await narrow(world, "{}")
    assert [answer.json["id"] for answer in await ask()] == [answer.json["id"] for answer in first]
    await world.rows("UPDATE api_key SET scopes = '{whatsapp:read_messages}'")
    assert [answer.json["code"] for answer in await ask()] == ["insufficient_scope"] * 2
    await world.rows("UPDATE api_key SET revoked_at = now()")
    assert [answer.json["code"] for answer in await ask()] == ["invalid_api_key"] * 2


UNREADABLE = [
    '{"template": ["signup_otp"]}',
    '{"templates": []}',
    '{"templates": "signup_otp"}',
    '{"destinations": ["Germany"]}',
    '{"destinations": ["4"]}',
    '{"ip_allow": ["10.0.0.1/8"]}',
    '{"requests_per_minute": 0}',
    '{"requests_per_minute": "60"}',
    '{"messages_per_day": 1.5}',
]


async def test_a_key_whose_constraints_cannot_be_read_may_do_nothing_and_harms_no_other(world: World) -> None:
    for unreadable in UNREADABLE:
        await narrow(world, unreadable)
        healthy = await world.mint()
        both = [world.call("GET", ME), world.call("GET", ME, key=healthy)]
        broken, fine = await asyncio.gather(*both)
        assert broken.json["code"] == "key_constraint", unreadable
        assert fine.status == 200
    assert (await world.send_otp()).status == 403


# Addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def proxied(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world that trusts a proxy on this machine, and one more behind it."""
    trusted = (ip_network("127.0.0.0/8"), ip_network("10.9.0.0/16"))
    async with building(dsn, tmp_path, trusted_proxies=trusted) as one:
        yield one


async def me_from(world: World, key: str, *forwarded: str) -> raw.Answer:
    """Ask with these X-Forwarded-For headers, byte by byte."""
    headers = [("X-API-Key", key), *(("X-Forwarded-For", value) for value in forwarded)]
    return await raw.send(int(world.url.rpartition(":")[2]), raw.request("GET", ME, headers, b""))


async def test_a_key_works_from_its_networks_and_from_nowhere_else(world: World) -> None:
    here = await world.mint(constraints=Constraints(ip_allow=("10.0.0.0/8", "127.0.0.1/32")))
    there = await world.mint(constraints=Constraints(ip_allow=("10.0.0.0/8", "::1/128")))
    assert (await world.send_otp(key=here)).status == 200
    refused = await world.send_otp(key=there)
    expect_refused(refused, "ip_not_allowed", "ip_allow")
    assert "127.0.0.1" not in refused.body.decode()
    assert len(await world.sends()) == 1


# 63
async def test_without_a_trusted_proxy_nobody_is_believed_about_an_address(world: World) -> None:
    there = await world.mint(constraints=Constraints(ip_allow=("10.0.0.0/8",)))
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"):
        for value in ("10.0.0.1", "for=10.0.0.1"):
            answer = await world.call("GET", ME, key=there, headers={name: value})
            assert (answer.status, answer.json["code"]) == (403, "ip_not_allowed"), name


# 63
FORWARDED: list[tuple[tuple[str, ...], int]] = [
    (("203.0.113.7",), 200),
    (("6.6.6.6, 203.0.113.7",), 200),
    (("203.0.113.7, 6.6.6.6",), 403),  # the caller wrote the first one itself
    (("203.0.113.7", "6.6.6.6"), 403),
    (("6.6.6.6", "203.0.113.7"), 200),
    (("203.0.113.7, 10.9.1.1",), 200),  # two proxies, both trusted
    (("203.0.113.7, 10.8.1.1",), 403),
    (("203.0.113.7, 10.9.1.1, 127.0.0.3",), 200),
    (("::ffff:203.0.113.7",), 200),
    (("2001:db8:7::1",), 200),
    (("2001:db8:8::1",), 403),
    (("203.0.113.7:4711",), 403),  # not an address, so the proxy itself counts
    (("203.0.113.7, nonsense",), 403),
    (("203.0.113.7,",), 403),
    (("203.0.113.007",), 403),
    (("0x7f.1",), 403),
    (("",), 403),
    ((), 403),
]


async def test_behind_a_trusted_proxy_the_last_hop_that_is_not_ours_counts(proxied: World) -> None:
    office = await proxied.mint(constraints=Constraints(ip_allow=("203.0.113.0/24", "2001:db8:7::/48")))
    for forwarded, status in FORWARDED:
        assert (await me_from(proxied, office, *forwarded)).status == status, forwarded


async def test_a_caller_that_names_only_proxies_is_the_farthest_of_them(proxied: World) -> None:
    inside = await proxied.mint(constraints=Constraints(ip_allow=("10.9.0.0/16",)))
    assert (await me_from(proxied, inside, "10.9.3.3, 127.0.0.9")).status == 200
    assert (await me_from(proxied, inside, "127.0.0.9")).status == 403


async def test_bad_keys_are_counted_by_the_address_that_sent_them_not_by_the_proxy(dsn: str, tmp_path: Path) -> None:
    loopback = (ip_network("127.0.0.0/8"),)
    async with building(dsn, tmp_path, trusted_proxies=loopback, bad_keys_per_minute=3) as world:
        stranger = access.make_secret()
        told = [(await me_from(world, stranger, "6.6.6.6")).status for _ in range(4)]
        assert told == [401, 401, 401, 429]
        assert (await me_from(world, stranger, "6.6.6.7")).status == 401
        # A whole /64 is one house: whoever lives in it has every address of it.
        house = [(await me_from(world, stranger, f"2001:db8::{number:x}")).status for number in range(1, 5)]
        assert house == [401, 401, 401, 429]
        assert (await me_from(world, world.key, "6.6.6.6")).status == 200


async def _wait_for_conversation(world: World) -> str:
    event: dict[str, Any] = (await eventually(lambda: world.receiver.of_type("message.received")))[0]
    return str(event["data"]["conversation_id"])


async def test_a_narrow_key_of_one_scope_is_still_narrow_in_scope(world: World) -> None:
    narrowed = await world.mint(Scope.READ_TEMPLATES, constraints=Constraints(destinations=("US",)))
    assert (await world.call("POST", OTP, key=narrowed, body={})).json["code"] == "insufficient_scope"
