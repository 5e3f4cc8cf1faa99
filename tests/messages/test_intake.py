"""Meta's door: who may post, what is kept, and what becomes of a body that makes no sense."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

from quixess.messages import todos
from quixess.vault import Place
from tests.messages import hooks
from tests.messages.hooks import change, status, text
from tests.simulator.driving import signed
from tests.world import Answer, World, eventually, listening


async def shake(world: World, **asked: str) -> Answer:
    good = {"mode": "subscribe", "verify_token": world.meta.world["verify_token"], "challenge": "1158201444"}
    query = urlencode({f"hub.{name}": value for name, value in (good | asked).items()})
    return await world.call("GET", f"/webhooks/meta/{world.meta.world['app_id']}?{query}", key="")


async def broken(world: World) -> list[Any]:
    async with world.rooms.db.transaction() as tx:
        return await todos.list_broken(tx)


async def post_broken(world: World, raw: bytes, count: int = 1) -> list[Any]:
    """Post a body that will be listed, and wait until it is."""
    assert (await hooks.post(world, raw)).status == 200

    async def listed() -> list[Any]:
        found = await broken(world)
        return found if len(found) == count else []

    found: list[Any] = await eventually(listed)
    return found


async def test_the_handshake_echoes_the_challenge_as_plain_text(world: World) -> None:
    answer = await shake(world)

    assert (answer.status, answer.body) == (200, b"1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (await shake(world, challenge="aZ09_-" + "x" * 122)).status == 200


async def test_a_handshake_that_is_none_is_403_and_echoes_nothing(world: World) -> None:
    wrong = [
        {"verify_token": "guess"},
        {"verify_token": ""},
        {"verify_token": world.meta.world["verify_token"].upper() + "x"},
        {"mode": "unsubscribe"},
        {"challenge": "<script>alert(1)</script>"},
        {"challenge": ""},
        {"challenge": "x" * 129},
        {"challenge": "a b"},
        {"challenge": "1\n2"},
    ]
    for asked in wrong:
        refused = await shake(world, **asked)
        assert (refused.status, refused.json["code"]) == (403, "verification_failed"), asked
        assert b"<script>" not in refused.body
    other_app = await world.call(
        "GET", "/webhooks/meta/1?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x", key=""
    )
    bare = await world.call("GET", f"/webhooks/meta/{world.meta.world['app_id']}", key="")
    assert (other_app.status, bare.status) == (403, 403)


async def test_a_challenge_of_a_megabyte_ends_at_the_edge(world: World) -> None:
    answer = await world.call("GET", f"/webhooks/meta/1?hub.challenge={'x' * 9_000}", key="")

    assert answer.status == 404
    assert b"xxxx" not in answer.body


async def test_a_signature_that_is_none_is_401_and_nothing_is_kept(world: World) -> None:
    secret = world.meta.world["app_secret"]
    raw = hooks.body(world, [change(world, messages=[text("héllo / @")])])
    good = signed(secret, raw)
    reserialised = signed(secret, json.dumps(json.loads(raw), ensure_ascii=False).encode())
    forms = {
        "none": "",
        "of other bytes": signed(secret, raw + b" "),
        "of the same JSON in other bytes": reserialised,
        "of another app's secret": signed("another secret", raw),
        "of an empty secret": signed("", raw),
        "upper-case hex": "sha256=" + good[7:].upper(),
        "an upper-case name": "SHA256=" + good[7:],
        "without a name": good[7:],
        "cut": good[:-1],
        "one letter more": good + "0",
        "a space more": good.replace("=", "= "),
        "SHA-1": "sha1=" + hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest(),
        "SHA-1 called SHA-256": "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest(),
        "two at once": f"{good},{good}",
        "not ASCII": "sha256=" + "\u0661" * 64,
    }
    for name, signature in forms.items():
        refused = await hooks.post(world, raw, signature=signature)
        assert (refused.status, refused.json["code"]) == (401, "invalid_signature"), name
    sha1_only = {"X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()}
    path = f"/webhooks/meta/{world.meta.world['app_id']}"
    assert (await world.call("POST", path, key="", data=raw, headers=sha1_only)).status == 401
    assert (await hooks.post(world, raw, app_id="1")).status == 401
    assert await world.rows("SELECT id FROM intake") == []

    assert (await hooks.post(world, raw)).status == 200


async def test_both_secrets_sign_while_one_is_rotated(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
    place = Place("meta_app", "previous_secret", rival.app_id)
    sealed = world.rooms.keyring.seal(b"the old one", place)
    await world.rows("UPDATE meta_app SET previous_secret = $1 WHERE id = $2", sealed, rival.app_id)
    raw = hooks.body(world, [change(world, messages=[text()])])

    statuses = {
        secret: (await hooks.post(world, raw, app_id=rival.app_id, secret=secret)).status
        for secret in ("the old one", rival.app_secret, "another one")
    }
    assert statuses == {"the old one": 200, rival.app_secret: 200, "another one": 401}


async def test_a_body_that_makes_no_sense_is_200_listed_and_blocks_nobody(world: World) -> None:
    bodies = [b"not JSON", b"", b"{}", b"[]", b'"text"', b"{\x00}", b"\xff\xfe", b"[" * 100_000, b'{"entry": {}}']
    for count, raw in enumerate(bodies, 1):
        await post_broken(world, raw, count)
    found = await broken(world)
    assert {row["error"] for row in found} <= {"the body is not JSON", "the body has no list of entries"} | {
        "the body is nested too deeply"
    }
    assert {row["size"] for row in found} == {len(raw) for raw in bodies}

    await hooks.tell(world, messages=[text("still here")])
    assert [event["data"]["content"]["body"] for event in world.receiver.events] == ["still here"]


async def test_a_broken_body_can_be_run_again(world: World) -> None:
    (row,) = await post_broken(world, b"not JSON")
    good = hooks.body(world, [change(world, messages=[text("mended")])])
    async with world.rooms.db.owner() as connection:
        await connection.execute("UPDATE intake SET body = $1", good)
    async with world.rooms.db.transaction() as tx:
        assert await todos.run_again(tx, row["id"]) == 1

    await eventually(lambda: world.receiver.of_type("message.received"))
    assert await broken(world) == []


async def test_one_item_that_makes_no_sense_is_listed_and_its_siblings_count(world: World) -> None:
    faulty = text("without an id")
    del faulty["id"]
    raw = hooks.body(
        world,
        [change(world, messages=[text("one"), faulty, "no object", text("two")]), {"field": "messages"}],
        [change(world, statuses={"not": "a list"}), change(world, messages=[text("three")])],
    )
    (row,) = await post_broken(world, raw)

    await hooks.rest(world)
    bodies = [event["data"]["content"]["body"] for event in world.receiver.events]
    assert sorted(bodies) == ["one", "three", "two"]
    for reason in ("messages: one without an id", "a change without a value", "statuses that are no list"):
        assert reason in row["error"]

    async with world.rooms.db.transaction() as tx:
        assert await todos.run_again(tx, None) == 1
    await eventually(lambda: broken(world))
    await hooks.rest(world)
    assert len(world.receiver.events) == 3


async def test_thousands_of_statuses_in_three_megabytes_are_worked_off(world: World) -> None:
    known = await hooks.send_silently(world)
    padding: dict[str, Any] = {"conversation": {"id": "x" * 160, "origin": {"type": "authentication"}}}
    statuses = [status(hooks.wamid(), "delivered", **padding) for _ in range(8_000)]
    raw = hooks.body(world, [change(world, statuses=[*statuses, status(known, "read")])])
    assert 2_500_000 < len(raw) < 3_200_000

    assert (await hooks.post(world, raw)).status == 200
    await eventually(lambda: world.receiver.of_type("message.read"))
    (row,) = await world.rows("SELECT count(*) AS n FROM parked_status")
    assert row["n"] == 8_000


async def test_a_body_above_four_mebibytes_is_413(world: World) -> None:
    limit = 4 * 1024 * 1024
    fits, too_large = b" " * (limit - 2) + b"{}", b" " * (limit - 1) + b"{}"

    assert (await hooks.post(world, fits)).status == 200
    refused = await hooks.post(world, too_large)
    assert (refused.status, refused.json["code"]) == (413, "payload_too_large")
    assert len(await world.rows("SELECT id FROM intake")) == 1
