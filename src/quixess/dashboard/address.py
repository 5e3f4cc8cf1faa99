"""How the browser came here: by https or not, by which name, and whether what it names is this installation."""

from urllib.parse import urlsplit

from starlette.requests import Request

SECURE_COOKIE = "__Host-quixess"
"""The name of the session's cookie over https: a browser sends it back over https only."""


def is_secure(request: Request, public_url: str | None) -> bool:
    """Tell whether the browser speaks https, be it with a proxy before us that does not say so."""
    if request.url.scheme == "https" or SECURE_COOKIE in request.cookies:
        return True
    host = request.headers.get("host", "").lower()
    known = (public_url or "", request.headers.get("origin", ""))
    return any(url.startswith("https:") and urlsplit(url).netloc.lower() == host for url in known)


def base_url(request: Request, public_url: str | None) -> str:
    """Give the address of this installation as the reader of a page knows it: `https://wa.example.com`."""
    scheme = "https" if is_secure(request, public_url) else "http"
    return f"{scheme}://{request.headers.get('host', '')}"


def is_own(url: str, request: Request, public_url: str | None) -> bool:
    """Tell whether an address (an Origin, a Referer) is of this installation: the public one, or as one came."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return False
    public = urlsplit(public_url or "")
    if (parts.scheme, parts.netloc.lower()) == (public.scheme, public.netloc.lower()):
        return True
    return parts.netloc.lower() == request.headers.get("host", "").lower()
