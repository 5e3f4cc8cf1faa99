"""The cookie of a session: random bits, for this host only, out of reach of scripts.

Over https it is `__Host-quixess`: browsers take such a name only with `Secure`, for the whole host and from that very
host, so that no neighbour and no plain-http page can plant one. Over plain http (a laptop, a LAN) the name carries
the port, because browsers share cookies between the ports of a host.
"""

from starlette.requests import Request
from starlette.responses import Response

from quixess.dashboard.address import SECURE_COOKIE, is_secure
from quixess.people.sessions import LONGEST_D

_PLAIN = "quixess"


def read(request: Request, public_url: str | None) -> str:
    """Give the token that came with a request, or an empty text. Over https a plain cookie is none."""
    return request.cookies.get(_name(request, public_url), "")


def hand_out(response: Response, request: Request, public_url: str | None, token: str) -> Response:
    """Put the token of a session into an answer, and give the answer back."""
    response.set_cookie(
        _name(request, public_url),
        token,
        max_age=LONGEST_D * 86_400,
        secure=is_secure(request, public_url),
        httponly=True,
        samesite="lax",
    )
    return response


def take_away(response: Response, request: Request, public_url: str | None) -> Response:
    """Let the browser forget its session."""
    secure = is_secure(request, public_url)
    response.delete_cookie(_name(request, public_url), secure=secure, httponly=True, samesite="lax")
    return response


def _name(request: Request, public_url: str | None) -> str:
    if is_secure(request, public_url):
        return SECURE_COOKIE
    port = request.headers.get("host", "").rpartition("]")[2].partition(":")[2]
    return f"{_PLAIN}-{port}" if port else _PLAIN
