"""Interactive messages of a business: what each kind needs, what is too long, and the bubble."""

import re
from collections.abc import Iterator
from typing import Any

from quixess.simulator import errors
from quixess.simulator.model import Button, Json
from quixess.simulator.templates.rendering import Bubble

_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_BODIES = {"list": 4096}
_HEADERS = {"text", "image", "video", "document"}
# The kinds that a business here may send; Meta has more, for catalogues, payments and calls, which pass unread.
_OTHERS = {
    *("product", "product_list", "catalog_message", "carousel", "call_permission_request", "voice_call"),
    *("address_message", "order_details", "order_status", "request_contact_info"),
}


def check(content: Json) -> None:
    """Check the object under `interactive`; raises GraphError 100, 131008 or 131009."""
    kind = _required(content, "type", "interactive")
    action = _required(content, "action", "interactive")
    if kind in _OTHERS:
        return
    if kind not in _ACTIONS:
        raise errors.parameter("Param interactive['type'] must be one of {BUTTON, LIST, CTA_URL, FLOW, …}")
    if not isinstance(action, dict):
        raise errors.parameter("Param interactive['action'] must be an object.")
    _words(content, "body", 1, _BODIES.get(str(kind), 1024))
    if "footer" in content:
        _words(content, "footer", 1, 60)
    if content.get("header") is not None:
        _check_header(str(kind), content["header"])
    _ACTIONS[str(kind)](action)


def bubble(content: Json) -> Bubble:
    """Give the bubble of a message that was checked."""
    header = content.get("header") or {}
    return Bubble(
        text=str((content.get("body") or {}).get("text", "")),
        header=(header.get("text") or f"[{header['type']}]") if header else None,
        footer=(content.get("footer") or {}).get("text"),
        buttons=list(_buttons(content["action"])),
    )


def _buttons(action: Json) -> Iterator[Button]:
    for one in action.get("buttons", ()):
        yield Button(type="reply", text=str(one["reply"]["title"]))
    if "sections" in action and "button" in action:
        yield Button(type="list", text=str(action["button"]))
    parameters = action.get("parameters") or {}
    if "display_text" in parameters:
        yield Button(type="url", text=str(parameters["display_text"]), url=str(parameters.get("url", "")))
    if "flow_cta" in parameters:
        yield Button(type="flow", text=str(parameters["flow_cta"]))
    if action.get("name") == "send_location":
        yield Button(type="location", text="Send location")


def _check_header(kind: str, header: Any) -> None:
    form = header.get("type") if isinstance(header, dict) else None
    if form not in _HEADERS or (kind == "list" and form != "text"):
        raise errors.coded(131009, f"header: a message of type {kind} has no header of this type")
    if form == "text":
        _length("header", header.get("text"), 1, 60)
    elif not isinstance(header.get(form), dict) or bool(header[form].get("id")) == bool(header[form].get("link")):
        raise errors.coded(131009, f"header: {form} must have either an id or a link")
    elif header[form].get("link") and not _URL.fullmatch(str(header[form]["link"])):
        raise errors.parameter(f"Param interactive['header']['{form}']['link'] is not a valid URI.")


def _check_buttons(action: Json) -> None:
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise errors.coded(131009, "Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3")
    typed = [one for one in buttons if isinstance(one, dict) and one.get("type") == "reply"]
    replies: list[Json] = [one["reply"] for one in typed if isinstance(one.get("reply"), dict)]
    if len(replies) != len(buttons):
        raise errors.coded(131009, "action: each button must be of type reply, with its reply")
    for reply in replies:
        _length("Button title", reply.get("title"), 1, 20)
        _length("Button id", reply.get("id"), 1, 256)
    _different("button", [reply["id"] for reply in replies])


def _check_list(action: Json) -> None:
    _length("Button title", action.get("button"), 1, 20)
    sections = action.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= 10 or not all(map(_is_section, sections)):
        raise errors.coded(131009, "action: 1 to 10 sections, each with rows")
    for section in sections:
        if len(sections) > 1 or section.get("title") is not None:
            _length("Section title", section.get("title"), 1, 24)
    rows = [row for section in sections for row in section["rows"]]
    if not 1 <= len(rows) <= 10 or not all(isinstance(row, dict) for row in rows):
        raise errors.coded(131009, "Total row count exceed max allowed count: 10")
    for row in rows:
        _length("Row id", row.get("id"), 1, 200)
        _length("Row title", row.get("title"), 1, 24)
        _length("Row description", row.get("description", ""), 0, 72)
    _different("row", [row["id"] for row in rows])


def _is_section(section: Any) -> bool:
    return isinstance(section, dict) and isinstance(section.get("rows"), list) and bool(section["rows"])


def _check_link(action: Json) -> None:
    parameters = _parameters(action, "cta_url")
    _length("display_text", parameters.get("display_text"), 1, 20)
    url = parameters.get("url")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise errors.coded(131009, "action: url is not a valid URL")


def _check_flow(action: Json) -> None:
    parameters = _parameters(action, "flow")
    if parameters.get("flow_message_version") != "3":
        raise errors.coded(131009, "action: flow_message_version must be 3")
    if bool(parameters.get("flow_id")) == bool(parameters.get("flow_name")):
        raise errors.coded(131009, "action: either flow_id or flow_name is required")
    _length("flow_cta", parameters.get("flow_cta"), 1, 30)
    if parameters.get("mode", "published") not in {"draft", "published"}:
        raise errors.coded(131009, "action: mode must be draft or published")
    way, payload = parameters.get("flow_action", "navigate"), parameters.get("flow_action_payload")
    if way not in {"navigate", "data_exchange"} or (payload is not None and way != "navigate"):
        raise errors.coded(131009, "action: flow_action_payload goes with flow_action navigate")
    if payload is not None and (not isinstance(payload, dict) or not payload.get("screen")):
        raise errors.coded(131008, "action: flow_action_payload.screen is required")
    if payload is not None and "data" in payload and not (isinstance(payload["data"], dict) and payload["data"]):
        raise errors.coded(131009, "action: flow_action_payload.data must not be empty")


def _check_location(action: Json) -> None:
    if action.get("name") != "send_location":
        raise errors.coded(131009, "action: name must be send_location")


def _parameters(action: Json, name: str) -> Json:
    parameters = action.get("parameters")
    if action.get("name") != name or not isinstance(parameters, dict):
        raise errors.coded(131009, f"action: name must be {name}, with its parameters")
    return parameters


def _required(content: Json, member: str, where: str) -> Any:
    if content.get(member) in (None, "", {}):
        raise errors.coded(131008, f"{where}: {member} is required")
    return content[member]


def _words(content: Json, member: str, least: int, most: int) -> None:
    part = content.get(member)
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        raise errors.coded(131008, f"interactive: {member} is required")
    _length(f"{member.title()} text", part["text"], least, most)


def _length(what: str, text: Any, least: int, most: int) -> None:
    blank = isinstance(text, str) and least > 0 and not text.strip()
    if not isinstance(text, str) or blank or not least <= len(text) <= most:
        raise errors.coded(131009, f"{what} length invalid. Min length: {least}, Max length: {most}")


def _different(what: str, ids: list[str]) -> None:
    if len(set(ids)) != len(ids):
        raise errors.coded(131009, f"action: each {what} id must be unique")


_ACTIONS = {
    "button": _check_buttons,
    "list": _check_list,
    "cta_url": _check_link,
    "flow": _check_flow,
    "location_request_message": _check_location,
}
