"""JSON Schemas of the document: those that msgspec makes of structs, and those of events, in one list of components.

msgspec writes Python's regular expressions and `anyOf` for what may be null; both are put into the form that readers
of OpenAPI expect. The schemas of events are files that point at each other; here they point at components.
"""

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import msgspec

Schema = dict[str, Any]

_COMPONENTS = "#/components/schemas/"
_EVENTS = "quixess.events"


def of_structs(types: Iterable[type], prefix: str = "") -> tuple[dict[type, Schema], dict[str, Schema]]:
    """Give the schema of each type, a reference where it is a struct, and the components that those point at.

    The names of the components begin with the prefix.
    """
    wanted = list(dict.fromkeys(types))
    found, components = msgspec.json.schema_components(wanted, ref_template=_COMPONENTS + prefix + "{name}")
    return (
        {one: _plain(schema) for one, schema in zip(wanted, found, strict=True)},
        {prefix + name: _plain(schema) for name, schema in components.items()},
    )


def of_events() -> dict[str, Schema]:
    """Give the components of all events: `message.received` and so on, and the `envelope.…` they are made of."""
    components: dict[str, Schema] = {}
    folder = resources.files(_EVENTS) / "schemas"
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        name, _, ending = file.name.rpartition(".")
        if ending != "json":
            continue
        schema = _pointed(msgspec.json.decode(file.read_bytes()), name)
        schema.pop("$schema")
        inner = schema.pop("$defs", {})
        components |= {name: schema} | {f"{name}.{part}": one for part, one in inner.items()}
    return components


def resolve(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """Follow a reference to the component it names; what is none comes back as it is."""
    while "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return schema


def nullable(schema: Schema) -> tuple[Schema, bool]:
    """Take null out of a schema: what is left, and whether null was in it."""
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        left = [kind for kind in kinds if kind != "null"]
        rest = schema | {"type": left[0] if len(left) == 1 else left}
        if "enum" in rest:
            rest["enum"] = [value for value in rest["enum"] if value is not None]
        return rest, True
    members = schema.get("anyOf", [])
    left = [one for one in members if one != {"type": "null"}]
    if len(left) == len(members):
        return schema, False
    around = {key: value for key, value in schema.items() if key != "anyOf"}
    return (around | left[0] if len(left) == 1 else around | {"anyOf": left}), True


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: value if key in {"default", "enum", "examples"} else _plain(value) for key, value in schema.items()}
    if isinstance(plain.get("pattern"), str):
        plain["pattern"] = plain["pattern"].replace(r"\Z", "$")
    return _merged(plain)


def _merged(schema: Schema) -> Schema:
    """Write `anyOf` of one type and null as a list of two types."""
    rest, null = nullable(schema)
    if not null or not isinstance(rest.get("type"), str):
        return schema
    merged = rest | {"type": [rest["type"], "null"]}
    if "enum" in merged:
        merged["enum"] = [*merged["enum"], None]
    return merged


def _pointed(value: Any, file: str) -> Any:
    if isinstance(value, list):
        return [_pointed(one, file) for one in value]
    if not isinstance(value, dict):
        return value
    pointed = {key: _pointed(one, file) for key, one in value.items()}
    if isinstance(pointed.get("$ref"), str):
        target, _, place = pointed["$ref"].partition("#")
        name = target.removesuffix(".json") or file
        pointed["$ref"] = _COMPONENTS + name + place.replace("/$defs/", ".")
    return pointed
