"""JSON Schemas in few words, for what Meta's OpenAPI file lacks. Objects are closed: what is not told may not be."""

from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its stubs are a package apart

from tests.conformance.openapi import told

Shape = dict[str, Any]

TEXT: Shape = {"type": "string", "minLength": 1}
ANY_TEXT: Shape = {"type": "string"}
FLAG: Shape = {"type": "boolean"}
WHOLE: Shape = {"type": "integer", "minimum": 0}
TIME: Shape = {"type": "integer", "minimum": 1_000_000_000}  # Unix seconds, as a number
ANYTHING: Shape = {}


def pattern(regex: str) -> Shape:
    return {"type": "string", "pattern": f"^(?:{regex})$"}


ID = pattern("[0-9]{1,32}")
DIGITS = pattern("[0-9]{5,20}")
STAMP = pattern("[0-9]{10}")  # Unix seconds, as text
WAMID = pattern("wamid\\..+")
LINK = pattern("https?://.+")


def one_of(*words: str) -> Shape:
    return {"enum": list(words)}


def many(item: Shape, at_least: int = 0) -> Shape:
    return {"type": "array", "items": item, "minItems": at_least}


def either(*shapes: Shape) -> Shape:
    return {"anyOf": list(shapes)}


def thing(required: dict[str, Shape] | None = None, /, **optional: Shape) -> Shape:
    """Give an object with what it must and what it may have, and nothing else."""
    must = required or {}
    return {
        "type": "object",
        "required": list(must),
        "properties": must | optional,
        "additionalProperties": False,
    }


def open_thing(required: dict[str, Shape] | None = None, /, **known: Shape) -> Shape:
    """Give an object with what it must have, and anything else."""
    return thing(required, **known) | {"additionalProperties": True}


def faults(shape: Shape, value: Any) -> list[str]:
    """List where a value is not of that shape."""
    return told(Draft202012Validator(shape).iter_errors(value))
