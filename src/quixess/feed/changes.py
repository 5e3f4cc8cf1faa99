"""Changes: what is told, and the topics under which pages hear of it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final
from uuid import UUID

from quixess.database.core import Tx

# Brand, kind, object, and the object that it is within, as `tell` notes them; `Heard` is the same without the brand.
Change = tuple[UUID, str, UUID | None, UUID | None]
Heard = tuple[str, UUID | None, UUID | None]
# A topic, and what of it changed; None for all of it.
Topical = tuple[str, UUID | None]


class Kind(StrEnum):
    """What something that changed is."""

    MESSAGE = "message"
    CONVERSATION = "conversation"
    EVENT = "event"
    ENDPOINT = "endpoint"
    TEMPLATE = "template"
    KEY = "key"
    CONNECTION = "connection"
    REQUEST = "request"
    NOTE = "note"


class Topic(StrEnum):
    """What a page may ask to hear of. One conversation's is `thread(…)`."""

    CONVERSATIONS = "conversations"
    MESSAGES = "messages"
    EVENTS = "events"
    ENDPOINTS = "endpoints"
    TEMPLATES = "templates"
    KEYS = "keys"
    CONNECTION = "connection"
    REQUESTS = "requests"
    OVERVIEW = "overview"
    BADGES = "badges"


THREAD: Final = "thread:"
# Stands for so many changes that they are not told one by one, or for some that were lost.
MANY: Final = "many"

_OBJECTS = {
    Kind.EVENT: Topic.EVENTS,
    Kind.ENDPOINT: Topic.ENDPOINTS,
    Kind.TEMPLATE: Topic.TEMPLATES,
    Kind.KEY: Topic.KEYS,
    Kind.CONNECTION: Topic.CONNECTION,
    Kind.REQUEST: Topic.REQUESTS,
}
_ON_OVERVIEW = frozenset({Kind.EVENT, Kind.ENDPOINT, Kind.KEY, Kind.CONNECTION})


def tell(tx: Tx, brand_id: UUID, kind: Kind, object_id: UUID | None, *, within: UUID | None = None) -> None:
    """Tell the pages that watch a brand that something of it is new or changed, once `tx` has committed.

    A message or a note is told `within` its conversation; without an object it is some or all of its kind. Costs next
    to nothing, more so while nobody watches; many changes of one object in a moment are told once. It is a hint that
    may get lost, never the truth.
    """
    tx.news.append((brand_id, kind, object_id, within))


def thread(conversation_id: UUID) -> str:
    """Name the topic of one conversation: its messages, and what becomes of them."""
    return f"{THREAD}{conversation_id}"


def topics_of(heard: Heard) -> Iterator[Topical]:
    """List the topics that a change belongs to, and what of each it is. A kind that a newer version tells has none."""
    kind, object_id, within = heard
    if kind == Kind.MESSAGE:
        yield Topic.MESSAGES, object_id
        yield Topic.OVERVIEW, None
        if within is not None:
            yield Topic.CONVERSATIONS, within
            yield Topic.BADGES, None
            yield thread(within), object_id
    elif kind == Kind.CONVERSATION:
        yield Topic.CONVERSATIONS, object_id
        yield Topic.BADGES, None
        if object_id is not None:
            yield thread(object_id), None
    elif kind == Kind.NOTE and within is not None:
        yield thread(within), object_id
    elif kind in _OBJECTS:
        yield _OBJECTS[Kind(kind)], object_id
        if kind in _ON_OVERVIEW:
            yield Topic.OVERVIEW, None
