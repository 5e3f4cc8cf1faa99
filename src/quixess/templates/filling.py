"""Filling: what a caller gives for a template, checked against what the template takes, in one go."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from quixess.templates import reading, rendering, values
from quixess.templates.cache import Template
from quixess.templates.parameters import ButtonParameter, Parameter, Parameters, buttons, describe
from quixess.templates.slots import Findings, Given, Slot, place, shown
from quixess.templates.variables import Variables

_NO_TOKEN = "unused"  # noqa: S105 - Meta's default of flow_token


def fill(template: Template, variables: Variables) -> list[dict[str, Any]]:
    """Write Meta's components from friendly variables.

    A one-time-code button gets the code of the body. Raises `template_parameters`, which names everything that is
    wrong; parts that only Meta's JSON can fill are missing then.
    """
    parameters, findings = describe(template), Findings()
    given = reading.read_variables(variables, parameters, findings)
    _copy_code(parameters, given)
    _judge(template, parameters, given, findings)
    findings.settle(parameters)
    return [*_sections(template, parameters, given), *_buttons(parameters, given)]


def check(template: Template, components: Sequence[Mapping[str, Any]]) -> None:
    """Check Meta's components as far as header, body and buttons go; other parts are for Meta to judge.

    Raises `template_parameters`, which names everything that is wrong.
    """
    parameters, findings = describe(template), Findings()
    given = reading.read_components(components, parameters, findings)
    _judge(template, parameters, given, findings)
    findings.settle(parameters)


def _copy_code(parameters: Parameters, given: Given) -> None:
    code = next(iter(given.body.values()), None)
    for one in parameters.buttons:
        if one.type == "otp" and code is not None:
            given.buttons.setdefault(one.index, {}).setdefault(one.name, replace(code, kind=one.name))


def _judge(template: Template, parameters: Parameters, given: Given, findings: Findings) -> None:
    _compare_section("header", parameters.header, given, findings)
    _compare_section("body", parameters.body, given, findings)
    _compare_buttons(template, parameters.buttons, given, findings)
    _compare_parts(template, parameters, given, findings)
    for slot in given.slots:
        if template.category == "AUTHENTICATION":
            values.judge_code(slot, findings)
        else:
            values.judge(slot, findings)
    if not findings.errors:
        _measure(template, given, findings)


def _compare_section(section: str, wanted: Sequence[Parameter], given: Given, findings: Findings) -> None:
    slots: dict[str, Slot] = getattr(given, section)
    parent = given.root if given.raw else f"{given.root}/{section}"
    for one in wanted:
        slot = slots.get(one.name)
        if slot is None:
            pointer = parent if given.raw else place(parent, one.name)
            findings.lack(f"{section}.{one.name}", pointer, f"The {section} needs `{one.name}` ({one.type}).")
        elif (one.type == "text") is not (slot.kind in {"text", "currency", "date_time"}):
            findings.blame(slot.pointer, "wrong_type", f"The {section} takes a {one.type} here.")
    for name in sorted(slots.keys() - {one.name for one in wanted}):
        detail = f"The template's {section} has no such parameter."
        findings.surplus(f"{section}.{shown(name)}", slots[name].pointer, detail)


def _compare_buttons(template: Template, wanted: Sequence[ButtonParameter], given: Given, findings: Findings) -> None:
    parent = given.root if given.raw else f"{given.root}/buttons"
    for one in wanted:
        needed = one.required or (given.raw and one.type == "otp")
        if needed and one.name not in given.buttons.get(one.index, {}):
            detail = f"Button {one.index} ({one.type}) needs `{one.name}`."
            findings.lack(f"buttons.{one.index}.{one.name}", parent, detail)
    there = len(buttons(template))
    for index, slots in given.buttons.items():
        if index >= there:
            findings.surplus(f"buttons.{index}", parent, f"The template has {there} buttons, counted from 0.")
            continue
        taken = {one.name for one in wanted if one.index == index}
        for name in sorted(slots.keys() - taken):
            fits = f"`{'`, `'.join(sorted(taken))}`" if taken else "nothing"
            findings.surplus(f"buttons.{index}.{name}", slots[name].pointer, f"Button {index} takes {fits}.")


def _compare_parts(template: Template, parameters: Parameters, given: Given, findings: Findings) -> None:
    for part in parameters.raw:
        if not given.raw:
            detail = f"Only `components` can fill `{part}`: send them in Meta's own form instead of `variables`."
            findings.lack(part, given.root, detail)
        elif not part.startswith("buttons.") and part not in given.parts:
            findings.lack(part, given.root, f"The template has a {part}: give its component.")
    if template.category == "AUTHENTICATION":
        for part in sorted(given.parts):
            findings.surplus(shown(part), given.root, "An AUTHENTICATION template takes body and url button only.")


def _measure(template: Template, given: Given, findings: Findings) -> None:
    """Measure what the values make of the template's texts."""
    faces = rendering.faces(template, given)
    if len(faces.body) > values.LONGEST_BODY:
        detail = (
            f"Text and values of the body have {len(faces.body)} characters together: at most {values.LONGEST_BODY}."
        )
        findings.blame(f"{given.root}/body" if not given.raw else given.root, "too_long", detail)
    for slot in given.header.values():
        if len(values.in_words(slot)) > values.LONGEST_HEADER:
            findings.blame(
                slot.pointer, "too_long", f"A header's value takes at most {values.LONGEST_HEADER} characters."
            )
    for index, url in faces.urls.items():
        if len(url) > values.LONGEST_URL:
            pointer = given.buttons[index]["url_suffix"].pointer
            findings.blame(pointer, "too_long", f"The button's whole address takes at most {values.LONGEST_URL}.")


def _sections(template: Template, parameters: Parameters, given: Given) -> list[dict[str, Any]]:
    made = []
    for section, wanted, slots in (("header", parameters.header, given.header), ("body", parameters.body, given.body)):
        listed = [_parameter(template, one, slots[one.name]) for one in wanted]
        if listed:
            made.append({"type": section, "parameters": listed})
    return made


def _parameter(template: Template, wanted: Parameter, slot: Slot) -> dict[str, Any]:
    written = {"type": slot.kind, slot.kind: slot.value}
    named = template.parameter_format == "NAMED" or not wanted.name.isdecimal()
    return written | {"parameter_name": wanted.name} if named and wanted.type == "text" else written


def _buttons(parameters: Parameters, given: Given) -> list[dict[str, Any]]:
    kinds = {one.index: one.type for one in parameters.buttons}
    made = []
    for index, kind in sorted(kinds.items()):
        parameter = _button_parameter(kind, given.buttons.get(index, {}))
        if parameter is not None:
            sub_type = "url" if kind == "otp" else kind
            made.append({"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [parameter]})
    return made


def _button_parameter(kind: str, slots: Mapping[str, Slot]) -> dict[str, Any] | None:
    if kind == "flow":
        token, data = slots.get("flow_token"), slots.get("flow_data")
        action: dict[str, Any] = {"flow_token": token.value if token is not None else _NO_TOKEN}
        return {"type": "action", "action": action | ({"flow_action_data": data.value} if data is not None else {})}
    slot = next(iter(slots.values()), None)
    if slot is None:
        return None
    name = "text" if slot.kind == "url_suffix" else slot.kind
    return {"type": name, name: slot.value}
