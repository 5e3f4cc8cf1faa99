"""Meta's webhooks: is it really Meta, and what happened, one item at a time.

One body may hold 1000 updates of several accounts, and Meta batches a repeated one differently. So items are
read one by one, and one that makes no sense is put aside without spoiling its siblings.
"""

from quixess.meta.webhooks.envelope import parse
from quixess.meta.webhooks.items import (
    Call,
    Echo,
    HistoryMessage,
    InboundMessage,
    Item,
    MalformedBody,
    Object,
    OtherChange,
    Parsed,
    Preference,
    Said,
    StatusUpdate,
)
from quixess.meta.webhooks.signature import challenge, verify

__all__ = [
    "Call",
    "Echo",
    "HistoryMessage",
    "InboundMessage",
    "Item",
    "MalformedBody",
    "Object",
    "OtherChange",
    "Parsed",
    "Preference",
    "Said",
    "StatusUpdate",
    "challenge",
    "parse",
    "verify",
]
