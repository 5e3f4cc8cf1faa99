"""Puts the rooms of the simulator behind one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount

from quixess.simulator import control, encoding, errors, gate, graph, messages, mint, page
from quixess.simulator.progress import Progress
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

VERSION = "/v{major:int}.{minor:int}"
LARGEST_BODY = 4_000_000
_LEVERS = "/_sim"


def build(world: World) -> Starlette:
    """Build the application. Its `state.closing` event, once set, ends every deliberate wait."""
    courier = Courier(world)
    progress = Progress(world, courier)
    closing = asyncio.Event()

    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        await courier.open()
        try:
            yield
        finally:
            await progress.close()
            await courier.close()

    meta = messages.Messages(world, progress, closing).routes()
    meta += graph.Graph(world, courier, progress).routes()
    levers = control.Control(world, courier, progress).routes()
    app = Starlette(
        routes=[*levers, *page.routes(), Mount(VERSION, routes=meta), *meta],
        middleware=[Middleware(gate.OwnPagesOnly, levers=_LEVERS)],
        lifespan=live,
        max_body_size=LARGEST_BODY,
        exception_handlers={
            errors.GraphError: _graph_error,
            control.MistakeError: _mistake,
            HTTPException: _no_such_thing,
        },
    )
    app.state.closing = closing
    return app


async def _graph_error(_request: Request, wrong: Exception) -> Response:
    if not isinstance(wrong, errors.GraphError):
        raise wrong
    return encoding.answer(wrong.body(mint.trace_id()), wrong.status)


async def _mistake(_request: Request, wrong: Exception) -> Response:
    return JSONResponse({"error": str(wrong)}, 400)


async def _no_such_thing(request: Request, wrong: Exception) -> Response:
    if not isinstance(wrong, HTTPException):
        raise wrong
    if request.url.path.startswith(_LEVERS):
        return JSONResponse({"error": wrong.detail}, wrong.status_code)
    if wrong.status_code == 405:
        return await _graph_error(request, errors.unknown_object(request.method, request.url.path))
    return await _graph_error(request, errors.unknown_path(request.url.path))
