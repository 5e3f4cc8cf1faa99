"""The one table that a run ends with: each operation beside the least possible and beside the usual stack."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import report
from bench.report import Round

_HEADS = ("CPU ours", "limit", "ratio", "usual", "ratio", "per second", "limit", "usual", "p50 ms", "p99 ms")
_FIRST = 38


@dataclass
class Summary:
    """Operations as they were measured, and what else is worth a line."""

    _lines: list[str] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def add(
        self, operation: str, ours: Sequence[Round], limit: Sequence[Round] = (), usual: Sequence[Round] = ()
    ) -> None:
        """Note an operation, with the rounds of the limit program and the usual stack in the same minutes, if any."""
        cpu, least, common = (_cpu(rounds) for rounds in (ours, limit, usual))
        cells = [
            _number(cpu), _number(least), _ratio(cpu, least), _number(common), _ratio(common, cpu),
            _number(_median(ours, "per_second")), _number(_median(limit, "per_second")),
            _number(_median(usual, "per_second")), _number(_median(ours, "p50_ms"), 1),
            _number(_median(ours, "p99_ms"), 1),
        ]  # fmt: skip
        self._lines.append(f"{operation:<{_FIRST}}" + "".join(f"{cell:>11}" for cell in cells))

    def note(self, line: str) -> None:
        """Note something that is no operation."""
        self._notes.append(line)

    def write(self) -> str:
        """Write the table; empty when nothing was measured for it."""
        if not self._lines and not self._notes:
            return ""
        head = f"{'operation':<{_FIRST}}" + "".join(f"{name:>11}" for name in _HEADS)
        told = "CPU is µs an operation, of gateway or worker and PostgreSQL. Ratios: ours to the limit, usual to ours."
        return "\n".join([head, *self._lines, told, *self._notes, ""]) if self._lines else "\n".join([*self._notes, ""])


def _cpu(rounds: Sequence[Round]) -> float | None:
    gateway, postgres = _median(rounds, "gateway_us"), _median(rounds, "postgres_us")
    return None if gateway is None or postgres is None else gateway + postgres


def _median(rounds: Sequence[Round], name: str) -> float | None:
    known = [one for one in rounds if getattr(one, name) is not None]
    return report.median(known, name) if known else None


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _ratio(upper: float | None, lower: float | None) -> str:
    return "–" if upper is None or not lower else f"{upper / lower:.1f} ×"
