"""Webhook bodies: those in `captured/`, written by hand after the shapes that Meta documents, and small ones."""

import json
from pathlib import Path
from typing import Any

from quixess.meta import webhooks

CAPTURED = sorted((Path(__file__).parent / "captured").glob("*.json"))
PNID = "106540352242922"


def read(name: str) -> webhooks.Parsed:
    return webhooks.parse((Path(__file__).parent / "captured" / f"{name}.json").read_bytes())


def only(name: str) -> Any:
    parsed = read(name)
    assert parsed.problems == []
    assert len(parsed.items) == 1
    return parsed.items[0]


def body(*values: dict[str, Any], field: str = "messages") -> bytes:
    changes = [{"field": field, "value": value} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


def value(**parts: Any) -> dict[str, Any]:
    return {"metadata": {"phone_number_id": PNID}, **parts}
