"""Previewing: what people will see of a draft, its variables filled with its examples."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from quixess.templates import parameters, rendering
from quixess.templates.cache import Template
from quixess.templates.drafts import TemplateDraft, part
from quixess.templates.parameters import Parameter, Parameters

_CODE = "123456"
_NOWHERE = UUID(int=0)


def preview(draft: TemplateDraft) -> dict[str, Any]:
    """Render a draft as history shows messages: body, and header, footer, buttons where it has them.

    A variable without an example stays as it is. Not for one-time codes: their words are Meta's.
    """
    template = Template(
        id=_NOWHERE,
        name=draft.name,
        language=draft.language,
        category=draft.category.upper(),
        status="DRAFT",
        rejected_reason=None,
        components=draft.components,
        parameter_format=draft.parameter_format.upper(),
    )
    return rendering.render(template, _fill(parameters.describe(template)))


def read_code(draft: TemplateDraft, words: Mapping[str, Any]) -> dict[str, Any]:
    """Put an example into Meta's words of a one-time code, as `preview` gives other drafts."""
    content: dict[str, Any] = {"body": parameters.PLACEHOLDER.sub(_CODE, str(words.get("body") or ""))}
    if isinstance(words.get("footer"), str) and part(draft, "FOOTER"):
        content["footer"] = words["footer"]
    asked = _first(part(draft, "BUTTONS").get("buttons"))
    meant = _first(words.get("buttons"))
    autofills = str(asked.get("otp_type")).upper() in {"ONE_TAP", "ZERO_TAP"}
    member = "autofill_text" if autofills else "text"
    label = asked.get(member) or meant.get(member) or meant.get("text")
    return content | {"buttons": [{"type": "otp", "text": label}]}


def in_words(content: Mapping[str, Any]) -> str:
    """Write a rendered content as lines of text, for a terminal."""
    header = content.get("header") or {}
    top = header.get("text") or (f"[{header['type']}]" if header else None)
    foot = [f"[ {button.get('text') or button.get('type')} ]" for button in content.get("buttons", [])]
    return "\n".join(line for line in (top, content["body"], content.get("footer"), *foot) if line)


def _fill(takes: Parameters) -> list[dict[str, Any]]:
    """Write the components of a send that fills a template with its own examples."""
    found: list[dict[str, Any]] = [
        {"type": "header", "parameters": _texts(takes.header)},
        {"type": "body", "parameters": _texts(takes.body)},
    ]
    for one in takes.buttons:
        if one.type == "url" and one.example:
            shown = {"type": "text", "text": one.example}
            found.append({"type": "button", "sub_type": "url", "index": one.index, "parameters": [shown]})
    return found


def _texts(takes: Sequence[Parameter]) -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": one.example, "parameter_name": one.name}
        for one in takes
        if one.type == "text" and one.example is not None
    ]


def _first(listed: Any) -> Mapping[str, Any]:
    first = listed[0] if isinstance(listed, list) and listed else None
    return first if isinstance(first, dict) else {}
