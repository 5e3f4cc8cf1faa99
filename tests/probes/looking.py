"""Looking at a process as Prometheus does: its numbers by name and labels."""

import re
from collections.abc import Iterator

from quixess.cli.watching import Probes
from tests.world import World

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Sample = tuple[str, dict[str, str], float]


def probes(world: World) -> Probes:
    assert world.probes is not None
    return world.probes


async def exposed(world: World) -> str:
    """What Prometheus is given."""
    async with world.http.get(f"{probes(world).url}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return await answer.text()


def samples(text: str) -> Iterator[Sample]:
    for name, labels, value in _SAMPLE.findall(text):
        yield name, dict(_LABEL.findall(labels)), float(value)


async def number(world: World, wanted: str, **labels: str) -> float:
    """The sum of a number over all series that have these labels; none is an error."""
    found = [
        value for name, has, value in samples(await exposed(world)) if name == wanted and labels.items() <= has.items()
    ]
    assert found, f"there is no {wanted} with {labels}"
    return sum(found)
