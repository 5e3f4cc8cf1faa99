"""How a lever is read and answered: plain JSON, no token, and a 400 that says what is wrong."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quixess.simulator import numbers

_T = TypeVar("_T")


class MistakeError(Exception):
    """The control request is wrong; the text says how."""


async def read(request: Request, kind: type[_T]) -> _T:
    """Read the body as `kind`; no body counts as `{}`. Raises MistakeError."""
    raw = await request.body()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.MsgspecError as wrong:
        raise MistakeError(str(wrong)) from wrong


def convert(value: Any, kind: Any, where: str = "") -> Any:
    """Check a part of a body that was read already; `where` goes before the complaint. Raises MistakeError."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        raise MistakeError(f"{where}: {wrong}" if where else str(wrong)) from wrong


def phone(request: Request) -> str:
    """Read the phone in the path, as Meta knows it; raises MistakeError."""
    return digits(request.path_params["phone"])


def digits(text: str) -> str:
    try:
        return numbers.wa_id(text)
    except ValueError as wrong:
        raise MistakeError(str(wrong)) from wrong


def limit(request: Request) -> int:
    """Read `?limit=`, 200 without one; raises MistakeError."""
    text = request.query_params.get("limit", "200")
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) > 0):
        raise MistakeError("limit must be a whole number above 0")
    return int(text)


def instant(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer(value: Any, status: int = 200) -> Response:
    return JSONResponse(value, status, headers={"Cache-Control": "no-store"})
