"""What strangers, former friends and neighbours try with keys over HTTP. The numbers are those of the hostile list."""

import json
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from quixess import access
from quixess.access import Scope
from quixess.cli import process
from quixess.cli.rooms import Roles
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError
from tests.api import raw
from tests.database import outage
from tests.world import CODE, OTP, PHONE, Answer, World, building

BODY = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}
NEVER_A_KEY = {
    "the prefix alone": "qxs_",
    "another product's": "sk_live_" + "a" * 42,
    "10 kB": "qxs_" + "a" * 10_000,
    "the right length, no checksum": "qxs_" + "a" * 46,
    "a space inside": "qxs_" + "a" * 20 + " " + "a" * 25,
    "SQL": "' OR '1'='1",
    "a list": "qxs_a,qxs_b",
}


async def expect_nothing_sent(world: World) -> None:
    assert await world.sends() == []
    assert await world.rows("SELECT id FROM message") == []


async def revoke(world: World, secret: str) -> None:
    async with world.rooms.db.transaction() as tx:
        (key,) = [one for one in await access.list_keys(tx, None) if one.hint.endswith(secret[-4:])]
        await access.revoke_key(tx, key.id, actor="test")


async def send_with(world: World, headers: dict[str, str]) -> Answer:
    """Send a good body with these credentials and no other."""
    async with world.http.post(world.url + OTP, json=BODY, headers=headers) as answer:
        return Answer(answer.status, dict(answer.headers), await answer.read())


async def send_raw(world: World, *headers: tuple[str, str]) -> raw.Answer:
    """Send a good body with exactly these headers."""
    port = urlsplit(world.url).port
    assert port is not None
    body = json.dumps(BODY).encode()
    return await raw.send(port, raw.request("POST", OTP, [("Content-Type", "application/json"), *headers], body))


# 1, 2
async def test_what_is_no_key_is_told_so(world: World) -> None:
    missing = await world.send_otp(key="")
    assert (missing.status, missing.json["code"]) == (401, "missing_api_key")
    assert missing.headers["WWW-Authenticate"] == 'ApiKey realm="api"'
    empty = await send_with(world, {"X-API-Key": ""})
    assert (empty.status, empty.json["code"]) == (401, "missing_api_key")
    for name, key in (
        NEVER_A_KEY | {"wrong checksum": world.key[:-1] + ("a" if world.key[-1] != "a" else "b")}
    ).items():
        refused = await world.send_otp(key=key)
        assert (refused.status, refused.json["code"]) == (401, "invalid_api_key"), name
        assert len(key) < 8 or key not in refused.body.decode(), name
    await expect_nothing_sent(world)


# 1, 2
async def test_what_is_no_key_never_reaches_the_database(dsn: str, tmp_path: Path) -> None:
    """The database is away: whoever asks it gets 503. What is malformed gets its 401 all the same."""
    with outage.road(dsn) as road:
        async with building(road.dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as world:
            await road.cut()
            assert (await world.send_otp()).json["code"] == "database_unavailable"
            assert (await world.send_otp(key=access.make_secret())).status == 503
            assert (await world.send_otp(key="")).status == 401
            for name, key in (NEVER_A_KEY | {"wrong checksum": world.key[:-1] + "-"}).items():
                assert (await world.send_otp(key=key)).status == 401, name
            road.mend()
            assert (await world.send_otp()).status == 200


# 3
async def test_a_revoked_key_is_refused_by_the_next_request_in_another_process(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP)
    async with process.running(world.settings, world.dsn, Roles(gateway=True, worker=False)) as other:
        assert other.url is not None
        assert other.url != world.url
        headers = {"X-API-Key": secret}
        async with world.http.post(other.url + OTP, json=BODY, headers=headers) as before:
            assert before.status == 200
        assert (await world.send_otp(key=secret)).status == 200

        await revoke(world, secret)

        async with world.http.post(other.url + OTP, json=BODY, headers=headers) as after:
            assert after.status == 401
        assert (await world.send_otp(key=secret)).status == 401


# 4
async def test_an_expired_key_is_refused(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP, expires_in=timedelta(hours=1))
    assert (await world.send_otp(key=secret)).status == 200
    await world.rows("UPDATE api_key SET expires_at = now() - interval '1 second' WHERE expires_at IS NOT NULL")
    assert (await world.send_otp(key=secret)).status == 401


async def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(world: World) -> None:
    """Nobody learns from it that a key once existed."""
    revoked = await world.mint(Scope.SEND_OTP)
    await revoke(world, revoked)
    expired = await world.mint(Scope.SEND_OTP, expires_in=timedelta(hours=1))
    await world.rows("UPDATE api_key SET expires_at = now() - interval '1 day' WHERE expires_at IS NOT NULL")
    unbound_revoked = await world.mint(Scope.SEND_OTP)
    await revoke(world, unbound_revoked)

    def told(answer: Answer) -> tuple[Any, ...]:
        body = dict(answer.json)
        assert body.pop("request_id") == answer.headers["X-Request-Id"]
        unlike = {"date", "x-request-id", "content-length"}
        return (
            answer.status,
            {k: v for k, v in answer.headers.items() if k.lower() not in unlike},
            body,
            len(answer.body),
        )

    answers = [
        told(await world.send_otp(key=key))
        for key in (access.make_secret(), revoked, expired, unbound_revoked, "qxs_" + "a" * 46, world.key + "x")
    ]
    assert answers == [answers[0]] * len(answers)
    assert answers[0][0] == 401
    assert answers[0][2]["code"] == "invalid_api_key"
    await expect_nothing_sent(world)


# 9
async def test_an_unknown_a_revoked_and_an_expired_key_cost_the_same_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever measures learns nothing: each is hashed, looked for once under each pepper, and not found."""
    revoked, expired = await world.mint(), await world.mint(expires_in=timedelta(days=-1))
    await revoke(world, revoked)
    work: list[str] = []
    rows = Tx.rows

    async def counted(tx: Tx, sql: str, *arguments: Any) -> Any:
        work.append(sql)
        return await rows(tx, sql, *arguments)

    monkeypatch.setattr(Tx, "rows", counted)
    costs = []
    for key in (access.make_secret(), revoked, expired, access.make_secret()):
        work.clear()
        with pytest.raises(QuixessError, match="invalid_api_key"):
            await world.rooms.keys.authenticate(key.encode())
        costs.append([sql for sql in work if "api_key" in sql])
    assert costs == [costs[0]] * 4
    assert len(costs[0]) == 1


# 5
async def test_two_keys_in_one_request_are_refused_in_either_order(world: World) -> None:
    bad = access.make_secret()
    for pair in ((world.key, bad), (bad, world.key), (world.key, world.key)):
        for name in ("X-API-Key", "x-api-key"):
            refused = await send_raw(world, ("X-API-Key", pair[0]), (name, pair[1]))
            assert (refused.status, refused.json()["code"]) == (401, "invalid_api_key")
        refused = await send_raw(world, *(("Authorization", f"Bearer {key}") for key in pair))
        assert (refused.status, refused.json()["code"]) == (401, "invalid_api_key")
    await expect_nothing_sent(world)


# 6
async def test_a_key_in_the_query_or_in_a_cookie_is_none_and_is_written_nowhere(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("api_key", "key", "X-API-Key", "access_token"):
        refused = await world.call("POST", OTP, key="", body=BODY, params={name: world.key})
        assert (refused.status, refused.json["code"]) == (401, "missing_api_key")
        assert world.key not in refused.body.decode()
    refused = await world.call("POST", OTP, key="", body=BODY, headers={"Cookie": f"X-API-Key={world.key}"})
    assert (refused.status, refused.json["code"]) == (401, "missing_api_key")

    written = capfd.readouterr()
    assert world.key[4:] not in written.out + written.err
    await expect_nothing_sent(world)


SPOILT = ["ü", "\xff", "\x00", "\x01", "\x7f", "\x80", "\n", "\r", "\r\n", "\r\nX-Evil: 1", "\r\n ", "\t"]


# 7
async def test_a_key_that_is_no_clean_text_is_refused_and_breaks_nothing(world: World) -> None:
    half = len(world.key) // 2
    for spoilt in SPOILT:
        stranger = access.make_secret()
        for key in (world.key[:half] + spoilt + world.key[half:], spoilt + stranger, stranger + spoilt):
            assert (await send_raw(world, ("X-API-Key", key))).status in {400, 401}, ascii(key)
    await expect_nothing_sent(world)


# 8
async def test_a_suspended_brand_is_refused_until_it_is_resumed(world: World) -> None:
    for suspended, status in ((True, 403), (False, 200)):
        async with world.rooms.db.transaction() as tx:
            await access.suspend_brand(tx, world.brand_id, suspended=suspended)
        answer = await world.send_otp()
        assert answer.status == status
        if suspended:
            assert answer.json["code"] == "brand_suspended"
            await expect_nothing_sent(world)


# 12
async def test_a_key_can_do_what_its_scopes_say_and_no_more(world: World) -> None:
    reader = await world.mint(Scope.READ_MESSAGES, Scope.SEND_TEMPLATE)
    refused = await world.send_otp(key=reader)
    assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
    assert refused.json["required_scope"] == "whatsapp:send_otp"
    await expect_nothing_sent(world)

    async with world.rooms.db.transaction() as tx:
        (key,) = [one for one in await access.list_keys(tx, None) if one.hint.endswith(reader[-4:])]
        await access.extend_scopes(tx, key.id, [Scope.SEND_OTP], actor="test")
    assert (await world.send_otp(key=reader)).status == 200


# 14
async def test_a_brand_named_by_the_caller_is_never_effective(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    other = ids.show("brd", rival.id)
    for field in ("brand_id", "brand", "connection_id", "key_id"):
        refused = await world.send_otp(**{field: other})
        assert refused.status == 400, field
        assert refused.json["errors"][0]["pointer"] == f"/{field}"
    await expect_nothing_sent(world)

    asked = await world.call("POST", f"{OTP}?brand_id={other}", body=BODY)
    assert (asked.status, asked.json["code"]) == (400, "invalid_request")
    await expect_nothing_sent(world)

    sent = [
        await world.call("POST", OTP, body=BODY, headers={"X-Brand-Id": other, "brand_id": other}),
        await world.send_otp(metadata={"brand_id": other}),
    ]
    assert [answer.status for answer in sent] == [200, 200]
    assert {answer.json["brand_id"] for answer in sent} == {ids.show("brd", world.brand_id)}
    brands = await world.rows("SELECT DISTINCT brand_id FROM message")
    assert [row["brand_id"] for row in brands] == [world.brand_id]


# 15
async def test_a_key_without_a_brand_is_told_so_before_its_scopes_are_looked_at(world: World) -> None:
    for scope in (Scope.SEND_OTP, Scope.REPLY):
        async with world.rooms.db.transaction() as tx:
            unbound, _ = await access.mint_key(tx, world.rooms.keyring, None, name="u", scopes=[scope], actor="test")
        refused = await world.send_otp(key=unbound)
        assert (refused.status, refused.json["code"]) == (400, "brand_not_bound")
    await expect_nothing_sent(world)


# Both headers ----------------------------------------------------------------------------------------------------


async def test_a_key_may_come_as_a_bearer_token(world: World) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert (await send_with(world, {"Authorization": f"{scheme} {world.key}"})).status == 200


async def test_the_same_key_in_both_headers_is_one_key_and_different_ones_are_a_conflict(world: World) -> None:
    same = await send_with(world, {"X-API-Key": world.key, "Authorization": f"Bearer {world.key}"})
    assert same.status == 200
    for one, other in ((world.key, access.make_secret()), (access.make_secret(), world.key), ("", world.key)):
        differ = await send_with(world, {"X-API-Key": one, "Authorization": f"Bearer {other}"})
        assert (differ.status, differ.json["code"]) == (400, "conflicting_credentials")


async def test_other_ways_to_authorize_are_no_key(world: World) -> None:
    basic = "Basic " + b64encode(f"{world.key}:".encode()).decode()
    for text in (world.key, f"Token {world.key}", f"Bearer{world.key}", basic, "Bearer", "Bearer "):
        refused = await send_with(world, {"Authorization": text})
        assert refused.status == 401, text
    good = await send_with(world, {"Authorization": basic, "X-API-Key": world.key})
    assert good.status == 200
