"""Cuts a TCP connection in the middle of a request, so that the caller gets a reset and no answer.

ASGI has no message for that. The server runs `AbortableProtocol`, which puts a way to do it into the scope.
"""

import socket
import struct

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "quixess.abort"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class AbortableProtocol(HttpToolsProtocol):
    """Uvicorn's own protocol; each request's scope can also abort the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self._abort}}

    def _abort(self) -> None:
        """Zero linger makes the kernel send RST instead of a polite FIN."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()


class Reset(Response):
    """A response that is none: the connection is gone when it has been sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        scope["extensions"][EXTENSION]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            pass
