"""The Graph client: one pooled HTTP session to Meta, one attempt a call, and an honest outcome for each.

Nothing is ever sent twice from here. Every call ends in a result or in one of the three `Outcome`s; a send that
is cancelled in flight has an unknown outcome. A token travels in the Authorization header (and is looked at in
`debug_token`'s query), with appsecret_proof beside it whenever the app secret is known.
"""

import hmac
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO, Self
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from quixess import __version__
from quixess.meta import outcomes, payloads
from quixess.meta.outcomes import Accepted, GraphError, NotSent, Outcome, Rejected, Unknown, Usage

__all__ = [
    "META",
    "Accepted",
    "Credentials",
    "Graph",
    "GraphError",
    "NotSent",
    "Outcome",
    "Rejected",
    "Unknown",
    "Usage",
]

META = "https://graph.facebook.com"
"""Where Meta's own Graph API is."""

_BIGGEST_ANSWER = 1 << 20
_IDLE_S = 15.0  # below the idle time of Meta's edge, so that we are the ones who close
_SILENCE_S = 30.0  # a download lasts as long as bytes come
_CACHED_ROUTES = 4096
_USER_AGENT = f"Quixess/{__version__}"
_JSON, _FORM, _BYTES = "application/json", "application/x-www-form-urlencoded", "application/octet-stream"
_Body = bytes | aiohttp.MultipartWriter | BinaryIO | None
_PHONE_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,code_verification_status,name_status,status,"
    "platform_type,throughput,account_mode,health_status"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one connection needs to talk to Meta. Ids are digits; token and secret never show in a repr.

    Raises ValueError for an id or token that could not stand in a path or a header.
    """

    phone_number_id: str
    waba_id: str
    token: str = field(repr=False)
    app_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _require(r"[0-9]{1,32}", self.phone_number_id, "phone_number_id must be digits")
        _require(r"[0-9]{1,32}", self.waba_id, "waba_id must be digits")
        _require(r"[!-~]{1,4096}", self.token, "token must be printable ASCII without spaces")


@dataclass(frozen=True, slots=True)
class _Route:
    """What each call with the same credentials shares."""

    messages: URL
    headers: Mapping[str, str]
    json_headers: Mapping[str, str]
    proof: Mapping[str, str]


class Graph:
    """Meta's Graph API over one connection pool. Open it once a process: `async with Graph() as graph`.

    `connect_timeout_s` covers waiting for a free connection, DNS, TCP and TLS; `total_timeout_s` the whole
    call. `base_url` may point to a simulator.
    """

    def __init__(
        self,
        *,
        base_url: str = META,
        version: str = "v25.0",
        connect_timeout_s: float = 3.0,
        total_timeout_s: float = 10.0,
        connections: int = 256,
    ) -> None:
        self.origin = URL(base_url).origin()
        self._root = f"{base_url.rstrip('/')}/{version}"
        self._timeout = aiohttp.ClientTimeout(total=total_timeout_s, connect=connect_timeout_s)
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._route = lru_cache(_CACHED_ROUTES)(self._plan)

    async def open(self) -> None:
        """Make the connection pool; no byte is sent yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        """Close every connection. Calls still running end as `Unknown`, later ones as `NotSent`."""
        session, self._session = self._session, None
        self._route.cache_clear()
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def send(self, credentials: Credentials, payload: bytes) -> Accepted:
        """POST one message body once. Raises `Rejected`, `NotSent` or `Unknown`."""
        route = self._route(credentials)
        status, headers, body = await self._exchange("POST", route.messages, route.json_headers, payload, self._timeout)
        if 200 <= status < 300:
            return outcomes.accept(status, headers, body)
        raise outcomes.judge(status, headers, body)

    async def mark_read(self, credentials: Credentials, wamid: str, *, typing: bool = False) -> None:
        """Tell Meta that a user's message was read, and all before it; `typing` shows that an answer is coming.

        The indicator ends with the answer, or after 25 s. Raises an `Outcome`.
        """
        route = self._route(credentials)
        note = payloads.mark_read(wamid, typing=typing)
        outcomes.require_success(await self._call("POST", route.messages, route.json_headers, note))

    async def phone_number(self, credentials: Credentials) -> dict[str, Any]:
        """Read the phone number's name, quality, status and health, in Meta's field names."""
        return await self.get(credentials, credentials.phone_number_id, {"fields": _PHONE_FIELDS})

    async def debug_token(self, credentials: Credentials) -> dict[str, Any]:
        """Read what Meta knows of the token: `is_valid`, `scopes`, `expires_at` (unix s, 0 is never) and more."""
        answer = await self.get(credentials, "debug_token", {"input_token": credentials.token})
        if not isinstance(answer.get("data"), dict):
            raise Unknown("the answer about the token has no data")
        return dict(answer["data"])

    async def get(self, credentials: Credentials, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        """Read one object, or one edge of it, by its path below the version. Raises an `Outcome`."""
        route = self._route(credentials)
        url = URL(f"{self._root}/{path}").with_query({**query, **route.proof})
        return await self._call("GET", url, route.headers, None)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str,
        app_secret: str | None = None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> dict[str, Any]:
        """Call any path below the version once, with any token: an app's is `APP_ID|SECRET`.

        `form` goes as a form and `content` as JSON; a form whose values tell secrets keeps them out of the URL. With
        `app_secret` the proof goes along. Raises an `Outcome`.
        """
        proof = {"appsecret_proof": _prove(app_secret, token)} if app_secret else {}
        url = URL(f"{self._root}/{path}").with_query({**(query or {}), **proof})
        if form is not None:
            return await self._call(method, url, _headers(token, _FORM), urlencode(form).encode())
        return await self._call(method, url, _headers(token, _JSON if content is not None else None), content)

    async def post(
        self, credentials: Credentials, path: str, form: aiohttp.MultipartWriter, *, timeout_s: float
    ) -> dict[str, Any]:
        """POST a form to one edge, by its path below the version, in at most `timeout_s`. Raises an `Outcome`."""
        route = self._route(credentials)
        url = URL(f"{self._root}/{path}").with_query(route.proof)
        headers = {**route.headers, "Content-Type": form.content_type}
        patience = aiohttp.ClientTimeout(total=timeout_s, connect=self._timeout.connect)
        return outcomes.read_object(*await self._exchange("POST", url, headers, form, patience))

    async def carry(
        self, credentials: Credentials, session: str, file: BinaryIO, *, timeout_s: float
    ) -> dict[str, Any]:
        """POST the bytes of a file to an upload session, whose id is the whole address, its signature included.

        Meta takes the token of this call as `OAuth` only. Raises an `Outcome`.
        """
        route = self._route(credentials)
        proof = f"{'&' if '?' in session else '?'}{urlencode(route.proof)}" if route.proof else ""
        own = {"Authorization": f"OAuth {credentials.token}", "file_offset": "0", "Content-Type": _BYTES}
        url = URL(f"{self._root}/{session}{proof}", encoded=True)  # as it is: the signature covers its escapes
        patience = aiohttp.ClientTimeout(total=timeout_s, connect=self._timeout.connect)
        return outcomes.read_object(*await self._exchange("POST", url, {**route.headers, **own}, file, patience))

    def stream(self, url: URL, token: str | None) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Ask any URL for bytes, once and following nothing; the caller reads them while the block is open.

        Raises aiohttp's own errors. `token` None sends none.
        """
        if self._session is None:
            raise NotSent("the Graph client is not open")
        headers = {"User-Agent": _USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        patience = aiohttp.ClientTimeout(total=None, connect=self._timeout.connect, sock_read=_SILENCE_S)
        return self._session.get(url, headers=headers, allow_redirects=False, timeout=patience)

    async def _call(self, method: str, url: URL, headers: Mapping[str, str], data: bytes | None) -> dict[str, Any]:
        return outcomes.read_object(*await self._exchange(method, url, headers, data, self._timeout))

    async def _exchange(
        self, method: str, url: URL, headers: Mapping[str, str], data: _Body, patience: aiohttp.ClientTimeout
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Do one HTTP exchange. Causes are cut off: their text holds the URL, with proof or token in it."""
        if self._session is None:
            raise NotSent("the Graph client is not open")
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False, timeout=patience
            ) as answer:
                return answer.status, answer.headers, await _read_body(answer)
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise NotSent(f"no connection to Meta: {_name(error)}") from None
        except Unknown:
            raise
        except Exception as error:  # noqa: BLE001  whatever it was, bytes may have left: only `Unknown` is true
            raise Unknown(f"the exchange with Meta broke: {_name(error)}") from None

    def _plan(self, credentials: Credentials) -> _Route:
        token, secret = credentials.token, credentials.app_secret
        proof = {"appsecret_proof": _prove(secret, token)} if secret else {}
        url = URL(f"{self._root}/{credentials.phone_number_id}/messages")
        json_headers = _headers(token, _JSON)
        return _Route(url.with_query(proof) if proof else url, _headers(token), json_headers, proof)


def _prove(secret: str, token: str) -> str:
    return hmac.digest(secret.encode(), token.encode(), "sha256").hex()


def _headers(token: str, content_type: str | None = None) -> Mapping[str, str]:
    """Build all headers but Host and Content-Length once, because they cost time on every send."""
    headers = CIMultiDict(
        {
            "Authorization": f"Bearer {token}",
            "User-Agent": _USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
    )
    if content_type is not None:
        headers["Content-Type"] = content_type
    return CIMultiDictProxy(headers)


async def _read_body(answer: aiohttp.ClientResponse) -> bytes:
    """Read the body up to the limit, counted after decompression."""
    body = await answer.content.readany()
    while not answer.content.at_eof() and len(body) <= _BIGGEST_ANSWER:
        body += await answer.content.readany()
    if len(body) > _BIGGEST_ANSWER:
        raise Unknown(f"HTTP {answer.status} with more than {_BIGGEST_ANSWER} bytes")
    return body


def _require(pattern: str, value: str, message: str) -> None:
    if re.fullmatch(pattern, value) is None:
        raise ValueError(message)


def _name(error: Exception) -> str:
    """Name an exception without its text; `OSError` adds the system's word for it."""
    cause = getattr(error, "os_error", error)
    strerror = cause.strerror if isinstance(cause, OSError) and cause.errno is not None else None
    return f"{type(error).__name__} ({strerror})" if strerror else type(error).__name__
