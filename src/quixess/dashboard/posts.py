"""Posts: an event as an endpoint gets it, attempt by attempt, with the headers that sign it, and as a command.

Nothing of a POST is kept but its time and its answer. The bytes and the signature are made once more from the same
parts, so they are those that were sent, as long as the endpoint's secret is the same.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from quixess.dashboard.page import Visit
from quixess.dashboard.rendering import lasts
from quixess.database import ids
from quixess.events import envelope
from quixess.events.directory import Entry
from quixess.events.listing import Attempt, Listed, Story, Way
from quixess.people import Permission

_HIDDEN = "•••"
_PHRASES = {one.value: one.phrase for one in HTTPStatus}
_FAULTS = {
    "dns_error": "The host has no address",
    "blocked": "The address is not allowed",
    "connect_timeout": "No connection in time",
    "connect_error": "No connection",
    "tls_error": "The certificate does not fit",
    "timeout": "No answer in time",
    "reset": "Closed before the answer was whole",
    "invalid_response": "The answer is not HTTP",
    "too_large": "Too many headers",
    "redirect": "Redirects are not followed",
}


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt as people see it. `gap` is how long after the one before at the same delivery it was made."""

    attempt: Attempt
    head: str
    says: str
    tone: str
    gap: str
    answer: str
    replay: bool


@dataclass(frozen=True, slots=True)
class Post:
    """What an endpoint got with the latest attempt. `headers` are those that Quixess signs, and the tenant's own."""

    name: str
    url: str
    headers: Mapping[str, str]
    body: str
    curl: str


def describe(visit: Visit, story: Story, entries: Sequence[Entry], names: Mapping[UUID, str]) -> Mapping[str, Any]:
    """Give what is shown of an event: its tries by endpoint, and each endpoint's latest post.

    What was sent, and what was answered to it, is for who may read messages.
    """
    private = visit.may(Permission.READ_MESSAGES)
    known = {one.endpoint.id: one for one in entries}
    replayed = {one.delivery_id for one in story.ways if one.replay}
    tries: dict[UUID, list[Tried]] = {}
    for before, one in _in_pairs(story.attempts):
        tried = _tried(one, before, replay=one.delivery_id in replayed, answer=private)
        tries.setdefault(one.endpoint_id, []).append(tried)
    latest = {one.endpoint_id: one for one in story.attempts}
    takers = _takers(story, entries)
    return {
        "tries": [(names.get(one, "A removed endpoint"), told) for one, told in tries.items()],
        "standing_ways": _standing(story.ways),
        "posts": [
            _post(visit, story, known[one], names[one], attempt, replay=attempt.delivery_id in replayed)
            for one, attempt in latest.items()
            if private and one in known and story.event is not None
        ],
        "takers": takers,
        "targets": [(ids.show("end", one.endpoint.id), names[one.endpoint.id]) for one in takers],
    }


def _standing(ways: Sequence[Way]) -> Sequence[Way]:
    """Give the latest delivery to each endpoint."""
    return list({one.endpoint_id: one for one in ways}.values())


def _takers(story: Story, entries: Sequence[Entry]) -> Sequence[Entry]:
    """List the endpoints that would get it if it were delivered again."""
    if story.event is None:
        return []
    kind = story.event.type
    return [one for one in entries if one.endpoint.url is not None and one.endpoint.wants(kind)]


def _in_pairs(attempts: Sequence[Attempt]) -> list[tuple[Attempt | None, Attempt]]:
    """Put before each attempt the one before it at the same delivery."""
    last: dict[UUID, Attempt] = {}
    found = []
    for one in attempts:
        found.append((last.get(one.delivery_id), one))
        last[one.delivery_id] = one
    return found


def _tried(one: Attempt, before: Attempt | None, *, replay: bool, answer: bool) -> Tried:
    phrase = "" if one.status is None else _PHRASES.get(one.status, "")
    head = str(one.status) if one.status is not None else (one.fault or "").replace("_", " ")
    says = _FAULTS.get(one.fault or "", phrase) or phrase
    gap = "" if before is None else f"+{lasts((one.started_at - before.started_at).total_seconds())}"
    tone = "ok" if one.fault is None else "bad"
    text = (one.excerpt or b"").decode("utf-8", "replace") if answer else ""
    return Tried(one, head, says, tone, gap, text, replay)


def _post(visit: Visit, story: Story, entry: Entry, name: str, attempt: Attempt, *, replay: bool) -> Post:
    event: Listed = story.event  # type: ignore[assignment]  # the caller looked
    endpoint = entry.endpoint
    body = envelope.write(
        event.id,
        event.type,
        visit.brand_id,
        story.data or "null",
        occurred_at=event.occurred_at,
        delivered_at=attempt.started_at,
    )
    signed = envelope.sign(body, event_id=event.id, kind=event.type, at=attempt.started_at, secrets=endpoint.secrets)
    if replay:
        signed["X-Quixess-Replay"] = "true"
    headers = {**dict.fromkeys(endpoint.headers, _HIDDEN), **signed}
    return Post(name, endpoint.url or "", headers, body.decode(), _curl(endpoint.url or "", headers, body.decode()))


def _curl(url: str, headers: Mapping[str, str], body: str) -> str:
    """Write a POST as a command that a shell takes as it is."""
    parts = [f"curl -X POST {shlex.quote(url)}"]
    parts += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    parts.append(f"--data-binary {shlex.quote(body)}")
    return " \\\n  ".join(parts)
