"""Reading: friendly variables and Meta's components, each into the slots they fill."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from quixess.templates.parameters import MEDIA, Parameters
from quixess.templates.slots import Findings, Given, Slot, place, shown
from quixess.templates.variables import Button, Header, Value, Variables

_IN_HEADER = (*MEDIA, "location")
_IN_BUTTON = ("url_suffix", "payload", "coupon_code", "flow_token", "flow_data")
_IN_TEXT = ("text", "currency", "date_time")
# Meta's sub_type of a button → the type of its one parameter, and what we call it.
_SUB_TYPES = {
    "url": ("text", "url_suffix"),
    "quick_reply": ("payload", "payload"),
    "copy_code": ("coupon_code", "coupon_code"),
    "flow": ("action", "flow"),
}
_INDEX = re.compile(r"0|[1-9][0-9]?")
_IN_FLOW = {"flow_token": "flow_token", "flow_action_data": "flow_data"}


def read_variables(variables: Variables, parameters: Parameters, findings: Findings) -> Given:
    """Read friendly variables. The text of a header may be given without its name, for there is one at most."""
    given = Given(raw=False)
    given.body = _values(variables.body, "/variables/body")
    if variables.header is not None:
        given.header = _header(variables.header, parameters)
    for position, button in enumerate(variables.buttons):
        pointer = f"/variables/buttons/{position}"
        if button.index in given.buttons:
            findings.blame(f"{pointer}/index", "not_allowed", "`index` names a button that was given already.")
        else:
            given.buttons[button.index] = _button(button, pointer)
    return given


def _values(values: Sequence[Value] | Mapping[str, Value] | None, pointer: str) -> dict[str, Slot]:
    if isinstance(values, Mapping):
        return {name: _slot(value, place(pointer, name)) for name, value in values.items()}
    return {str(number + 1): _slot(value, f"{pointer}/{number}") for number, value in enumerate(values or ())}


def _slot(value: Value, pointer: str) -> Slot:
    if isinstance(value, str):
        return Slot("text", value, pointer)
    written = msgspec.to_builtins(value)
    only = written.get(value.type) if len(written) == 2 else None
    return Slot(value.type, only, pointer)


def _header(header: Header, parameters: Parameters) -> dict[str, Slot]:
    found: dict[str, Slot] = {}
    if isinstance(header.text, str):
        name = next((one.name for one in parameters.header if one.type == "text"), "text")
        found[name] = Slot("text", header.text, "/variables/header/text")
    elif header.text is not None:
        found = _values(header.text, "/variables/header/text")
    for kind in _IN_HEADER:
        value = getattr(header, kind)
        if value is not None:
            found[kind] = Slot(kind, msgspec.to_builtins(value), f"/variables/header/{kind}")
    return found


def _button(button: Button, pointer: str) -> dict[str, Slot]:
    members = ((name, getattr(button, name)) for name in _IN_BUTTON)
    return {name: Slot(name, value, f"{pointer}/{name}") for name, value in members if value is not None}


def read_components(
    components: Sequence[Mapping[str, Any]], parameters: Parameters, findings: Findings, root: str = "/components"
) -> Given:
    """Read Meta's components. Those of other types than header, body and button are only noted in `parts`."""
    given = Given(raw=True)
    seen: set[str] = set()
    for number, component in enumerate(components):
        pointer, kind = f"{root}/{number}", component.get("type")
        if not isinstance(kind, str):
            findings.blame(f"{pointer}/type", "required", "Every component needs a `type`: header, body, button, …")
            continue
        kind = kind.lower()
        if kind == "button":
            _read_button(component, pointer, given, findings)
        elif kind not in {"header", "body"} or kind in parameters.raw:
            given.parts.add(kind)
        elif kind in seen:
            findings.blame(f"{pointer}/type", "not_allowed", f"There is a second {kind}: send one.")
        else:
            seen.add(kind)
            _refuse_others(component, {"type", "parameters"}, pointer, findings)
            setattr(given, kind, _read_section(_parameters(component, pointer, findings), kind, findings))
    return given


def _parameters(
    component: Mapping[str, Any], pointer: str, findings: Findings
) -> list[tuple[str, Mapping[str, Any], str]]:
    """Give type, object and pointer of each parameter that has the right form; the others are blamed."""
    listed = component.get("parameters", [])
    if not isinstance(listed, list):
        findings.blame(f"{pointer}/parameters", "wrong_type", "`parameters` must be an array of objects.")
        return []
    found: list[tuple[str, Mapping[str, Any], str]] = []
    for number, one in enumerate(listed):
        here = f"{pointer}/parameters/{number}"
        if not isinstance(one, dict):
            findings.blame(here, "wrong_type", "A parameter must be an object.")
        elif not isinstance(one.get("type"), str):
            findings.blame(f"{here}/type", "required", "A parameter needs a `type`, such as text.")
        else:
            found.append((one["type"].lower(), one, here))
    return found


def _read_section(
    listed: Sequence[tuple[str, Mapping[str, Any], str]], section: str, findings: Findings
) -> dict[str, Slot]:
    slots: dict[str, Slot] = {}
    for number, (kind, one, pointer) in enumerate(listed):
        if kind not in _IN_TEXT and not (section == "header" and kind in _IN_HEADER):
            findings.blame(f"{pointer}/type", "not_allowed", f"The {section} takes no parameter of this type.")
            continue
        _refuse_others(one, {"type", kind, "parameter_name"}, pointer, findings)
        name = one.get("parameter_name")
        if kind in _IN_HEADER:
            name = kind
        elif not isinstance(name, str):
            name = str(number + 1)
        if name in slots:
            findings.blame(pointer, "not_allowed", "A parameter is given twice.")
        slots[name] = Slot(kind, one.get(kind), f"{pointer}/{kind}")
    return slots


def _read_button(component: Mapping[str, Any], pointer: str, given: Given, findings: Findings) -> None:
    index, sub_type = _index(component.get("index")), component.get("sub_type")
    if index is None:
        findings.blame(f"{pointer}/index", "required", "A button needs its `index`, counted from 0 over all buttons.")
        return
    if not isinstance(sub_type, str):
        findings.blame(f"{pointer}/sub_type", "required", "A button needs its `sub_type`, such as url or quick_reply.")
        return
    if index in given.buttons:
        findings.blame(f"{pointer}/index", "not_allowed", "This button is given twice.")
        return
    kind, name = _SUB_TYPES.get(sub_type.lower(), ("", ""))
    if not kind:
        given.parts.add("button")
        given.buttons[index] = {}
        return
    _refuse_others(component, {"type", "sub_type", "index", "parameters"}, pointer, findings)
    given.buttons[index] = _button_slots(_parameters(component, pointer, findings), kind, name, findings)


def _button_slots(
    listed: Sequence[tuple[str, Mapping[str, Any], str]], kind: str, name: str, findings: Findings
) -> dict[str, Slot]:
    slots: dict[str, Slot] = {}
    for number, (given_kind, one, pointer) in enumerate(listed):
        if given_kind != kind or number:
            findings.blame(f"{pointer}/type", "not_allowed", f"This button takes one parameter of type {kind}.")
            continue
        _refuse_others(one, {"type", kind}, pointer, findings)
        if name == "flow":
            slots |= _flow_slots(one.get("action"), f"{pointer}/action", findings)
        else:
            slots[name] = Slot(name, one.get(kind), f"{pointer}/{kind}")
    return slots


def _flow_slots(action: Any, pointer: str, findings: Findings) -> dict[str, Slot]:
    if not isinstance(action, dict):
        findings.blame(pointer, "wrong_type", "`action` must be an object.")
        return {}
    _refuse_others(action, set(_IN_FLOW), pointer, findings)
    members = ((theirs, ours, action.get(theirs)) for theirs, ours in _IN_FLOW.items())
    return {ours: Slot(ours, value, f"{pointer}/{theirs}") for theirs, ours, value in members if value is not None}


def _index(value: Any) -> int | None:
    """Read a button's index. Meta takes it as a number and as a text."""
    if isinstance(value, str) and _INDEX.fullmatch(value):
        return int(value)
    return value if type(value) is int and 0 <= value <= 99 else None


def _refuse_others(given: Mapping[str, Any], members: set[str], pointer: str, findings: Findings) -> None:
    for name in sorted(given.keys() - members):
        detail = f"`{shown(name)}` has no place here: it takes {', '.join(sorted(members))}."
        if name == "brand_id":
            detail = "The brand comes from the API key. Leave `brand_id` out."
        findings.blame(place(pointer, name), "unknown_field", detail)
