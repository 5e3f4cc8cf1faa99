"""What a key asks for leaves a line in the request log, and never more of it than may be kept."""

import asyncio
import json
from pathlib import Path
from typing import Any

import structlog

from quixess import access, requests
from quixess.access import Scope
from quixess.database import ids
from quixess.database.core import Database
from quixess.requests import Filter, Line, Listed, RequestLog
from tests.world import CODE, OTP, PHONE, World, building, eventually

EXTERNAL = "/api/v1/whatsapp/external"


async def lines(world: World, wanted: Filter | None = None) -> tuple[Listed, ...]:
    async with world.rooms.db.reading(world.brand_id) as tx:
        return (await requests.list_requests(tx, world.brand_id, wanted or Filter())).requests


async def logged(world: World, many: int) -> tuple[Listed, ...]:
    """Wait until so many lines are written, and give them, the oldest first."""

    async def enough() -> tuple[Listed, ...] | None:
        found = await lines(world)
        return tuple(reversed(found)) if len(found) >= many else None

    found: tuple[Listed, ...] = await eventually(enough)
    assert len(found) == many
    return found


async def test_a_send_leaves_a_line_with_its_message_and_without_its_code(world: World) -> None:
    answer = await world.send_otp(idempotency_key="signup-1", metadata={"order": "A-1042"})
    (line,) = await logged(world, 1)

    assert (line.method, line.path, line.status) == ("POST", OTP, 200)
    assert line.request_id == answer.headers["X-Request-Id"]
    assert line.message_id == ids.parse("msg", answer.json["id"])
    assert line.duration_ms > 0
    assert line.address == "127.0.0.1"
    assert (line.code, line.problem, line.replayed) == (None, None, False)
    assert line.asked == {
        "body": {
            "to": "+1281•••4370",
            "code": "•••",
            "template_name": "signup_otp",
            "metadata": {"order": "•••"},
        }
    }


async def test_a_replay_is_marked_and_names_the_same_message(world: World) -> None:
    for _ in range(2):
        await world.send_otp(idempotency_key="signup-1")
    first, second = await logged(world, 2)

    assert [first.replayed, second.replayed] == [False, True]
    assert first.message_id == second.message_id is not None
    assert first.request_id != second.request_id


async def test_a_key_without_the_scope_finds_the_fix_in_the_log(world: World) -> None:
    narrow = await world.mint(Scope.SEND_OTP)
    await world.call("GET", f"{EXTERNAL}/messages?phone=%2B12818184370&limit=5", key=narrow)
    (line,) = await logged(world, 1)

    assert (line.status, line.code) == (403, "insufficient_scope")
    assert line.problem is not None
    assert "whatsapp:read_messages" in line.problem["detail"]
    assert line.asked == {"query": {"phone": "+1281•••4370", "limit": "5"}}


async def test_a_bad_body_is_told_with_the_field_at_fault(world: World) -> None:
    await world.call("POST", OTP, body={"to": PHONE, "code": 482913, "template_name": "signup_otp", "482913": "x"})
    (line,) = await logged(world, 1)

    assert (line.status, line.code) == (400, "invalid_request")
    assert line.problem is not None
    assert [fault["pointer"] for fault in line.problem["errors"]] != []
    assert CODE not in json.dumps([line.problem, line.asked])


async def test_metas_refusal_keeps_its_code_and_its_message(world: World) -> None:
    await world.meta.lever("faults", {"outcome": "131008"})
    answer = await world.send_otp()
    (line,) = await logged(world, 1)

    assert (line.status, line.code) == (502, "whatsapp_error")
    assert line.message_id == ids.parse("msg", answer.json["message_id"])


async def test_an_object_is_named_by_our_id_and_a_search_is_not_told(world: World) -> None:
    sent = await world.send_otp()
    await world.call("GET", f"{EXTERNAL}/messages/{sent.json['id']}")
    await world.call("GET", f"{EXTERNAL}/messages?q=my+secret+words")
    _, one, search = await logged(world, 3)

    assert one.path == f"{EXTERNAL}/messages/{{id}}"
    assert one.asked == {"path": {"id": sent.json["id"]}}
    assert search.asked == {"query": {"q": "•••"}}


async def test_who_has_no_valid_key_leaves_no_line(world: World) -> None:
    await world.call("GET", f"{EXTERNAL}/me", key="")
    await world.call("GET", f"{EXTERNAL}/me", key="qxs_" + "a" * 40)
    await world.call("GET", f"{EXTERNAL}/me")

    (line,) = await logged(world, 1)
    assert line.status == 200


async def test_a_brand_never_sees_what_another_one_asked(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = (await access.create_brand(tx, "Rival")).id
    theirs = await world.mint(brand_id=rival)
    answer = await world.call("GET", f"{EXTERNAL}/me", key=theirs)
    await world.call("GET", f"{EXTERNAL}/me")
    await logged(world, 1)

    async with world.rooms.db.reading(world.brand_id) as tx:
        assert await requests.find_request(tx, world.brand_id, answer.headers["X-Request-Id"]) is None
        assert await requests.find_request(tx, rival, answer.headers["X-Request-Id"]) is None
    async with world.rooms.db.reading(rival) as tx:
        found = await requests.find_request(tx, rival, answer.headers["X-Request-Id"])
        assert found is not None
        assert await requests.last_of_key(tx, rival, found.key_id) == (found,)


async def test_lists_are_narrowed_by_status_key_path_and_time_and_go_on_where_they_ended(world: World) -> None:
    narrow = await world.mint(Scope.SEND_OTP)
    for key in (world.key, narrow, world.key, narrow):
        await world.call("GET", f"{EXTERNAL}/messages", key=key)
    await world.send_otp(key=narrow)
    all_of_them = await logged(world, 5)
    narrow_key = all_of_them[-1].key_id

    assert len(await lines(world, Filter(status=4))) == 2
    assert len(await lines(world, Filter(failed=True))) == 2
    assert len(await lines(world, Filter(status=200))) == 3
    assert len(await lines(world, Filter(key_id=narrow_key))) == 3
    assert len(await lines(world, Filter(key_id=narrow_key, failed=True))) == 2
    assert len(await lines(world, Filter(method="POST", path=OTP))) == 1
    assert len(await lines(world, Filter(code="insufficient_scope"))) == 2
    assert len(await lines(world, Filter(until=all_of_them[0].at))) == 0
    assert len(await lines(world, Filter(since=all_of_them[0].at))) == 5

    seen: list[Any] = []
    before = None
    while True:
        async with world.rooms.db.reading(world.brand_id) as tx:
            page = await requests.list_requests(tx, world.brand_id, Filter(), limit=2, before=before)
        seen += [one.id for one in page.requests]
        before = page.next
        if before is None:
            break
    assert seen == [one.id for one in reversed(all_of_them)]


async def test_an_installation_may_keep_lines_without_bodies_or_nothing(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, request_log="lines") as world:
        await world.send_otp()
        (line,) = await logged(world, 1)
        assert line.asked is None
        assert line.message_id is not None


async def test_the_log_can_be_switched_off(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, request_log="off") as world:
        assert (await world.send_otp()).status == 200
        await world.rooms.requests.close()
        assert await lines(world) == ()


async def test_what_waits_is_written_when_the_process_ends(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path) as world:
        await world.send_otp()
        brand_id = world.brand_id
    db = await Database.open(dsn)
    async with db.reading(brand_id) as tx:
        assert len((await requests.list_requests(tx, brand_id, Filter())).requests) == 1
    await db.close()


def a_line(**more: Any) -> Line:
    told: dict[str, Any] = {
        "brand_id": ids.new(), "id": ids.new(), "request_id": "req_1", "key_id": ids.new(), "method": "GET",
        "path": "/", "status": 200, "duration_ms": 1.5, "address": None, "code": None, "problem": None,
        "message_id": None, "replayed": False, "asked": None,
    }  # fmt: skip
    return Line(**told | more)


async def test_what_comes_faster_than_it_can_be_written_is_dropped_counted_and_said(db: Database) -> None:
    log = RequestLog(db)
    with structlog.testing.capture_logs() as said:
        for _ in range(10_100):
            log.note(a_line())
        await log.close()

    assert log.dropped == 100
    assert [(entry["event"], entry["lines"]) for entry in said] == [("lines of the request log were dropped", 100)]
    async with db.statement() as tx:
        row = await tx.row("SELECT count(*) AS lines FROM request")
        assert row is not None
        assert row["lines"] == 10_000


async def test_a_database_that_is_away_costs_lines_and_nothing_else(db: Database) -> None:
    log = RequestLog(db)
    await db.close()
    log.note(a_line())
    await asyncio.wait_for(log.close(), 30)
    assert log.dropped == 1
