"""The errors of an operation: its own codes, and those that any request of its kind can meet."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from quixess.api import prose
from quixess.api.gate import AnyKey
from quixess.api.openapi.managed import Described
from quixess.api.pages import Paged
from quixess.api.told import remedy
from quixess.errors import CATALOGUE

_GATE = (
    "brand_not_bound",
    "conflicting_credentials",
    "missing_api_key",
    "invalid_api_key",
    "brand_suspended",
    "ip_not_allowed",
)
_OPERATORS = ("missing_operator_token", "invalid_operator_token", "brand_not_found")
_ANY_REQUEST = ("invalid_request", "not_found", "rate_limited", "headers_too_large")
_OUR_TROUBLE = ("internal_error", "database_unavailable", "overloaded")
_BODY = ("request_timeout", "payload_too_large", "unsupported_media_type")
_RETRY_AFTER = frozenset({"idempotency_in_progress", "media_not_ready"})
_REQUEST_ID = "req_01KAR3V6YZ4D1K7P3S6V8X0A2C"

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "An error after RFC 9457. Build on `code`, which never changes its meaning, and show `detail`.",
    "type": "object",
    "properties": {
        "type": {"description": "The page that explains the code.", "type": "string", "format": "uri-reference"},
        "title": {"description": "The code in words.", "type": "string"},
        "status": {"description": "The status of the answer.", "type": "integer", "minimum": 400, "maximum": 599},
        "code": {"description": "What went wrong.", "type": "string", "pattern": "^[a-z_]+$"},
        "detail": {"description": "What to do about it, this time.", "type": "string"},
        "request_id": {"description": "Quote it when you ask for help.", "type": "string"},
        "errors": {
            "description": "Where a field or parameter is at fault: which one, and why.",
            "type": "array",
            "items": {"$ref": "#/components/schemas/FieldError"},
        },
    },
    "required": ["type", "title", "status", "code", "detail", "request_id"],
}
FIELD_ERROR: dict[str, Any] = {
    "title": "FieldError",
    "description": "One fault: `pointer` into the body (RFC 6901), or the name of a parameter.",
    "type": "object",
    "properties": {
        "pointer": {"description": "The field of the body.", "type": "string"},
        "parameter": {"description": "The parameter of query or path, or the header.", "type": "string"},
        "code": {"description": "What is wrong with it, such as `required`.", "type": "string"},
        "detail": {"description": "What to do about it.", "type": "string"},
    },
    "required": ["code", "detail"],
}
WHATSAPP: dict[str, Any] = {
    "description": "Meta's own error, as Meta wrote it. A code that was sent is hidden in it.",
    "type": "object",
    "properties": {"error": {"description": "Meta's error.", "type": "object"}},
}
_META = {
    "message": "(#131008) Required parameter is missing",
    "type": "OAuthException",
    "code": 131008,
    "error_data": {"messaging_product": "whatsapp", "details": "Button parameter is missing"},
    "fbtrace_id": "AN_jrT4QiL4u72-hMIyumzA",
}


def codes(endpoint: Described) -> list[str]:
    """Give every code that an endpoint can answer, in the order of the catalogue."""
    found = {*endpoint.errors, *_ANY_REQUEST, *_OUR_TROUBLE, *_of_gate(endpoint)}
    if endpoint.request is not None or endpoint.upload is not None:
        found.update(_BODY)
    if endpoint.request is not None:
        found.add("invalid_json")
    if endpoint.query is not None and issubclass(endpoint.query, Paged):
        found.add("invalid_cursor")
    return [code for code in CATALOGUE if code in found]


def answers(endpoint: Described) -> dict[str, Any]:
    """Give the answers of an endpoint that are errors, by status."""
    by_status = groupby(sorted(codes(endpoint), key=_status), key=_status)
    metered = endpoint.scope is not None
    return {str(status): _answer(status, list(group), metered=metered) for status, group in by_status}


def example(code: str) -> dict[str, Any]:
    """Show the body of an error."""
    status, title = CATALOGUE[code]
    shown: dict[str, Any] = {
        "type": f"/docs/errors#{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": prose.plain(remedy(code).fix),
        "request_id": _REQUEST_ID,
    }
    if code == "insufficient_scope":
        shown["required_scope"] = "whatsapp:send_otp"
    if code == "whatsapp_error":
        shown |= {"retryable": False, "whatsapp_error": {"error": _META}}
    if code == "not_connectable":
        shown |= {"step": "token", "meta": {"code": 190, "subcode": 463}}
    return shown


def _of_gate(endpoint: Described) -> Iterable[str]:
    if endpoint.scope is None:
        return _OPERATORS
    return _GATE if isinstance(endpoint.scope, AnyKey) else (*_GATE, "insufficient_scope")


def _status(code: str) -> int:
    return CATALOGUE[code][0]


def _answer(status: int, found: list[str], *, metered: bool) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in {429, 503} or _RETRY_AFTER.intersection(found):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    if status == 429 and metered:
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")}
    if status == 401:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
    return {
        "description": ", or: ".join(CATALOGUE[code][1] for code in found) + ".",
        "headers": headers,
        "content": {
            "application/problem+json": {
                "schema": _schema(status, found),
                "examples": {code: {"summary": CATALOGUE[code][1], "value": example(code)} for code in found},
            }
        },
    }


def _schema(status: int, found: list[str]) -> dict[str, Any]:
    narrowed: dict[str, Any] = {"status": {"const": status}, "code": {"enum": found}}
    if any(code.startswith("whatsapp_") for code in found):
        narrowed["whatsapp_error"] = {"$ref": "#/components/schemas/WhatsAppError"}
    return {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "object", "properties": narrowed}]}
