"""Idempotency-Key: one key is at most one WhatsApp message, and its answer is kept for a day."""

import asyncio
import dataclasses

import aiohttp

from quixess import access, idempotency, worker
from quixess.access import Scope
from quixess.database import ids
from quixess.idempotency import Claim
from quixess.vault import Keyring
from tests.api import connecting
from tests.messages import pauses
from tests.world import OTP, Answer, World, eventually

ROW = "SELECT state, status FROM idempotency"


async def test_200_parallel_requests_with_one_key_are_one_send(world: World) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = dataclasses.replace(world, http=http)
        answers = await asyncio.gather(*(crowd.send_otp(idempotency_key="one") for _ in range(200)))

    assert len(await world.sends()) == 1
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert {answer.json["code"] for answer in answers if answer.status == 409} <= {"idempotency_in_progress"}
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers if answer.status == 200) == 1
    assert len(await world.rows("SELECT id FROM message")) == 1


async def test_200_parallel_requests_with_other_keys_are_200_sends(world: World) -> None:
    answers = await asyncio.gather(*(world.send_otp(idempotency_key=f"k{n}") for n in range(200)))

    assert {answer.status for answer in answers} == {200}
    assert len({sent["wamid"] for sent in await world.sends()}) == 200
    assert len(await world.rows("SELECT id FROM conversation")) == 1


async def test_a_replay_is_the_same_bytes_and_says_so(world: World) -> None:
    first = await world.send_otp(idempotency_key="k")
    again = await world.send_otp(idempotency_key="k")

    assert again.body == first.body
    assert (again.status, again.headers["Content-Type"]) == (200, "application/json")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Idempotency-Status"] == "replayed"
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert again.json["request_id"] == first.headers["X-Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert "Idempotency-Status" not in first.headers
    assert len(await world.sends()) == 1


async def test_a_refusal_of_meta_is_replayed_and_meta_is_not_asked_again(world: World) -> None:
    await world.meta.lever("faults", {"outcome": "131026"})
    first = await world.send_otp(idempotency_key="k")
    again = await world.send_otp(idempotency_key="k")

    assert (first.status, again.status) == (502, 502)
    assert again.body == first.body
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await world.sends() == []


async def test_another_body_under_an_old_key_is_422(world: World) -> None:
    await world.send_otp(idempotency_key="k", metadata={"a": "1"})

    others = [
        await world.send_otp(idempotency_key="k", metadata={"a": "1"}, code="771204"),
        await world.send_otp(idempotency_key="k", metadata={"a": "1"}, to="+12818184371"),
        await world.send_otp(idempotency_key="k", metadata={"a": "2"}),
        await world.send_otp(idempotency_key="k"),
        await world.send_otp(idempotency_key="k", metadata={"a": "1"}, template_name="login_otp"),
        await world.send_otp(idempotency_key="k", metadata={"a": "1"}, language="en_US"),
    ]
    assert {(answer.status, answer.json["code"]) for answer in others} == {(422, "idempotency_key_reused")}
    assert len(await world.sends()) == 1


async def test_another_way_to_write_the_same_request_is_the_same_request(world: World) -> None:
    first = await world.send_otp("+12818184370", idempotency_key="k", metadata={"a": "1", "b": "2"})
    spaced = await world.send_otp("+1 (281) 818-4370", idempotency_key="k", metadata={"b": "2", "a": "1"})
    turned = await world.call(
        "POST",
        OTP,
        body={
            "metadata": {"a": "1", "b": "2"},
            "template_name": "signup_otp",
            "code": "482913",
            "to": "+1281.818.4370",
        },
        headers={"Idempotency-Key": "k"},
    )

    assert first.body == spaced.body == turned.body
    assert len(await world.sends()) == 1


async def test_another_credential_with_the_same_key_is_another_request(world: World) -> None:
    shop, support = await world.mint(Scope.SEND_OTP), await world.mint(Scope.SEND_OTP)

    first = await world.send_otp(idempotency_key="k", key=shop)
    second = await world.send_otp(idempotency_key="k", key=support, code="771204")
    assert (first.status, second.status) == (200, 200)
    assert first.json["id"] != second.json["id"]
    assert len(await world.sends()) == 2


async def test_a_rotated_credential_finds_the_answers_of_its_parent(world: World) -> None:
    parent, child = await world.mint(Scope.SEND_OTP), await world.mint(Scope.SEND_OTP)
    await world.rows(
        """UPDATE api_key k SET lineage_id = p.lineage_id FROM api_key p
           WHERE p.last4 = $1 AND k.last4 = $2""",
        parent[-4:],
        child[-4:],
    )

    first = await world.send_otp(idempotency_key="k", key=parent)
    again = await world.send_otp(idempotency_key="k", key=child)
    assert (again.body, again.headers["Idempotent-Replayed"]) == (first.body, "true")
    assert len(await world.sends()) == 1


async def test_a_quoted_key_is_the_same_as_a_bare_one(world: World) -> None:
    first = await world.send_otp(idempotency_key='"8e03978e-40d5-43e8-bc93-6894a57f9324"')
    again = await world.send_otp(idempotency_key="8e03978e-40d5-43e8-bc93-6894a57f9324")

    assert again.body == first.body
    assert len(await world.sends()) == 1


async def test_a_key_has_1_to_255_of_its_letters(world: World) -> None:
    for good in ("k", "x" * 255, "A-Z_a.z:0~9", '"' + "y" * 255 + '"'):
        assert (await world.send_otp(idempotency_key=good)).status == 200, good
    sends = len(await world.sends())
    bad_ones = [
        "x" * 256,
        '""',
        '"',
        '"k',
        'k"',
        "'k'",
        "a b",
        "k\u00e9",
        "\u0661",
        "k'; DROP TABLE message; --",
        "a/b",
    ]
    for bad in [*bad_ones, '"a"b"', "{}", "a,b", "k\\", '"\\"']:
        refused = await world.send_otp(idempotency_key=bad)
        assert (refused.status, refused.json["code"]) == (400, "invalid_idempotency_key"), bad
    body = {"to": "+12818184370", "code": "482913", "template_name": "signup_otp"}
    empty = await world.call("POST", OTP, body=body, headers={"Idempotency-Key": ""})
    assert (empty.status, empty.json["code"]) == (400, "invalid_idempotency_key")
    assert len(await world.sends()) == sends


async def test_two_keys_in_one_request_are_refused(world: World) -> None:
    headers = [("X-API-Key", world.key), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    body = {"to": "+12818184370", "code": "482913", "template_name": "signup_otp"}

    async with world.http.post(world.url + OTP, json=body, headers=headers) as answer:
        assert answer.status == 400
    assert await world.sends() == []


async def test_a_credential_that_lost_its_rights_reads_no_stored_answer(world: World) -> None:
    sender, doomed = await world.mint(Scope.SEND_OTP), await world.mint(Scope.SEND_OTP)
    for key in (sender, doomed):
        assert (await world.send_otp(idempotency_key="k", key=key)).status == 200
    (row,) = await world.rows("SELECT id FROM api_key WHERE last4 = $1", doomed[-4:])
    async with world.rooms.db.transaction() as tx:
        await access.revoke_key(tx, row["id"], actor="test")
    await world.rows("UPDATE api_key SET scopes = '{whatsapp:read_messages}' WHERE last4 = $1", sender[-4:])

    revoked = await world.send_otp(idempotency_key="k", key=doomed)
    assert (revoked.status, revoked.json["code"]) == (401, "invalid_api_key")
    narrowed = await world.send_otp(idempotency_key="k", key=sender)
    assert (narrowed.status, narrowed.json["code"]) == (403, "insufficient_scope")
    await world.rows("UPDATE brand SET state = 'suspended'")
    suspended = await world.send_otp(idempotency_key="k", key=world.key)
    assert (suspended.status, suspended.json["code"]) == (403, "brand_suspended")


async def test_a_stored_answer_outlives_connection_and_template(world: World) -> None:
    first = await world.send_otp(idempotency_key="k")
    await world.rows("UPDATE connection SET state = 'disconnected'")
    await world.rows("DELETE FROM template")

    again = await world.send_otp(idempotency_key="k")
    assert (again.status, again.body) == (200, first.body)


async def begin_slow_send(world: World, answer_s: float) -> asyncio.Task[Answer]:
    """Begin a send that Meta has taken and not answered yet."""
    await world.meta.lever("settings", {"slow_answer_s": answer_s, "sent_ms": 86_400_000})
    await world.meta.lever("faults", {"outcome": "slow"})
    first = asyncio.create_task(world.send_otp(idempotency_key="k"))

    async def sent() -> bool:
        return bool(await world.sends())

    await eventually(sent)
    return first


async def test_while_the_first_one_runs_the_second_waits_for_its_answer(world: World) -> None:
    first = await begin_slow_send(world, 1.0)
    second = await world.send_otp(idempotency_key="k")
    answer = await first

    assert (answer.status, second.status) == (200, 200)
    assert second.body == answer.body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(await world.sends()) == 1


async def test_a_first_one_that_runs_longer_than_two_seconds_is_409(world: World) -> None:
    first = await begin_slow_send(world, 5.0)
    second = await world.send_otp(idempotency_key="k")
    assert (second.status, second.json["code"]) == (409, "idempotency_in_progress")
    assert second.headers["Retry-After"] == "1"
    other = await world.send_otp(idempotency_key="k", code="771204")
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")

    answer = await first
    assert answer.status == 200
    assert (await world.send_otp(idempotency_key="k")).body == answer.body
    assert len(await world.sends()) == 1


async def test_no_more_than_five_wait_for_one_key(world: World) -> None:
    first = await begin_slow_send(world, 1.0)
    others = await asyncio.gather(*(world.send_otp(idempotency_key="k") for _ in range(12)))
    answer = await first

    assert [other.status for other in others].count(200) == 5
    assert [other.status for other in others].count(409) == 7
    assert {other.body for other in others if other.status == 200} == {answer.body}


async def test_what_was_not_sent_leaves_the_key_free(world: World) -> None:
    await world.meta.lever("templates", {"name": "late_otp", "category": "AUTHENTICATION", "status": "PENDING"})
    refused = {400: await world.send_otp(idempotency_key="400", to="nobody")}
    refused[404] = await world.send_otp(idempotency_key="404", template_name="no_such_otp")
    refused[409] = await world.send_otp(idempotency_key="409", template_name="late_otp")
    await world.meta.lever("faults", {"outcome": "130429"})
    refused[429] = await world.send_otp(idempotency_key="429")
    await pauses.end(world)
    await connecting.reconnect(world, connecting.nobody())
    refused[503] = await world.send_otp(idempotency_key="503")

    assert {wanted: answer.status for wanted, answer in refused.items()} == {n: n for n in refused}
    assert await world.rows(ROW) == []
    await connecting.reconnect(world, world.meta.base_url)
    for status in refused:
        answer = await world.send_otp(idempotency_key=str(status), code="771204")
        assert (answer.status, "Idempotent-Replayed" in answer.headers) == (200, False), status


async def test_a_day_later_the_key_is_new_even_while_the_sweeper_runs(world: World) -> None:
    first = await world.send_otp(idempotency_key="k")
    await world.rows("UPDATE idempotency SET expires_at = now() - interval '2 hours'")
    swept = 0

    async def sweep() -> None:
        nonlocal swept
        while True:
            async with world.rooms.db.transaction() as tx:
                swept += await idempotency.sweep(tx)

    sweeper = asyncio.create_task(sweep())
    answers = await asyncio.gather(*(world.send_otp(idempotency_key="k", code="771204") for _ in range(50)))
    sweeper.cancel()
    await asyncio.gather(sweeper, return_exceptions=True)

    assert {answer.status for answer in answers} <= {200, 409}
    assert {answer.json["id"] for answer in answers if answer.status == 200}.isdisjoint({first.json["id"]})
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert len(await world.sends()) == 2
    assert swept <= 1


async def test_an_expired_key_counts_as_new_before_any_sweeper_came(world: World) -> None:
    await world.send_otp(idempotency_key="k")
    await world.rows("UPDATE idempotency SET expires_at = now() - interval '1 second'")

    answers = await asyncio.gather(*(world.send_otp(idempotency_key="k", code="771204") for _ in range(50)))
    assert {answer.status for answer in answers} <= {200, 409}
    assert len(await world.sends()) == 2


async def test_a_doubt_never_expires_into_a_second_send(world: World) -> None:
    await world.meta.lever("settings", {"sent_ms": 86_400_000})
    await world.meta.lever("faults", {"outcome": "reset_after_accept"})
    first = await world.send_otp(idempotency_key="k")
    (row,) = await world.rows(
        "UPDATE idempotency SET expires_at = now() - interval '2 hours' RETURNING lineage_id, fingerprint"
    )

    again = await world.send_otp(idempotency_key="k")
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    claim = Claim(row["lineage_id"], "k", world.brand_id, "send_otp", row["fingerprint"], ids.new())
    async with world.rooms.db.transaction() as tx:
        assert await idempotency.claim(tx, [claim], lease_s=30) == set()
    assert len(await world.sends()) == 1


async def test_the_sweeper_leaves_what_is_not_final_and_not_old(world: World) -> None:
    for key in ("fresh", "old", "doubtful", "running"):
        await world.send_otp(idempotency_key=key)
    await world.rows("UPDATE idempotency SET expires_at = now() - interval '2 hours' WHERE key <> 'fresh'")
    await world.rows("UPDATE idempotency SET state = 'unknown' WHERE key = 'doubtful'")
    await world.rows("UPDATE idempotency SET state = 'dispatching' WHERE key = 'running'")

    await worker.sweep_all(world.rooms.db, idempotency.sweep, most=1)
    rows = await world.rows("SELECT key FROM idempotency ORDER BY key")
    assert [row["key"] for row in rows] == ["doubtful", "fresh", "running"]


def test_a_fingerprint_needs_the_keyring_so_that_no_code_can_be_guessed_from_it() -> None:
    ours, other = Keyring.make(), Keyring.make()

    print_of = idempotency.fingerprint
    assert print_of(ours, "send_otp", b"482913") == print_of(ours, "send_otp", b"482913")
    assert print_of(ours, "send_otp", b"482913") != print_of(other, "send_otp", b"482913")
    assert print_of(ours, "send_otp", b"482913") != print_of(ours, "send_template", b"482913")
