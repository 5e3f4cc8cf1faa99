"""The verdict on a run: what Meta and the tenants got, against what was promised and what the deaths can excuse."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from quixess.database import ids
from quixess.errors import QuixessError
from tests.chaos.deaths import Death, Scales
from tests.chaos.stage import Stage
from tests.chaos.tenants import Post
from tests.crash import ledger

PATIENCE_S = 120.0
MOST_MEMORY_MB, MOST_FILES = 160, 400
_LONGEST_EVIDENCE = 8_000
_AROUND_S = 15.0
_OF_POSTGRESQL = {"postgres", "full disk", "step of PostgreSQL's clock"}
_OUR_FAULTS = ('"level": "error"', '"level": "critical"', "never awaited", "never retrieved")


@dataclass
class Verdict:
    """The numbers of a run, and `evidence`: a line for each promise that was broken."""

    accepted: int = 0
    inbound: int = 0
    events: int = 0
    delivered: int = 0
    repeats: int = 0
    bound: int = 0
    refused: int = 0
    withdrawn: int = 0
    lost: int = 0
    gap_s: float = 0.0
    kills: Counter[str] = field(default_factory=Counter)
    memory: float = 0.0
    files: int = 0
    patience_s: float = PATIENCE_S
    left_out: str = ""
    rogues: dict[str, str] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)


async def judge(stage: Stage, deaths: Sequence[Death], scales: Scales, patience_s: float = PATIENCE_S) -> Verdict:
    """Wait until everything is told, and judge. Whatever is wrong becomes evidence; nothing is raised for it."""
    found = Verdict(kills=Counter(death.kind for death in deaths), memory=scales.memory, files=scales.files)
    found.patience_s = patience_s
    steps: list[Callable[[Stage, Sequence[Death], Verdict], Awaitable[None]]] = [
        _wait, _judge_sends, _judge_facts, _judge_repeats, _judge_log, _judge_rogues, _judge_processes,
    ]  # fmt: skip
    for step in steps:
        try:
            await step(stage, deaths, found)
        except (AssertionError, QuixessError) as error:
            found.evidence.append(f"{step.__name__.strip('_')}: {str(error)[:_LONGEST_EVIDENCE]}")
    return found


async def _wait(stage: Stage, _deaths: Sequence[Death], found: Verdict) -> None:
    """Wait for rest, have the last word on every send in doubt, and wait again: a last word can be a new message."""
    await _rest(stage, found.patience_s)
    for key, phone in list(stage.load.doubtful.items()):
        assert await stage.load.ask(key, phone), f"{key} has no last word"
    await _rest(stage, found.patience_s)


async def _rest(stage: Stage, patience_s: float) -> None:
    """Wait until Meta has told all, nobody waits with us, and no send is in doubt. A live pipe is part of that."""
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    while left := await _left_or_away(stage):
        assert loop.time() < until, f"not over {patience_s:.0f} s after the last death: {left}"
        if left.get("sends in doubt"):
            await stage.load.write()
        await asyncio.sleep(0.5)


async def _left_or_away(stage: Stage) -> dict[str, Any]:
    """Say what is left; a PostgreSQL that still recovers from its last crash is waited for like everything else."""
    try:
        return await _left(stage)
    except QuixessError as error:
        return {"the database": error.code}


async def _left(stage: Stage) -> dict[str, Any]:
    (row,) = await stage.site.rows(
        """SELECT (SELECT count(*) FROM intake_todo) AS "bodies of Meta",
                  (SELECT count(*) FROM delivery WHERE endpoint_id = $1) AS "deliveries",
                  (SELECT count(*) FROM delivery WHERE endpoint_id = ANY ($2::uuid[])) AS "deliveries to rogues",
                  (SELECT array_agg(concat_ws(' ', idempotency_key, state, CASE WHEN u.id IS NULL THEN 'unwatched' END))
                   FROM message m LEFT JOIN unsettled u USING (brand_id, id)
                   WHERE state IN ('sending', 'unconfirmed')) AS "sends in doubt",
                  (SELECT count(*) FROM parked_status) AS "parked statuses",
                  $3 - (SELECT count(*) FROM event e JOIN brand b ON b.id = e.brand_id
                        WHERE b.name = 'Mayhem' AND e.type = 'message.received') AS "texts to Mayhem" """,
        stage.endpoint_id,
        [endpoint_id for endpoint_id, rogue in stage.endpoints.items() if rogue.reformed],
        len(stage.load.said_elsewhere),
    )
    if left := {name: what for name, what in row.items() if what}:
        return left
    if not await ledger.all_is_said(stage.site):
        return {"Meta": "has more to tell"}
    untold = await ledger.expected(stage.site) - {post.fact for post in stage.keeper.posts}
    return {"events": f"{len(untold)} untold, such as {sorted(untold)[:3]}"} if untold else {}


async def _judge_sends(stage: Stage, _deaths: Sequence[Death], found: Verdict) -> None:
    found.inbound = len(stage.site.written) + len(stage.load.said_elsewhere)
    wamids = await ledger.judge_sends(stage.site, stage.keeper.withdrawn)
    found.accepted, found.withdrawn = len(wamids), len(stage.keeper.withdrawn)
    for key, answers in stage.site.answers.items():
        kept = [answer for answer in answers if answer.status in {200, 202, 502}]
        assert kept, f"{key} never had an answer to keep"
        last = kept[-1]
        message = last.json.get("id") or last.json["message_id"]
        has = message in wamids
        assert (last.status == 200) == has, f"{key} ended as {last.status}, and Meta {'has it' if has else 'has not'}"
    assert not stage.load.strange, stage.load.strange


async def _judge_facts(stage: Stage, _deaths: Sequence[Death], found: Verdict) -> None:
    facts = await ledger.expected(stage.site)
    told = [(post.event_id, post.fact) for post in stage.keeper.posts if post.fact is not None]
    found.events, found.delivered = len(stage.keeper.known), len(stage.keeper.posts)
    found.lost = len(facts - {fact for _, fact in told})
    found.gap_s = stage.keeper.longest_gap()
    assert not stage.keeper.strange, stage.keeper.strange
    ledger.judge_facts(told, facts)


async def _judge_repeats(stage: Stage, deaths: Sequence[Death], found: Verdict) -> None:
    """Each repeat needs a death that explains it, and all of them are no more than the deaths can have cost."""
    refused = await stage.site.rows(
        "SELECT event_id FROM attempt WHERE endpoint_id = $1 AND fault IS NOT NULL", stage.endpoint_id
    )
    excused = {ids.show("evt", row["event_id"]) for row in refused}
    found.refused, found.repeats = len(refused), stage.keeper.repeats
    found.bound = sum(death.bound for death in deaths)
    strange = [
        (before, after)
        for before, after in _again(stage.keeper.posts)
        if before.event_id not in excused and not any(_explains(death, before, after) for death in deaths)
    ]
    assert not strange, f"repeats that no death explains: {_tell_repeats(strange, deaths)}; said: {_said(stage)}"
    assert found.repeats <= found.bound + found.refused, (
        f"{found.repeats} repeats, at most {found.bound} were on their way"
    )


def _tell_repeats(strange: Sequence[tuple[Post, Post]], deaths: Sequence[Death]) -> list[str]:
    """Describe some repeats, each with the deaths of the half minute around it."""
    return [
        f"{before.event_id} came at {before.at:.3f} from {before.maker}, again at {after.at:.3f} from {after.maker}: "
        f"{[death for death in deaths if abs(death.at - before.at) < _AROUND_S]}"
        for before, after in strange[:3]
    ]


def _said(stage: Stage) -> list[str]:
    """Repeat what the workers said of attempts that they could not write down."""
    lines = [line for one in stage.kept for line in one.program.lines if "could not be written down" in line]
    return lines[-10:]


def _again(posts: Sequence[Post]) -> Iterator[tuple[Post, Post]]:
    """Pair each POST of an event with the next one of the same event."""
    by_event: dict[str, list[Post]] = {}
    for post in posts:
        by_event.setdefault(post.event_id, []).append(post)
    for told in by_event.values():
        yield from pairwise(told)


def _explains(death: Death, before: Post, after: Post) -> bool:
    """Tell whether a death can have undone the note of the first POST: its maker's, or PostgreSQL's."""
    if death.at > after.at:
        return False
    if death.kind in _OF_POSTGRESQL:
        return before.at <= death.over
    if death.kind == "frozen worker":  # what it had begun it may finish when it wakes
        return bool({before.maker, after.maker} & {death.pid, None})
    return death.kind == "worker" and before.maker in {death.pid, None}


async def _judge_log(stage: Stage, deaths: Sequence[Death], found: Verdict) -> None:
    """Our own books of the good tenant agree with the tenant's."""
    rows = await stage.site.rows("SELECT event_id, state FROM outcome WHERE endpoint_id = $1", stage.endpoint_id)
    assert {row["state"] for row in rows} == {"delivered"}, Counter(row["state"] for row in rows)
    logged = await stage.site.rows(
        "SELECT event_id, count(*) AS made FROM attempt WHERE endpoint_id = $1 AND status IS NOT NULL GROUP BY 1",
        stage.endpoint_id,
    )
    ledger.judge_log(
        [post.event_id for post in stage.keeper.posts],
        ended=Counter(ids.show("evt", row["event_id"]) for row in rows),
        logged=Counter({ids.show("evt", row["event_id"]): row["made"] for row in logged}),
        in_flight=found.bound + found.refused,
    )


async def _judge_rogues(stage: Stage, _deaths: Sequence[Death], found: Verdict) -> None:
    """Nothing for the rogues is lost: it waits, or has ended visibly, and `delivered` means that they took it."""
    rows = await stage.site.rows(
        """SELECT e.id FROM event e JOIN brand b ON b.id = e.brand_id
           WHERE b.name = 'Mayhem' AND e.type = 'message.received'"""
    )
    written, events = len(stage.load.said_elsewhere), Counter(row["id"] for row in rows)
    assert len(events) == written, f"{len(events)} events of {written} texts"
    for endpoint_id, rogue in stage.endpoints.items():
        waiting = await stage.site.rows("SELECT event_id FROM delivery WHERE endpoint_id = $1", endpoint_id)
        ended = await stage.site.rows("SELECT event_id, state FROM outcome WHERE endpoint_id = $1", endpoint_id)
        states = dict(Counter(row["state"] for row in ended))
        found.rogues[rogue.manner] = f"heard {rogue.heard}, waiting {len(waiting)}, {states}"
        kept = Counter(row["event_id"] for row in (*waiting, *ended))
        assert kept == events, f"LOST by the one that {rogue.manner}: {found.rogues[rogue.manner]} of {written}"
        taken = {ids.show("evt", row["event_id"]) for row in ended if row["state"] == "delivered"}
        assert taken <= set(rogue.taken), f"the one that {rogue.manner} never took {taken - set(rogue.taken)}"
        assert not rogue.followed, f"a redirect was followed {rogue.followed} times"


async def _judge_processes(stage: Stage, _deaths: Sequence[Death], found: Verdict) -> None:
    """Nobody ended but by our hand, swelled, or told of a fault of ours."""
    strange = [end for one in stage.kept for end in one.strange]
    lines = [line for one in stage.kept for line in one.program.lines if any(word in line for word in _OUR_FAULTS)]
    assert not strange, strange
    assert not lines, f"faults of ours in the logs ({len(lines)}): {lines[:5]}"
    assert found.memory <= MOST_MEMORY_MB, f"a process took {found.memory:.0f} MiB"
    assert found.files <= MOST_FILES, f"a process held {found.files} files open"
