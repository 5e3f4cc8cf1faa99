"""The files of deploy/ as the tests see them."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.house.source import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))
TEXTS = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix not in {".json", ".md"})

Json = dict[str, Any]


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def compose() -> Json:
    found: Json = yaml.safe_load(read("compose/compose.yaml"))
    return found


def objects(kind: str) -> list[Json]:
    """Give the objects of a kind in the Kubernetes manifests."""
    return [one for one in _manifests() if one["kind"] == kind]


@cache
def _manifests() -> list[Json]:
    return [one for path in sorted(DEPLOY.glob("kubernetes/*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def pods() -> list[tuple[str, Json, Json]]:
    """Give name, pod and its one container of everything that runs in Kubernetes."""
    found = []
    for one in objects("Deployment") + objects("Job"):
        spec = one["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        found.append((one["metadata"]["name"], spec, container))
    return found


def instructions(name: str = "Dockerfile") -> list[tuple[str, str]]:
    """Give the instructions of a Dockerfile, continued lines joined."""
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", read(name), flags=re.MULTILINE)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def environment() -> dict[str, str]:
    """Give what the image sets."""
    found: dict[str, str] = {}
    for word, rest in instructions():
        if word == "ENV":
            found |= dict(re.findall(r"(\w+)=(\S+)", rest))
    return found


def unit(path: Path) -> dict[str, list[str]]:
    """Give the values of a unit of systemd, by name, in the order they stand there."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def images() -> Iterator[tuple[str, str]]:
    """Give the images that anything names, and where."""
    for word, rest in instructions():
        if word == "FROM":
            yield "Dockerfile", rest.split()[0]
    for name, service in compose()["services"].items():
        yield f"compose {name}", service["image"]
    for name, _, container in pods():
        yield f"kubernetes {name}", container["image"]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give the words after `quixess` that anything runs, and where."""
    for word, rest in instructions():
        if word == "CMD" and rest.startswith('["serve'):
            yield "Dockerfile", yaml.safe_load(rest)
    for name, service in compose()["services"].items():
        if service["image"].startswith("quixess"):
            yield f"compose {name}", service["command"]
    for name, _, container in pods():
        yield f"kubernetes {name}", container["args"]
    for path in UNITS:
        program, *words = unit(path)["ExecStart"][0].split()
        assert program == "/opt/quixess/bin/quixess"
        yield path.name, words
