"""A small application behind the edge, with a handler for everything that can happen to a request."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from quixess.api import edge
from quixess.api.doors import Doors
from quixess.errors import QuixessError, invalid

SECRET = "493817"


async def _length(request: Request) -> Response:
    return JSONResponse({"length": len((await request.receive())["body"])})


async def _length_by_starlette(request: Request) -> Response:
    return JSONResponse({"length": len(await request.body())})


async def _hello(request: Request) -> Response:
    return JSONResponse({"request_id": request.state.request_id, "key": request.state.headers[b"host"].decode()})


async def _break(request: Request) -> Response:
    raise RuntimeError(f"the code is {SECRET}: {(await request.body())!r}")


async def _limited(request: Request) -> Response:
    raise QuixessError("whatsapp_rate_limited", "Wait.", retry_after_s=7, extra={"policy": "otp", "status": 200})


async def _stranger(request: Request) -> Response:
    raise QuixessError("missing_api_key", "Send X-API-Key.")


async def _wrong_field(request: Request) -> Response:
    raise invalid("/to", "required", "`to` is required.")


async def _half(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first half"
        raise RuntimeError("lost the second")

    return StreamingResponse(parts(), headers={"Content-Length": "20"})


ROUTES = [
    Route("/length", _length, methods=["POST"]),
    Route("/starlette", _length_by_starlette, methods=["POST"]),
    Route("/webhooks/meta/1", _length, methods=["POST"]),
    Route("/hello", _hello),
    Route("/break", _break, methods=["POST"]),
    Route("/limited", _limited),
    Route("/stranger", _stranger),
    Route("/field", _wrong_field),
    Route("/half", _half),
]


def guarded(**options: Any) -> edge.Edge:
    inner = Doors(ROUTES)
    return edge.Edge(inner, **options)
