"""The routes behind the edge: found by the first part of a path, and answered as if they were tried one by one."""

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from quixess.api import edge
from quixess.api.doors import Doors
from tests.api import raw


def _route(path: str, *methods: str) -> Route:
    """Make a route that says which one it is, and what it found in the path."""

    async def answer(request: Request) -> Response:
        return PlainTextResponse(" ".join([path, *request.path_params.values()]))

    return Route(path, answer, methods=list(methods or ("GET",)))


ROUTES = [
    _route("/"),
    _route("/things/new"),
    _route("/things/{name}"),
    _route("/things/{name}", "PUT", "DELETE"),
    _route("/{any}/things"),
    _route("/things/things", "POST"),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/", 200, "/"),
        ("GET", "/things/new", 200, "/things/new"),
        ("GET", "/things/old", 200, "/things/{name} old"),
        ("DELETE", "/things/old", 200, "/things/{name} old"),
        ("GET", "/houses/things", 200, "/{any}/things houses"),
        ("GET", "/things/things", 200, "/things/{name} things"),
        ("POST", "/things/things", 200, "/things/things"),
        ("PATCH", "/things/old", 405, "method_not_allowed"),
        ("POST", "/houses/things", 405, "method_not_allowed"),
        ("GET", "/things", 404, "not_found"),
        ("GET", "/things/old/", 404, "not_found"),
        ("GET", "/houses", 404, "not_found"),
        ("OPTIONS", "*", 404, "not_found"),
    ],
)
async def test_the_first_route_that_takes_path_and_method_answers(method: str, path: str, status: int, said: str):
    async with raw.serving(edge.Edge(Doors(ROUTES))) as port:
        answer = await raw.send(port, raw.request(method, path))

    assert answer.status == status
    assert said == (answer.body.decode() if status == 200 else answer.json()["code"])


async def test_an_address_is_told_apart_from_one_with_more_behind_it():
    async with raw.serving(edge.Edge(Doors([_route("/hook/{app}", "GET", "POST")]))) as port:
        answer = await raw.send(port, raw.request("POST", "/hook/17"))
        refused = await raw.send(port, raw.request("POST", "/hook/17/18"))

    assert (answer.status, answer.body) == (200, b"/hook/{app} 17")
    assert refused.status == 404
