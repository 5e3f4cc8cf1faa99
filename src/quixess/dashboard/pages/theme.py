"""Light or dark: the choice is a cookie, so that the server draws the page right from the first byte."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from quixess.dashboard.page import PUBLIC, THEME_COOKIE, Guest, Page

_YEAR_S = 365 * 86_400


class Choice(msgspec.Struct):
    """What the reader wants."""

    theme: Literal["light", "dark", "auto"]


async def choose(guest: Guest) -> Response:
    """Keep the choice, and go back to where it was made."""
    choice = await guest.form(Choice)
    response = guest.go(_path_of(guest.request.headers.get("referer", "")))
    response.set_cookie(THEME_COOKIE, choice.theme, max_age=_YEAR_S, samesite="lax")
    return response


def _path_of(referer: str) -> str:
    """Take only the path: a redirect to another host would be somebody else's."""
    parts = urlsplit(referer)
    path = parts.path if parts.path.startswith("/") and not parts.path.startswith("//") else "/app"
    return f"{path}?{parts.query}" if parts.query else path


PAGES = (Page("POST", "/app/theme", PUBLIC, choose),)
