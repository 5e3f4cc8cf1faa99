"""The dashboard: HTML for people. The one table of pages, and the frame that all of them are served in.

Every page works by plain links and forms, and better with the script; none loads without a permission. A page's file
is `dashboard/pages/<page>.py`, its template `dashboard/templates/pages/<page>.html`.
"""

import traceback
from collections.abc import Awaitable, Callable, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from quixess.dashboard import catching, live, navigation, packing, shell
from quixess.dashboard.desk import Desk
from quixess.dashboard.page import PUBLIC, Elsewhere, Gate, Guest, Page, Visit, trigger
from quixess.dashboard.pages import (
    account,
    audit,
    brands,
    connecting,
    connection,
    connection_secrets,
    deliveries,
    editor,
    endpoint_form,
    endpoint_secrets,
    endpoints,
    inbox,
    invitation,
    keys,
    login,
    messages,
    metrics,
    minting,
    overview,
    people,
    replays,
    requests,
    sandbox,
    setup,
    templates,
    theme,
    trial_message,
)
from quixess.errors import QuixessError
from quixess.people.roles import Permission

__all__ = ["PAGES", "PUBLIC", "Desk", "Page", "Visit", "routes"]

PAGES: tuple[Page, ...] = (
    *account.PAGES,
    *audit.PAGES,
    *brands.PAGES,
    *deliveries.PAGES,
    *endpoint_form.PAGES,
    *endpoint_secrets.PAGES,
    *endpoints.PAGES,
    *inbox.PAGES,
    *connecting.PAGES,
    *connection.PAGES,
    *connection_secrets.PAGES,
    *editor.PAGES,
    *invitation.PAGES,
    *keys.PAGES,
    *live.PAGES,
    *login.PAGES,
    *messages.PAGES,
    *metrics.PAGES,
    *minting.PAGES,
    *overview.PAGES,
    *people.PAGES,
    *replays.PAGES,
    *requests.PAGES,
    *sandbox.PAGES,
    *setup.PAGES,
    *templates.PAGES,
    *theme.PAGES,
    *trial_message.PAGES,
)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store, private",
}
_FOR_THE_EDGE = frozenset({"payload_too_large", "request_timeout"})  # it knows what is left of the body
_STACK_FRAMES = 12
_log = structlog.get_logger()


def routes(desk: Desk, gate: Gate, pages: Sequence[Page] = PAGES) -> list[Route]:
    """Build the routes of all pages, of their files, and of everything under /app that is not there."""
    found = [
        Route(page.path, _handling(page, desk, gate, pages), methods=[page.method], name=page.id) for page in pages
    ]
    found += desk.rendering.assets.routes()
    found += catching.routes(desk)
    found.append(Route("/", _to_the_pages, name="root"))
    missing = Page("GET", "/app/{rest:path}", PUBLIC, _missing, title="Nothing here")
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    found.append(Route(missing.path, _handling(missing, desk, gate, pages), methods=methods, name=missing.id))
    return found


def _handling(page: Page, desk: Desk, gate: Gate, pages: Sequence[Page]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        guest = Guest(request, desk)
        try:
            guest = await gate.admit(request, page)
            guest.title = page.title
            if isinstance(guest, Visit) and not guest.wants_fragment:
                guest.shell = await shell.look(desk.db, guest.brand_id, inbox=guest.may(Permission.READ_INBOX))
                guest.groups = navigation.groups(guest, pages)
                guest.here = navigation.current(guest.path, guest.groups)
            response = await page.handler(guest)
        except Elsewhere as way:
            response = guest.go(way.path)
        except (ClientDisconnect, HTTPException):
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong becomes a page
            response = _excuse(guest, error)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return packing.pack(request, response)

    return handle


def _excuse(guest: Guest, error: Exception) -> Response:
    """Answer an error: a page with the way on, or a toast when htmx asked."""
    if not isinstance(error, QuixessError):
        _note(guest.request, error)
        error = QuixessError("internal_error", "Try again. If it happens again, tell us the request id below.")
    if error.code in _FOR_THE_EDGE:
        raise error
    if guest.path == live.PATH:
        return live.refuse(error)
    if guest.wants_fragment:
        headers = {"HX-Reswap": "none", "HX-Trigger": trigger(error.detail, "bad")}
        return Response(status_code=error.status, headers=headers)
    return guest.render("pages/error.html", error.status, error=error, request_id=guest.request.state.request_id)


def _note(request: Request, error: Exception) -> None:
    # The text of an exception may quote what was typed: its type and place say enough.
    stack = traceback.extract_tb(error.__traceback__)[-_STACK_FRAMES:]
    _log.error(
        "page_crashed",
        request_id=request.state.request_id,
        method=request.method,
        path=request.url.path,
        error=type(error).__qualname__,
        frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack],
    )


async def _missing(_guest: Guest) -> Response:
    raise QuixessError("not_found", "This page does not exist, or it takes another way in. The overview has them all.")


async def _to_the_pages(_request: Request) -> Response:
    return RedirectResponse("/app", 303)
