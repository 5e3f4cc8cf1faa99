"""The stream of a page: what changed, as Server-Sent Events, while the page is looked at.

A page names its topics in `{% set topics = "messages,events" %}`, one conversation's as `thread:cnv_…`. Three kinds of
frame come of them, all harmless when they come twice:

- **push**: HTML for htmx, `<hx-partial hx-target="…" hx-swap="upsert …">…</hx-partial>`, of a topic whose page
  registered how to write it (`@live.pushes("thread")`); a sort key must be digits: browsers compare their value;
- **invalidate**: the event `live-<topic>` (`live-messages`, `live-thread`), once a second at most: regions with the
  topic in `data-live` fetch themselves anew;
- **count**: the event `badges`, with the numbers of the side bar as JSON.

Each carries the position in the feed as its id. A browser that comes back with `Last-Event-ID` gets what it missed, or
`resync` and every topic invalidated. `live` opens a stream, `waiting` puts it off, `gone` ends it for good.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from quixess.dashboard import shell
from quixess.dashboard.page import Page, Visit
from quixess.database import ids
from quixess.errors import FieldError, QuixessError
from quixess.feed import THREAD, News, Stream, Topic, thread
from quixess.people import Permission, sessions

PATH: Final = "/app/live"

_STREAM = "text/event-stream"
_GONE = b"event: gone\ndata: \n\n"
_BEAT_S = 15.0
_PACE_S = 1.0
_AGAIN_MS, _LATER_MS = 500, 5_000
_MOST_TOPICS = 12
_LINES = re.compile(r"\r\n|\r|\n")
_POSITION = re.compile(r"[0-9]{1,17}")
_NEEDS: Mapping[str, Permission] = {
    Topic.CONVERSATIONS: Permission.READ_INBOX,
    Topic.MESSAGES: Permission.READ_MESSAGES,
    Topic.EVENTS: Permission.READ_EVENTS,
    Topic.ENDPOINTS: Permission.READ_EVENTS,
    Topic.TEMPLATES: Permission.MANAGE_TEMPLATES,
    Topic.KEYS: Permission.MANAGE_KEYS,
    Topic.CONNECTION: Permission.READ_CONNECTION,
    Topic.REQUESTS: Permission.READ_REQUESTS,
    Topic.OVERVIEW: Permission.SEE_OVERVIEW,
    Topic.BADGES: Permission.SEE_OVERVIEW,
    THREAD: Permission.READ_INBOX,
}
_log = structlog.get_logger()

Render = Callable[[Visit, UUID], Awaitable[str | None]]
_RENDERERS: dict[str, Render] = {}


def refuse(error: QuixessError) -> Response:
    """Answer a stream that cannot begin: what is over is over, what is away is waited for, the rest is our mistake."""
    if error.status == 401:
        return Response(_GONE, error.status, media_type=_STREAM)
    if error.status >= 500:
        return Response(_frame("waiting", "", retry_ms=_LATER_MS), error.status, media_type=_STREAM)
    return Response(status_code=error.status)


def pushes(topic: str) -> Callable[[Render], Render]:
    """Register a function that writes what changed of a topic: `thread`, or one of `feed.Topic`.

    It gets the visit and the id of what changed (of a thread: the message), and returns HTML made of `<hx-partial>`;
    None when the page had better fetch itself anew.
    """

    def register(render: Render) -> Render:
        _RENDERERS[topic] = render
        return render

    return register


async def listen(visit: Visit) -> Response:
    """Open the stream of a page.

    The page says by `of` which brand it is about: another tab may have switched the session to another one meanwhile.
    """
    asked = visit.request.query_params
    brand_id = ids.parse("brd", asked.get("of", ""))
    membership = visit.visitor.membership(brand_id or visit.brand_id)
    if membership is None:
        raise QuixessError("brand_not_found", "You do not belong to this brand: ask somebody who does.")
    theirs = Visit(visit.request, visit.desk, visit.visitor, membership.brand, membership.role, inbox=membership.inbox)
    topics = _read_topics(asked.get("topics", ""))
    if not _may_hear(theirs, topics):
        raise QuixessError("role_not_allowed", f"You are {theirs.role} of {theirs.brand.name}: open the page again.")
    if visit.request.method == "HEAD":
        return Response(media_type=_STREAM)
    told = visit.request.headers.get("last-event-id") or asked.get("from", "")
    return _Live(theirs, topics, int(told) if _POSITION.fullmatch(told) else None)


PAGES = (Page("GET", PATH, Permission.SEE_OVERVIEW, listen, title="Live"),)


def _read_topics(text: str) -> frozenset[str]:
    topics = {_read_topic(word) for word in text.split(",") if word}
    if not topics or len(topics) > _MOST_TOPICS or None in topics:
        text = f"Name 1 to {_MOST_TOPICS} topics, such as messages,events."
        raise QuixessError("invalid_request", text, errors=(FieldError(None, "not_allowed", text, parameter="topics"),))
    return frozenset(topic for topic in topics if topic is not None)


def _read_topic(word: str) -> str | None:
    if not word.startswith(THREAD):
        return word if word in set(Topic) else None
    conversation_id = ids.parse("cnv", word.removeprefix(THREAD))
    return None if conversation_id is None else thread(conversation_id)


def _may_hear(visit: Visit, topics: Iterable[str]) -> bool:
    return all(visit.may(_NEEDS[THREAD if topic.startswith(THREAD) else topic]) for topic in topics)


class _Live(StreamingResponse):
    """A stream as an answer: it ends when the browser goes, the process stops, or the visitor may hear no more."""

    def __init__(self, visit: Visit, topics: frozenset[str], position: int | None) -> None:
        headers = {"Cache-Control": "no-store, private", "X-Accel-Buffering": "no"}
        super().__init__((), headers=headers, media_type=_STREAM)
        self._visit = visit
        self._topics = topics
        self._position = position

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        visit = self._visit
        try:
            async with visit.desk.feed.stream(
                visit.brand_id, self._topics, self._position, listener=visit.visitor.person.id
            ) as stream:
                await self._speak(stream, send)
        except QuixessError:  # the database is away, or too many pages are open: the browser comes again
            await _write(send, _frame("waiting", "", retry_ms=_LATER_MS))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _speak(self, stream: Stream, send: Send) -> None:
        clock = asyncio.get_running_loop().time
        voice = _Voice(self._visit, self._topics, clock)
        await _write(send, _frame("live", "", retry_ms=_AGAIN_MS), _id(stream.began))
        beat_at = clock() + _BEAT_S
        while not stream.closed:
            news = await stream.next(min(voice.due_at, beat_at) - clock())
            if clock() >= beat_at:
                if not await _still_may(self._visit, self._topics):
                    await _write(send, _GONE)
                    return
                beat_at = clock() + _BEAT_S
            # What has no data tells nothing: it only keeps the position, and the connection, alive.
            await _write(send, *await voice.say(news), _id(news.position))


class _Voice:
    """Makes frames of news. A topic is invalidated once a second at most, and the last time is never left out."""

    def __init__(self, visit: Visit, topics: frozenset[str], clock: Callable[[], float]) -> None:
        self._visit = visit
        self._topics = topics
        self._clock = clock
        self._stale: set[str] = set()  # topics to invalidate
        self._not_before: dict[str, float] = {}

    @property
    def due_at(self) -> float:
        """When the next topic may be invalidated, by the loop's clock."""
        return min((self._not_before.get(topic, 0.0) for topic in self._stale), default=float("inf"))

    async def say(self, news: News) -> list[bytes]:
        """Write the frames of what changed, and of what had to wait."""
        frames: list[bytes] = []
        if news.stale:
            self._stale |= self._topics
            frames.append(_frame("resync", ""))
        for topic, object_id in news.changes:
            html = await self._push(topic, object_id)
            if html is None:
                self._stale.add(topic)
            elif html:
                frames.append(_frame(None, html))
        now = self._clock()
        for topic in sorted(self._stale):
            if self._not_before.get(topic, 0.0) <= now:
                self._not_before[topic] = now + _PACE_S
                self._stale.discard(topic)
                frames.append(await self._invalidate(topic))
        return frames

    async def _push(self, topic: str, object_id: UUID | None) -> str | None:
        render = _RENDERERS.get(topic.partition(":")[0])
        if render is None or object_id is None:
            return None
        try:
            return await render(self._visit, object_id)
        except QuixessError as error:
            if error.code == "database_unavailable":
                raise
            return None
        except Exception as error:  # noqa: BLE001 - the region fetches itself, and that request tells what is wrong
            _log.error("a change cannot be shown", topic=topic.partition(":")[0], error=type(error).__qualname__)
            return None

    async def _invalidate(self, topic: str) -> bytes:
        if topic != Topic.BADGES:
            return _frame(f"live-{topic.partition(':')[0]}", "")
        visit = self._visit
        look = await shell.look(visit.desk.db, visit.brand_id, inbox=visit.may(Permission.READ_INBOX))
        return _frame("badges", json.dumps(dict(look.badges)))


async def _still_may(visit: Visit, topics: frozenset[str]) -> bool:
    """Ask anew whether the session is alive, and its person may hear of these topics."""
    async with visit.desk.db.statement() as tx:
        if not await sessions.still_open(tx, visit.visitor.session_id, visit.brand_id):
            return False
        memberships = await sessions.memberships_of(tx, visit.visitor.person.id)
    now = next((one for one in memberships if one.brand.id == visit.brand_id), None)
    if now is None:
        return False
    visit.role, visit.inbox = now.role, now.inbox
    return _may_hear(visit, topics)


async def _write(send: Send, *frames: bytes) -> None:
    message: dict[str, Any] = {"type": "http.response.body", "body": b"".join(frames), "more_body": True}
    await send(message)


def _frame(event: str | None, data: str, *, retry_ms: int | None = None) -> bytes:
    """Write one event. Lines end where the browser thinks they do, so that no text can begin a field of its own."""
    lines = [f"event: {event}"] if event is not None else []
    if retry_ms is not None:
        lines.append(f"retry: {retry_ms}")
    lines += [f"data: {line}" for line in _LINES.split(data)]
    return ("\n".join(lines) + "\n\n").encode()


def _id(position: int) -> bytes:
    return f"id: {position}\n\n".encode()
