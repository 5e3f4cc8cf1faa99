"""Media at Meta: where a file lies for five minutes, the way to its bytes, and the way up for a file of the business.

The bytes lie on another host than the Graph API and want the same token (Meta's page "Media", Download Media). So the
token goes to hosts of Meta only, and never along with a redirect to another origin.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import aiohttp
from yarl import URL

from quixess.meta.graph import Credentials, Graph
from quixess.meta.outcomes import Unknown

_HOSTS = ("fbsbx.com", "fbcdn.net", "facebook.com", "whatsapp.net")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CHUNK = 256 * 1024
_SHORTEST_UPLOAD_S = 60.0
_SLOWEST_UPLOAD = 256 * 1024  # bytes a second


class NotFetched(Exception):  # noqa: N818 - says what it is
    """The bytes did not come; another try may succeed. The text names no URL: its query is a key to the file."""


class Expired(NotFetched):
    """The URL is not known, or no longer: ask Meta for a new one."""


class TooLarge(NotFetched):
    """There are more bytes than allowed: no other try is of use."""


class Strange(NotFetched):
    """The way leads to a host that is not Meta's. Nothing was sent there."""


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """A file as Meta describes it. `sha256` is lower-case hex, `size` bytes; either may be missing."""

    url: str = field(repr=False)
    mime_type: str | None
    sha256: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class Trusted:
    """Who may be asked for bytes: Meta's hosts by https, and these `origins`, such as a simulator's."""

    origins: frozenset[URL] = frozenset()

    def read(self, base: URL | None, text: str) -> URL:
        """Read a URL, against `base` where it is relative. Raises `Strange` for any that may not be asked."""
        try:
            read = URL(text, encoded=text.isascii())  # as it is: a signature in the query covers its escapes
            url = read if base is None else base.join(read)
            known = _is_metas(url) or url.origin() in self.origins
            nameless = url.user is None and url.password is None
        except ValueError:  # also told late: yarl reads the parts of a URL when they are asked for
            raise Strange("the way to the file is no URL") from None
        if not (known and nameless):
            raise Strange("the way to the file leads to a host that is not Meta's")
        return url


async def locate(graph: Graph, credentials: Credentials, media_id: str) -> RemoteMedia:
    """Ask Meta where a file lies. The URL is good for five minutes. Raises an `Outcome`, or ValueError for no id."""
    if _ID.fullmatch(media_id) is None:
        raise ValueError("not a media id")
    told = await graph.get(credentials, media_id, {"phone_number_id": credentials.phone_number_id})
    url, kind = told.get("url"), told.get("mime_type")
    if not isinstance(url, str) or not url:
        raise Unknown("the answer about the file has no url")
    return RemoteMedia(url, kind if isinstance(kind, str) else None, read_digest(told.get("sha256")), _size(told))


async def download(
    graph: Graph,
    credentials: Credentials,
    url: str,
    take: Callable[[bytes], Awaitable[None]],
    *,
    most: int,
    trusted: Trusted,
) -> None:
    """Fetch the bytes at a URL of `locate` and hand them to `take`, piece by piece, at most `most` of them.

    Follows up to three redirects among trusted hosts; from the first one that leaves the origin the token stays
    behind. Raises `NotFetched` or one of its kinds.
    """
    target = trusted.read(None, url)
    token: str | None = credentials.token
    for _ in range(_MOST_REDIRECTS + 1):
        location = await _exchange(graph, target, token, take, most)
        if location is None:
            return
        moved = trusted.read(target, location)
        token = token if moved.origin() == target.origin() else None
        target = moved
    raise NotFetched(f"more than {_MOST_REDIRECTS} redirects")


async def upload(
    graph: Graph, credentials: Credentials, file: BinaryIO, *, mime_type: str, filename: str, size: int
) -> str:
    """Give Meta a file of the business, read from where `file` stands, and return Meta's id of it.

    Meta keeps it for 30 days, for the number that it was uploaded to (Meta's page "Media", Upload Media). `filename`
    is ASCII and reaches no user. Closes `file`. Raises an `Outcome`; after any of them it may be uploaded again.
    """
    form = aiohttp.FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", mime_type)
    form.add_field("file", file, filename=filename, content_type=mime_type)
    timeout_s = _SHORTEST_UPLOAD_S + size / _SLOWEST_UPLOAD
    with file:
        told = await graph.post(
            credentials, f"{credentials.phone_number_id}/media", _written(form), timeout_s=timeout_s
        )
    meta_id = told.get("id")
    if not isinstance(meta_id, str) or _ID.fullmatch(meta_id) is None:
        raise Unknown("the answer to the upload has no id")
    return meta_id


def _written(form: aiohttp.FormData) -> aiohttp.MultipartWriter:
    body = form()
    if not isinstance(body, aiohttp.MultipartWriter):
        raise TypeError("a form with a file is multipart")
    return body


def read_digest(text: object) -> str | None:
    """Read a SHA-256 in hex (as a GET tells it) or base64 (as webhooks do) as lower-case hex; None for no digest."""
    if not isinstance(text, str):
        return None
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
        return text.lower()
    try:
        raw = base64.b64decode(text.strip().translate(_STANDARD) + "=" * (-len(text.strip()) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 32 else None


async def _exchange(
    graph: Graph, target: URL, token: str | None, take: Callable[[bytes], Awaitable[None]], most: int
) -> str | None:
    """Ask once; the Location of a redirect, or None when the bytes were taken."""
    try:
        async with graph.stream(target, token) as answer:
            if answer.status in _REDIRECTS:
                return answer.headers.get("Location", "")
            _refuse(answer, most)
            await _pour(answer, take, most)
            return None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NotFetched(f"the download broke: {type(error).__name__}") from None


def _refuse(answer: aiohttp.ClientResponse, most: int) -> None:
    if answer.status in {404, 410}:
        raise Expired(f"HTTP {answer.status} for the file")
    if answer.status != 200:
        raise NotFetched(f"HTTP {answer.status} for the file")
    if (answer.content_length or 0) > most:
        raise TooLarge(f"more than {most:,} bytes")


async def _pour(answer: aiohttp.ClientResponse, take: Callable[[bytes], Awaitable[None]], most: int) -> None:
    seen = 0
    async for piece in answer.content.iter_chunked(_CHUNK):
        seen += len(piece)
        if seen > most:
            raise TooLarge(f"more than {most:,} bytes")
        await take(piece)


def _is_metas(url: URL) -> bool:
    host = f".{(url.host or '').lower()}"
    return url.scheme == "https" and url.port == 443 and host.endswith(tuple(f".{name}" for name in _HOSTS))


def _size(told: dict[str, object]) -> int | None:
    """Read `file_size`, which Meta shows as a string and sends as a number."""
    size = told.get("file_size")
    if isinstance(size, str) and size.isascii() and size.isdigit():
        return int(size)
    return size if type(size) is int else None


_STANDARD = str.maketrans("-_", "+/")
