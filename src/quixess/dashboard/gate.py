"""The gate of the dashboard: from the cookie to the visitor, from the visitor to what they may, or a way elsewhere.

Forms of other sites are told by what browsers say about them: `Sec-Fetch-Site`, and where a browser does not send it
(plain http on a LAN), `Origin`. So no page needs a token in its forms. API keys mean nothing here, and no cookie means
anything at the API.
"""

from urllib.parse import quote, urlsplit

from starlette.requests import Request

from quixess.dashboard import address, cookie, live
from quixess.dashboard.desk import Desk
from quixess.dashboard.page import Elsewhere, Guest, Page, Public, Visit
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Membership, Visitor, may, sessions
from quixess.people.signing_in import Origin

START, LOG_IN, CONFIRM, NO_BRAND = "/app", "/login", "/app/confirm", "/app/no-brand"

_SAFE = frozenset({"GET", "HEAD"})
_FROM_HERE = frozenset({"same-origin", "none"})


class Gate:
    """The one way in to every page."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def admit(self, request: Request, page: Page) -> Guest:
        """Let a visitor in: a Visit, or a Guest for a public page.

        Raises Elsewhere for who has to sign in, to confirm or to be given a brand first, `cross_site_request`,
        `brand_not_found`, `role_not_allowed`, and `not_signed_in` for what is no page (a stream).
        """
        self._refuse_strangers(request)
        if isinstance(page.permission, Public):
            return Guest(request, self._desk)
        visitor = await recognise(request, self._desk)
        if visitor is None:
            raise _sign_in_first(request)
        membership = await self._choose(request, visitor)
        if not may(membership.role, page.permission, inbox=membership.inbox):
            text = f"You are {membership.role} of {membership.brand.name}: ask an owner or an admin of it."
            raise QuixessError("role_not_allowed", text)
        if page.step_up and not visitor.fresh:
            raise Elsewhere(f"{CONFIRM}?next={quote(way_back(request), safe='/')}")
        brand, role = membership.brand, membership.role
        return Visit(request, self._desk, visitor, brand, role, inbox=membership.inbox)

    def _refuse_strangers(self, request: Request) -> None:
        if request.method in _SAFE:
            return
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
        if site in _FROM_HERE or (site is None and address.is_own(origin, request, self._desk.public_url)):
            return
        text = "The form was sent by a page of another site, so nothing was done. Open the dashboard and do it there."
        raise QuixessError("cross_site_request", text)

    async def _choose(self, request: Request, visitor: Visitor) -> Membership:
        """Find the brand that a visit is about: the one in the address, else the last one, else their first."""
        if asked := request.query_params.get("brand"):
            brand_id = ids.parse("brd", asked)
            found = visitor.membership(brand_id) if brand_id is not None else None
            if found is None:
                raise QuixessError("brand_not_found", "You do not belong to this brand: ask somebody who does.")
            if found.brand.id != visitor.brand_id:
                async with self._desk.db.transaction() as tx:
                    await sessions.choose_brand(tx, visitor.session_id, found.brand.id)
            return found
        if not visitor.memberships:
            raise Elsewhere(NO_BRAND)
        chosen = visitor.membership(visitor.brand_id) if visitor.brand_id is not None else None
        return chosen or visitor.memberships[0]


async def recognise(request: Request, desk: Desk) -> Visitor | None:
    """Tell who a request comes from; None for nobody who is signed in."""
    token = cookie.read(request, desk.public_url)
    return await sessions.find_visitor(desk.db, desk.keyring, token) if token else None


def origin(request: Request, desk: Desk) -> Origin:
    """Tell where somebody signs in from, as the list of their sessions shows it."""
    peer = desk.address(request.scope)
    return Origin(str(peer) if peer is not None else None, request.headers.get("user-agent"))


def way_back(request: Request) -> str:
    """Give where to go on afterwards: the page itself, or the page whose form it was."""
    if request.method in _SAFE and request.headers.get("hx-request") != "true":
        return _on_this_host(str(request.url))
    shown = request.headers.get("hx-current-url") or request.headers.get("referer", "")
    return _on_this_host(shown) if address.is_own(shown, request, None) else START


def safe_path(text: str) -> str:
    """Take a way back only when it leads to a page of ours: no other host, no trick with slashes or dots."""
    parts = urlsplit(text)
    inside = parts.path == START or parts.path.startswith(f"{START}/")
    odd = parts.scheme or parts.netloc or "\\" in text or ".." in parts.path or not text.isprintable()
    return text if inside and not odd else START


def _sign_in_first(request: Request) -> Exception:
    if request.url.path == live.PATH:
        return QuixessError("not_signed_in", "The session has ended: sign in again.")
    back = way_back(request)
    return Elsewhere(LOG_IN if back == START else f"{LOG_IN}?next={quote(back, safe='/')}")


def _on_this_host(url: str) -> str:
    parts = urlsplit(url)
    return safe_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)
