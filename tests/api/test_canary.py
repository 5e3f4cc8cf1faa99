"""A one-time code rests nowhere even when the process that had it is killed, and no page of ours shows it afterwards.

What becomes of a code while all goes on living is told in test_otp_secrecy.py. The processes show their numbers and
send their spans here, so that those are looked through too.
"""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import aiohttp
import pytest

from quixess.database import ids
from tests.api import test_otp_secrecy as secrecy
from tests.api.test_otp_secrecy import CANARY
from tests.crash.processes import Site, site_over
from tests.hostile import asking
from tests.hostile.test_keys import OWN
from tests.messages import hooks
from tests.world import OTP, PHONE, Answer, Receiver, World, eventually, free_port, serving

TEMPLATE = OTP.removesuffix("otp") + "template"
PARAMETERS = [{"type": "text", "text": CANARY}]
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "otp": (OTP, {"to": PHONE, "code": CANARY, "template_name": "signup_otp"}),
    "template, by variables": (
        TEMPLATE,
        {"to": PHONE, "template_name": "signup_otp", "variables": {"body": [CANARY]}},
    ),
    "template, by components": (
        TEMPLATE,
        {
            "to": PHONE,
            "template_name": "signup_otp",
            "components": [
                {"type": "body", "parameters": PARAMETERS},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": PARAMETERS},
            ],
        },
    ),
}
STEPS = ("send.in_claim", "send.after_claim", "send.after_meta", "send.after_settle")


@pytest.fixture
async def spans() -> AsyncIterator[Receiver]:
    """What the processes tell of their traces."""
    receiver = Receiver()
    async with serving(receiver.take, "/v1/traces") as url:
        receiver.url = url
        yield receiver


@pytest.fixture
async def site(dsn: str, tmp_path: Path, spans: Receiver) -> AsyncIterator[Site]:
    """Processes that write down everything they can."""
    talkative = {
        "QUIXESS_LOG_LEVEL": "debug",
        "QUIXESS_LOG_JSON": "1",
        "QUIXESS_METRICS_ADDRESS": f"127.0.0.1:{free_port()}",
        "QUIXESS_TRACES": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": spans.url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    async with site_over(dsn, tmp_path, settings=talkative) as one:
        yield one


async def send(site: Site, way: str, key: str) -> Answer | None:
    """Send the code one way under an Idempotency-Key; None when the connection broke instead."""
    path, body = BODIES[way]
    headers = {"X-API-Key": site.demo.full_key, "Idempotency-Key": key}
    try:
        async with site.http.post(site.first.url + path, json=body, headers=headers) as got:
            return Answer(got.status, got.headers, await got.read())
    except (aiohttp.ClientError, OSError):
        return None


@pytest.mark.crash
@pytest.mark.parametrize("way", [*list(BODIES)[:2], pytest.param("template, by components", marks=pytest.mark.slow)])
async def test_a_code_rests_nowhere_though_we_are_killed_at_every_step(site: Site, spans: Receiver, way: str) -> None:
    for step in STEPS:
        await site.open(fail_at=step)
        assert await send(site, way, step) is None
        await site.first.falls(step)
    await site.first.start()
    answers = [await send(site, way, step) for step in STEPS for _ in range(2)]
    await eventually(lambda: site.receiver.of_type("message.delivered"))
    await hooks.rest(as_world(site))
    chat = await site.meta.lever(f"phones/{PHONE[1:]}/messages")
    pages = [*await every_page(site), await numbers(site)]
    await site.first.stop()

    assert CANARY in str(chat)  # the code was on the phone, so it could have been anywhere
    assert {answer.status for answer in answers if answer is not None} >= {200}
    secrecy.assert_unseen(await secrecy.dump(as_world(site)))
    secrecy.assert_unseen(site.first.log.read_text())
    for answer in [*filter(None, answers), *pages]:
        secrecy.assert_unseen(answer.body.decode("latin-1") + str(answer.headers))
    for headers, body in site.receiver.got:
        secrecy.assert_unseen(str(headers) + body.decode())
    assert b"send at Meta" in b"".join(body for _, body in spans.got)
    for _, body in spans.got:
        secrecy.assert_unseen(body.decode("latin-1"))


async def every_page(site: Site) -> list[Answer]:
    """Read all there is to read: each GET of the table with a key that may everything, and the pages for people."""
    (row,) = await site.rows(
        """SELECT m.id AS msg, m.conversation_id AS cnv, e.id AS evt FROM message m
           JOIN event e ON e.brand_id = m.brand_id AND e.message_id = m.id ORDER BY e.id LIMIT 1"""
    )
    values = OWN | {kind: ids.show(kind, row[kind]) for kind in ("msg", "cnv", "evt")}
    world = as_world(site)
    answers = []
    for one in asking.every(values):
        if one.endpoint.method == "GET":
            answers.append(await one.of(world))
            if "include" in {slot.name for slot in asking.slots(one)}:
                answers.append(await dataclasses.replace(one, query={"include": "payload"}).of(world))
    assert {answer.status for answer in answers} <= {200, 404}, answers
    return answers + [await world.call("GET", page, key="") for page in ("/docs", "/docs/errors", "/openapi.json")]


async def numbers(site: Site) -> Answer:
    """Read what the process shows of itself."""
    async with site.http.get(f"http://{site.first.env['QUIXESS_METRICS_ADDRESS']}/metrics") as got:
        answer = Answer(got.status, got.headers, await got.read())
    assert b'quixess_meta_sends_total{outcome="accepted"}' in answer.body
    return answer


def as_world(site: Site) -> World:
    """Let the site be asked like a world."""
    return World(
        dsn="",
        settings=site.on.settings,
        url=site.first.url,
        rooms=cast("Any", site.on),
        meta=site.meta,
        receiver=site.receiver,
        http=site.http,
        brand_id=UUID(int=0),
        connection_id=UUID(int=0),
        key=site.demo.full_key,
        endpoint_secret="",
    )
