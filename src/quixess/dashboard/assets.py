"""The files that pages load: under addresses that change with their content, so that browsers keep them for ever.

`static/` is ours; `static/vendor/` is brought by the build (`hatch_build.py`) and is not in git. Addresses are
`/static/<mark>/<file>`, one mark for the whole folder, so that a stylesheet's relative addresses hold. While a new
version is rolled out, a process may be asked for the files of another one: it gives its own, and lets nobody keep them.
"""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.errors import QuixessError

FOLDER = Path(__file__).parent / "static"
HTMX = "vendor/htmx.js"

_FOREVER = "public, max-age=31536000, immutable"
_KINDS = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
        ".png": "image/png",
    }
)
_PACKED = frozenset({".css", ".js", ".svg"})
_REMARKS = MappingProxyType(
    {".css": re.compile(rb"/\*.*?\*/", re.DOTALL), ".js": re.compile(rb"^[ \t]*//.*\n", re.MULTILINE)}
)
_SET_IN = re.compile(rb"^[ \t]+", re.MULTILINE)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    packed: bytes | None
    kind: str


class Assets:
    """The files, read once. Without those that the build brings, pages work plainly, and the log says so."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = _read(folder)
        content = sha256()
        for name, file in sorted(self._files.items()):
            content.update(name.encode() + b"\0" + file.body)
        self._mark = content.hexdigest()[:12]
        if HTMX not in self._files:
            fix = "python hatch_build.py in a source folder, or install the wheel"
            _log.warning("the browser files are missing: pages are plain", fix=fix)

    @property
    def names(self) -> Mapping[str, int]:
        """The files there are, with their sizes in bytes as they are sent."""
        return {name: len(file.packed or file.body) for name, file in self._files.items()}

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""
        return name in self._files

    def url(self, name: str) -> str:
        """Give the address of a file, such as `app.css`. What is missing gets one too: templates ask `has` first."""
        return f"/static/{self._mark}/{name}"

    def routes(self) -> list[Route]:
        """Build the route of all files."""
        return [Route("/static/{mark}/{name:path}", self._serve, name="static")]

    async def _serve(self, request: Request) -> Response:
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise QuixessError("not_found", "There is no such file. Load the page again.")
        headers = {
            "Cache-Control": _FOREVER if request.path_params["mark"] == self._mark else "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        body = file.body
        if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = file.packed, "gzip"
        return Response(body, headers=headers, media_type=file.kind)


def _without_remarks(suffix: str, body: bytes) -> bytes:
    """Leave out what is written for who works on a file: comments that stand alone, and how lines are set in."""
    remark = _REMARKS.get(suffix)
    return body if remark is None else _SET_IN.sub(b"", remark.sub(b"", body))


def _read(folder: Path) -> dict[str, _File]:
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = _KINDS.get(path.suffix)
        if kind is not None and path.is_file():
            body = _without_remarks(path.suffix, path.read_bytes())
            packed = gzip.compress(body, 9, mtime=0) if path.suffix in _PACKED else None
            found[path.relative_to(folder).as_posix()] = _File(body, packed, kind)
    return found
