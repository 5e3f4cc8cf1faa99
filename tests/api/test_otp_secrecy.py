"""A one-time code rests nowhere: not in a row, a log, an event, an answer, or the simulator's file."""

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from quixess import connections, simulator
from tests import processes
from tests import world as worlds
from tests.api import connecting
from tests.messages import hooks, pauses
from tests.simulator import driving
from tests.world import OTP, PHONE, Answer, World, building, eventually

CANARY = "ZQ7K9XW4CANARY"
ECHO = f"the parameter {CANARY} is not good, not even as x{CANARY}x"


TALKATIVE = {"log_level": "debug", "log_json": "1", "send_timeout": "1", "unknown_wait": "0.01"}


@asynccontextmanager
async def remembering(world: World, folder: Path) -> AsyncIterator[World]:
    """The same world with a simulated Meta that keeps a state file."""
    options = simulator.Options(settings=driving.QUICK, state_path=folder / "simulator.json")
    async with driving.running(options) as meta:
        kept = dataclasses.replace(world, meta=meta)
        connection_id = await worlds.connect(world.rooms, meta, world.brand_id, world.url)
        async with world.rooms.db.transaction() as tx:
            await connections.disconnect_others(tx, world.brand_id, connection_id)
        yield kept


async def dump(world: World) -> str:
    """Every row of every table as text; bytes are shown in hex."""
    async with world.rooms.db.owner() as connection:
        tables = await connection.fetch("SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'p')")
        ours = [row["name"] for row in tables if "." not in row["name"] and not row["name"].startswith("pg_")]
        assert {"message", "idempotency", "event", "attempt", "intake", "audit"} <= set(ours)
        rows = [await connection.fetch(f"SELECT t::text AS line FROM {name} t") for name in ours]
    return "\n".join(row["line"] for found in rows for row in found)


def assert_unseen(text: str) -> None:
    """The code stands nowhere in a text, neither plain nor as the hex of its bytes."""
    assert CANARY not in text
    assert CANARY.encode().hex() not in text.lower()


def echoing(status: int, body: Any, headers: dict[str, str] | None = None) -> Any:
    raw = body if isinstance(body, str) else json.dumps({"error": body})
    kind = "text/html" if isinstance(body, str) else "application/json"

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=raw, headers=headers, content_type=kind)

    return answer


REFUSAL = {
    "message": f"(#132018) {ECHO}",
    "type": "OAuthException",
    "code": 132018,
    "error_data": {"messaging_product": "whatsapp", "details": ECHO, CANARY: [{"deep": [ECHO]}]},
    "error_user_msg": ECHO,
    "fbtrace_id": "A1",
}
ECHOES = {
    "rejected": (400, REFUSAL, 502),
    "dead_token": (401, REFUSAL | {"code": 190}, 502),
    "throttled": (400, REFUSAL | {"code": 130429}, 429),
    "broken": (500, REFUSAL | {"code": 131000}, 202),
    "proxys_page": (400, f"<html>{ECHO}</html>", 202),
    "no_wamid": (200, ECHO, 202),
    "strange": (200, f'{{"messages": [], "echo": "{CANARY}"}}', 202),
}


async def test_a_code_rests_nowhere_whatever_becomes_of_the_send(dsn: str, tmp_path: Path) -> None:
    async with (
        building(dsn, tmp_path) as built,
        processes.running(dsn, tmp_path, "serve", "--work", **TALKATIVE) as gateway,
        remembering(dataclasses.replace(built, url=gateway.url), tmp_path) as world,
    ):
        answers = await every_fate(world) + await every_echo(world) + await nonsense(world)
        chat = await world.meta.lever(f"phones/{PHONE[1:]}/messages")
        await eventually(lambda: world.receiver.of_type("message.failed"))
        await hooks.rest(world)
        dumped = await dump(world)
    written = (tmp_path / "simulator.json").read_text()

    assert CANARY in str(chat)  # the code was on the phone, so it could have been anywhere
    assert "••••••" in dumped
    assert "signup_otp" in written
    assert any("stopped" in line for line in gateway.lines), gateway.lines
    assert_unseen(dumped)
    assert_unseen("".join(gateway.lines))
    assert_unseen(written)
    for answer in answers:
        assert_unseen(answer.body.decode() + str(answer.headers))
    for headers, body in world.receiver.got:
        assert_unseen(str(headers) + body.decode())


async def every_fate(world: World) -> list[Answer]:
    """The same code accepted, replayed, failed later, lost, broken, refused and throttled."""
    fates = {"ok": 200, "async:131026": 200, "http_500": 202, "reset_after_accept": 202, "131008": 502, "130429": 429}
    answers = []
    await world.meta.lever("settings", {"sent_ms": 1500})  # after `unknown_wait`, so that a lost answer stays lost
    for fault, expected in fates.items():
        await world.meta.lever("faults", {"outcome": fault})
        for _ in range(2 if expected == 200 else 1):
            answers.append(await world.send_otp(code=CANARY, idempotency_key=fault))
            assert answers[-1].status == expected, fault
        await pauses.end(world)
    return answers


async def every_echo(world: World) -> list[Answer]:
    """A Meta that repeats the code in every kind of answer, and one that is not there."""
    answers = []
    for name, (status, body, expected) in ECHOES.items():
        async with connecting.meta_saying(echoing(status, body)) as url:
            await connecting.reconnect(world, url)
            answers.append(await world.send_otp(code=CANARY, idempotency_key=name))
        assert answers[-1].status == expected, name
        await pauses.end(world)
    await connecting.reconnect(world, connecting.nobody())
    answers.append(await world.send_otp(code=CANARY, idempotency_key="unreachable"))
    await connecting.reconnect(world, world.meta.base_url)
    return answers


async def nonsense(world: World) -> list[Answer]:
    """Requests that are wrong in every place where a code could be echoed from."""
    good = {"to": PHONE, "code": CANARY, "template_name": "signup_otp"}
    bodies: list[Any] = [
        good | {"code": CANARY * 2},
        good | {"code": [CANARY]},
        good | {"code": {CANARY: 1}},
        good | {CANARY: 1},
        good | {"to": CANARY},
        good | {"template_name": CANARY},
        good | {"language": CANARY},
        good | {"metadata": {"k": [CANARY]}},
        good | {"metadata": {CANARY: 1}},
        good | {"template_name": "order_update"},
        good | {"template_name": "no_such_otp"},
        [CANARY],
        CANARY,
    ]
    answers = [await world.call("POST", OTP, body=body) for body in bodies]
    for raw in (
        f'{{"code": "{CANARY}"',
        f'{{"code": "{CANARY}\\ud800"}}',
        f'{{"code": "{CANARY}", "code": "{CANARY}"}}',
    ):
        headers = {"Content-Type": "application/json"}
        answers.append(await world.call("POST", OTP, data=raw.encode(), headers=headers))
    assert {answer.status for answer in answers} <= {400, 404}
    return answers
