"""The judge: what was promised, by us to the tenant and to Meta, against what Meta and the tenant really got.

It reads Meta's own books (every send it accepted, every chat) and the tenant's (every signed POST), and only then our
tables. Nothing it demands comes from our tables alone.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
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
    sends = await judge_sends(site, {one for event in site.receiver.events if (one := withdrawn_by(event)) is not None})
    facts = await expected(site)
    told = _judge_posts(site, facts)
    posts, repeats = len(told), len(told) - len(set(told)) - refused
    assert repeats <= in_flight, f"{repeats} repeats for {in_flight} in flight"
    await _judge_log(site, told, in_flight)
    return Verdict(len(sends), len(facts), posts, repeats)


async def expected(site: Site) -> set[Fact]:
    """What Meta's own books say must be told: each customer's message, each delivered and each read."""
    bubbles = await _bubbles(site)
    facts = {(one["wamid"], "message.received") for one in bubbles if one["direction"] == "inbound"}
    assert {wamid for wamid, _ in facts} == set(site.written), "Meta has forgotten a customer's message"
    for one in bubbles:
        if one["direction"] == "outbound":
            facts |= {(one["wamid"], kind) for kind in _TOLD.get(one["status"], ())}
    for wamid, status in site.scripted:
        facts |= {(wamid, kind) for kind in _TOLD.get(status, ())}
    return facts


async def all_is_said(site: Site, silent: int = 0) -> bool:
    """Tell whether Meta has told all it will: every send is read, but `silent` ones it tells nothing of."""
    outbound = [one["status"] for one in await _bubbles(site) if one["direction"] == "outbound"]
    return outbound.count("accepted") == silent and outbound.count("read") == len(outbound) - silent


async def _bubbles(site: Site) -> list[dict[str, Any]]:
    phones = (await site.meta.lever("phones?limit=1000"))["data"]
    chats = [await site.meta.lever(f"phones/{one['phone']}/messages?limit=1000") for one in phones]
    return [bubble for chat in chats for bubble in chat["messages"]]


async def _is_quiet(site: Site, silent: int) -> bool:
    """Meta has told all it will, nothing waits with us, and the tenant has got what it is owed."""
    waiting = await site.value(
        """SELECT (SELECT count(*) FROM intake_todo) + (SELECT count(*) FROM delivery)
                + (SELECT count(*) FROM message WHERE state = 'sending')"""
    )
    if waiting or not await all_is_said(site, silent):
        return False
    return {_fact(event) for event in site.receiver.events} >= await expected(site)


async def judge_sends(site: Site, withdrawn: AbstractSet[str]) -> dict[str, str]:
    """Never two sends for one key, and no answer that Meta's books or an earlier answer contradict.

    `withdrawn` are the messages that the tenant was told never left: Meta must not have them, and their keys may have
    become other messages. Returns what Meta has: message id → wamid.
    """
    sends = await site.sends()
    marked = Counter(send["opaque"].split(":")[1] for send in sends)
    keys = {row["id"]: row["idempotency_key"] for row in await _outbound(site)}
    assert set(marked) <= set(keys), f"Meta has a message that we have no row of: {set(marked) - set(keys)}"
    by_key = Counter(keys[mark] for mark in marked.elements())
    assert all(count == 1 for count in by_key.values()), f"sent twice: {by_key - Counter(set(by_key))}"
    wamids = {send["opaque"].split(":")[1]: str(send["wamid"]) for send in sends}
    assert not withdrawn & wamids.keys(), f"withdrawn, but Meta has them: {withdrawn & wamids.keys()}"
    for key, answers in site.answers.items():
        promised = [answer for answer in answers if answer.status in {200, 202}]
        _judge_answers(key, [answer for answer in promised if answer.json["id"] not in withdrawn], wamids)
    return wamids


def withdrawn_by(event: dict[str, Any]) -> str | None:
    """Name the message that an event takes back, after its sender was told 202: it never left."""
    if event["type"] != "message.failed" or event["data"]["errors"][0]["code"] != "not_sent":
        return None
    message_id: str = event["data"]["message_id"]
    return message_id


async def _outbound(site: Site) -> list[dict[str, Any]]:
    rows = await site.rows("SELECT id, idempotency_key FROM message WHERE direction = 'outbound'")
    return [{"id": ids.show("msg", row["id"]), "idempotency_key": row["idempotency_key"]} for row in rows]


def _judge_answers(key: str, promised: list[Any], wamids: dict[str, str]) -> None:
    assert len({answer.json["id"] for answer in promised}) <= 1, f"{key} is two messages"
    finals = [answer for answer in promised if answer.status == 200]
    assert len({answer.body for answer in finals}) <= 1, f"{key} has two answers"
    for answer in finals:
        assert wamids.get(answer.json["id"]) == answer.json["wa_message_id"], f"{key} was answered what Meta denies"


def _fact(event: dict[str, Any]) -> Fact:
    return (event["data"]["wa_message_id"], event["type"])


def _judge_posts(site: Site, facts: set[Fact]) -> list[str]:
    """Judge all POSTs that the tenant got. Returns the ids of their events as they came."""
    events = [verify(site.demo.webhook_secret, headers, body) for headers, body in site.receiver.got]
    judge_facts([(event["id"], _fact(event)) for event in events if event["type"] != "message.failed"], facts)
    return [event["id"] for event in events]


def judge_facts(told: Iterable[tuple[str, Fact]], facts: set[Fact]) -> None:
    """Each fact is told, and is one event, whatever number of POSTs told it: (event id, fact) each."""
    ids_of: dict[Fact, set[str]] = {}
    for event_id, fact in told:
        ids_of.setdefault(fact, set()).add(event_id)
    assert facts <= set(ids_of), f"LOST, never told: {sorted(facts - set(ids_of))}"
    assert facts >= set(ids_of), f"told, but Meta knows nothing of it: {sorted(set(ids_of) - facts)}"
    twice = {fact: known for fact, known in ids_of.items() if len(known) > 1}
    assert not twice, f"one fact was told as two events: {twice}"


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Check both signatures of a POST and the headers that name its event; returns the event."""
    mark = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Quixess-Signature-256"] == mark, "the signature is wrong"
    event: dict[str, Any] = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert headers["X-Quixess-Event-Id"] == headers["webhook-id"] == event["id"], "the headers name another event"
    return event


async def _judge_log(site: Site, told: list[str], in_flight: int) -> None:
    """Our own books agree with the tenant's: an outcome for each event, an attempt for each POST but the lost ones."""
    outcomes = await site.rows("SELECT event_id, state FROM outcome")
    assert {row["state"] for row in outcomes} <= {"delivered"}, "an event did not end as delivered"
    attempts = await site.rows("SELECT event_id, count(*) AS made FROM attempt WHERE status IS NOT NULL GROUP BY 1")
    judge_log(
        told,
        ended=Counter(ids.show("evt", row["event_id"]) for row in outcomes),
        logged=Counter({ids.show("evt", row["event_id"]): row["made"] for row in attempts}),
        in_flight=in_flight,
    )


def judge_log(told: list[str], *, ended: Counter[str], logged: Counter[str], in_flight: int) -> None:
    """Compare our log of one endpoint with what its server got: event ids as they came, ended, and logged attempts."""
    assert ended == Counter(set(told)), f"outcomes and POSTs differ: {ended - Counter(told)}, {Counter(told) - ended}"
    assert not logged - Counter(told), f"an attempt is logged that the tenant never saw: {logged - Counter(told)}"
    missing = (Counter(told) - logged).total()
    assert missing <= in_flight, f"{missing} attempts are missing in the log for {in_flight} in flight"
