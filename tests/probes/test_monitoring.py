"""The board and the alarms know no number that is not shown, the page knows every one that is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from quixess.probes.numbers import METRICS, OF_LIBRARY, Kind
from tests.docs import pages
from tests.house.source import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
KNOWN = {one.name: one for one in (*METRICS, *OF_LIBRARY)}
WORDS = {
    "abs", "absent", "and", "by", "count", "histogram_quantile", "increase", "max", "min", "or", "rate", "sum", "topk",
}  # fmt: skip
OF_PROMETHEUS = {"job", "instance", "le"}
NAME = re.compile(r"(?<![\w$\"])[a-z_]+(?![\w\"])")


def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load((FOLDER / "rules.yaml").read_text(encoding="utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text(encoding="utf-8"))
    return found


def asked() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in board()["panels"] for target in panel.get("targets", ()))


def wrong(expr: str) -> list[str]:
    """Say what an expression names that nobody shows: a number, or a label of one."""
    faults = []
    used: set[str] = set()
    for name in re.findall(r"\b(?:quixess|process)_\w+", expr):
        base = KNOWN.get(name) or KNOWN.get(re.sub(r"_(?:bucket|sum|count)$", "", name))
        if base is None or (base.kind is Kind.HISTOGRAM) == (base.name == name):
            faults.append(f"{name} is not shown")
            continue
        used |= set(base.labels)
    named = [word.strip() for inside in re.findall(r"\bby \(([^)]*)\)", expr) for word in inside.split(",")]
    named += re.findall(r"(\w+)\s*(?:!~|=~|!=|=)\s*\"", expr)
    faults += [f"{name} is no label" for name in named if name not in used | OF_PROMETHEUS]
    plain = re.sub(r"\"[^\"]*\"|\bby \([^)]*\)|\{[^}]*\}|\[[^\]]*\]", "", expr)
    plain = re.sub(r"\b(?:quixess|process)_\w+|\b(?:up|\d+e\d+)\b", "", plain)
    faults += [f"{word} is no function" for word in NAME.findall(plain) if word not in WORDS]
    if any(expr.count(one) != expr.count(other) for one, other in ("()", "[]", "{}")):
        faults.append("a bracket is missing")
    return faults


@pytest.mark.parametrize("expr", sorted(set(asked())))
def test_what_is_asked_is_shown(expr: str) -> None:
    assert wrong(expr) == []


@pytest.mark.parametrize(
    "expr",
    [
        "max(quixess_nothing) > 0",
        "rate(quixess_intake_seconds[5m])",
        "quixess_workers_alive_count",
        'quixess_meta_sends_total{brand="x"}',
        "sum by (phone) (quixess_workers_alive)",
        "average(quixess_workers_alive)",
        "max(quixess_workers_alive",
    ],
)
def test_what_is_not_shown_is_noticed(expr: str) -> None:
    assert wrong(expr) != []


def test_every_alarm_is_explained_and_says_how_bad_it_is() -> None:
    told = [row[0].strip("`") for row in pages.rows(pages.section("docs/operations.md", "## Alarms"))]

    assert told == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"].endswith(".")


def test_every_number_is_explained_in_the_words_of_the_table() -> None:
    told = pages.rows(pages.section("docs/operations.md", "## Numbers"))

    assert told == [
        [f"`{one.name}`", one.kind.value, ", ".join(f"`{label}`" for label in one.labels) or "-", one.means]
        for one in KNOWN.values()
    ]


def test_every_panel_of_the_board_has_a_place_of_its_own_and_says_what_it_shows() -> None:
    panels = board()["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert cells.isdisjoint(taken), panel["title"]
        assert all(0 <= x < 24 for x, _ in cells), panel["title"]
        taken |= cells
        assert panel["type"] == "row" or panel["description"], panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_most_numbers_are_on_the_board() -> None:
    text = (FOLDER / "grafana.json").read_text(encoding="utf-8")

    assert [name for name in KNOWN if name.startswith("quixess_") and name not in text] == [
        "quixess_http_requests_open"
    ]


def test_prometheus_asks_for_the_job_that_the_alarms_are_about() -> None:
    sample = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))

    assert [one["job_name"] for one in sample["scrape_configs"]] == ["quixess"]
    assert [(FOLDER / name).exists() for name in sample["rule_files"]] == [True]
