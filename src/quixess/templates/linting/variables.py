"""Variables in texts: how they are written, where they may stand, and their examples."""

import re
from collections.abc import Mapping
from typing import Any

from quixess.templates.linting.rules import Findings

VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_NAME = re.compile(r"(?=.*[a-z_])[a-z0-9_]+")
_APART = re.compile(r"\}\}\s*\{\{")
_WORD = re.compile(r"\w+")
_ONLY_MARKS_AFTER = re.compile(r"\}\}[^\w{}]+\Z")


def check_form(text: str, pointer: str, findings: Findings, *, named: bool) -> list[str]:
    """Check how variables are written and numbered; gives their names, each once, in the order of the text."""
    names = list(dict.fromkeys(VARIABLE.findall(text)))
    rest = VARIABLE.sub("", text)
    findings.hold("{{" not in rest and "}}" not in rest, pointer, "variable_form")
    if named:
        findings.hold(all(_NAME.fullmatch(name) for name in names), pointer, "variable_form")
        return names
    if not all(name.isdecimal() for name in names):
        findings.add(pointer, "parameter_format", "Set `parameter_format` to NAMED, or number the variables.")
        return names
    numbers = sorted(int(name) for name in names)
    findings.hold(numbers == list(range(1, len(numbers) + 1)), pointer, "variables_sequential")
    return [str(number) for number in numbers]


def check_places(text: str, names: list[str], pointer: str, findings: Findings) -> None:
    """Check where the variables of a body stand."""
    bare = text.strip()
    at_edge = any(found.start() == 0 or found.end() == len(bare) for found in VARIABLE.finditer(bare))
    findings.hold(not at_edge, pointer, "variables_inside")
    findings.hold(not _ONLY_MARKS_AFTER.search(bare), pointer, "variable_last")
    findings.hold(not _APART.search(bare), pointer, "variables_apart")
    words = len(_WORD.findall(VARIABLE.sub(" ", bare)))
    findings.hold(not names or words > 2 * len(names), pointer, "variables_ratio")


def check_examples(
    part: Mapping[str, Any], key: str, names: list[str], pointer: str, findings: Findings, *, named: bool
) -> None:
    """Check the examples of a text. `key` is header_text or body_text; named ones stand under another key."""
    if not names:
        return None
    member = f"{key}_named_params" if named else key
    example = part.get("example")
    listed = example.get(member) if isinstance(example, Mapping) else None
    if not listed:
        return findings.add(f"{pointer}/example", "example_required", f"Give `example.{member}`: Meta reviews with it.")
    place = f"{pointer}/example/{member}"
    if named:
        given = [str(one.get("param_name")) for one in _objects(listed) if _said(one.get("example"))]
        return findings.hold(sorted(given) == sorted(names), place, "example_fits")
    nested = key == "body_text"
    flat = listed[0] if nested and isinstance(listed, list) and isinstance(listed[0], list) else listed
    fits = isinstance(flat, list) and len(flat) == len(names) and all(map(_said, flat))
    wrapped = not nested or flat is not listed
    return findings.hold(fits and wrapped, place, "example_fits", _form_of(key, len(names)))


def _form_of(key: str, count: int) -> str:
    form = "a list with one list of texts" if key == "body_text" else "a list of texts"
    return f"`{key}` must be {form}, one text for each of the {count} variables."


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _said(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
