"""Rounds of the load generator against a gateway, metered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench import report
from bench.meters import Reading
from bench.processes import BenchError, Peer
from bench.report import Round

ROUNDS = 3
_WARM_UP_S = 1.5
_MANY = 1_000_000_000
_ALONE = 300


@dataclass
class Course:
    """What every round of one measurement has in common.

    `facts` are those of the kind in bench.traffic. `settle` returns when the process has nothing left to do. `expects`
    is the status that all answers must have. Connections take turns with several ports.
    `answered` and `samples` add up over the rounds.
    """

    generator: Peer
    read: Callable[[], Reading]
    port: int | list[int]
    kind: str
    facts: dict[str, Any]
    awaits: bool = False
    settle: Callable[[], None] = lambda: None
    expects: str = "200"
    answered: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)
    _next: int = 0

    def run(self, *, connections: int, seconds: float) -> list[Round]:
        """Warm up, then run three rounds."""
        self.once(connections=connections, seconds=_WARM_UP_S)
        return [self.once(connections=connections, seconds=seconds) for _ in range(ROUNDS)]

    def alone(self) -> list[Round]:
        """Run three rounds of 300 requests, one at a time: the latency that a quiet installation sees."""
        return [self.once(connections=1, seconds=5, count=_ALONE) for _ in range(ROUNDS)]

    def once(self, *, connections: int, seconds: float, count: int = _MANY) -> Round:
        """Run one round and check that all of it went well."""
        before = self.read()
        said = self.generator.ask(
            kind=self.kind, facts=self.facts, port=self.port, awaits=self.awaits, start=self._next,
            connections=connections, seconds=seconds, count=count,
        )  # fmt: skip
        self.settle()
        used = self.read().since(before)
        self._note(said)
        return report.measured(said["answers"][self.expects], said["seconds"], used, said["latencies"])

    def _note(self, said: dict[str, Any]) -> None:
        self._next = said["next"]
        self.samples += said["sink"]["samples"]
        bad = {status: many for status, many in said["answers"].items() if status != self.expects}
        if bad or not said["answers"]:
            raise BenchError(f"Not all answers were {self.expects}: {bad}; the first was {said['first_bad']}")
        self.answered += said["answers"][self.expects]


def compare(*courses: Course, connections: int, seconds: float) -> list[list[Round]]:
    """Run the rounds of several courses in turn, so that all see the same machine; gives the rounds of each."""
    for one in courses:
        one.once(connections=connections, seconds=_WARM_UP_S)
    turns = [[one.once(connections=connections, seconds=seconds) for one in courses] for _ in range(ROUNDS)]
    return [list(rounds) for rounds in zip(*turns, strict=True)]
