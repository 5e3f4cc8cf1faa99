"""GET /media/{id}: a stored file, sent so that no browser ever runs it on our origin.

Ranges and validators after RFC 9110: one range, a strong ETag, If-None-Match and If-Range.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from quixess.access import Scope as Right
from quixess.api import problem
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.media import kinds, names
from quixess.media.shelf import Copy

_PIECE = 256 * 1024
_LONGEST_NAME = 150
_RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|]')


async def _get_file(request: Request, passed: Pass, rooms: Rooms) -> Response:
    shown = request.path_params["id"]
    copy = await rooms.shelf.take(passed.brand_id, ids.parse("med", shown))
    asked = request.state.headers
    headers = _headers(copy, shown)
    if headers["ETag"].encode() in asked.get(b"if-none-match", b""):
        copy.file.close()
        return Response(status_code=304, headers={name: headers[name] for name in ("ETag", "Cache-Control")})
    span = _span(asked, headers["ETag"], copy.size)
    if span is None:
        copy.file.close()
        return _unsatisfiable(copy.size, request.state.request_id)
    start, end = span
    if (start, end) != (0, copy.size):
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{copy.size}"
    return _File(copy.file, start, end, headers, bodiless=request.method == "HEAD")


class _File(Response):
    """Bytes `start` to `end` of a file, read as fast as the caller takes them; the file is closed after it."""

    def __init__(self, file: BinaryIO, start: int, end: int, headers: Mapping[str, str], *, bodiless: bool) -> None:
        status = 206 if "Content-Range" in headers else 200
        super().__init__(status_code=status, headers={**headers, "Content-Length": str(end - start)})
        self._file = file
        self._start = start
        self._left = 0 if bodiless else end - start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await asyncio.to_thread(self._file.seek, self._start)
            while self._left > 0:
                piece = await asyncio.to_thread(self._file.read, min(_PIECE, self._left))
                if not piece:
                    raise EOFError("the file is shorter than its row says")
                self._left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers(copy: Copy, shown_id: str) -> dict[str, str]:
    return {
        "Content-Type": copy.mime_type,
        "Content-Disposition": _disposition(copy.filename or "", shown_id + kinds.extension(copy.mime_type)),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "ETag": f'"{copy.sha256}"',
    }


def _disposition(filename: str, fallback: str) -> str:
    """Offer a file to be saved, never shown, under a name that cannot leave its folder (RFC 6266, RFC 8187)."""
    name = _NOT_IN_NAMES.sub("_", names.harmless(filename, longest=_LONGEST_NAME)) or fallback
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in name)
    return f"attachment; filename=\"{plain.replace('%', '_')}\"; filename*=UTF-8''{quote(name, safe='')}"


def _span(asked: Mapping[bytes, bytes], etag: str, size: int) -> tuple[int, int] | None:
    """Give the first byte to send and the one after the last; None when the range lies outside the file.

    A range that is no single one, or that holds for another version of the file, counts as none (RFC 9110 §14.2).
    """
    match = _RANGE.fullmatch(asked.get(b"range", b"").strip())
    if match is None or match[0] == b"bytes=-" or asked.get(b"if-range", etag.encode()) != etag.encode():
        return 0, size
    first, last = match[1], match[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return 0, size
    return (start, end) if start < size and start < end else None


def _unsatisfiable(size: int, request_id: str) -> Response:
    error = QuixessError("range_not_satisfiable", f"The file has {size} bytes: ask for a range that begins within.")
    status, headers, body = problem.render(error, request_id, [(b"content-range", b"bytes */%d" % size)])
    return Response(body, status, {name.decode(): value.decode() for name, value in headers})


GET_MEDIA = Endpoint(
    id="get_media",
    method="GET",
    path="/media/{id}",
    scope=Right.READ_MESSAGES,
    summary="Get a file that a customer sent or the brand uploaded.",
    description="Ranges, `If-None-Match` and `If-Range` work. The file is offered to be saved, never shown.",
    handler=_get_file,
    response=bytes,
    statuses=(200, 206, 304),
    errors=("media_not_found", "media_failed", "media_gone", "range_not_satisfiable", "media_not_ready"),
    counted=False,
    parameters={"id": "The file's `med_…` id."},
)
