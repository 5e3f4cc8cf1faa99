"""`python -m tests.chaos --minutes 10`: kill everything at random under load, and let the ledger judge."""

import argparse
import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Callable
from itertools import count

from tests.chaos import play
from tests.chaos.judging import MOST_FILES, MOST_MEMORY_MB, Verdict
from tests.chaos.play import Plan, Progress

_COLOURS = {"bold": "\033[1m", "good": "\033[32m", "bad": "\033[1;31m", "off": "\033[0m"}
_EVERY = 10  # of the half seconds, without a terminal


def main() -> int:
    """Run what the command line asks for; 1 when a promise was broken."""
    plan = _plan()
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # it tells at length that PostgreSQL is away; we know
    sys.stdout.write(f"{_paint('bold', 'chaos')} for {plan.seconds:g} s, seed {plan.seed}\n")
    verdict = asyncio.run(play.run(plan, _teller(plan)))
    sys.stdout.write("\n" + _report(verdict))
    return 1 if verdict.evidence else 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="who dies when (any)")
    parser.add_argument("--operations", type=float, default=50.0, help="sends and texts a second (50)")
    parser.add_argument("--pause", type=float, nargs=2, default=(1.0, 5.0), help="seconds between deaths (1 5)")
    parser.add_argument("--kill-postgres", action="store_true", help="stop PostgreSQL at once every 10 to 15 s, too")
    parser.add_argument(
        "--everything",
        action="store_true",
        help="that, and processes that freeze past their leases, clocks that step, a full disk, a rough Meta",
    )
    asked = parser.parse_args()
    pause = (asked.pause[0], asked.pause[1])
    return Plan(
        60 * asked.minutes,
        asked.seed,
        asked.operations,
        pause,
        kill_postgres=asked.kill_postgres or asked.everything,
        mishaps=asked.everything,
    )


def _teller(plan: Plan) -> Callable[[Progress], None]:
    """Say where the run stands: in one line of a terminal, or in a line every five seconds."""
    numbers, terminal = count(), sys.stdout.isatty()

    def tell(at: Progress) -> None:
        if not terminal and next(numbers) % _EVERY:
            return
        line = (
            f"{at.passed_s:4.0f} s  asked {at.asked}  written {at.written}  "
            f"told {at.told}  repeats {at.repeats}  kills {at.kills}"
        )
        line += "  waiting for the rest" if at.passed_s > plan.seconds else ""
        sys.stdout.write(f"\r{line:<110}" if terminal else f"{line}\n")
        sys.stdout.flush()

    return tell


def _report(of: Verdict) -> str:
    kills = ", ".join(f"{number} × {kind}" for kind, number in sorted(of.kills.items()))
    rows = [
        ("sends at Meta", f"{of.accepted}"),
        ("sends taken back", f"{of.withdrawn}, told in doubt and then found never to have left"),
        ("texts and bodies in", f"{of.inbound}"),
        ("events told", f"{of.events}"),
        ("POSTs the good tenant took", f"{of.delivered}"),
        ("repeats", f"{of.repeats}, at most {of.bound} were on their way (and {of.refused} not taken at first)"),
        ("longest time without a POST", f"{of.gap_s:.1f} s"),
        ("what happened", kills or "nothing"),
        *([("left out", of.left_out)] if of.left_out else []),
        ("largest process", f"{of.memory:.0f} of {MOST_MEMORY_MB} MiB, {of.files} of {MOST_FILES} open files"),
        *((f"the tenant that {manner}", said) for manner, said in of.rogues.items()),
        ("lost", _paint("bad" if of.lost else "good", str(of.lost))),
    ]
    told = "".join(f"{name:<30}{said}\n" for name, said in rows)
    for line in of.evidence:
        told += f"{_paint('bad', '✗')} {line}\n"
    return told + (_paint("bad", "Broken.") if of.evidence else _paint("good", "Every promise held.")) + "\n"


def _paint(colour: str, text: str) -> str:
    painted = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"{_COLOURS[colour]}{text}{_COLOURS['off']}" if painted else text


if __name__ == "__main__":
    sys.exit(main())
