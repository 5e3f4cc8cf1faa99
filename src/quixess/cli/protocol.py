"""The server's protocol with an end to its patience: uvicorn waits for ever for a head that is never finished.

Without it a few thousand connections that send a header now and then take every socket of the process (Slowloris), and
as many that ask and never read keep what was written for them (slow read).
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quixess.api import problem
from quixess.database import ids
from quixess.errors import QuixessError


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's own, bounded where it is not: heads without an end, bodies after their answer, answers nobody reads.

    A head must be whole `head_s` seconds after its first byte, the first byte of a connection must come in `first_s`:
    else the answer is 408 `request_timeout`. A body whose answer was sent must end in `rest_s`, else the connection is
    closed. Who has an answer to read must take some of it every `read_s`. Between two requests uvicorn's own keep-alive
    time counts.
    """

    first_s = 20.0
    head_s = 10.0
    rest_s = 30.0
    read_s = 60.0

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _in_head = False
    _in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait(self.first_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._rest()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first ones between two messages begin a head, whatever they are."""
        if not self._in_body:
            self._begin_head()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Note the beginning of a head; a pipelined one begins in the middle of the bytes at hand."""
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        """Note that the head is whole."""
        self._in_head, self._in_body = False, True
        self._rest()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the body is over."""
        self._in_body = False
        self._rest()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait no longer than `rest_s` for a body that nobody reads any more."""
        super().on_response_complete()
        if self._in_body and not self.transport.is_closing():
            self._wait(self.rest_s, self.transport.close)

    def pause_writing(self) -> None:
        """Begin to watch that what is written is read."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Stop watching: enough was read."""
        super().resume_writing()
        self._stop_watching()

    def _watch(self, unread: int) -> None:
        self._stop_watching()
        self._unread = self.loop.call_later(self.read_s, self._look_at_reader, unread)

    def _look_at_reader(self, before: int) -> None:
        if (unread := self.transport.get_write_buffer_size()) < before:
            self._watch(unread)
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _begin_head(self) -> None:
        if not self._in_head:
            self._in_head = True
            self._wait(self.head_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            # The answer to the request before is still being made; until then the rest of the head may lie unread.
            self._wait(self.head_s, self._head_is_late)
            return
        detail = f"The headers did not arrive within {self.head_s:g} seconds. Send the request again."
        error = QuixessError("request_timeout", detail)
        _, headers, body = problem.render(error, ids.show("req", ids.new()), [(b"connection", b"close")])
        lines = [b"HTTP/1.1 408 Request Timeout", *(b": ".join(pair) for pair in headers), b"", body]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._rest()
        self._timer = self.loop.call_later(seconds, then)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
