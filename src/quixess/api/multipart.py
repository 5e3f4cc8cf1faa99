"""Multipart bodies: one part that is a file, handed on piece by piece as it comes (RFC 7578).

Strict like JSON: one part of one name, the closing boundary, no transfer encoding. No error holds what was sent.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from quixess.errors import QuixessError, invalid

_EXTENDED = re.compile(rb";\s*filename\*=utf-8''([!#$&+^`{}|~%\w.-]+)", re.IGNORECASE)
_PLAIN = frozenset({b"", b"binary", b"8bit", b"7bit"})


@dataclass(frozen=True, slots=True)
class Part:
    """What the headers of the part say. Neither is checked."""

    filename: str
    content_type: str | None


async def read_file(
    pieces: AsyncIterator[bytes], content_type: str | None, name: str, take: Callable[[bytes], Awaitable[None]]
) -> Part:
    """Read a body whose only part is a file called `name`, and hand its bytes to `take`.

    Raises `unsupported_media_type` for another kind of body, and `invalid_request`.
    """
    form = _Form(name, _boundary(content_type, name))
    async for piece in pieces:
        for data in form.feed(piece):
            await take(data)
    return form.end()


class _Form:
    """The body so far."""

    def __init__(self, name: str, boundary: bytes) -> None:
        self._name = name
        self._part: Part | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._data: list[bytes] = []
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._keep_header,
                    "on_headers_finished": self._open,
                    "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
                    "on_end": self._finish,
                },
            )
        except FormParserError:
            raise _broken() from None

    def feed(self, piece: bytes) -> list[bytes]:
        """Read on, and give the bytes of the file that came."""
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _broken() from None
        found, self._data = self._data, []
        return found

    def end(self) -> Part:
        """Say what the part was, now that the body is over."""
        if not self._ended:
            raise _broken()
        if self._part is None:
            raise invalid(f"/{self._name}", "required", f"Send the file in a part named `{self._name}`.")
        return self._part

    def _begin(self) -> None:
        if self._part is not None:
            raise invalid("", "unknown_field", f"The form has a second part. Send one, named `{self._name}`.")
        self._headers = {}

    def _keep_header(self) -> None:
        field, value = (bytes(part) for part in self._header)
        self._headers[field.lower()] = value
        self._header = (bytearray(), bytearray())

    def _open(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or options.get(b"name") != self._name.encode():
            raise invalid("", "unknown_field", f"The form has a part that is not known here. Send `{self._name}` only.")
        filename = _filename(disposition, options)
        if filename is None:
            detail = f"`{self._name}` is a field. Send it as a file, with a filename."
            raise invalid(f"/{self._name}", "wrong_type", detail)
        if self._headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN:
            raise invalid(f"/{self._name}", "format", "Send the bytes as they are, without Content-Transfer-Encoding.")
        said = self._headers.get(b"content-type", b"")
        self._part = Part(filename, said.decode("latin-1") or None)

    def _finish(self) -> None:
        self._ended = True


def _boundary(content_type: str | None, name: str) -> bytes:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        detail = f"Send the body as multipart/form-data with its boundary, the file in a part named `{name}`."
        raise QuixessError("unsupported_media_type", detail)
    return options[b"boundary"]


def _filename(disposition: bytes, options: dict[bytes, bytes]) -> str | None:
    """Read a name as clients write it: in UTF-8, percent-encoded (RFC 7578 §4.2), or as RFC 8187 has it for headers."""
    written = options.get(b"filename")
    if written is None:
        extended = _EXTENDED.search(disposition)
        written = extended[1] if extended else None
    return None if written is None else unquote(written.decode("utf-8", "replace"))


def _broken() -> QuixessError:
    return invalid("", "format", "The body is not a whole multipart form: check its boundary, and that nothing is cut.")
