"""How much a key may do: quotas of requests and of messages, codes to one number, and bad keys from one address."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from quixess import access
from quixess.access import Constraints, Scope
from quixess.cli import process
from quixess.cli.rooms import Roles
from quixess.settings import Rate, Settings
from tests.api import connecting
from tests.world import CODE, OTP, PHONE, Answer, World, building, connect

EXTERNAL = "/api/v1/whatsapp/external"
ME = f"{EXTERNAL}/me"


@pytest.fixture
async def strict(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world with the limits that an installation has by itself."""
    usual = Settings()
    async with building(
        dsn, tmp_path, otp_per_recipient=usual.otp_per_recipient, bad_keys_per_minute=usual.bad_keys_per_minute
    ) as one:
        yield one


def other(number: int) -> str:
    return f"+1281818{number:04}"


async def a_day_passes(world: World) -> None:
    await world.rows("UPDATE rate_bucket SET tat = 0")


async def messages(world: World) -> int:
    return len(await world.rows("SELECT id FROM message"))


def expect_limited(answer: Answer, code: str, policy: str, quota: int, window_s: int) -> None:
    assert (answer.status, answer.json["code"]) == (429, code), answer.json
    assert {"policy": policy, "quota": quota, "window_s": window_s} in answer.json["violated_policies"]
    assert 1 <= int(answer.headers["Retry-After"]) <= window_s * 1.2 + 1
    assert f'"{policy}";q={quota};w={window_s}' in answer.headers["RateLimit-Policy"]
    assert f'"{policy}";r=0;t=' in answer.headers["RateLimit"]


# Requests ---------------------------------------------------------------------------------------------------------


async def test_a_key_with_a_quota_of_requests_is_told_what_is_left_and_then_to_wait(world: World) -> None:
    secret = await world.mint(constraints=Constraints(requests_per_minute=3))
    answers = [await world.call("GET", ME, key=secret) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"requests";q=3;w=60'] * 3
    assert [answer.headers["RateLimit"].partition(";t=")[0] for answer in answers] == [
        f'"requests";r={left}' for left in (2, 1, 0)
    ]
    expect_limited(await world.call("GET", ME, key=secret), "rate_limited", "requests", 3, 60)
    await a_day_passes(world)
    assert (await world.call("GET", ME, key=secret)).status == 200


async def test_a_key_without_a_quota_asks_no_bucket_and_shows_no_headers(world: World) -> None:
    answer = await world.call("GET", ME)
    assert answer.status == 200
    assert not [name for name in answer.headers if name.lower().startswith("ratelimit")]
    assert await world.rows("SELECT * FROM rate_bucket") == []


async def test_errors_show_the_quota_too_and_refusals_at_the_gate_cost_nothing(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP, constraints=Constraints(requests_per_minute=2))
    for _ in range(5):
        assert (await world.call("GET", f"{EXTERNAL}/media/med_1", key=secret)).status == 403
    wrong = await world.send_otp(to="nobody", key=secret)
    assert wrong.status == 400
    assert wrong.headers["RateLimit"].startswith('"requests";r=1;t=')
    assert (await world.send_otp(key=secret)).status == 200
    assert (await world.send_otp(key=secret)).status == 429


# 64
async def test_a_quota_holds_over_two_processes_and_many_at_once(world: World) -> None:
    secret = await world.mint(constraints=Constraints(requests_per_minute=40))
    async with process.running(world.settings, world.dsn, Roles(gateway=True, worker=False)) as twin:

        async def ask(url: str) -> int:
            async with world.http.get(url + ME, headers={"X-API-Key": secret}) as answer:
                return answer.status

        found = await asyncio.gather(*(ask(url) for url in [world.url, str(twin.url)] * 60))
    assert Counter(found) == {200: 40, 429: 80}


async def test_one_keys_quota_is_no_other_keys(world: World) -> None:
    first, second = [await world.mint(constraints=Constraints(requests_per_minute=1)) for _ in range(2)]
    assert [(await world.call("GET", ME, key=key)).status for key in (first, first, second)] == [200, 429, 200]


# Messages ---------------------------------------------------------------------------------------------------------


async def test_quotas_of_messages_are_kept_and_nothing_of_a_refused_one_stays(world: World) -> None:
    secret = await world.mint(constraints=Constraints(messages_per_minute=2, messages_per_day=3))
    assert [(await world.send_otp(key=secret)).status for _ in range(2)] == [200, 200]
    refused = await world.send_otp(key=secret, idempotency_key="one")
    expect_limited(refused, "rate_limited", "messages_per_minute", 2, 60)
    assert [one["policy"] for one in refused.json["violated_policies"]] == ["messages_per_minute"]
    assert await messages(world) == 2
    assert await world.rows("SELECT * FROM idempotency") == []

    await world.rows("UPDATE rate_bucket SET tat = 0 WHERE key LIKE 'messages_per_minute:%'")
    assert (await world.send_otp(key=secret, idempotency_key="one")).status == 200
    expect_limited(await world.send_otp(key=secret), "rate_limited", "messages_per_day", 3, 86_400)
    assert len(await world.sends()) == 3


async def test_of_five_at_once_two_go_out_when_two_are_left(world: World) -> None:
    secret = await world.mint(constraints=Constraints(messages_per_day=2))
    found = await asyncio.gather(*(world.send_otp(to=other(n), key=secret, idempotency_key=f"k{n}") for n in range(5)))
    assert Counter(answer.status for answer in found) == {200: 2, 429: 3}
    assert len(await world.sends()) == await messages(world) == 2
    assert len(await world.rows("SELECT * FROM idempotency")) == 2


async def test_a_replay_costs_no_message(world: World) -> None:
    secret = await world.mint(constraints=Constraints(messages_per_day=1))
    sent = await world.send_otp(key=secret, idempotency_key="k")
    for _ in range(5):
        again = await world.send_otp(key=secret, idempotency_key="k")
        assert (again.status, again.json["id"]) == (200, sent.json["id"])
    assert (await world.send_otp(key=secret)).status == 429


async def test_parallel_duplicates_cost_one_message(world: World) -> None:
    secret = await world.mint(constraints=Constraints(messages_per_day=2))
    found = await asyncio.gather(*(world.send_otp(key=secret, idempotency_key="k") for _ in range(20)))
    assert {answer.status for answer in found} <= {200, 409}
    assert [(await world.send_otp(key=secret)).status for _ in range(2)] == [200, 429]


async def test_what_certainly_was_not_sent_costs_nothing(world: World) -> None:
    secret = await world.mint(constraints=Constraints(messages_per_day=1))
    await connecting.reconnect(world, connecting.nobody())
    for _ in range(3):
        assert (await world.send_otp(key=secret)).status == 503
    await connecting.reconnect(world, world.meta.base_url)
    assert [(await world.send_otp(key=secret)).status for _ in range(2)] == [200, 429]


async def test_what_meta_refused_was_a_message_all_the_same(world: World) -> None:
    secret = await world.mint(constraints=Constraints(messages_per_day=1))
    assert (await world.send_otp(to="+15550100013", key=secret)).status == 502
    assert (await world.send_otp(key=secret)).status == 429


async def test_requests_and_messages_are_told_side_by_side(world: World) -> None:
    secret = await world.mint(constraints=Constraints(requests_per_minute=9, messages_per_day=1))
    await world.send_otp(key=secret)
    refused = await world.send_otp(key=secret)
    assert refused.headers["RateLimit-Policy"] == '"requests";q=9;w=60, "messages_per_day";q=1;w=86400'


# Codes to one number ----------------------------------------------------------------------------------------------


# 64
async def test_one_number_is_sent_five_codes_and_then_no_more_for_a_while(strict: World) -> None:
    answers = [await strict.send_otp() for _ in range(20)]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 15
    for refused in answers[5:]:
        expect_limited(refused, "otp_recipient_limited", "codes_per_recipient", 5, 600)
        assert CODE not in refused.body.decode()
        assert PHONE[1:] not in refused.body.decode()
    assert await messages(strict) == len(await strict.sends()) == 5
    assert (await strict.send_otp(to=other(1))).status == 200


# 64
async def test_the_limit_holds_over_all_keys_of_a_brand_and_over_processes(strict: World) -> None:
    keys = [await strict.mint(Scope.SEND_OTP) for _ in range(5)]
    async with process.running(strict.settings, strict.dsn, Roles(gateway=True, worker=False)) as twin:

        async def send(url: str, key: str) -> int:
            body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}
            async with strict.http.post(url + OTP, json=body, headers={"X-API-Key": key}) as answer:
                return answer.status

        found = await asyncio.gather(*(send(url, key) for url in (strict.url, str(twin.url)) for key in keys * 2))
    assert Counter(found) == {200: 5, 429: 15}
    assert len(await strict.sends()) == 5


# 64
async def test_a_block_of_1000_neighbours_gets_no_more_codes_than_the_key_may_send(strict: World) -> None:
    signup = await strict.mint(Scope.SEND_OTP, constraints=Constraints(messages_per_day=60))
    answers = await asyncio.gather(*(strict.send_otp(to=other(number), key=signup) for number in range(1000)))
    assert Counter(answer.status for answer in answers) == {200: 60, 429: 940}
    assert {answer.json["code"] for answer in answers if answer.status == 429} == {"rate_limited"}
    assert len(await strict.sends()) == 60


# 64
async def test_fifty_countries_are_one_for_a_key_that_is_bound_to_it(strict: World) -> None:
    signup = await strict.mint(Scope.SEND_OTP, constraints=Constraints(destinations=("US",)))
    mobile = phonenumbers.PhoneNumberType.MOBILE
    found = [phonenumbers.example_number_for_type(one, mobile) for one in sorted(phonenumbers.SUPPORTED_REGIONS)]
    abroad = [number for number in found if number is not None and number.country_code != 1][:50]
    written = [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in abroad]
    answers = [await strict.send_otp(to=to, key=signup) for to in [*written, PHONE]]
    assert [answer.status for answer in answers] == [403] * 50 + [200]
    assert {answer.json["code"] for answer in answers[:-1]} == {"destination_not_allowed"}
    assert len(await strict.sends()) == 1


async def test_a_day_has_its_own_limit(strict: World) -> None:
    sent = []
    for _ in range(21):
        await strict.rows("UPDATE rate_bucket SET tat = 0 WHERE key LIKE '%/600'")
        sent.append(await strict.send_otp())
    assert [answer.status for answer in sent] == [200] * 20 + [429]
    expect_limited(sent[-1], "otp_recipient_limited", "codes_per_recipient", 20, 86_400)


async def test_a_number_is_the_same_number_however_it_is_written(strict: World) -> None:
    for to in (PHONE, "+1 281-818-4370", "+1 (281) 818 4370", "+1.281.818.4370", PHONE):
        assert (await strict.send_otp(to=to)).status == 200
    assert (await strict.send_otp(to="+1 (281) 818-4370")).status == 429


async def test_a_code_by_send_template_counts_like_any_other(strict: World) -> None:
    body: dict[str, Any] = {"to": PHONE, "template_name": "signup_otp", "variables": {"body": [CODE]}}
    path = f"{EXTERNAL}/send/template"
    assert [(await strict.call("POST", path, body=body)).status for _ in range(3)] == [200] * 3
    assert [(await strict.send_otp()).status for _ in range(3)] == [200, 200, 429]
    assert (await strict.call("POST", path, body=body)).json["code"] == "otp_recipient_limited"


async def test_messages_that_carry_no_code_are_not_counted(strict: World) -> None:
    body = {"to": PHONE, "template_name": "order_update"}
    sends = [await strict.call("POST", f"{EXTERNAL}/send/template", body=body) for _ in range(7)]
    assert 429 not in {answer.status for answer in sends}


async def test_a_code_that_was_not_sent_and_one_that_is_replayed_do_not_count(strict: World) -> None:
    assert [(await strict.send_otp(idempotency_key="k")).status for _ in range(8)] == [200] * 8
    await connecting.reconnect(strict, connecting.nobody())
    assert [(await strict.send_otp()).status for _ in range(8)] == [503] * 8
    await connecting.reconnect(strict, strict.meta.base_url)
    assert [(await strict.send_otp()).status for _ in range(5)] == [200] * 4 + [429]


async def test_the_buckets_do_not_tell_who_is_sent_codes(strict: World) -> None:
    await strict.send_otp()
    found = await strict.rows("SELECT b::text AS text FROM rate_bucket b")
    assert len(found) == 2
    assert not [row for row in found if PHONE[-7:] in row["text"]]


async def test_another_brand_has_a_limit_of_its_own_for_the_same_number(strict: World) -> None:
    for _ in range(6):
        await strict.send_otp()
    async with strict.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    for table in ("template", "number", "connection"):
        await strict.rows(f"DELETE FROM {table}")
    await connect(strict.rooms, strict.meta, rival.id, strict.url)
    secret = await strict.mint(Scope.SEND_OTP, brand_id=rival.id)
    assert [(await strict.send_otp(key=secret)).status for _ in range(6)] == [200] * 5 + [429]


async def test_the_limit_can_be_another_one_or_none(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, otp_per_recipient=(Rate(1, 30),)) as world:
        assert [(await world.send_otp()).status for _ in range(2)] == [200, 429]
        async with process.running(
            type(world.settings)(data_dir=tmp_path, port=0, otp_per_recipient=()),
            dsn,
            Roles(gateway=True, worker=False),
        ) as loose:
            body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}
            for _ in range(7):
                async with world.http.post(f"{loose.url}{OTP}", json=body, headers={"X-API-Key": world.key}) as answer:
                    assert answer.status == 200


# Bad keys ---------------------------------------------------------------------------------------------------------


# 10
async def test_a_thousand_bad_keys_from_an_address_are_told_to_stop_and_a_good_one_still_works(strict: World) -> None:
    answers = []
    for _ in range(20):
        bad = [strict.call("GET", ME, key=access.make_secret()) for _ in range(50)]
        answers += await asyncio.gather(*bad)
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {401, 429}
    assert statuses.count(401) < 100
    last = answers[-1]
    assert (last.status, last.json["code"]) == (429, "rate_limited")
    assert int(last.headers["Retry-After"]) >= 1
    assert (await strict.call("GET", ME)).status == 200
    assert (await strict.call("GET", ME, key="")).json["code"] == "missing_api_key"
