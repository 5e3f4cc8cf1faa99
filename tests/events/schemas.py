"""The schemas of events as a tenant would use them: found by name, references followed, compiled once."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its stubs are a package apart
from referencing import Registry, Resource

from tests.house.source import PACKAGE

FOLDER = PACKAGE / "events" / "schemas"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
SHARED = {"envelope", "content"}


def load(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def check(name: str) -> None:
    """Raise `jsonschema.SchemaError` for what is no schema."""
    Draft202012Validator.check_schema(load(name))


@cache
def validator(name: str) -> Draft202012Validator:
    found = Registry().with_resources((f"{one}.json", Resource.from_contents(load(one))) for one in NAMES)
    return Draft202012Validator({"$ref": f"{name}.json"}, registry=found)


def faults(event: dict[str, Any]) -> list[str]:
    """Say what is wrong with an event, by the schema of its type."""
    return [f"{error.json_path}: {error.message}" for error in validator(event["type"]).iter_errors(event)]
