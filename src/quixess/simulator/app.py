"""Puts the rooms of the simulator behind one ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from quixess.simulator import (
    answering,
    control,
    encoding,
    errors,
    gate,
    graph,
    histories,
    levers,
    library,
    media,
    messages,
    mint,
    oauth,
    ownership,
    page,
    subscriptions,
    usage,
)
from quixess.simulator.control import account, businesses, coexistence, phones, statuses
from quixess.simulator.media import uploads
from quixess.simulator.progress import Progress
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

VERSION = "/v{major:int}.{minor:int}"
LARGEST_BODY = 4_000_000
_OURS = "/_sim"


def build(world: World) -> Starlette:
    """Build the application. Its `state.closing` event, once set, ends every deliberate wait."""
    courier = Courier(world)
    progress = Progress(world, courier)
    closing = asyncio.Event()

    @asynccontextmanager
    async def live(_app: Starlette) -> AsyncIterator[None]:
        await courier.open()
        progress.resume()
        try:
            yield
        finally:
            await progress.close()
            await courier.close()

    files = media.Media(world)
    meta = messages.Messages(world, progress, closing).routes()
    meta += files.routes() + uploads.Uploads(world).routes()
    meta += answering.Answering(world, progress).routes()
    meta += _managing(world, courier, progress)
    ours = [*_levers(world, courier, progress, files), *page.routes(), *files.own_routes()]
    app = Starlette(
        routes=[*ours, Mount(VERSION, routes=meta), *meta],
        middleware=[
            Middleware(gate.OwnPagesOnly, levers=_OURS),
            Middleware(usage.Usage, world=world),
            Middleware(media.AnotherHost, world=world),
        ],
        lifespan=live,
        max_body_size=LARGEST_BODY,
        exception_handlers={
            errors.GraphError: _graph_error,
            levers.MistakeError: _mistake,
            HTTPException: _no_such_thing,
        },
    )
    app.state.closing = closing
    return app


def _managing(world: World, courier: Courier, progress: Progress) -> list[Route]:
    subscribing = subscriptions.Subscriptions(world, courier)
    owning = ownership.Ownership(world, subscribing)
    routes = oauth.OAuth(world).routes() + subscribing.routes() + owning.routes() + histories.Histories(world).routes()
    routes += library.Library(world, progress).routes()
    return routes + graph.Graph(world, owning).routes()


def _levers(world: World, courier: Courier, progress: Progress, files: media.Media) -> list[Route]:
    routes = phones.Phones(world, courier, progress, files.told).routes()
    routes += coexistence.Coexistence(world, courier, files.told).routes()
    routes += account.Account(world, courier).routes() + businesses.Businesses(world).routes()
    routes += statuses.Statuses(world, courier).routes()
    return routes + control.Control(world, courier, progress).routes()


async def _graph_error(_request: Request, wrong: Exception) -> Response:
    if not isinstance(wrong, errors.GraphError):
        raise wrong
    return encoding.answer(wrong.body(mint.trace_id()), wrong.status)


async def _mistake(_request: Request, wrong: Exception) -> Response:
    return JSONResponse({"error": str(wrong)}, 400)


async def _no_such_thing(request: Request, wrong: Exception) -> Response:
    if not isinstance(wrong, HTTPException):
        raise wrong
    if request.url.path.startswith(_OURS):
        return JSONResponse({"error": wrong.detail}, wrong.status_code)
    if wrong.status_code == 405:
        return await _graph_error(request, errors.unknown_object(request.method, request.url.path))
    return await _graph_error(request, errors.unknown_path(request.url.path))
