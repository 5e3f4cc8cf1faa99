"""The Resumable Upload API: samples for the headers of templates, sent in as many pieces as it takes.

Meta's page "Upload a file": a session, the bytes from an offset on, and in the end a handle. A session's id is an
address with a query of its own (`upload:…?sig=…`), so it is called as it is, not encoded.
"""

import base64
import random
import uuid

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, mint
from quixess.simulator.model import Json, Sample
from quixess.simulator.world import World

LARGEST = 100 * 1024 * 1024
_TYPES = ("application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4")


class Uploads:
    """The wire of samples."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        session = "/upload:{session}"
        return [
            Route("/{node}/uploads", self.begin, methods=["POST"]),
            Route(session, self.take, methods=["POST"], max_body_size=LARGEST + 1),
            Route(session, self.shown, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Open a session for `file_length` bytes of `file_type`; raises GraphError 100, or 100/33 for another app."""
        asked = await gate.parameters(request)
        token = gate.admit_user(request, self._world, None, asked)
        if request.path_params["node"] != token.app_id:
            raise errors.unknown_object("post", request.path_params["node"])
        length, mime_type = _length(asked), gate.text(asked, "file_type").lower()
        if mime_type not in _TYPES:
            raise errors.parameter(f"Param file_type must be one of {{{', '.join(_TYPES)}}}.")
        name = _session(self._world.draws.source("upload"))
        sample = Sample(id=name, app_id=token.app_id, mime_type=mime_type, length=length)
        self._world.samples[name] = sample
        self._world.touch()
        return encoding.answer({"id": name})

    async def take(self, request: Request) -> Response:
        """Take the bytes from `file_offset` on; what came before a broken connection stays. Raises GraphError 100."""
        sample = self._sample(request)
        offset = request.headers.get("file_offset", "")
        if not (offset.isascii() and offset.isdigit()):
            raise errors.parameter("The header file_offset is required.")
        if int(offset) != sample.taken:
            raise errors.parameter("Request starting offset is invalid.")
        try:
            async for piece in request.stream():
                sample.taken += len(piece)
        except ClientDisconnect:
            return self._told(sample)
        if sample.taken > sample.length:
            sample.taken = int(offset)
            raise errors.parameter("The file is longer than its file_length.")
        if sample.taken == sample.length and sample.handle is None:
            sample.handle = _handle(sample, self._world.draws.source("handle"), self._world.now())
        self._world.touch()
        return self._told(sample) if sample.handle is None else encoding.answer({"h": sample.handle})

    async def shown(self, request: Request) -> Response:
        """Tell how many bytes are here."""
        return self._told(self._sample(request))

    def _told(self, sample: Sample) -> Response:
        self._world.touch()
        return encoding.answer({"id": sample.id, "file_offset": sample.taken})

    def _sample(self, request: Request) -> Sample:
        """Find the session of the path for a token of its app, which must stand in the header."""
        if "authorization" not in request.headers:
            raise errors.token_missing()
        token = gate.admit_user(request, self._world, None)
        name = f"upload:{request.path_params['session']}"
        found = self._world.samples.get(f"{name}?sig={request.query_params.get('sig', '')}")
        if found is None or found.app_id != token.app_id:
            raise errors.unknown_object(request.method, name)
        return found


def _length(asked: Json) -> int:
    text = str(asked.get("file_length", ""))
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 0 < int(text) <= LARGEST):
        raise errors.parameter(f"Param file_length must be a number from 1 to {LARGEST}.")
    return int(text)


def _session(source: random.Random) -> str:
    inner = f"1:attachment:{uuid.UUID(bytes=source.randbytes(16))}".encode()
    return f"upload:{base64.urlsafe_b64encode(inner).decode()}?sig=AR{mint.text(source, 20)}"


def _handle(sample: Sample, source: random.Random, now: float) -> str:
    """Make a handle with the parts that Meta's have: type, content, when, and whose it is."""
    kind = base64.b64encode(sample.mime_type.encode()).decode()
    return f"4::{kind}:AR{mint.text(source, 64)}:e:{int(now)}:{sample.app_id}:AR{mint.text(source, 20)}"
