"""Templates and answers are cut down at every step of a send, as codes are in test_sends: never two, never a lie."""

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any

import pytest

from quixess import access
from quixess.access import Constraints, Scope
from quixess.database.embedded import EmbeddedPostgres
from tests.api import replying, templating
from tests.crash import ledger
from tests.crash.processes import Site
from tests.media import files, uploads
from tests.processes import Program
from tests.world import PHONE, Answer, eventually

pytestmark = pytest.mark.crash

KEY = "order-4711"
TEMPLATE = {"template_name": "order_update", "variables": {"body": ["Frank", "A-1042"]}}
LISTS = ("messages", "conversations", "templates", "webhook-events")
KINDS = ["template", "text", "file"]


@dataclass
class Wish:
    """One thing to send: where it is asked for, and how."""

    site: Site
    path: str
    body: dict[str, Any]
    api_key: str

    async def ask(self, key: str = KEY, *, at: Program | None = None) -> Answer | None:
        """Ask for it under an Idempotency-Key and note the answer; None when the connection broke instead."""
        return await self.site.order(self.path, self.body, key, at=at, api_key=self.api_key)

    async def until(self, status: int, key: str = KEY, *, at: Program | None = None) -> list[int]:
        """Ask again until it is answered with `status`; tell what was answered, without repeats."""
        seen: list[int] = []

        async def asked() -> bool:
            answer = await self.ask(key, at=at)
            if answer is not None and answer.status not in seen[-1:]:
                seen.append(answer.status)
            return answer is not None and answer.status == status

        await eventually(asked)
        return seen


async def wish(site: Site, kind: str, **more: Any) -> Wish:
    """Let the customer write, so that everything may be sent, and say what is to be sent."""
    await site.customer_says("Where is my parcel?")
    await eventually(lambda: site.rows("SELECT 1 FROM conversation WHERE window_until IS NOT NULL"))
    # The tenant was told of it, and that is written down: a death after this repeats nothing.
    await eventually(lambda: site.rows("SELECT 1 FROM outcome"))
    if kind == "template":
        return Wish(site, templating.PATH, {"to": PHONE} | TEMPLATE | more, site.demo.full_key)
    said = replying.TEXT if kind == "text" else {"type": "image", "media": {"id": await upload(site)}}
    return Wish(site, replying.REPLY, {"to": PHONE} | said | more, site.demo.full_key)


async def upload(site: Site) -> str:
    headers = {"X-API-Key": site.demo.full_key}
    answer = await site.call("POST", uploads.PATH, data=uploads.form(files.JPEG), headers=headers)
    assert answer is not None
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


async def narrow_key(site: Site, messages_per_day: int) -> str:
    """Mint a key that may send so many messages."""
    async with site.on.db.transaction() as tx:
        brand_id = (await tx.rows("SELECT id FROM brand"))[0]["id"]
        secret, _ = await access.mint_key(
            tx, site.on.keyring, brand_id, name="narrow", scopes=tuple(Scope), actor="test",
            constraints=Constraints(messages_per_day=messages_per_day),
        )  # fmt: skip
    return secret


async def outbound(site: Site) -> list[str]:
    """The states of what was to be sent."""
    return [row["state"] for row in await site.rows("SELECT state FROM message WHERE direction = 'outbound'")]


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_before_the_claim_commits_means_that_nothing_ever_was(site: Site, kind: str) -> None:
    await site.open(fail_at="send.in_claim")
    one = await wish(site, kind)
    assert await one.ask() is None
    await site.restart("send.in_claim")
    assert await outbound(site) == await site.rows("SELECT 1 FROM idempotency") == []
    assert await site.rows("SELECT 1 FROM rate_bucket") == []

    first = await one.ask()
    assert first is not None
    assert (first.status, "idempotent-replayed" in first.headers) == (200, False)
    assert (await ledger.judge(site, in_flight=0)).sends == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_between_claim_and_meta_is_doubt_until_silence_proves_it_was_not_sent(site: Site, kind: str) -> None:
    await site.open(fail_at="send.after_claim")
    one = await wish(site, kind)
    assert await one.ask() is None
    await site.restart("send.after_claim")

    assert (await one.until(202))[-1] == 202
    await _a_live_pipe_gives_it_up(one)
    assert await site.sends() == []


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_after_meta_accepted_is_settled_by_the_statuses_that_meta_repeats(site: Site, kind: str) -> None:
    await site.open(fail_at="send.after_meta")
    one = await wish(site, kind)
    assert await one.ask() is None
    await site.restart("send.after_meta")

    assert (await one.until(200))[-1] == 200
    (sent,) = await site.sends()
    settled = await one.ask()
    assert settled is not None
    assert settled.headers["idempotent-replayed"] == "true"
    assert (settled.json["status"], settled.json["wa_message_id"]) == ("accepted", sent["wamid"])
    assert (await ledger.judge(site, in_flight=0)).sends == 1
    assert await outbound(site) == ["read"]


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_after_meta_accepted_and_no_status_is_given_up_and_still_yields_to_the_truth(
    site: Site, kind: str
) -> None:
    await site.open(fail_at="send.after_meta")
    one = await wish(site, kind)
    await site.fault("no_status")
    assert await one.ask() is None
    await site.restart("send.after_meta")

    assert (await one.until(202))[-1] == 202
    await _a_live_pipe_gives_it_up(one)
    (sent,) = await site.sends()
    await site.meta_tells(sent, "delivered")
    assert (await one.until(200))[-1] == 200
    assert await outbound(site) == ["delivered"]
    assert (await ledger.judge(site, in_flight=0, silent=1)).sends == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_after_the_settle_replays_the_stored_answer_byte_for_byte(site: Site, kind: str) -> None:
    await site.open(fail_at="send.after_settle")
    one = await wish(site, kind)
    assert await one.ask() is None
    await site.first.falls("send.after_settle")
    stored = await site.value("SELECT body FROM idempotency WHERE state = 'final' AND status = 200")
    await site.restart("send.after_settle")

    replayed = await one.ask()
    assert replayed is not None
    assert (replayed.status, replayed.body) == (200, stored)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert (await ledger.judge(site, in_flight=0)).sends == 1


@pytest.mark.parametrize(("manner", "accepted"), [("slow", 1), ("slow_before", 0)])
async def test_dead_while_meta_thinks_after_a_mark_marks_once_and_sends_once_at_most(
    site: Site, manner: str, accepted: int
) -> None:
    await site.meta.lever("settings", {"slow_answer_s": 0.7, "sent_ms": 86_400_000})
    await site.open()
    one = await wish(site, "text", mark_read=True, typing=True)
    await site.fault(manner)
    asking = asyncio.create_task(one.ask())
    await eventually(lambda: _faults_are_used(site))
    await site.restart()
    assert await asking is None
    (talk,) = await site.rows("SELECT id, unread FROM conversation")
    assert talk["unread"] == 0
    await site.rows("UPDATE conversation SET unread = 1")

    assert (await one.until(202))[-1] == 202
    sends = await site.sends()
    assert len(sends) == accepted
    for send in sends:
        await site.meta_tells(send, "delivered")
        assert (await one.until(200))[-1] == 200
    if not sends:
        await _a_live_pipe_gives_it_up(one)
    assert await site.value("SELECT unread FROM conversation WHERE id = $1", talk["id"]) == 1
    assert len(await site.sends()) == accepted


async def test_a_death_costs_the_key_no_more_than_the_message_that_may_have_gone_out(site: Site) -> None:
    await site.open(fail_at="send.in_claim")
    one = await wish(site, "template")
    one.api_key = await narrow_key(site, 3)
    assert await one.ask("never-claimed") is None
    await site.first.falls("send.in_claim")
    await site.first.start(fail_at="send.after_claim")
    assert await one.ask("claimed") is None
    await site.restart("send.after_claim")

    assert (await one.until(202, "claimed"))[-1] == 202
    assert [answer.status for n in range(3) if (answer := await one.ask(f"then-{n}"))] == [200, 200, 429]
    doubted = await one.ask("claimed")
    assert doubted is not None
    assert doubted.status in {202, 502}
    assert len(await site.sends()) == 2


async def test_without_a_database_every_endpoint_says_come_again_and_nothing_is_sent(
    own_site: Site, server: EmbeddedPostgres
) -> None:
    site = own_site
    await site.open()
    wishes = {kind: await wish(site, kind) for kind in KINDS}
    under_way = len(site.receiver.got)
    await _kill(server)
    for kind, one in wishes.items():
        _says_come_again(await one.ask(kind))
    headers = {"X-API-Key": site.demo.full_key}
    _says_come_again(await site.call("POST", uploads.PATH, data=uploads.form(files.JPEG), headers=headers))
    for name in LISTS:
        _says_come_again(await site.call("GET", f"/api/v1/whatsapp/external/{name}", headers=headers))
    assert await site.sends() == []

    await asyncio.to_thread(server.start)
    for kind, one in wishes.items():
        assert (await one.until(200, kind))[-1] == 200
    assert await upload(site)
    for name in LISTS:
        listed = await site.call("GET", f"/api/v1/whatsapp/external/{name}", headers=headers)
        assert listed is not None
        assert listed.status == 200
    assert (await ledger.judge(site, in_flight=under_way)).sends == len(KINDS)


async def test_a_database_that_dies_while_meta_accepts_leaves_doubts_that_meta_settles(
    own_site: Site, server: EmbeddedPostgres
) -> None:
    site = own_site
    await site.meta.lever("settings", {"slow_answer_s": 0.7, "sent_ms": 86_400_000})
    await site.open()
    wishes = {kind: await wish(site, kind) for kind in KINDS}
    await site.fault("slow", len(KINDS))
    asking = [asyncio.create_task(one.ask(kind)) for kind, one in wishes.items()]

    async def accepted() -> bool:
        return len(await site.sends()) == len(KINDS)

    await eventually(accepted)
    under_way = len(site.receiver.got)
    await _kill(server)
    answers = await asyncio.gather(*asking)
    assert [answer and (answer.status, answer.json["status"]) for answer in answers] == [(202, "unconfirmed")] * 3

    await asyncio.to_thread(server.start)
    for kind, one in wishes.items():
        assert (await one.until(202, kind))[-1] == 202
    for sent in await site.sends():
        await site.meta_tells(sent, "delivered")
    for kind, one in wishes.items():
        assert (await one.until(200, kind))[-1] == 200
    assert (await ledger.judge(site, in_flight=under_way, silent=len(KINDS))).sends == len(KINDS)


def _says_come_again(answer: Answer | None) -> None:
    assert answer is not None
    assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def _a_live_pipe_gives_it_up(one: Wish) -> None:
    """Webhooks that arrive after the lease prove that the silence means something: the send is given up, and told."""
    lease = "SELECT 1 FROM message WHERE direction = 'outbound' AND occurred_at < now() - interval '2 s'"
    await eventually(lambda: one.site.rows(lease))
    # That a webhook came is written down every five seconds at most: let the last one be older.
    await one.site.rows("UPDATE connection SET webhook_seen_at = webhook_seen_at - interval '5 s'")
    await one.site.customer_says("Hello?", "+15550001111")
    assert (await one.until(502))[-1] == 502
    told = await one.ask()
    assert told is not None
    assert (told.status, told.json["code"]) == (502, "outcome_unknown")
    (failed,) = await eventually(lambda: one.site.receiver.of_type("message.failed"))
    assert failed["data"]["message_id"] == told.json["message_id"]


async def _faults_are_used(site: Site) -> bool:
    return not (await site.meta.lever("faults"))["data"]


async def _kill(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await eventually(lambda: server.pid is None)
