"""Health: is everything as it must be, and what to do where it is not.

A list of checks, each with its fix: of the machine and the database (`machine`), of the work that should be done
(`work`), of a brand and of one of its connections (`examining`, with what Meta says read by `readings`). `beats` is how
a worker shows that it lives. Looking changes nothing, here or at Meta, and no check tells a secret.
"""

from quixess.health.backlog import Backlog, measure
from quixess.health.beats import beat
from quixess.health.examining import Examination
from quixess.health.machine import examine_database, examine_disk, examine_keyring, judge_clock, judge_disk
from quixess.health.model import Check, State, failed, passed, skipped, warned, worst
from quixess.health.work import examine_endpoints, examine_work

__all__ = [
    "Backlog",
    "Check",
    "Examination",
    "State",
    "beat",
    "examine_database",
    "examine_disk",
    "examine_endpoints",
    "examine_keyring",
    "examine_work",
    "failed",
    "judge_clock",
    "judge_disk",
    "measure",
    "passed",
    "skipped",
    "warned",
    "worst",
]
