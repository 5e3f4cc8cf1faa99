"""`python -m tests.chaos.failover`: the primary dies under load, a standby takes over, and the ledger judges.

Patroni runs three PostgreSQLs here. With synchronous mode nothing that was answered may be lost, and every promise is
held against the books; with `--asynchronous` the loss is counted and told, and nothing is asserted.
"""

import argparse
import asyncio
import logging
import random
import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from quixess.database import ids
from tests.chaos import judging, patroni, stage
from tests.chaos.deaths import UNFLUSHED_S, Death, Scales
from tests.chaos.judging import Verdict
from tests.chaos.patroni import Cluster, MissingError
from tests.chaos.play import meanwhile
from tests.chaos.stage import Stage
from tests.crash import ledger

_FROZEN_S = patroni.TTL_S + 15.0
_LOSS_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How the primary falls. `lag_s` is how long the standbys have heard nothing of it when it does."""

    kills: int
    synchronous: bool
    lag_s: float
    seed: int
    operations: float = 20.0
    before_s: tuple[float, float] = (5.0, 8.0)
    freezes: bool = False


@dataclass
class Losses:
    """What was answered and is gone: sends that Meta has and we forgot, answers that we forgot, facts untold.

    `endless` are sends that never get an answer to keep, since what they stand on is gone.
    """

    sends: int = 0
    answers: int = 0
    facts: int = 0
    sent_twice: int = 0
    endless: int = 0


@dataclass
class Outcome:
    """What became of a run: the judge's word, the losses, and how long nobody was answered 200 at each failover."""

    verdict: Verdict
    losses: Losses
    sends: int = 0
    taken_over_s: list[float] = field(default_factory=list)
    silent_s: list[float] = field(default_factory=list)


def main() -> int:
    """Run what the command line asks for; 1 when something was lost with synchronous mode, 2 when it cannot run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.failover", description=__doc__)
    parser.add_argument("--kills", type=int, default=3, help="how often the primary dies (3)")
    parser.add_argument("--asynchronous", action="store_true", help="without synchronous mode: the loss is measured")
    parser.add_argument("--lag", type=float, default=1.0, help="seconds that the standbys are behind at a death (1)")
    parser.add_argument("--freezes", action="store_true", help="the primary freezes and wakes, instead of dying")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="what is asked when (any)")
    asked = parser.parse_args()
    plan = Plan(asked.kills, not asked.asynchronous, asked.lag, asked.seed, freezes=asked.freezes)
    for name in ("asyncpg", "asyncio"):  # they tell at length that PostgreSQL is away; we know
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        outcome = asyncio.run(run(plan, _say))
    except MissingError as error:
        _say(f"Left out: {error}")
        return 2
    _say("\n" + _report(plan, outcome))
    return 1 if plan.synchronous and outcome.verdict.evidence else 0


async def run(plan: Plan, tell: Callable[[str], None]) -> Outcome:
    """Play it: a load, the falls of the primary, and a verdict. `tell` hears how it goes."""
    dice, scales = random.Random(plan.seed), Scales()
    with stage.home() as folder:
        async with patroni.running(folder, synchronous=plan.synchronous) as cluster:
            tell(f"{patroni.NODES} nodes run, {'with' if plan.synchronous else 'WITHOUT'} synchronous mode")
            async with stage.standing(dice, cluster.dsn, folder, lambda: True) as at:
                deaths: list[Death] = []
                outcome = Outcome(Verdict(), Losses())
                async with meanwhile(scales.weigh_on(at.kept)):
                    async with meanwhile(at.load.run_on(plan.operations)):
                        for number in range(plan.kills):
                            deaths.append(await _fall(plan, cluster, at, dice, outcome))
                            tell(f"{number + 1}. fall: taken over after {outcome.taken_over_s[-1]:.1f} s, "
                                 f"no 200 for {outcome.silent_s[-1]:.1f} s")  # fmt: skip
                    await asyncio.gather(*(one.ready.wait() for one in at.kept))
                    if plan.synchronous:
                        await at.load.finish()
                    else:  # the answer to a text that was lost is refused for ever
                        outcome.losses.endless = await at.load.give_up(_LOSS_PATIENCE_S)
                    for rogue in at.rogues:
                        rogue.reformed = True
                    outcome.verdict = await judging.judge(
                        at, deaths, scales, judging.PATIENCE_S if plan.synchronous else _LOSS_PATIENCE_S
                    )
                    outcome.sends = await _count_losses(at, outcome.losses)
                if outcome.verdict.evidence and plan.synchronous:
                    shutil.copytree(folder, patroni.HOME / "last", dirs_exist_ok=True, ignore=_ONLY_LOGS)
                return outcome


_ONLY_LOGS = shutil.ignore_patterns("data", "etcd", "media")


async def _fall(plan: Plan, cluster: Cluster, at: Stage, dice: random.Random, outcome: Outcome) -> Death:
    """Let the primary fall once, and come back as a standby when another has taken over."""
    primary = await cluster.until_whole(synchronous=plan.synchronous)
    await asyncio.sleep(dice.uniform(*plan.before_s))
    since = time.time()
    leased = await at.site.value("SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND lease IS NOT NULL",
                                 at.endpoint_id)  # fmt: skip
    await asyncio.sleep(UNFLUSHED_S)
    primary.hold_senders()
    await asyncio.sleep(plan.lag_s)
    fell = time.time()
    if plan.freezes:
        primary.freeze()
    else:
        await primary.kill()
    heir = await cluster.until_other_than(primary)
    outcome.taken_over_s.append(time.time() - fell)
    await _until_heard(at, fell)
    over = time.time()
    if plan.freezes:
        await asyncio.sleep(max(0.0, _FROZEN_S - (over - fell)))
        primary.thaw()
        over = time.time()
    else:
        await primary.start()
    await cluster.until_whole(synchronous=plan.synchronous)
    outcome.silent_s.append(_silence(at, fell))
    bound = int(leased) + sum(since <= post.at <= over for post in at.keeper.posts)
    assert heir.process is not None
    return Death("postgres", heir.process.pid, fell, over, bound)


async def _until_heard(at: Stage, fell: float) -> None:
    """Wait until a send is answered 200 again."""
    while not any(moment > fell for moment in at.load.accepted_at):  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0.1)


def _silence(at: Stage, fell: float) -> float:
    """Return the longest time without a 200 to a send since shortly before the fall, in seconds."""
    moments = [moment for moment in at.load.accepted_at if moment > fell - 5.0]
    return max((after - before for before, after in pairwise(moments)), default=0.0)


async def _count_losses(at: Stage, found: Losses) -> int:
    """Count what Meta and the tenants have in their books, and we have not; return how many sends Meta has."""
    sends = await at.site.sends()
    rows = await at.site.rows("SELECT id, idempotency_key FROM message WHERE direction = 'outbound'")
    known = {ids.show("msg", row["id"]): row["idempotency_key"] for row in rows}
    marks = Counter(send["opaque"].split(":")[1] for send in sends)
    found.sends = sum(mark not in known for mark in marks)
    answered = {answer.json["id"] for answers in at.site.answers.values() for answer in answers if answer.status == 200}
    found.answers = len(answered - set(known))
    found.sent_twice = sum(count - 1 for count in Counter(known.get(mark, mark) for mark in marks.elements()).values())
    told = {post.fact for post in at.keeper.posts}
    found.facts = len(await ledger.expected(at.site) - told)
    return len(sends)


def _report(plan: Plan, of: Outcome) -> str:
    verdict, losses = of.verdict, of.losses
    rows = [
        ("mode", "synchronous" if plan.synchronous else "asynchronous (PostgreSQL's and Patroni's default)"),
        ("the primary", f"{'froze' if plan.freezes else 'died'} {plan.kills} times, standbys {plan.lag_s:g} s behind"),
        ("sends at Meta", f"{of.sends}"),
        ("texts and bodies in", f"{verdict.inbound}"),
        ("events told", f"{verdict.events}"),
        ("repeats", f"{verdict.repeats}, at most {verdict.bound} were on their way (and {verdict.refused} not taken)"),
        ("taken over after", ", ".join(f"{one:.1f}" for one in of.taken_over_s) + " s"),
        ("no 200 for", ", ".join(f"{one:.1f}" for one in of.silent_s) + " s"),
        ("lost: sends we forgot", f"{losses.sends}"),
        ("lost: answers we forgot", f"{losses.answers}"),
        ("lost: facts never told", f"{losses.facts}"),
        ("sends without an end", f"{losses.endless}"),
        ("sent twice", f"{losses.sent_twice}"),
    ]
    told = "".join(f"{name:<26}{said}\n" for name, said in rows)
    if plan.synchronous:
        told += "".join(f"✗ {line}\n" for line in verdict.evidence)
        return told + ("Broken." if verdict.evidence else "Every promise held.") + "\n"
    return told + "This is what asynchronous replication costs: use synchronous mode.\n"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
