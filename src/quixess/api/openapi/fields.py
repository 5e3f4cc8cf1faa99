"""Fields of a body, an answer or a query, one a row: what the reference page and docs/api.md show of a schema."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quixess.api.openapi.schemas import Schema, nullable, resolve

_DEEPEST = 6
_ANYTHING = r"\S"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `name` is its path, such as `data[].to.phone`; `limits` and `text` are Markdown and may be empty."""

    name: str
    kind: str
    needed: bool
    limits: str
    text: str


def of_schema(schema: Schema, components: Mapping[str, Schema]) -> list[Field]:
    """List the fields of an object, those inside it included, each right after the one it belongs to."""
    return list(_members(schema, components, "", ()))


def of_parameters(parameters: list[dict[str, Any]]) -> list[Field]:
    """List parameters of a query or a path as fields."""
    return [_of_parameter(parameter) for parameter in parameters]


def _of_parameter(parameter: dict[str, Any]) -> Field:
    name = f"{parameter['name']}[…]" if parameter.get("style") == "deepObject" else parameter["name"]
    schema = parameter["schema"]
    return Field(name, _kind(schema, {}), parameter["required"], _limits(schema), parameter.get("description", ""))


def _members(schema: Schema, components: Mapping[str, Schema], prefix: str, above: tuple[str, ...]) -> Iterator[Field]:
    known: set[str] = set()
    for variant in _objects(schema, components):
        title = str(variant.get("title", ""))
        if (title and title in above) or len(above) >= _DEEPEST:
            continue
        for name, member in variant.get("properties", {}).items():
            if name in known:
                continue
            known.add(name)
            yield _field(prefix + name, member, components, needed=name in variant.get("required", ()))
            yield from _inside(member, components, prefix + name, (*above, title))


def _inside(member: Schema, components: Mapping[str, Schema], name: str, above: tuple[str, ...]) -> Iterator[Field]:
    bare = _bare(member, components)
    if bare.get("type") == "array":
        yield from _members(bare.get("items", {}), components, f"{name}[].", above)
    else:
        yield from _members(bare, components, f"{name}.", above)


def _objects(schema: Schema, components: Mapping[str, Schema]) -> Iterator[Schema]:
    bare = _bare(schema, components)
    for variant in _variants(bare):
        yield from _objects(variant, components)
    for part in bare.get("allOf", []):
        yield from _objects(part, components)
    if "properties" in bare:
        yield bare


def _variants(schema: Schema) -> list[Schema]:
    found: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return found


def _bare(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    bare, _ = nullable(resolve(schema, components))
    return nullable(resolve(bare, components))[0]


def _field(name: str, member: Schema, components: Mapping[str, Schema], *, needed: bool) -> Field:
    bare = _bare(member, components)
    text = member.get("description") or bare.get("description") or bare.get("items", {}).get("description", "")
    limits = _limits(bare | ({"default": member["default"]} if "default" in member else {}))
    return Field(name, _kind(member, components), needed, limits, text)


def _kind(schema: Schema, components: Mapping[str, Schema]) -> str:
    null = nullable(schema)[1]
    bare = _bare(schema, components)
    if _variants(bare):
        kinds = dict.fromkeys(_kind(one, components) for one in _variants(bare))
        word = " or ".join(kinds)
    elif bare.get("type") == "array":
        word = f"array of {_plural(_kind(bare.get('items', {}), components))}"
    elif bare.get("type") == "object" and isinstance(bare.get("additionalProperties"), dict):
        word = f"object of {_plural(_kind(bare['additionalProperties'], components))}"
    else:
        word = _word(bare)
    return f"{word} or null" if null else word


def _word(schema: Schema) -> str:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return " or ".join(kinds)
    if kinds is None:
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        return "string" if values and all(isinstance(value, str) for value in values) else "any"
    return str(kinds)


def _plural(kind: str) -> str:
    return kind if kind == "any" or " " in kind else f"{kind}s"


def _limits(schema: Schema) -> str:
    found = [_span(schema, "minLength", "maxLength", " characters"), _span(schema, "minimum", "maximum", "")]
    found.append(_span(schema, "minItems", "maxItems", " members"))
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        found.append(" · ".join(f"`{value}`" for value in values if value is not None))
    if schema.get("pattern", _ANYTHING) != _ANYTHING:
        found.append(f"`{schema['pattern']}`")
    if schema.get("default") not in (None, {}, [], ()):
        found.append(f"default `{json.dumps(schema['default'])}`".replace('"', ""))
    return ", ".join(part for part in found if part)


def _span(schema: Schema, low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if least is None and most is None:
        return ""
    if most is None:
        return f"at least {least:,}{unit}"
    return f"up to {most:,}{unit}" if not least else f"{least:,} to {most:,}{unit}"
