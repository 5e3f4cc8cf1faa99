"""Who is calling, and with what: tokens, `appsecret_proof`, parameters wherever Graph allows them."""

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from quixess.simulator import errors
from quixess.simulator.model import Json
from quixess.simulator.world import World


def admit_user(request: Request, world: World) -> None:
    """Let the system user in; raises GraphError 2500, 190, 10 (an app token) or 100 (a wrong proof)."""
    token = _checked(request, world)
    if token != world.identity.access_token:
        raise errors.coded(10)


def admit_app(request: Request, world: World) -> None:
    """Let the app in by `APP_ID|SECRET`; raises GraphError 2500, 190, 15 (a user token) or 100."""
    token = _checked(request, world)
    if token != world.identity.app_access_token:
        raise errors.coded(15)


def admit_any(request: Request, world: World) -> None:
    """Let either in."""
    _checked(request, world)


class OwnPagesOnly:
    """Refuses the levers to a page of another site that the developer happens to have open.

    Browsers say where a request comes from (`Sec-Fetch-Site`, W3C Fetch Metadata); programs do not.
    """

    def __init__(self, app: ASGIApp, levers: str) -> None:
        self._app = app
        self._levers = levers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        foreign = (b"sec-fetch-site", b"cross-site") in scope.get("headers", ())
        if foreign and scope["path"].startswith(self._levers):
            await JSONResponse({"error": "another site's page may not pull levers"}, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def parameters(request: Request) -> Json:
    """Query, form and JSON parameters as one object; the body wins. Unreadable JSON counts as none."""
    raw = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found: Json = dict(request.query_params)
    if kind == "application/x-www-form-urlencoded":
        return found | dict(parse_qsl(raw.decode("utf-8", "replace")))
    return found | _object(raw)


def _checked(request: Request, world: World) -> str:
    token = _token(request)
    if not token:
        raise errors.token_missing()
    if token not in {world.identity.access_token, world.identity.app_access_token}:
        raise errors.token_invalid()
    proof = request.query_params.get("appsecret_proof")
    if proof is not None and not _proves(proof, token, world.identity.app_secret):
        raise errors.GraphError(400, 100, "Invalid appsecret_proof provided in the API argument")
    return token


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in {"bearer", "oauth"}:
        return token.strip()
    return request.query_params.get("access_token", "")


def _proves(proof: str, token: str, app_secret: str) -> bool:
    wanted = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(proof.encode(), wanted.encode())


def _object(raw: bytes) -> Json:
    try:
        value: Any = msgspec.json.decode(raw) if raw else {}
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}
