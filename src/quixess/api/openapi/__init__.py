"""The OpenAPI 3.1 document, made of the table of routes, the catalogue of errors and the schemas of events."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from quixess import __version__
from quixess.api.openapi import operations, problems, schemas
from quixess.api.openapi.managed import Described, Operated, for_operators
from quixess.api.told import TOLD
from quixess.events import endpoints as receivers

__all__ = ["OF_MANAGEMENT", "TAGS", "Described", "Operated", "document", "for_operators", "in_order"]

TAGS = {
    "send": "Send codes, templates and replies.",
    "templates": "What Meta approved, and what a sender has to fill in.",
    "messages": "What was said, in both directions, and what became of it.",
    "conversations": "Everything between one customer and one of your numbers.",
    "media": "Files: those customers sent, and those you send.",
    "webhook-events": "What your endpoints were told, and telling it again.",
    "me": "The key that asks.",
    operations.MANAGEMENT: "For operators: the connections and templates of every brand, by operator token.",
}
"""The groups of endpoints, in the order of the pages."""

OF_MANAGEMENT = "manage."
"""How the names of the schemas begin that only operators meet."""

T = TypeVar("T", bound=Described)

_DESCRIPTION = (
    "Send one-time codes, templates and replies over WhatsApp Business, read what was said, and have events delivered. "
    "Every key belongs to one brand and holds some of seven scopes. Errors are RFC 9457 problems with a `code` that "
    "never changes its meaning. Operators connect numbers and submit templates by the management API, with tokens of "
    "their own. The page at /docs explains all of it with samples."
)
_KEY = r"^[A-Za-z0-9_.:~-]{1,255}$"

_HEADERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "X-Request-Id": ("The request's id; quote it when you ask for help.", {"type": "string"}),
    "Idempotent-Replayed": ("`true`: this is the answer of an earlier request with the same key.", {"const": "true"}),
    "Idempotency-Status": ("`replayed`, together with Idempotent-Replayed.", {"const": "replayed"}),
    "Retry-After": ("Whole seconds to wait before another try.", {"type": "string", "pattern": "^[0-9]+$"}),
    "RateLimit": ("What is left of the key's quota, and for how many seconds, where it has one.", {"type": "string"}),
    "RateLimit-Policy": ("The key's quota and its window in seconds, where it has one.", {"type": "string"}),
    "WWW-Authenticate": ("How to show who calls.", {"type": "string"}),
    "ETag": ("The SHA-256 of the file, in quotes.", {"type": "string"}),
}
_PARAMETERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "Made once for what you want to do, and sent again with every try; best a UUID, letters, digits, `_ . : ~ -`.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _KEY},
    ),
    "X-Request-Id": (
        "Your own id for this request, 8 to 64 letters, digits, `_` and `-`; anything else is replaced by ours.",
        {"type": "string"},
    ),
}
_EVENT_HEADERS = {
    "X-Quixess-Event-Id": "The event's id: the same in every attempt and every replay.",
    "X-Quixess-Event-Type": "Its type.",
    "X-Quixess-Signature-256": "`sha256=` and the hex HMAC-SHA256 of the raw body, keyed with your secret.",
    "webhook-id": "The event's id, for libraries of Standard Webhooks.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "The signatures of Standard Webhooks, `v1,…`, with a space between.",
}


def document(endpoints: Sequence[Described], server: str) -> dict[str, Any]:
    """Write the document for readers who reach the gateway at `server`, such as `https://wa.shop.example`."""
    ours, components = schemas.of_structs(_types(one for one in endpoints if not isinstance(one, Operated)))
    managed, more = schemas.of_structs(_types(one for one in endpoints if isinstance(one, Operated)), OF_MANAGEMENT)
    components |= more
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in in_order(endpoints):
        structs = managed if isinstance(endpoint, Operated) else ours
        operation = operations.describe(endpoint, structs, components)
        paths.setdefault(endpoint.route, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Quixess",
            "summary": "A scoped HTTP API for WhatsApp Business.",
            "description": _DESCRIPTION,
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": TAGS[name]} for name in _used(endpoints)],
        "paths": paths,
        "webhooks": {kind: {"post": _told(kind)} for kind in TOLD.events},
        "components": _components(components),
    }


def in_order(endpoints: Iterable[T]) -> list[T]:
    """Sort endpoints by their groups; within a group they stay as the table has them."""
    groups = list(TAGS)
    return sorted(endpoints, key=lambda one: groups.index(operations.tag(one)))


def _used(endpoints: Iterable[Described]) -> list[str]:
    return list(dict.fromkeys(operations.tag(one) for one in in_order(endpoints)))


def _types(endpoints: Iterable[Described]) -> list[type]:
    named = [kind for one in endpoints for kind in (one.request, one.query, one.response)]
    return [kind for kind in named if kind is not None and kind is not bytes]


def _components(structs: Mapping[str, Any]) -> dict[str, Any]:
    found = {"Problem": problems.PROBLEM, "FieldError": problems.FIELD_ERROR, "WhatsAppError": problems.WHATSAPP}
    headers = {name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()}
    parameters = {
        name: {"name": name, "in": "header", "required": False, "description": text, "schema": schema}
        for name, (text, schema) in _PARAMETERS.items()
    }
    return {
        "schemas": dict(structs) | found | schemas.of_events(),
        "headers": headers,
        "parameters": parameters,
        "securitySchemes": {
            "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A `qxs_…` key."},
            "Bearer": {"type": "http", "scheme": "bearer", "description": "The same key, instead of X-API-Key."},
            "OperatorToken": {"type": "http", "scheme": "bearer", "description": "A `qxo_…` token of an operator."},
        },
    }


def _told(kind: str) -> dict[str, Any]:
    asked = "" if kind in receivers.DEFAULT_TYPES else " Told to endpoints that ask for it."
    schema = {"$ref": f"#/components/schemas/{kind}"}
    return {
        "operationId": kind.replace(".", "_"),
        "tags": ["webhook-events"],
        "summary": kind,
        "description": f"{schemas.of_events()[kind]['description']}{asked}",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in _EVENT_HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": TOLD.events[kind]}},
        },
        "responses": {
            "2XX": {"description": "You have it."},
            "410": {"description": "Never again: the endpoint is disabled, and what waits is kept."},
            "default": {"description": "Anything else, or nothing in 15 seconds, is tried again."},
        },
    }
