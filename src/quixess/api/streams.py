"""Bodies that are passed on as they come: which addresses take files, and how these may come."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """How a body that is passed on may come: up to `limit` bytes, some every `idle_s`, all of them in `total_s`."""

    limit: int
    idle_s: float = 10.0
    total_s: float = 600.0


_A_FILE = Stream(100 * 1024 * 1024 + 64 * 1024)  # the largest file, and the form around it
STREAMS: Mapping[str, Stream] = {
    "/api/v1/whatsapp/external/media": _A_FILE,
    "/api/v1/whatsapp/brands/{brand}/templates/samples": _A_FILE,
    "/app/whatsapp/inbox/files": _A_FILE,
    "/app/whatsapp/templates/samples": _A_FILE,
    "/app/whatsapp/templates/{name}/{language}/samples": _A_FILE,
}
"""By the whole path; a part of one in braces may be anything."""


class Streams:
    """Finds the stream of a path."""

    def __init__(self, streams: Mapping[str, Stream]) -> None:
        self._whole = {path: stream for path, stream in streams.items() if "{" not in path}
        self._open = [(_as_pattern(path), stream) for path, stream in streams.items() if "{" in path]

    def find(self, path: str) -> Stream | None:
        """Find how the body of a decoded path may be passed on; None for one that comes as a whole."""
        if (stream := self._whole.get(path)) is not None:
            return stream
        return next((stream for pattern, stream in self._open if pattern.fullmatch(path)), None)


def _as_pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
