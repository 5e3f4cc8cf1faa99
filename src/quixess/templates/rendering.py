"""Rendering: what a person sees of a template that was filled, for history and search.

Values are put in at once, so a value like `{{2}}` stays the text it is. Of an AUTHENTICATION template every value is
hidden: it is a one-time code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from quixess.database import ids
from quixess.templates import parameters, reading, values
from quixess.templates.cache import Template, render_hidden
from quixess.templates.parameters import PLACEHOLDER, buttons, component, header_format
from quixess.templates.slots import Findings, Given, Slot


@dataclass(frozen=True, slots=True)
class Faces:
    """The texts of a filled template: header (if it is one), body, and the addresses of its buttons by index."""

    header: str | None
    body: str
    urls: dict[int, str]


def render(template: Template, components: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a message's content for history: body, and header, footer, buttons and cards where it has them.

    `components` are Meta's, as `fill` writes and `check` takes them.
    """
    if template.category == "AUTHENTICATION":
        return {"body": render_hidden(template), "redacted": True}
    given = _read(template, components)
    found = faces(template, given)
    footer = component(template, "FOOTER").get("text")
    content: dict[str, Any] = {
        "header": _header(template, given, found),
        "body": found.body,
        "footer": footer if isinstance(footer, str) else None,
        "buttons": [_button(one, index, given, found) for index, one in enumerate(buttons(template))],
        "cards": _cards(template, components),
    }
    return {name: value for name, value in content.items() if value or name == "body"}


def words(content: Mapping[str, Any]) -> str:
    """Give what a search should find of a rendered content: its texts, one a line."""
    header = content.get("header") or {}
    cards = [words(card) for card in content.get("cards", [])]
    labels = [str(button.get("text") or "") for button in content.get("buttons", [])]
    lines = [header.get("text"), content["body"], content.get("footer"), *labels, *cards]
    return "\n".join(line for line in lines if line)


def secrets(template: Template, components: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Give the values that may stand nowhere: all of an AUTHENTICATION template's, else none."""
    if template.category != "AUTHENTICATION":
        return ()
    return tuple(dict.fromkeys(filter(None, map(values.in_words, _read(template, components).slots))))


def faces(template: Template, given: Given) -> Faces:
    """Put values into the texts of a template; a variable that has none stays as it is."""
    header, body = component(template, "HEADER"), component(template, "BODY")
    text = header.get("text") if header_format(header) == "text" else None
    urls = {
        index: _put(one["url"], _suffix(one["url"], given.buttons[index]["url_suffix"]))
        for index, one in enumerate(buttons(template))
        if isinstance(one.get("url"), str) and "url_suffix" in given.buttons.get(index, {})
    }
    return Faces(
        header=_put(text, given.header) if isinstance(text, str) else None,
        body=_put(str(body.get("text") or ""), given.body),
        urls=urls,
    )


def _put(text: str, slots: Mapping[str, Slot]) -> str:
    return PLACEHOLDER.sub(lambda found: values.in_words(slots[found[1]]) if found[1] in slots else found[0], text)


def _suffix(url: str, slot: Slot) -> dict[str, Slot]:
    return dict.fromkeys(parameters.variables(url), slot)


def _read(template: Template, components: Sequence[Mapping[str, Any]]) -> Given:
    return reading.read_components(components, parameters.describe(template), Findings())


def _header(template: Template, given: Given, found: Faces) -> dict[str, Any] | None:
    kind = header_format(component(template, "HEADER"))
    if kind in {"", "text"}:
        return {"type": "text", "text": found.header} if found.header else None
    slot = given.header.get(kind)
    value = slot.value if slot is not None and isinstance(slot.value, dict) else {}
    return {"type": kind, **_file(value)} if kind in parameters.MEDIA else {"type": kind, **value}


def _file(value: Mapping[str, Any]) -> dict[str, Any]:
    """Name a file as history does: our id as `media_id`, Meta's as `wa_media_id`."""
    file = value.get("id")
    ours = isinstance(file, str) and ids.parse("med", file) is not None
    named = {} if file is None else {"media_id" if ours else "wa_media_id": file}
    return named | {name: value[name] for name in ("link", "filename") if name in value}


def _button(listed: Mapping[str, Any], index: int, given: Given, found: Faces) -> dict[str, Any]:
    kind, slots = str(listed.get("type")).lower(), given.buttons.get(index, {})
    shown = {"type": kind, "text": listed.get("text")}
    if kind == "url":
        return shown | {"url": found.urls.get(index, listed.get("url"))}
    if kind == "phone_number":
        return shown | {"phone_number": listed.get("phone_number")}
    return shown | {name: slots[name].value for name in ("payload", "coupon_code") if name in slots}


def _cards(template: Template, components: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Render a carousel: each card is a small template, filled by what was sent under its `card_index`."""
    listed = component(template, "CAROUSEL").get("cards")
    sent = next((one.get("cards") for one in components if str(one.get("type")).lower() == "carousel"), None)
    cards = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    given = {one.get("card_index"): _objects(one.get("components")) for one in _objects(sent) if _plain(one)}
    return [
        render(msgspec.structs.replace(template, components=_objects(card.get("components"))), given.get(index, []))
        for index, card in enumerate(cards)
    ]


def _plain(card: Mapping[str, Any]) -> bool:
    return type(card.get("card_index")) is int


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
