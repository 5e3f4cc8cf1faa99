"""Errors as callers see them: RFC 9457 problem bodies, one shape for every door that speaks JSON."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException

from quixess.errors import QuixessError, write_problem

Header = tuple[bytes, bytes]

_FROM_STARLETTE: dict[int, tuple[str, str]] = {
    400: ("invalid_request", "The request could not be understood."),
    404: (
        "not_found",
        "No such address: /docs lists them all. They begin with /api/v1/whatsapp, and none ends in a slash.",
    ),
    405: ("method_not_allowed", "This address exists, but not for this method. See the Allow header."),
    413: ("payload_too_large", "The body is larger than this address takes."),
    415: ("unsupported_media_type", "Send the body as application/json."),
}
_COME_BACK = frozenset({429, 503})
_SOON_S = 1


def render(error: QuixessError, request_id: str, headers: Sequence[Header] = ()) -> tuple[int, list[Header], bytes]:
    """Write an error as status, headers and body, ready for an ASGI answer.

    The body is RFC 9457 plus `code`, `request_id`, `errors` (when a field is at fault) and `error.extra` at the
    top level, where it can add members but never replace one. `headers` are sent along as they are.
    """
    body = write_problem(error, request_id)
    return error.status, [*_headers(error, len(body)), *headers], body


def recognise(error: Exception) -> tuple[QuixessError, list[Header]]:
    """Tell what the caller may know of an exception, and which headers go with it.

    Ours pass as they are; Starlette's keep their status and `Allow`; everything else is `internal_error`, which
    says nothing of its cause.
    """
    if isinstance(error, QuixessError):
        return error, []
    if isinstance(error, HTTPException) and error.status_code in _FROM_STARLETTE:
        code, detail = _FROM_STARLETTE[error.status_code]
        allow = (error.headers or {}).get("Allow")
        return QuixessError(code, detail), [(b"allow", _sorted(allow))] if allow else []
    return QuixessError("internal_error", "Tell us the request_id, and we find what happened."), []


def _sorted(allow: str) -> bytes:
    return ", ".join(sorted(allow.split(", "))).encode("latin-1")


def _headers(error: QuixessError, length: int) -> list[Header]:
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % length),
        (b"cache-control", b"no-store"),  # a 404 or 410 may be cached otherwise (RFC 9111 §4.2.2)
    ]
    wait_s = _SOON_S if error.retry_after_s is None and error.status in _COME_BACK else error.retry_after_s
    if wait_s is not None:
        headers.append((b"retry-after", b"%d" % wait_s))
    headers += [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in error.headers.items()]
    if error.status == 401:
        headers.append((b"www-authenticate", b'ApiKey realm="api"'))
    return headers
