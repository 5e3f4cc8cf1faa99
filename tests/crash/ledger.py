"""The judge: what was promised, by us to the tenant and to Meta, against what Meta and the tenant really got.

It reads Meta's own books (every send it accepted, every chat) and the tenant's (every signed POST), and only then our
tables. Nothing it demands comes from our tables alone.
"""

import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass
from typing import Any

from standardwebhooks.webhooks import Webhook

from quixess.database import ids
from tests.crash.processes import Site
from tests.world import eventually

Fact = tuple[str, str]
"""A wamid and the type of the event that must tell of it."""
_TOLD = {
    "received": ("message.received",),
    "delivered": ("message.delivered",),
    "read": ("message.delivered", "message.read"),
}


@dataclass(frozen=True)
class Verdict:
    """What was counted: sends at Meta, events told, POSTs the tenant got, and how many of them were repeats."""

    sends: int
    events: int
    posts: int
    repeats: int


async def judge(site: Site, *, in_flight: int, refused: int = 0, silent: int = 0) -> Verdict:
    """Wait until all is told, then judge.

    `in_flight` bounds what was under way at the kills, `refused` is how many POSTs the tenant did not answer 200 and
    so had to get again, `silent` how many sends Meta tells nothing of by itself.
    """
    await eventually(lambda: _is_quiet(site, silent))
    sends = await _judge_sends(site)
    facts = await expected(site)
    told = _judge_posts(site, facts)
    posts, repeats = len(told), len(told) - len(set(told)) - refused
    assert repeats <= in_flight, f"{repeats} repeats for {in_flight} in flight"
    await _judge_log(site, told, in_flight)
    return Verdict(sends, len(facts), posts, repeats)


async def expected(site: Site) -> set[Fact]:
    """What Meta's own books say must be told: each customer's message, each delivered and each read."""
    bubbles = await _bubbles(site)
    facts = {(one["wamid"], "message.received") for one in bubbles if one["direction"] == "inbound"}
    assert {wamid for wamid, _ in facts} == set(site.written)
    for one in bubbles:
        if one["direction"] == "outbound":
            facts |= {(one["wamid"], kind) for kind in _TOLD.get(one["status"], ())}
    for wamid, status in site.scripted:
        facts |= {(wamid, kind) for kind in _TOLD.get(status, ())}
    return facts


async def _bubbles(site: Site) -> list[dict[str, Any]]:
    phones = (await site.meta.lever("phones"))["data"]
    chats = [await site.meta.lever(f"phones/{one['phone']}/messages?limit=1000") for one in phones]
    return [bubble for chat in chats for bubble in chat["messages"]]


async def _is_quiet(site: Site, silent: int) -> bool:
    """Meta has told all it will, nothing waits with us, and the tenant has got what it is owed."""
    outbound = [one["status"] for one in await _bubbles(site) if one["direction"] == "outbound"]
    if outbound.count("accepted") != silent or outbound.count("accepted") + outbound.count("read") != len(outbound):
        return False
    waiting = await site.value(
        """SELECT (SELECT count(*) FROM intake_todo) + (SELECT count(*) FROM delivery)
                + (SELECT count(*) FROM message WHERE state = 'sending')"""
    )
    return not waiting and {_fact(event) for event in site.receiver.events} >= await expected(site)


async def _judge_sends(site: Site) -> int:
    """Never two sends for one key, and no answer that Meta's books or an earlier answer contradict."""
    sends = await site.sends()
    marked = Counter(send["opaque"].split(":")[1] for send in sends)
    keys = {row["id"]: row["idempotency_key"] for row in await _outbound(site)}
    assert set(marked) <= set(keys), "Meta has a message that we have no row of"
    by_key = Counter(keys[mark] for mark in marked.elements())
    assert all(count == 1 for count in by_key.values()), f"sent twice: {by_key}"
    wamids = {send["opaque"].split(":")[1]: send["wamid"] for send in sends}
    for key, answers in site.answers.items():
        _judge_answers(key, [answer for answer in answers if answer.status in {200, 202}], wamids)
    return len(sends)


async def _outbound(site: Site) -> list[dict[str, Any]]:
    rows = await site.rows("SELECT id, idempotency_key FROM message WHERE direction = 'outbound'")
    return [{"id": ids.show("msg", row["id"]), "idempotency_key": row["idempotency_key"]} for row in rows]


def _judge_answers(key: str, promised: list[Any], wamids: dict[str, str]) -> None:
    assert len({answer.json["id"] for answer in promised}) <= 1, f"{key} is two messages"
    finals = [answer for answer in promised if answer.status == 200]
    assert len({answer.body for answer in finals}) <= 1, f"{key} has two answers"
    for answer in finals:
        assert wamids[answer.json["id"]] == answer.json["wa_message_id"]


def _fact(event: dict[str, Any]) -> Fact:
    return (event["data"]["wa_message_id"], event["type"])


def _judge_posts(site: Site, facts: set[Fact]) -> list[str]:
    """Each fact is one event, whatever number of POSTs told it; each POST is signed. Returns the ids as they came."""
    ids_of: dict[Fact, set[str]] = {}
    told = []
    for headers, body in site.receiver.got:
        event = _verify(site, headers, body)
        told.append(event["id"])
        if event["type"] != "message.failed":
            ids_of.setdefault(_fact(event), set()).add(event["id"])
    assert set(ids_of) == facts
    assert all(len(known) == 1 for known in ids_of.values()), "one fact was told as two events"
    return told


def _verify(site: Site, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    secret = site.demo.webhook_secret
    mark = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Quixess-Signature-256"] == mark
    event: dict[str, Any] = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert headers["X-Quixess-Event-Id"] == headers["webhook-id"] == event["id"]
    return event


async def _judge_log(site: Site, told: list[str], in_flight: int) -> None:
    """Our own books agree with the tenant's: an outcome for each event, an attempt for each POST but the lost ones."""
    outcomes = await site.rows("SELECT event_id, state FROM outcome")
    assert Counter(ids.show("evt", row["event_id"]) for row in outcomes) == Counter(set(told))
    assert {row["state"] for row in outcomes} <= {"delivered"}
    attempts = await site.rows("SELECT event_id, count(*) AS made FROM attempt WHERE status IS NOT NULL GROUP BY 1")
    logged = Counter({ids.show("evt", row["event_id"]): row["made"] for row in attempts})
    assert not logged - Counter(told), "an attempt is logged that the tenant never saw"
    assert (Counter(told) - logged).total() <= in_flight, "more attempts are missing than were in flight"
