"""The ladder: when an event is tried again, drawn as a line from the first attempt to the last."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log1p

from markupsafe import Markup

from quixess.dashboard.rendering import lasts

_WIDTH, _HEIGHT, _EDGE, _LINE = 640, 74, 26, 26
_NARROWEST = 46.0


@dataclass(frozen=True, slots=True)
class Ladder:
    """The picture, and the waits in words."""

    svg: Markup
    words: str


def draw(waits_s: Sequence[float]) -> Ladder:
    """Draw attempts by when they are made after the first, on a logarithmic line: short waits are seen as long ones."""
    moments = [0.0, *accumulate(waits_s)]
    xs = _places(moments)
    line = Markup('<line class="grid" x1="{:.0f}" x2="{:.0f}" y1="{}" y2="{}"/>').format(xs[0], xs[-1], _LINE, _LINE)
    said = ["at once", *(f"+{lasts(one)}" for one in waits_s)]
    marks = [_mark(xs[at], at + 1, said[at]) for at in range(len(moments))]
    words = ", ".join(map(lasts, waits_s))
    label = f"{len(moments)} attempts over {lasts(moments[-1])}: after {words}"
    svg = Markup('<svg class="chart ladder" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        _WIDTH, _HEIGHT, label, line, Markup("").join(marks)
    )
    return Ladder(svg, words)


def _places(moments: Sequence[float]) -> list[float]:
    """Give each attempt its place, none so near to the one before that their words meet."""
    room = _WIDTH - 2 * _EDGE
    least = min(_NARROWEST, room / max(len(moments) - 1, 1))
    free = room - least * (len(moments) - 1)
    top = log1p(moments[-1]) or 1.0
    return [_EDGE + at * least + free * log1p(moment) / top for at, moment in enumerate(moments)]


def _mark(x: float, number: int, said: str) -> Markup:
    above = Markup('<text class="axis" x="{:.0f}" y="12" text-anchor="middle">{}</text>').format(x, number)
    dot = Markup('<circle class="c-1" cx="{:.0f}" cy="{}" r="4"/>').format(x, _LINE)
    below = Markup('<text class="axis" x="{:.0f}" y="50" text-anchor="middle">{}</text>').format(x, said)
    return above + dot + below
