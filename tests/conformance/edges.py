"""Every call to Graph: what goes there and what comes back, and which schema judges each.

A call that no row fits is a fault too: nothing passes unjudged.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.conformance import answers, sends, shapes
from tests.conformance.openapi import OpenApi
from tests.conformance.shapes import Shape, many, one_of, open_thing, pattern, thing

_ID = "[0-9]+"
_NOTHING = thing()
_PIN = pattern("[0-9]{6}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as it went over the wire, its version and its query cut off the path."""

    method: str
    path: str
    kind: str
    asked: bytes
    status: int
    answered: bytes
    answered_kind: str

    def parameters(self) -> Any:
        """Read JSON or a form; files are their own judges, and empty here."""
        if self.kind.startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.asked.decode()))
        of_bytes = self.kind.startswith(("multipart/", "application/octet-stream"))
        return json.loads(self.asked) if self.asked and not of_bytes else {}


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of the graph. A name of the OpenAPI file stands for its schema; `asked` None is for sends."""

    method: str
    path: str
    asked: Shape | None
    answered: Shape | str


_SUBSCRIBING = thing(
    {
        "object": {"const": "whatsapp_business_account"},
        "callback_url": shapes.LINK,
        "verify_token": shapes.TEXT,
        "fields": pattern("[a-z_]+(,[a-z_]+)*"),
    }
)
_OVERRIDING = thing(override_callback_uri=shapes.ANY_TEXT, verify_token=shapes.ANY_TEXT)
_MAKING = thing(
    {
        "name": pattern("[a-z0-9_]{1,512}"),
        "language": pattern("[a-z]{2,3}(_[A-Z]{2})?"),
        "category": pattern("(?i:authentication|marketing|utility)"),
        "components": many(open_thing({"type": shapes.TEXT}), at_least=1),
    },
    parameter_format=pattern("(?i:positional|named)"),
    message_send_ttl_seconds={"type": "integer", "minimum": -1},
    sub_category=shapes.TEXT,
)
_EDITING = thing(
    components=_MAKING["properties"]["components"],
    category=_MAKING["properties"]["category"],
    message_send_ttl_seconds=_MAKING["properties"]["message_send_ttl_seconds"],
    pin=_PIN,
    webhook_configuration=thing(override_callback_uri=shapes.ANY_TEXT, verify_token=shapes.ANY_TEXT),
)
_REGISTERING = thing(
    {"messaging_product": {"const": "whatsapp"}, "pin": _PIN}, data_localization_region=pattern("[A-Z]{2}")
)
_CODE = thing(code_method=one_of("SMS", "VOICE"), language=pattern("[a-z]{2,3}(_[A-Z]{2})?"))
_NEW_NUMBER = thing({"cc": pattern("[0-9]{1,3}"), "phone_number": pattern("[0-9]{4,15}"), "verified_name": shapes.TEXT})

_SDP = thing({"sdp_type": one_of("answer"), "sdp": shapes.TEXT})
_CALLING = thing(
    {
        "messaging_product": {"const": "whatsapp"},
        "call_id": pattern("wacid\\..+"),
        "action": one_of("pre_accept", "accept", "reject", "terminate"),
    },
    session=_SDP,
)

EDGES = (
    Edge("POST", f"{_ID}/messages", None, "MessageResponse"),
    Edge("POST", f"{_ID}/media", _NOTHING, answers.MADE),
    Edge("POST", f"{_ID}/uploads", _NOTHING, answers.SESSION),
    Edge("POST", "upload:.+", _NOTHING, answers.UPLOADED),
    Edge("GET", "upload:.+", _NOTHING, answers.SESSION),
    Edge("POST", f"{_ID}/calls", _CALLING, answers.CALL),
    Edge("GET", f"{_ID}/message_templates", _NOTHING, answers.TEMPLATES),
    Edge("POST", f"{_ID}/message_templates", _MAKING, answers.TEMPLATE_MADE),
    Edge("DELETE", f"{_ID}/message_templates", _NOTHING, answers.SUCCESS),
    Edge("GET", f"{_ID}/message_template_previews", _NOTHING, answers.PREVIEWS),
    Edge("POST", f"{_ID}/unpause", _NOTHING, answers.SUCCESS),
    Edge("GET", f"{_ID}/phone_numbers", _NOTHING, answers.NUMBERS),
    Edge("POST", f"{_ID}/phone_numbers", _NEW_NUMBER, answers.MADE),
    Edge("GET", f"{_ID}/subscribed_apps", _NOTHING, answers.SUBSCRIBED),
    Edge("POST", f"{_ID}/subscribed_apps", _OVERRIDING, answers.SUCCESS),
    Edge("DELETE", f"{_ID}/subscribed_apps", _NOTHING, answers.SUCCESS),
    Edge("GET", f"{_ID}/subscriptions", _NOTHING, answers.SUBSCRIPTIONS),
    Edge("POST", f"{_ID}/subscriptions", _SUBSCRIBING, answers.SUCCESS),
    Edge("POST", f"{_ID}/register", _REGISTERING, answers.SUCCESS),
    Edge("POST", f"{_ID}/deregister", thing(messaging_product={"const": "whatsapp"}), answers.SUCCESS),
    Edge("POST", f"{_ID}/request_code", _CODE, answers.SUCCESS),
    Edge("POST", f"{_ID}/verify_code", thing(code=_PIN), answers.VERIFIED),
    Edge("GET", f"{_ID}/message_history", _NOTHING, "MessageHistoryResponse"),
    Edge("GET", f"{_ID}/whatsapp_business_profile", _NOTHING, answers.PROFILE),
    Edge("POST", f"{_ID}/whatsapp_business_profile", open_thing(), answers.SUCCESS),
    Edge("GET", "debug_token", _NOTHING, answers.TOKEN),
    Edge("GET", "oauth/access_token", _NOTHING, answers.ACCESS),
    Edge("GET", "oauth/revoke", _NOTHING, answers.SUCCESS),
    Edge("POST", f"{_ID}/access_tokens", open_thing(), answers.ACCESS),
    Edge("DELETE", _ID, _NOTHING, answers.SUCCESS),
    Edge("POST", _ID, _EDITING, answers.SUCCESS),
    Edge("GET", _ID, _NOTHING, shapes.either(answers.NODE, answers.FILE)),
)


def faults(meta: OpenApi, exchange: Exchange) -> list[str]:
    """List what is wrong with a call and with its answer."""
    where = f"{exchange.method} {exchange.path}"
    edge = next((one for one in EDGES if _fits(one, exchange)), None)
    if edge is None:
        return [f"{where}: no schema judges this call"]
    found = [f"asked: {fault}" for fault in _asked(meta, edge, exchange)]
    found += [f"answered {exchange.status}: {fault}" for fault in _answered(meta, edge, exchange)]
    return [f"{where}: {fault}" for fault in found]


def _fits(edge: Edge, exchange: Exchange) -> bool:
    return edge.method == exchange.method and re.fullmatch(edge.path, exchange.path) is not None


def _asked(meta: OpenApi, edge: Edge, exchange: Exchange) -> list[str]:
    parameters = exchange.parameters()
    return shapes.faults(edge.asked, parameters) if edge.asked is not None else sends.faults(meta, parameters)


def _answered(meta: OpenApi, edge: Edge, exchange: Exchange) -> list[str]:
    if not exchange.answered_kind.startswith(("application/json", "text/javascript")):
        return [f"the answer is {exchange.answered_kind}, not JSON"]
    answer = json.loads(exchange.answered)
    if exchange.status >= 400:
        return error_faults(meta, answer)
    if edge.asked is None and exchange.parameters().get("status") == "read":
        return shapes.faults(answers.SUCCESS, answer)
    if isinstance(edge.answered, str):
        return meta.faults(edge.answered, answer)
    return shapes.faults(edge.answered, answer)


def error_faults(meta: OpenApi, answer: Any) -> list[str]:
    """Judge a refusal. Codes of messaging have `error_data` beside what all have."""
    found = meta.faults("GraphAPIError", answer)
    error = answer.get("error", {})
    shape = _REFUSAL | {"required": [*_REFUSAL["required"], "error_data"]} if _of_messaging(error) else _REFUSAL
    return found + shapes.faults(shape, error)


_DATA = thing({"messaging_product": {"const": "whatsapp"}, "details": shapes.TEXT})
_REFUSAL = thing(
    {"message": shapes.TEXT, "type": pattern("[A-Za-z]+Exception"), "code": shapes.WHOLE, "fbtrace_id": shapes.TEXT},
    error_data=shapes.either(_DATA, shapes.ANYTHING),
    error_subcode=shapes.WHOLE,
    is_transient=shapes.FLAG,
    error_user_title=shapes.TEXT,
    error_user_msg=shapes.TEXT,
)


def _of_messaging(error: dict[str, Any]) -> bool:
    """Tell by the code: from 130000 on it is messaging, but for what is told of templates and calls of the account."""
    return 130_000 <= int(error.get("code", 0)) < 133_000 and error.get("code") != 131_059
