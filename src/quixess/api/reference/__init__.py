"""The reference: /openapi.json for programs, /docs and /docs/errors for people. No key is needed to read them.

The pages show the host that their reader came by, run under a strict Content-Security-Policy, and need no JavaScript.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib import resources

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.api import openapi
from quixess.api.endpoint import Endpoint
from quixess.api.manage import Managed
from quixess.api.reference import page
from quixess.errors import QuixessError

_HOSTS = 8  # readers come by one or two names; who invents others shall not fill our memory
_FOREVER = "public, max-age=31536000, immutable"
_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_OF_PAGES = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}


class Reference:
    """The reference of both tables of routes. Documents and pages are made when first asked for, once for each host."""

    def __init__(self, endpoints: Sequence[Endpoint], management: Sequence[Managed]) -> None:
        self._endpoints: list[openapi.Described] = [*endpoints, *openapi.for_operators(management)]
        self._assets = _read_assets()
        self._document = lru_cache(_HOSTS)(self._write_document)
        self._page = lru_cache(_HOSTS)(self._write_page)
        self._errors = lru_cache(1)(self._write_errors)

    def routes(self) -> list[Route]:
        """Build the routes."""
        return [
            Route("/openapi.json", self._serve_document, name="openapi"),
            Route("/docs", self._serve_page, name="docs"),
            Route("/docs/errors", self._serve_errors, name="docs_errors"),
            Route("/docs/assets/{name}", self._serve_asset, name="docs_asset"),
        ]

    async def _serve_document(self, request: Request) -> Response:
        return _answer(request, self._document(_server(request)), "application/json")

    async def _serve_page(self, request: Request) -> Response:
        return _answer(request, self._page(_server(request)), "text/html; charset=utf-8", _OF_PAGES)

    async def _serve_errors(self, request: Request) -> Response:
        return _answer(request, self._errors(), "text/html; charset=utf-8", _OF_PAGES)

    async def _serve_asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._assets:
            raise QuixessError("not_found", "There is no such file. Load /docs again.")
        kind = _KINDS[name.rpartition(".")[2]]
        headers = {"Cache-Control": _FOREVER, "X-Content-Type-Options": "nosniff"}
        return Response(self._assets[name], headers=headers, media_type=kind)

    def _write_document(self, server: str) -> bytes:
        return msgspec.json.encode(openapi.document(self._endpoints, server))

    def _write_page(self, server: str) -> bytes:
        document = openapi.document(self._endpoints, server)
        return page.render(self._endpoints, document, self._names()).encode()

    def _write_errors(self) -> bytes:
        return page.render_errors(self._names()).encode()

    def _names(self) -> dict[str, str]:
        """Give the name under which each asset is served: `reference.css` as `reference.4f2a….css`."""
        return {f"{stem}.{ending}": f"{stem}.{mark}.{ending}" for stem, mark, ending in map(_split, self._assets)}


def _read_assets() -> dict[str, bytes]:
    """Read the files that the pages load, by names that change with what is in them."""
    found = {}
    for file in (resources.files(__package__) / "assets").iterdir():
        raw = file.read_bytes()
        stem, _, ending = file.name.rpartition(".")
        found[f"{stem}.{sha256(raw).hexdigest()[:12]}.{ending}"] = raw
    return found


def _split(name: str) -> tuple[str, str, str]:
    stem, mark, ending = name.rsplit(".", 2)
    return stem, mark, ending


def _server(request: Request) -> str:
    """Give the address the reader came by. The edge has checked that the host is made of harmless characters.

    A proxy may say that it was https outside; whoever forges that sees his own page with another scheme.
    """
    headers = request.state.headers
    outside = headers.get(b"x-forwarded-proto", b"").split(b",")[0].strip().lower()
    scheme = outside.decode() if outside in (b"http", b"https") else request.scope["scheme"]
    return f"{scheme}://{headers[b'host'].decode('ascii')}"


def _answer(request: Request, body: bytes, kind: str, more: dict[str, str] | None = None) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"} | (more or {})
    if tag.encode() in request.state.headers.get(b"if-none-match", b""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=kind)
