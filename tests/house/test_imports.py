"""The floor plan in pyproject.toml is kept, and it would notice if it were not."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import ROOT

PYPROJECT = ROOT / "pyproject.toml"


def check_contracts(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache", "--config", PYPROJECT],
        env=os.environ | {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def planned_modules() -> set[str]:
    """Read the names on the plan: `quixess.cli`, `quixess.messages.store`."""
    contracts = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    return {
        f"{container}.{name.strip('() ')}"
        for contract in contracts
        if contract["type"] == "layers"
        for container in contract["containers"]
        for layer in contract["layers"]
        for name in layer.split("|")
    }


def write(root: Path, module: str, text: str) -> None:
    path = root / "src" / module.replace(".", "/") / "__init__.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


@pytest.fixture
def house(tmp_path):
    """An empty house of the same plan: every module is there and imports nothing."""
    for module in sorted({"quixess"} | planned_modules()):
        write(tmp_path, module, "")
    return tmp_path


def test_imports_only_go_down():
    result = check_contracts(ROOT)

    assert result.returncode == 0, (
        "The floor plan is broken. Move the code to the room it belongs to, or pass the value in as an argument.\n"
        f"A new top-level file must be drawn on the plan in pyproject.toml and docs/house.md.\n{result.stdout}"
    )


def test_an_empty_house_stands(house):
    result = check_contracts(house)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("quixess.helpers", ""),
        ("quixess.events.outbox", "import quixess.messages"),
        ("quixess.api.gate", "import quixess.intake"),
        ("quixess.access", "import quixess.settings"),
        ("quixess.messages.sending", "from starlette.requests import Request"),
        ("quixess.api.gate", "import asyncpg"),
        ("quixess.worker", "import quixess.simulator"),
        ("quixess.simulator", "import quixess.meta"),
        ("quixess.meta", "import quixess.errors"),
        ("quixess.messages.store", "def late():\n    import quixess.messages.sending"),
    ],
)
def test_the_plan_notices(house, module, text):
    write(house, module, text)

    result = check_contracts(house)

    assert result.returncode == 1
    assert "BROKEN" in result.stdout or "missing from" in result.stdout, result.stdout
