"""The outermost layer around every door: what is not a decent HTTP request ends here, with a problem body.

httptools already refuses malformed framing (both lengths at once, bare line feeds, bad chunks). What it lets
through, and no server should, is refused here: no Host or two, thousands of headers, paths that mean something
else once decoded, two API keys. Bodies are counted as they arrive, and every exception becomes one answer.

A handler behind the edge finds in `scope["state"]`: `request_id`, the text sent back as X-Request-Id, and
`headers`, a dict of the request's headers (lower-case bytes names, bytes values). Its `receive` gives the whole
body as one message: `(await request.receive())["body"]` is the cheapest way to it, `await request.body()` works
as well. Only where files are uploaded it gives the body piece by piece, for `request.stream()`. It raises QuixessError
(`payload_too_large`, `request_timeout`) or Starlette's ClientDisconnect; all three are for the edge, let them pass.
"""

import asyncio
import contextlib
import re
import traceback
from collections.abc import Mapping
from itertools import chain
from typing import cast

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quixess.api import problem
from quixess.api.streams import STREAMS, Stream, Streams
from quixess.database import ids
from quixess.errors import QuixessError

BODY_LIMIT = 256 * 1024
BODY_LIMITS: Mapping[str, int] = {"/webhooks/meta/": 4 * 1024 * 1024}

_MAX_HEADERS = 100
_MAX_HEADER_BYTES = 16 * 1024
_MAX_TARGET_BYTES = 8 * 1024
_LINGER_S = 1.0
_STACK_FRAMES = 12

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_HOST = re.compile(rb"([A-Za-z0-9_][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_TRICKY_PATH = re.compile(
    rb"[\x00-\x20\x7f-\xff;\\]|//|/\.\.?(?:/|\Z)"
    rb"|%(?:[01]|7[fF]|2[eEfF]|5[cC]|(?![0-9A-Fa-f]{2}))"
)


_SINGLE = {
    b"host": "invalid_request",
    b"x-api-key": "invalid_api_key",
    b"authorization": "invalid_api_key",
    b"content-type": "invalid_request",
    b"content-length": "invalid_request",
    b"idempotency-key": "invalid_request",
}

_log = structlog.get_logger()


class Edge:
    """Pure ASGI middleware around the whole application.

    `allowed_hosts` holds lower-case host names, with a port where only that port is meant; None takes any
    well-formed Host. `body_limits` maps the beginning of a decoded path to a limit in bytes, first match wins;
    `body_limit` holds elsewhere. A body must have arrived `body_timeout_s` seconds after the handler asked. `streams`
    are the whole paths whose bodies are passed on as they come; a part of one in braces may be anything.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: frozenset[str] | None = None,
        body_limit: int = BODY_LIMIT,
        body_limits: Mapping[str, int] = BODY_LIMITS,
        body_timeout_s: float = 10.0,
        streams: Mapping[str, Stream] = STREAMS,
    ) -> None:
        self._app = app
        self._allowed = None if allowed_hosts is None else {host.encode("ascii") for host in allowed_hosts}
        self._limit = body_limit
        self._limits = tuple(body_limits.items())
        self._timeout_s = body_timeout_s
        self._streams = Streams(streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is neither HTTP nor a lifespan (a WebSocket) is closed."""
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        headers = dict(scope["headers"])
        exchange = _Exchange(scope, receive, send, _request_id(scope["headers"], headers))
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        try:
            self._inspect(scope, headers)
            stream = self._streams.find(scope["path"]) if scope["method"] == "POST" else None
            limit = self._limit_of(scope["path"]) if stream is None else stream.limit
            exchange.admit(_body_length(headers), limit, self._timeout_s, stream)
            state = scope.setdefault("state", {})
            state["request_id"] = exchange.request_id
            state["headers"] = headers
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the last net: whatever went wrong becomes one problem body
            await exchange.fail(error)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _inspect(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        raw = scope["headers"]
        if len(raw) > _MAX_HEADERS or sum(map(len, chain.from_iterable(raw))) > _MAX_HEADER_BYTES:
            raise QuixessError("headers_too_large", "Send at most 100 headers and 16 KiB of them.")
        if len(raw) != len(headers):
            _refuse_twins([name for name, _ in raw])
        self._check_host(headers.get(b"host"))
        _check_path(scope["raw_path"], scope["query_string"])

    def _check_host(self, host: bytes | None) -> None:
        match = _HOST.fullmatch(host or b"")
        if match is None:
            raise QuixessError("invalid_request", "Send one Host header with a host name and, if any, a port.")
        if self._allowed is None or match[0].lower() in self._allowed or match[1].lower() in self._allowed:
            return
        raise QuixessError("invalid_request", "This installation is not known by the name in the Host header.")

    def _limit_of(self, path: str) -> int:
        for prefix, limit in self._limits:
            if path.startswith(prefix):
                return limit
        return self._limit


class _Exchange:
    """One request and its answer: counts what comes in, marks what goes out."""

    __slots__ = (
        "_came",
        "_closing",
        "_deadline",
        "_limit",
        "_pending",
        "_receive",
        "_scope",
        "_send",
        "_started",
        "_stream",
        "_timeout_s",
        "request_id",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self.request_id = request_id
        self._closing = True  # a request that is refused before `admit` does not get to keep its connection
        self._pending = True  # a body was announced and has not come whole
        self._started = False
        self._limit = 0
        self._timeout_s = 0.0
        self._stream: Stream | None = None
        self._came = 0  # of a streamed body
        self._deadline = 0.0

    def admit(self, length: int | None, limit: int, timeout_s: float, stream: Stream | None) -> None:
        """Let a well-formed request in. `length` is in bytes, None for chunks; too many are refused unread."""
        self._pending = length != 0
        self._limit = limit
        self._timeout_s = timeout_s
        self._stream = stream
        if length is not None and length > limit:
            raise self._too_large()
        self._closing = False

    async def receive(self) -> Message:
        """Give the whole body as one message, or its next piece; after it, what the server says (a disconnect)."""
        if not self._pending:
            return await self._receive()
        if self._stream is not None:
            return await self._next_piece(self._stream)
        message = self._at_hand()
        if message is None or message.get("more_body", False):
            message = {"type": "http.request", "body": await self._wait(message), "more_body": False}
        else:
            self._count(message, 0)
        self._pending = False
        return message

    async def _next_piece(self, stream: Stream) -> Message:
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + stream.total_s
        try:
            async with asyncio.timeout_at(min(now + stream.idle_s, self._deadline)):
                message = await self._receive()
        except TimeoutError:
            raise self._too_late(
                f"Send some bytes of the body every {stream.idle_s:g} seconds, and all within {stream.total_s:g}."
            ) from None
        self._count(message, self._came)
        self._came += len(message.get("body", b""))
        self._pending = message.get("more_body", False)
        return message

    def _at_hand(self) -> Message | None:
        # Most bodies come with their headers and need no timer, which costs more than the rest of this layer.
        # So the server's receive is stepped once; when it has to wait it is dropped, before it took anything.
        step = self._receive().__await__()
        try:
            next(step)
        except StopIteration as arrived:
            return cast("Message", arrived.value)
        step.close()
        return None

    async def _wait(self, first: Message | None) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._collect(first or await self._receive())
        except TimeoutError:
            raise self._too_late(
                f"The body did not arrive within {self._timeout_s:g} seconds. Send it again."
            ) from None

    async def _collect(self, message: Message) -> bytes:
        body = bytearray()
        self._count(message, 0)
        while message.get("more_body", False):
            body += message.get("body", b"")
            message = await self._receive()
            self._count(message, len(body))
        return bytes(body + message.get("body", b""))

    def _count(self, message: Message, before: int) -> None:
        if message["type"] != "http.request":
            raise ClientDisconnect
        if before + len(message.get("body", b"")) > self._limit:
            raise self._too_large()

    def _too_late(self, detail: str) -> QuixessError:
        self._closing, self._pending = True, False
        return QuixessError("request_timeout", detail)

    def _too_large(self) -> QuixessError:
        self._closing = True
        return QuixessError("payload_too_large", f"Send at most {self._limit:,} bytes in a body here.")

    async def send(self, message: Message) -> None:
        """Send on, with the request id in the headers."""
        if message["type"] == "http.response.start":
            self._started = True
            mark = (b"x-request-id", self.request_id.encode("ascii"))
            message["headers"] = [*message.get("headers", ()), mark]
        await self._send(message)

    async def fail(self, error: Exception) -> None:
        """Answer an exception; once an answer has begun, leave it unfinished, and the server hangs up."""
        known, headers = problem.recognise(error)
        if known.code == "internal_error":
            self._log(error)
        if self._started:
            return
        if self._closing:
            headers.append((b"connection", b"close"))
        status, headers, body = problem.render(known, self.request_id, headers)
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        hangs_up = self._scope["http_version"] == "1.0" or (b"connection", b"close") in self._scope["headers"]
        linger = self._pending and (self._closing or hangs_up)
        await self._send({"type": "http.response.body", "body": body, "more_body": linger})
        if linger:
            await self._drain()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _log(self, error: Exception) -> None:
        # The text of an exception may quote what was sent, a code among it: its type and place say enough.
        stack = traceback.extract_tb(error.__traceback__)[-_STACK_FRAMES:]
        _log.error(
            "request_crashed",
            request_id=self.request_id,
            method=self._scope["method"],
            path=self._scope["path"],
            error=type(error).__qualname__,
            frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack],
        )

    async def _drain(self) -> None:
        # Closing a socket with unread bytes resets it, and the client may lose the answer it is about to read
        # (RFC 9112 §9.6). So the rest of the body is thrown away for a moment first.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while (await self._receive()).get("more_body", False):
                    pass


def _request_id(raw: list[tuple[bytes, bytes]], headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id")
    if given is not None and _REQUEST_ID.fullmatch(given) and sum(name == b"x-request-id" for name, _ in raw) == 1:
        return given.decode("ascii")
    return ids.show("req", ids.new())


def _refuse_twins(names: list[bytes]) -> None:
    for name, code in _SINGLE.items():
        if names.count(name) > 1:
            raise QuixessError(code, f"Send the header {name.decode('ascii')} once.")


def _check_path(raw_path: bytes, query: bytes) -> None:
    if len(raw_path) + len(query) > _MAX_TARGET_BYTES:
        raise QuixessError("not_found", "The address is longer than 8 KiB.")
    if raw_path[:1] != b"/" or _TRICKY_PATH.search(raw_path):
        raise QuixessError("not_found", "The path has characters or parts that no address here has.")


def _body_length(headers: dict[bytes, bytes]) -> int | None:
    """Tell how many bytes were announced: 0 for no body, None for chunks, whose number nobody knows yet."""
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit():
        raise QuixessError("invalid_request", "Content-Length must be a number of bytes.")
    length = None if b"transfer-encoding" in headers else int(announced)
    if length != 0 and headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise QuixessError("unsupported_media_type", "Send the body as it is, without Content-Encoding.")
    return length
