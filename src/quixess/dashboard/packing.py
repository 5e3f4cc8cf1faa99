"""Pages packed as gzip on their way: what was shown is a quarter of its size on a slow line.

Answers to forms are left as they are. They may hold a secret that is shown once beside what was typed, and the length
of what is packed tells of its content (BREACH).
"""

import gzip

from starlette.requests import Request
from starlette.responses import Response

_LEVEL = 5
_SMALLEST = 1400  # bytes: less fits into one packet as it is


def pack(request: Request, response: Response) -> Response:
    """Pack a page that was asked for by GET, for a browser that takes it so."""
    kind = response.headers.get("content-type", "")
    body = getattr(response, "body", b"")  # what is streamed has none
    if request.method == "GET" and kind.startswith("text/html") and len(body) >= _SMALLEST:
        response.headers.add_vary_header("Accept-Encoding")
        if "gzip" in request.headers.get("accept-encoding", ""):
            response.body = gzip.compress(body, _LEVEL, mtime=0)
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Length"] = str(len(response.body))
    return response
