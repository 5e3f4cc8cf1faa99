"""What a page is: one declaration, beside its handler; and the visit that the handler gets.

A page is `Page("GET", "/app/settings/api-keys", Permission.MANAGE_KEYS, show_keys, title="API keys")`, named in the
table of `dashboard/__init__.py`. One without a permission does not load: what nobody has to be signed in for says so
with `PUBLIC`.

A handler reads `await visit.form(Struct)` or `visit.query(Struct)`, asks the rooms, and returns
`visit.render("pages/keys.html", …)`, `visit.fragment("parts/key_row.html", …)` for a request of htmx, or
`visit.go("/app/settings/api-keys", toast="Key revoked")`. Errors that a room raises become an error page, or a toast
when htmx asked; a form is shown again with `visit.refuse("pages/key_new.html", error, …)`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from quixess.access import Brand
from quixess.dashboard import address, forms
from quixess.dashboard.desk import Desk
from quixess.dashboard.shell import Shell
from quixess.errors import QuixessError
from quixess.people.model import Visitor
from quixess.people.roles import Permission, Role, may

T = TypeVar("T")

TOAST_COOKIE = "quixess-toast"
THEME_COOKIE = "quixess-theme"
_THEMES = frozenset({"light", "dark"})
_TOAST_S = 60


class Public(Enum):
    """Instead of a permission: nobody has to be signed in."""

    PUBLIC = "nobody has to be signed in"


PUBLIC: Final = Public.PUBLIC


class Elsewhere(Exception):  # noqa: N818 - no error, a way
    """The visitor has to go somewhere else first: to sign in, or to show who they are once more."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Guest:
    """A request for a public page, and how it is answered. `Visit` is the same with somebody signed in."""

    def __init__(self, request: Request, desk: Desk) -> None:
        self.request = request
        self.desk = desk
        self.title = ""
        self.sent: Mapping[str, Any] = {}  # the fields of the form as they came, to be shown again
        self._form: FormData | None = None

    @property
    def wants_fragment(self) -> bool:
        """Tell whether htmx asks, and puts the answer into a page that is there already."""
        asked = self.request.headers
        return asked.get("hx-request") == "true" and asked.get("hx-request-type") != "full"

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return str(self.request.url.path)

    @property
    def base_url(self) -> str:
        """The address of this installation as the reader knows it, for commands and links: `http://127.0.0.1:8800`."""
        return address.base_url(self.request, self.desk.public_url)

    @property
    def theme(self) -> str:
        """`light`, `dark`, or `auto` for what the reader's system says."""
        chosen = self.request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in _THEMES else "auto"

    @property
    def toast(self) -> str:
        """What the request before this one has to say, once."""
        if "hx-request" in self.request.headers:  # a part of another page, which would swallow it
            return ""
        return unquote(self.request.cookies.get(TOAST_COOKIE, ""))[:200]

    async def form(self, model: type[T]) -> T:
        """Read the form into a struct (see `dashboard/forms.py`). Raises `invalid_request` that names every field."""
        form = await self.raw_form()
        self.sent = forms.sent(form, model)
        return forms.read(form, model)

    async def raw_form(self) -> FormData:
        """Give the form as it came, files among it."""
        if self._form is None:
            self._form = await forms.receive(self.request)
        return self._form

    def query(self, model: type[T]) -> T:
        """Read the query into a struct: empty values are left out, unknown ones passed over.

        Raises `invalid_request`.
        """
        return forms.read(self.request.query_params, model)

    def render(self, template: str, /, status: int = 200, **context: Any) -> Response:
        """Answer with a whole page."""
        html = self.desk.rendering.page(template, self, context)
        response = HTMLResponse(html, status)
        if self.toast:
            response.delete_cookie(TOAST_COOKIE, httponly=True, samesite="lax")
        return response

    def fragment(self, template: str, /, status: int = 200, toast: str | None = None, **context: Any) -> Response:
        """Answer htmx with a part of a page; `toast` is said aside."""
        response = HTMLResponse(self.desk.rendering.page(template, self, context), status)
        if toast is not None:
            response.headers["HX-Trigger"] = trigger(toast)
        return response

    def parts(self, html: str) -> Response:
        """Answer htmx with parts that are written already, as the stream of a page pushes them."""
        return HTMLResponse(html)

    def refuse(self, template: str, error: QuixessError, /, **context: Any) -> Response:
        """Answer with a form again and what is wrong with it. `faults` in the template has a text for each field.

        An error that is about no field of a form is none for it: it is raised again.
        """
        faults = forms.faults(error)
        if not faults:
            raise error
        return self.render(template, 422, faults=faults, **context)

    def go(self, path: str, toast: str | None = None) -> Response:
        """Send the browser to another page, which says `toast` when it is there."""
        response: Response = RedirectResponse(path, 303)
        if self.wants_fragment:
            response = Response(status_code=204, headers={"HX-Redirect": path})
        if toast is not None:
            response.set_cookie(TOAST_COOKIE, quote(toast), max_age=_TOAST_S, httponly=True, samesite="lax")
        return response


class Visit(Guest):
    """A request of somebody who is signed in and may do what they ask for, made by `dashboard/gate.py` only.

    `brand` is the one that they chose in the switcher, `role` what they are for it; `inbox` opens the inbox to a
    developer. `shell` is what the frame around every page shows.
    """

    def __init__(
        self, request: Request, desk: Desk, visitor: Visitor, brand: Brand, role: Role, *, inbox: bool = False
    ) -> None:
        super().__init__(request, desk)
        self.visitor = visitor
        self.brand = brand
        self.role = role
        self.inbox = inbox
        self.position = desk.feed.position  # what changed after it is told by the page's stream
        self.shell = Shell()
        self.groups: Sequence[Any] = ()  # of the side bar (dashboard/navigation.py)
        self.here = ""  # the link of it that this page belongs to

    @property
    def brand_id(self) -> UUID:
        """The brand that all of this is about."""
        return self.brand.id

    @property
    def actor(self) -> str:
        """Who the audit says it was."""
        return self.visitor.actor

    def may(self, permission: Permission | str) -> bool:
        """Tell whether the visitor may do something else beside what they came for. Templates ask by its name."""
        return may(self.role, Permission(permission), inbox=self.inbox)

    def admitted(self, permission: Permission | Public) -> bool:
        """Tell whether a page with this permission would let the visitor in."""
        return isinstance(permission, Public) or self.may(permission)


@dataclass(frozen=True, slots=True)
class Page:
    """One address for one method. `{…}` in the path are Starlette's path parameters.

    With `step_up` the visitor must have shown their password in the last ten minutes. `takes_file` is for forms with a
    file: their address stands in `api/streams.py`, too.
    """

    method: str
    path: str
    permission: Permission | Public
    handler: Callable[[Any], Awaitable[Response]]
    title: str = ""
    step_up: bool = False
    takes_file: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.permission, (Permission, Public)):
            raise TypeError(f"{self.method} {self.path} declares no permission")

    @property
    def id(self) -> str:
        """A name for the route: the handler's."""
        return f"{self.handler.__module__.rpartition('.')[2]}.{self.handler.__qualname__}"


class Gate(Protocol):
    """The one way in to every page (`dashboard/gate.py`)."""

    async def admit(self, request: Request, page: Page) -> Guest:
        """Let a visitor in: a Visit, or a Guest for a public page.

        Raises Elsewhere for who has to sign in first, and QuixessError.
        """


def trigger(toast: str, tone: str = "ok") -> str:
    """Write the header by which an answer to htmx shows a toast."""
    return json.dumps({"toast": {"text": toast, "tone": tone, "target": "body"}})  # ASCII, as headers are
