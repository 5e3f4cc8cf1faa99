"""Meters: CPU seconds of process trees and of the whole machine, from Linux' /proc."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """CPU seconds so far: `used` by name of a process tree, `busy` and `total` of the machine's cores together."""

    used: Mapping[str, float]
    busy: float
    total: float

    def since(self, before: "Reading") -> "Reading":
        """Give what was used since an earlier reading of the same trees."""
        used = {name: seconds - before.used[name] for name, seconds in self.used.items()}
        return Reading(used, self.busy - before.busy, self.total - before.total)


def read(trees: Mapping[str, int | Sequence[int]]) -> Reading:
    """Read the meters of these process trees, each given by the pid of its root; several under one name are added."""
    stats = _stats()
    busy, total = _machine()
    roots = {name: [found] if isinstance(found, int) else found for name, found in trees.items()}
    return Reading({name: sum(_tree(pid, stats) for pid in pids) for name, pids in roots.items()}, busy, total)


def _stats() -> dict[int, list[int]]:
    """Read ppid, utime, stime, cutime and cstime of every process, as proc(5) numbers them (4, 14 to 17)."""
    stats = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            stats[int(folder.name)] = [int(fields[number]) for number in (1, 11, 12, 13, 14)]
    return stats


def _tree(root: int, stats: Mapping[int, list[int]]) -> float:
    """Sum a tree: what runs, and with cutime and cstime every descendant that ran and was waited for."""
    ticks, parents = 0, [root]
    while parents:
        pid = parents.pop()
        ticks += sum(stats.get(pid, [0])[1:])
        parents += [child for child, found in stats.items() if found[0] == pid]
    return ticks / _TICKS


def _machine() -> tuple[float, float]:
    """Read the first line of /proc/stat: idle and iowait are idle, stolen time is busy, guests count already."""
    ticks = [int(word) for word in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS, sum(ticks) / _TICKS
