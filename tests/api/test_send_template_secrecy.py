"""A one-time code that goes out by /send/template rests nowhere, as one by /send/otp."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import processes
from tests.api import connecting, templating
from tests.api.test_otp_secrecy import CANARY, ECHOES, TALKATIVE, assert_unseen, dump, echoing, remembering
from tests.messages import hooks, pauses
from tests.world import PHONE, Answer, World, building, eventually

CODE_TEXT = {"type": "text", "text": CANARY}
BUTTON = {"type": "button", "sub_type": "url", "index": "0", "parameters": [CODE_TEXT]}
RAW = [{"type": "body", "parameters": [CODE_TEXT]}, BUTTON]
WAYS: list[dict[str, Any]] = [{"variables": {"body": [CANARY]}}, {"components": RAW}]


async def test_a_code_rests_nowhere_whatever_becomes_of_the_send(dsn: str, tmp_path: Path) -> None:
    async with (
        building(dsn, tmp_path) as built,
        processes.running(dsn, tmp_path, "serve", "--work", **TALKATIVE) as gateway,
        remembering(dataclasses.replace(built, url=gateway.url), tmp_path) as world,
    ):
        answers = await every_fate(world) + await every_echo(world) + await nonsense(world)
        chat = await templating.bubbles(world)
        await eventually(lambda: world.receiver.of_type("message.failed"))
        await hooks.rest(world)
        dumped = await dump(world)
    written = (tmp_path / "simulator.json").read_text()

    assert CANARY in str(chat)
    assert "••••••" in dumped
    assert any("stopped" in line for line in gateway.lines), gateway.lines
    assert_unseen(dumped)
    assert_unseen("".join(gateway.lines))
    assert_unseen(written)
    for answer in answers:
        assert_unseen(answer.body.decode() + str(answer.headers))
    for headers, body in world.receiver.got:
        assert_unseen(str(headers) + body.decode())


async def send(world: World, key: str, filling: Mapping[str, Any]) -> Answer:
    return await templating.send(world, "signup_otp", idempotency_key=key, **filling)


async def every_fate(world: World) -> list[Answer]:
    """The code accepted, replayed, failed later, lost, broken, refused and throttled, filled in both ways."""
    fates = {"ok": 200, "async:131026": 200, "http_500": 202, "reset_after_accept": 202, "131008": 502, "130429": 429}
    answers = []
    await world.meta.lever("settings", {"sent_ms": 1500})
    for fault, expected in fates.items():
        for number, filling in enumerate(WAYS):
            await world.meta.lever("faults", {"outcome": fault})
            for _ in range(2 if expected == 200 else 1):
                answers.append(await send(world, f"{fault}{number}", filling))
                assert answers[-1].status == expected, fault
            await pauses.end(world)
    return answers


async def every_echo(world: World) -> list[Answer]:
    """A Meta that repeats the code in every kind of answer, and one that is not there."""
    answers = []
    for name, (status, body, expected) in ECHOES.items():
        async with connecting.meta_saying(echoing(status, body)) as url:
            for number, filling in enumerate(WAYS):
                await connecting.reconnect(world, url)
                answers.append(await send(world, f"{name}{number}", filling))
                assert answers[-1].status == expected, name
                await pauses.end(world)
    await connecting.reconnect(world, connecting.nobody())
    answers += [await send(world, "unreachable", WAYS[0])]
    await connecting.reconnect(world, world.meta.base_url)
    return answers


async def nonsense(world: World) -> list[Answer]:
    """Requests that are wrong in every place where a code could be echoed from."""
    fillings: list[dict[str, Any]] = [
        {"variables": {"body": [CANARY * 2]}},
        {"variables": {"body": [CANARY, CANARY]}},
        {"variables": {"body": {CANARY: CANARY}}},
        {"variables": {"body": {"1": {"type": CANARY}}}},
        {"variables": {"body": CANARY}},
        {"variables": {CANARY: 1}},
        {"variables": {"body": [CANARY], "header": {"text": CANARY}}},
        {"variables": {"body": [CANARY], "header": {CANARY: CANARY}}},
        {"variables": {"body": [CANARY], "header": {"document": {"id": CANARY, "filename": CANARY}}}},
        {"variables": {"body": [CANARY], "buttons": [{"index": 0, "payload": CANARY}]}},
        {"variables": {"body": [CANARY], "buttons": [{"index": 5, "url_suffix": CANARY}]}},
        {"variables": {"body": [CANARY], "buttons": [{"index": CANARY}]}},
        {"components": [*RAW, {"type": CANARY}]},
        {"components": [*RAW, BUTTON]},
        {"components": RAW[:1]},
        {"components": [{"type": "body", "parameters": [CODE_TEXT | {CANARY: CANARY}]}, BUTTON]},
        {"components": [{"type": "body", "parameters": [{"type": CANARY}]}, BUTTON]},
        {"components": [{"type": "body", "parameters": [CODE_TEXT | {"parameter_name": CANARY}]}, BUTTON]},
        {"components": [{"type": "body", "parameters": CANARY}, BUTTON]},
        {"components": [RAW[0], BUTTON | {"index": CANARY}]},
        {"components": [RAW[0], BUTTON | {"sub_type": CANARY}]},
        {"components": [RAW[0], BUTTON | {"parameters": [{"type": "text", "text": {CANARY: CANARY}}]}]},
        {"components": CANARY},
        {"components": RAW, "variables": WAYS[0]["variables"]},
        {"components": RAW, CANARY: CANARY},
    ]
    answers = [await templating.send(world, "signup_otp", **filling) for filling in fillings]
    answers.append(await templating.send(world, "signup_otp", to=None, recipient="US.1", **WAYS[0]))
    answers.append(await templating.send(world, "signup_otp", to=CANARY, **WAYS[0]))
    answers.append(await templating.send(world, "signup_otp", to=PHONE, language=CANARY, **WAYS[0]))
    assert {answer.status for answer in answers} == {400}
    return answers
