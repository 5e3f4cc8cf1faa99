"""Answers: structs as JSON, and the types that many of them are made of."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

Moment = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds.", extra_json_schema={"format": "date-time"})]


def as_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a struct, or anything else that msgspec can write."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")
