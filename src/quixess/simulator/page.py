"""The phone in the browser: one page, one stylesheet, one script, nothing from elsewhere."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).with_name("phone")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def routes() -> list[Route | Mount]:
    return [Route("/", show), Mount("/phone", StaticFiles(directory=FOLDER))]


async def show(_request: Request) -> Response:
    return FileResponse(FOLDER / "index.html", headers=HEADERS)
