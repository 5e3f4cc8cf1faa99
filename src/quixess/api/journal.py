"""The journal: a line in the request log for everything that a key asks for, written beside the answer.

A request without a valid key belongs to no brand and leaves no line; nor does one whose caller hung up.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from quixess import requests
from quixess.api import problem
from quixess.api.endpoint import Endpoint
from quixess.api.peers import Peers
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.requests import Line, RequestLog

Handler = Callable[[Request], Awaitable[Response]]


class _Told(msgspec.Struct, frozen=True, gc=False):
    """What a line takes of an answer: of a send its id, of a problem the rest."""

    id: str | None = None
    message_id: str | None = None
    code: str | None = None
    detail: str | None = None
    errors: msgspec.Raw | None = None


_NOTHING = _Told()
_REPLAYED = (b"idempotent-replayed", b"true")
_read = msgspec.json.Decoder(_Told).decode
_encode = msgspec.json.encode


class Journal:
    """Keeps the request log of the doors of one process."""

    def __init__(self, log: RequestLog, peers: Peers) -> None:
        self._log = log
        self._peers = peers

    def keep(self, endpoint: Endpoint, handle: Handler) -> Handler:
        """Give a handler that does the same and leaves a line."""
        if not self._log.lines:
            return handle

        async def kept(request: Request) -> Response:
            began = perf_counter()
            try:
                response = await handle(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                known, _ = problem.recognise(error)
                self._note(endpoint, request, began, known.status, _told_by(known))
                raise
            status = response.status_code
            replayed = endpoint.idempotent and _REPLAYED in response.raw_headers
            told = _told_in(response) if endpoint.idempotent or status >= 400 else _NOTHING
            self._note(endpoint, request, began, status, told, replayed=replayed)
            return response

        return kept

    def _note(
        self,
        endpoint: Endpoint,
        request: Request,
        began: float,
        status: int,
        told: _Told,
        *,
        replayed: bool = False,
    ) -> None:
        state: dict[str, Any] = request.scope["state"]
        caller = state.get("caller")
        if caller is None or caller.brand_id is None:
            return
        message = told.message_id or told.id
        self._log.note(
            Line(
                brand_id=caller.brand_id,
                id=ids.new(),
                request_id=state["request_id"],
                key_id=caller.key_id,
                method=endpoint.method,
                path=endpoint.route,
                status=status,
                duration_ms=(perf_counter() - began) * 1000,
                address=self._peers.show(request.scope),
                code=told.code,
                problem=_problem(told) if told.code else None,
                message_id=None if message is None else ids.parse("msg", message),
                replayed=replayed,
                asked=self._asked(request, state),
            )
        )

    def _asked(self, request: Request, state: dict[str, Any]) -> str | None:
        if not self._log.bodies:
            return None
        return requests.redact(request.path_params, request.scope["query_string"], state.get("body"))


def _told_by(error: QuixessError) -> _Told:
    errors = msgspec.Raw(_encode([fault.as_json() for fault in error.errors])) if error.errors else None
    return _Told(code=error.code, detail=error.detail, errors=errors)


def _told_in(response: Response) -> _Told:
    try:
        return _read(response.body)
    except msgspec.MsgspecError:
        return _NOTHING


def _problem(told: _Told) -> str:
    problem: dict[str, Any] = {"detail": told.detail}
    if told.errors is not None:
        problem["errors"] = told.errors
    return _encode(problem).decode()
