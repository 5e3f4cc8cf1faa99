"""What Meta's schema of a send leaves open, and Meta's pages settle: lengths, members, what goes with what."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance import shapes
from tests.conformance.openapi import OpenApi
from tests.conformance.shapes import Shape, either, many, open_thing, pattern, thing


def _words(longest: int) -> Shape:
    return {"type": "string", "minLength": 1, "maxLength": longest}


def _exactly_one(shape: Shape, *names: str) -> Shape:
    return shape | {"oneOf": [{"required": [name]} for name in names]}


def _file(**more: Shape) -> Shape:
    return _exactly_one(thing(id=shapes.ID, link=shapes.LINK, **more), "id", "link")


_CAPTION = _words(1024)
_NAME = thing(
    {"formatted_name": _words(1024)},
    **dict.fromkeys(("first_name", "last_name", "middle_name", "suffix", "prefix"), _words(1024)),
)
_CARD = thing(
    {"name": _NAME},
    phones=many(thing(phone=shapes.TEXT, type=shapes.TEXT, wa_id=shapes.DIGITS)),
    emails=many(thing(email=shapes.TEXT, type=shapes.TEXT)),
    addresses=many(
        thing(**dict.fromkeys(("street", "city", "state", "zip", "country", "country_code", "type"), shapes.TEXT))
    ),
    urls=many(thing(url=shapes.TEXT, type=shapes.TEXT)),
    org=thing(company=shapes.TEXT, department=shapes.TEXT, title=shapes.TEXT),
    birthday=pattern(r"\d{4}-\d\d-\d\d"),
)
_AXIS = either({"type": "number"}, pattern(r"-?[0-9.]+"))
_PLACE = thing({"latitude": _AXIS, "longitude": _AXIS}, name=_words(1000), address=_words(1000))
CONTENT: dict[str, Shape] = {
    "text": thing({"body": _words(4096)}, preview_url=shapes.FLAG),
    "image": _file(caption=_CAPTION),
    "video": _file(caption=_CAPTION),
    "audio": _file(voice=shapes.FLAG),
    "document": _file(caption=_CAPTION, filename=_words(240)),
    "sticker": _file(),
    "location": _PLACE,
    "contacts": many(_CARD, at_least=1) | {"maxItems": 257},
    "reaction": thing({"message_id": shapes.WAMID, "emoji": {"type": "string", "maxLength": 64}}),
}

_TITLE = thing({"type": {"const": "text"}, "text": _words(60)})
_HEADER = either(
    _TITLE,
    *(thing({"type": {"const": kind}, kind: _file(filename=_words(240))}) for kind in ("image", "video", "document")),
)
_REPLY = thing({"type": {"const": "reply"}, "reply": thing({"id": _words(256), "title": _words(20)})})
_ROW = thing({"id": _words(200), "title": _words(24)}, description=_words(72))
_SECTIONS = many(thing({"rows": many(_ROW, at_least=1)}, title=_words(24)), at_least=1) | {"maxItems": 10}
_OPENING = thing({"screen": shapes.TEXT}, data={"type": "object", "minProperties": 1})
_FLOW = thing(
    {"flow_message_version": {"const": "3"}, "flow_cta": _words(30)},
    flow_id=shapes.ID,
    flow_name=shapes.TEXT,
    flow_token=shapes.TEXT,
    mode=shapes.one_of("draft", "published"),
    flow_action=shapes.one_of("navigate", "data_exchange"),
    flow_action_payload=_OPENING,
)
ACTION: dict[str, Shape] = {
    "button": thing({"buttons": many(_REPLY, at_least=1) | {"maxItems": 3}}),
    "list": thing({"button": _words(20), "sections": _SECTIONS}),
    "cta_url": thing(
        {"name": {"const": "cta_url"}, "parameters": thing({"display_text": _words(20), "url": shapes.LINK})}
    ),
    "flow": thing({"name": {"const": "flow"}, "parameters": _exactly_one(_FLOW, "flow_id", "flow_name")}),
    "location_request_message": thing({"name": {"const": "send_location"}}),
}

_MONEY = thing({"fallback_value": shapes.TEXT, "code": pattern("[A-Z]{3}"), "amount_1000": {"type": "integer"}})
_FILLING: dict[str, Shape] = {
    "text": _words(1024),
    "currency": _MONEY,
    "date_time": open_thing({"fallback_value": shapes.TEXT}),
    "image": _file(),
    "video": _file(),
    "document": _file(filename=_words(240)),
    "location": _PLACE,
    "payload": _words(128),
    "coupon_code": pattern("[A-Za-z0-9]{1,20}"),
    "action": {"type": "object"},
    "limited_time_offer": thing({"expiration_time_ms": shapes.WHOLE}),
}
_PARAMETER = either(
    *(thing({"type": {"const": kind}, kind: shape}, parameter_name=shapes.TEXT) for kind, shape in _FILLING.items())
)
_PARAMETERS = many(_PARAMETER, at_least=1)
_BUTTON = thing(
    {
        "type": {"const": "button"},
        "sub_type": pattern("(?i:quick_reply|url|copy_code|flow|catalog|mpm|voice_call)"),
        "index": either(pattern("[0-9]"), {"type": "integer", "minimum": 0, "maximum": 9}),
        "parameters": _PARAMETERS,
    }
)
_PART = either(
    thing({"type": shapes.one_of("header", "body", "limited_time_offer"), "parameters": _PARAMETERS}), _BUTTON
)
_CARDS = thing({"card_index": shapes.WHOLE, "components": many(_PART, at_least=1)})
_CAROUSEL = thing({"type": {"const": "carousel"}, "cards": many(_CARDS, at_least=1)})
TEMPLATE = thing(
    {"name": pattern("[a-z0-9_]{1,512}"), "language": thing({"code": shapes.TEXT}, policy={"const": "deterministic"})},
    components=many(either(_PART, _CAROUSEL)),
)
READ = thing(
    {"messaging_product": {"const": "whatsapp"}, "status": {"const": "read"}, "message_id": shapes.WAMID},
    typing_indicator=thing({"type": {"const": "text"}}),
)


def faults(meta: OpenApi, message: Any) -> list[str]:
    """List what Meta's schema, and what its pages, hold against the body of a send."""
    if isinstance(message, dict) and message.get("status") == "read":
        return shapes.faults(READ, message)
    return meta.faults("Message", message) + [fault for rule in _RULES for fault in rule(message)]


def _who(message: dict[str, Any]) -> Iterator[str]:
    if "to" not in message and "recipient" not in message:
        yield "nobody gets it"
    if not str(message.get("to", "+1")).startswith("+"):
        yield "to: without + Meta may put another country in front"


def _content(message: dict[str, Any]) -> Iterator[str]:
    kind = str(message.get("type"))
    shape = {"template": TEMPLATE, "interactive": _interactive(message)}.get(kind) or CONTENT.get(kind)
    if shape is None:
        yield f"type: nobody wrote a schema for {kind}"
    elif kind not in message:
        yield f"{kind}: missing"
    else:
        yield from (f"{kind}/{fault}" for fault in shapes.faults(shape, message[kind]))


def _interactive(message: dict[str, Any]) -> Shape | None:
    said = message.get("interactive", {})
    action = ACTION.get(str(said.get("type")))
    if action is None:
        return None
    body = thing({"text": _words(4096 if said["type"] == "list" else 1024)})
    must = {"type": shapes.TEXT, "body": body, "action": action}
    header = _TITLE if said["type"] == "list" else _HEADER
    return thing(must, header=header, footer=thing({"text": _words(60)}))


def _lists(message: dict[str, Any]) -> Iterator[str]:
    sections = message.get("interactive", {}).get("action", {}).get("sections", [])
    if sum(len(section["rows"]) for section in sections) > 10:
        yield "interactive: more than ten rows"
    if len(sections) > 1 and any("title" not in section for section in sections):
        yield "interactive: of several sections each has a title"


def _quotes(message: dict[str, Any]) -> Iterator[str]:
    if message.get("type") == "reaction" and "context" in message:
        yield "context: a reaction quotes nothing"


_RULES: tuple[Callable[[dict[str, Any]], Iterator[str]], ...] = (_who, _content, _lists, _quotes)
