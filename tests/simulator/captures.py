"""Meta's webhooks as they were captured, to hold the simulator's against."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "meta" / "captured"
MESSAGES = sorted(path.stem for path in FOLDER.glob("message_*.json"))


def entry(name: str) -> dict[str, Any]:
    """Give the one entry of a captured body."""
    (found,) = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["entry"]
    return dict(found)


def change(name: str) -> dict[str, Any]:
    """Give the one change of a captured body."""
    (found,) = entry(name)["changes"]
    return dict(found)


def lacking(captured: Any, told: Any, where: str = "") -> list[str]:
    """List what was captured and is missing or of another kind in what is told; more may be told."""
    if isinstance(captured, dict) and isinstance(told, dict):
        return [
            fault
            for key, value in captured.items()
            for fault in (lacking(value, told[key], f"{where}.{key}") if key in told else [f"{where}.{key}"])
        ]
    if isinstance(captured, list) and isinstance(told, list) and captured:
        return lacking(captured[0], told[0], f"{where}[]") if told else [f"{where}[]"]
    return [] if type(captured) is type(told) else [f"{where}: {type(told).__name__}"]
