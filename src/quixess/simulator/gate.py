"""Who is calling, and with what: tokens, `appsecret_proof`, parameters wherever Graph allows them."""

import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from quixess.simulator import errors, registry, tokens
from quixess.simulator.model import Json
from quixess.simulator.world import World


def admit_user(
    request: Request, world: World, scope: str | None = tokens.MANAGEMENT, given: Json | None = None
) -> tokens.Token:
    """Let a person or system user in whose token has that scope (None: any); `given` are parameters of the body.

    Raises GraphError 2500, 190, 104 or 100 (the proof), 10 (an app's token, or no right to manage), 200 (to send).
    """
    value = _value(request, given)
    if any(value == app.access_token for app in world.book.apps.values()):
        raise errors.coded(10)
    token = world.book.tokens.get(value)
    if token is None:
        raise errors.token_invalid()
    tokens.check(token, world.now())
    _check_proof(request, given, value, world.book.apps[token.app_id])
    if scope is not None and scope not in token.scopes:
        raise errors.coded(200 if scope == tokens.MESSAGING else 10)
    return token


def admit_app(request: Request, world: World, given: Json | None = None) -> registry.App:
    """Let an app in by `APP_ID|SECRET`; raises GraphError 2500, 190, 15 (a user token), 104 or 100."""
    value = _value(request, given)
    app = next((one for one in world.book.apps.values() if value in _names(one)), None)
    if app is None:
        admit_user(request, world, None, given)
        raise errors.coded(15)
    _check_proof(request, given, value, app)
    return app


def admit_any(request: Request, world: World) -> registry.App:
    """Let either in; return the app it belongs to."""
    value = _value(request, None)
    if any(value in _names(one) for one in world.book.apps.values()):
        return admit_app(request, world)
    return world.book.apps[admit_user(request, world, None).app_id]


def number(request: Request, world: World, scope: str = tokens.MANAGEMENT) -> registry.Number:
    """Let a token in that reaches the number in the path; raises GraphError 100/33 for any other number."""
    token = admit_user(request, world, scope)
    found = world.book.numbers.get(request.path_params["node"])
    if found is None or found.waba_id not in token.waba_ids or found.deleted_at is not None:
        raise errors.unknown_object(request.method, request.path_params["node"])
    return found


def waba(request: Request, world: World) -> registry.Waba:
    """Let a token in that reaches the WABA in the path; raises GraphError 100/33 for any other WABA."""
    token = admit_user(request, world)
    found = world.book.wabas.get(request.path_params["node"])
    if found is None or found.id not in token.waba_ids:
        raise errors.unknown_object(request.method, request.path_params["node"])
    return found


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


def text(asked: Json, key: str) -> str:
    """Return a parameter that must be there and be words; raises GraphError 100."""
    value = asked.get(key)
    if not isinstance(value, str) or not value:
        raise errors.parameter(f"The parameter {key} is required.")
    return value


def _names(app: registry.App) -> list[str]:
    return [f"{app.id}|{secret}" for secret in app.secrets]


def _check_proof(request: Request, given: Json | None, token: str, app: registry.App) -> None:
    proof = (given or {}).get("appsecret_proof") or request.query_params.get("appsecret_proof")
    if proof is None and app.require_proof and "|" not in token:
        raise errors.GraphError(400, 104, "API calls from the server require an appsecret_proof argument")
    if proof is not None and not any(_proves(str(proof), token, secret) for secret in app.secrets):
        raise errors.GraphError(400, 100, "Invalid appsecret_proof provided in the API argument")


def _value(request: Request, given: Json | None) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in {"bearer", "oauth"}:
        value = str((given or {}).get("access_token") or request.query_params.get("access_token", ""))
    if not value.strip():
        raise errors.token_missing()
    return value.strip()


def _proves(proof: str, token: str, app_secret: str) -> bool:
    wanted = hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(proof.encode(), wanted.encode())


def _object(raw: bytes) -> Json:
    try:
        value: Any = msgspec.json.decode(raw) if raw else {}
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}
