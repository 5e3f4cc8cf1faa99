"""Charts drawn on the server: SVG with classes for its colours, and a table with the same numbers.

No script draws them, they print, and they turn dark with the page. Each bar and each point says its numbers as a
tooltip; who sees no picture opens the table. Show one with the macro `chart` of `macros/lists.html`:

    drawn = charts.bars("Messages by state", hours, [Series("Delivered", delivered), Series("Failed", failed, 4)])
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

from quixess.dashboard.rendering import count

WIDTH, HEIGHT = 520, 160
_TOP, _RIGHT, _BOTTOM, _LEFT = 10, 6, 22, 42
_INNER_W, _INNER_H = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_LINES = 2  # of the grid, beside its base
_MOST_LABELS = 7
_GAP = 2.0


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one thing, one for each label, None where there is none. `colour` is 1 to 6 (static/app.css)."""

    label: str
    values: Sequence[float | None]
    colour: int = 1


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart. `legend` has the class and the label of each series."""

    svg: Markup
    table: Markup
    legend: tuple[tuple[str, str], ...]


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    first: str = "Time",
    write: Callable[[float], str] = count,
) -> Drawn:
    """Draw stacked bars, one for each label; the first series lies below."""
    sums = [sum(one.values[at] or 0 for one in series) for at in range(len(labels))]
    top = _nice(max(sums, default=0))
    drawn = [_bar(at, labels, series, top, write) for at in range(len(labels))]
    return _whole(title, labels, series, top, drawn, first, write, empty=not any(sums))


def lines(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    first: str = "Time",
    write: Callable[[float], str] = count,
) -> Drawn:
    """Draw a line for each series; where it has no value it is broken."""
    known = [value for one in series for value in one.values if value is not None]
    top = _nice(max(known, default=0))
    drawn = [_slice(at, labels, series, write) for at in range(len(labels))]
    drawn += [_line(one, len(labels), top) for one in series]
    return _whole(title, labels, series, top, drawn, first, write, empty=not known)


def _whole(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    top: float,
    drawn: Sequence[Markup],
    first: str,
    write: Callable[[float], str],
    *,
    empty: bool,
) -> Drawn:
    none = Markup("")
    if empty:
        middle = Markup('<text class="none" x="{}" y="{}" text-anchor="middle">No traffic in this range</text>')
        none = middle.format(_LEFT + _INNER_W // 2, _TOP + _INNER_H // 2)
    svg = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}{}</svg>').format(
        WIDTH, HEIGHT, title, _grid(top, write), Markup("").join(drawn), _labels(labels), none
    )
    legend = tuple((f"c-{one.colour}", one.label) for one in series)
    return Drawn(svg, _table(title, labels, series, first, write), legend)


def _grid(top: float, write: Callable[[float], str]) -> Markup:
    found = []
    for step in range(_LINES + 1):
        value = top * step / _LINES
        y = _y(value, top)
        line = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        found.append(line.format(_LEFT, WIDTH - _RIGHT, y, y))
        text = Markup('<text class="axis" x="{}" y="{:.1f}" text-anchor="end">{}</text>')
        found.append(text.format(_LEFT - 6, y + 3.5, write(value)))
    return Markup("").join(found)


def _labels(labels: Sequence[str]) -> Markup:
    every = max(ceil(len(labels) / _MOST_LABELS), 1)
    width = _INNER_W / max(len(labels), 1)
    text = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
    return Markup("").join(
        text.format(_LEFT + (at + 0.5) * width, HEIGHT - 6, labels[at]) for at in range(0, len(labels), every)
    )


def _bar(at: int, labels: Sequence[str], series: Sequence[Series], top: float, write: Callable[[float], str]) -> Markup:
    width = _INNER_W / len(labels)
    x, below = _LEFT + at * width, 0.0
    parts = [_hit(at, labels, series, write)]
    for one in series:
        value = one.values[at] or 0
        if value:
            y = _y(below + value, top)
            rect = Markup('<rect class="c-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="1"/>')
            parts.append(rect.format(one.colour, x + _GAP / 2, y, max(width - _GAP, 1), _y(below, top) - y))
            below += value
    return Markup('<g class="bar">{}</g>').format(Markup("").join(parts))


def _slice(at: int, labels: Sequence[str], series: Sequence[Series], write: Callable[[float], str]) -> Markup:
    return Markup('<g class="bar">{}</g>').format(_hit(at, labels, series, write))


def _hit(at: int, labels: Sequence[str], series: Sequence[Series], write: Callable[[float], str]) -> Markup:
    """Draw what the pointer meets, with the numbers as its tooltip."""
    width = _INNER_W / len(labels)
    said = ", ".join(f"{one.label} {_written(one.values[at], write)}" for one in series)
    rect = Markup('<title>{}: {}</title><rect class="hit" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>')
    return rect.format(labels[at], said, _LEFT + at * width, _TOP, width, _INNER_H)


def _line(one: Series, places: int, top: float) -> Markup:
    width = _INNER_W / max(places, 1)
    runs: list[list[str]] = [[]]
    for at, value in enumerate(one.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{_LEFT + (at + 0.5) * width:.1f},{_y(value, top):.1f}")
    return Markup("").join(_run(points, one.colour) for points in runs if points)


def _run(points: Sequence[str], colour: int) -> Markup:
    if len(points) == 1:
        x, _, y = points[0].partition(",")
        return Markup('<circle class="c-{}" cx="{}" cy="{}" r="2.5"/>').format(colour, x, y)
    return Markup('<polyline class="c-{}" points="{}"/>').format(colour, " ".join(points))


def _table(
    title: str, labels: Sequence[str], series: Sequence[Series], first: str, write: Callable[[float], str]
) -> Markup:
    head = Markup("").join(Markup('<th scope="col" class="num">{}</th>').format(one.label) for one in series)
    rows = []
    for at, label in enumerate(labels):
        cells = (Markup('<td class="num">{}</td>').format(_written(one.values[at], write)) for one in series)
        rows.append(Markup('<tr><th scope="row">{}</th>{}</tr>').format(label, Markup("").join(cells)))
    return Markup(
        '<table class="tbl mini"><caption class="sr">{}</caption>'
        '<thead><tr><th scope="col">{}</th>{}</tr></thead><tbody>{}</tbody></table>'
    ).format(title, first, head, Markup("").join(rows))


def _written(value: float | None, write: Callable[[float], str]) -> str:
    return "–" if value is None else write(value)


def _y(value: float, top: float) -> float:
    return _TOP + _INNER_H * (1 - value / top)


def _nice(most: float) -> float:
    """Give the end of the axis: 1, 2 or 5 times a power of ten, 2 at least, so that its middle is a whole number."""
    if most <= 2:
        return 2.0
    power = 10.0 ** floor(log10(most))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)
