"""Files at Meta: uploads, the five-minute URLs that want the token, and the levers that make a download go wrong.

At Meta the bytes lie on another host than the Graph API: here on a port of their own, where the simulator was given
one, and under a path of their own, `/_media/…`.
"""

import base64
import binascii
import hashlib
import hmac
from email.message import Message as Headers
from email.parser import HeaderParser
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from quixess.simulator import encoding, errors, gate, levers, mint, resets, tokens
from quixess.simulator.model import File, Json, MediaFault
from quixess.simulator.world import World

LARGEST = 100 * 1024 * 1024
_URL_LIVES_S = 300
_PATH = "/_media/whatsapp_business/attachments/"
_MB = 1024 * 1024
# Meta's page "Media", Supported media types.
_LIMITS = {
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MB),
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MB),
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * _MB),
    "image/webp": 500 * 1024,  # when it moves; a sticker that does not, 100 KB
    "text/plain": LARGEST,
    "application/pdf": LARGEST,
    "application/msword": LARGEST,
    "application/vnd.ms-excel": LARGEST,
    "application/vnd.ms-powerpoint": LARGEST,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": LARGEST,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": LARGEST,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": LARGEST,
}
_STILL_STICKER = 100 * 1024
_SORRY = "<!DOCTYPE html><html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>"


class _Put(msgspec.Struct, forbid_unknown_fields=True):
    mime_type: Annotated[str, msgspec.Meta(min_length=3, max_length=128)]
    data_base64: str
    filename: Annotated[str, msgspec.Meta(min_length=1, max_length=512)] | None = None
    id: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{4,19}$")] | None = None


class _KnownFile(Route):
    """Matches the ids of files that are there and leaves every other id to the rest of the Graph API."""

    files: dict[str, File]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        known = match is not Match.NONE and found["path_params"]["node"] in self.files
        return (match, found) if known else (Match.NONE, {})


class Media:
    """The wire of files."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Give what Meta has under each version."""
        node = _KnownFile("/{node}", self.node, methods=["GET", "DELETE"])
        node.files = self._world.files
        return [Route("/{node}/media", self.upload, methods=["POST"], max_body_size=LARGEST + _MB), node]

    def own_routes(self) -> list[Route]:
        """Give what has no version: the bytes, and the levers."""
        return [
            Route(_PATH, self.download),
            Route("/_sim/media", self.put, methods=["POST"], max_body_size=2 * LARGEST),
            Route("/_sim/media/faults", self.faults, methods=["GET", "POST"]),
        ]

    def told(self, media_id: str) -> Json | None:
        """Give what a webhook tells of a file beside its id and caption; None for an unknown one."""
        file = self._world.files.get(media_id)
        if file is None:
            return None
        digest = base64.b64encode(hashlib.sha256(file.data).digest()).decode()
        told: Json = {"mime_type": file.mime_type, "sha256": digest, "url": self._url(file)}
        return told | ({"filename": file.filename} if file.filename else {})

    async def upload(self, request: Request) -> Response:
        """Take a file of the business (multipart); raises GraphError 100 for a wrong type, 131053 for its size."""
        number = gate.number(request, self._world, tokens.MESSAGING)
        form = _multipart(request.headers.get("content-type", ""), await request.body())
        if form.get("messaging_product", (b"", None, None))[0] != b"whatsapp":
            raise errors.parameter("The parameter messaging_product is required.")
        if "file" not in form:
            raise errors.parameter("The parameter file is required.")
        data, filename, kind = form["file"]
        mime_type = form["type"][0].decode("utf-8", "replace") if "type" in form else kind or ""
        _refuse(mime_type, data)
        file = self._file(request, data, mime_type, filename)
        file.number_id = number.id
        return encoding.answer({"id": self._keep(file).id})

    async def node(self, request: Request) -> Response:
        """Tell where a file lies, or delete it."""
        token = gate.admit_user(request, self._world, tokens.MESSAGING)
        file = self._world.files[request.path_params["node"]]
        owner = file.number_id or self._world.identity.phone_number_id
        asked = request.query_params.get("phone_number_id", owner)
        number = self._world.book.numbers.get(asked)
        reached = number is not None and number.waba_id in token.waba_ids and file.number_id in (None, asked)
        if not reached or self._world.now() > file.ends_at:
            raise errors.unknown_object(request.method, file.id)
        if request.method == "DELETE":
            del self._world.files[file.id]
            self._world.touch()
            return encoding.answer({"success": True})
        file.base_url = self._base(request)
        return encoding.answer(
            {
                "url": self._url(file),
                "mime_type": file.mime_type,
                "sha256": hashlib.sha256(file.data).hexdigest(),
                "file_size": len(file.data),
                "id": file.id,
                "messaging_product": "whatsapp",
            }
        )

    async def download(self, request: Request) -> Response:
        """Give the bytes to whoever has the token and a URL that is not too old; 401 and 404 otherwise."""
        try:
            gate.admit_user(request, self._world, tokens.MESSAGING)
        except errors.GraphError:
            return HTMLResponse(_SORRY, 401)
        asked = request.query_params
        media_id, ends = asked.get("mid", ""), asked.get("ext", "")
        signed = hmac.compare_digest(asked.get("hash", "").encode(), self._signature(media_id, ends).encode())
        file = self._world.files.get(media_id)
        if file is None or not signed or self._world.now() > int(ends):
            return Response(status_code=404)
        fault = self._fault(file)
        return _right(file) if fault is None else _wrong(file, fault)

    async def put(self, request: Request) -> Response:
        """Lay down a customer's file, for a phone to send; answers its id and hex digest."""
        given = await levers.read(request, _Put)
        try:
            data = base64.b64decode(given.data_base64, validate=True)
        except binascii.Error as wrong:
            raise levers.MistakeError("data_base64 is not base64") from wrong
        file = self._file(request, data, given.mime_type, given.filename)
        file.inbound, file.id = True, given.id or file.id
        self._keep(file)
        return levers.answer({"id": file.id, "sha256": hashlib.sha256(data).hexdigest()}, 201)

    async def faults(self, request: Request) -> Response:
        """POST scripts one more; both answer with those that wait."""
        if request.method == "POST":
            fault = await levers.read(request, MediaFault)
            if (fault.fault == "redirect") != (fault.to is not None):
                raise levers.MistakeError("a redirect needs to, and nothing else takes it")
            self._world.media_faults.append(fault)
        return levers.answer({"data": msgspec.to_builtins(self._world.media_faults)})

    def _file(self, request: Request, data: bytes, mime_type: str, filename: str | None) -> File:
        return File(
            id=mint.digits(self._world.draws.source("media"), 16),
            data=data,
            mime_type=mime_type,
            filename=filename,
            inbound=False,
            at=self._world.now(),
            base_url=self._base(request),
        )

    def _keep(self, file: File) -> File:
        self._world.files[file.id] = file
        self._world.touch()
        return file

    def _base(self, request: Request) -> str:
        """Return where the bytes are, for whoever came by this host name."""
        port = self._world.media_port
        return str(request.url.replace(path="", query="", **({} if port is None else {"port": port})))

    def _url(self, file: File) -> str:
        ends = str(int(self._world.now()) + _URL_LIVES_S)
        query = {"mid": file.id, "source": "getMedia", "ext": ends, "hash": self._signature(file.id, ends)}
        return f"{file.base_url}{_PATH}?{urlencode(query)}"

    def _signature(self, media_id: str, ends: str) -> str:
        secret = self._world.identity.app_secret.encode()
        return hmac.new(secret, f"{media_id}:{ends}".encode(), hashlib.sha256).hexdigest()

    def _fault(self, file: File) -> MediaFault | None:
        """Take the next fault for this file, and use it up."""
        for fault in self._world.media_faults:
            if fault.id in (None, file.id):
                fault.count -= 1
                if fault.count == 0:
                    self._world.media_faults.remove(fault)
                return fault
        return None


class AnotherHost:
    """Keeps the port of files and the port of everything else apart, if there are two."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        port = self._world.media_port
        astray = (
            port is not None and scope["type"] == "http" and (scope["server"][1] == port) != (scope["path"] == _PATH)
        )
        await (Response(status_code=404) if astray else self._app)(scope, receive, send)


class _Cut(Response):
    """Half of the bytes that were announced; then the connection is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        await resets.Reset()(scope, receive, send)


def _right(file: File) -> Response:
    return Response(file.data, headers={"Content-Type": file.mime_type})


def _wrong(file: File, fault: MediaFault) -> Response:
    """Answer a download as the fault says."""
    match fault.fault:
        case "wrong_bytes":
            return Response(bytes(byte ^ 1 for byte in file.data), headers={"Content-Type": file.mime_type})
        case "short":
            return Response(file.data[: len(file.data) // 2], headers={"Content-Type": file.mime_type})
        case "cut":
            return _Cut(file.data, headers={"Content-Type": file.mime_type})
        case "redirect":
            return RedirectResponse(fault.to or "", 302)
        case "not_found":
            return Response(status_code=404)
        case "error" | "html":
            return HTMLResponse(_SORRY, 500 if fault.fault == "error" else 200)


def _refuse(mime_type: str, data: bytes) -> None:
    kind = mime_type.partition(";")[0].strip().lower()
    limit = _LIMITS.get(kind)
    if limit is None:
        known = ", ".join(_LIMITS)
        raise errors.parameter(
            f"Param file must be a file with one of the following types: {known}. Received file of type '{mime_type}'."
        )
    if not data:
        raise errors.coded(131053, "The file is empty.")
    if kind == "image/webp" and b"ANIM" not in data[:1024]:
        limit = _STILL_STICKER
    if len(data) > limit:
        raise errors.coded(131053, f"The file is larger than {limit} bytes.")


_Part = tuple[bytes, str | None, str | None]


def _multipart(content_type: str, body: bytes) -> dict[str, _Part]:
    """Read multipart/form-data (RFC 7578): each part by its name, as bytes, filename and content type."""
    boundary = _headers(f"Content-Type: {content_type}").get_boundary()
    if not boundary:
        raise errors.parameter("Send the file as multipart/form-data.")
    found: dict[str, _Part] = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = _headers(head.decode("utf-8", "replace"))
        name = headers.get_param("name", header="content-disposition")
        filename = headers.get_filename()
        found[str(name)] = (data, filename, headers.get_content_type() if "content-type" in headers else None)
    return found


def _headers(text: str) -> Headers:
    return HeaderParser().parsestr(text)
