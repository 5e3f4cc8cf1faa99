"""A webhook's body: which changes share a value, which share an entry, and the signature over the bytes."""

import hashlib
import hmac
from itertools import groupby

import msgspec

from quixess.simulator import encoding
from quixess.simulator.model import Change, Json

_CHANGES_PER_ENTRY = 2
_CHAT_FIELDS = {"calls", "history", "messages", "smb_app_state_sync", "smb_message_echoes", "user_preferences"}


def body(changes: list[Change]) -> bytes:
    """Put changes into one body, in several entries of up to two each."""
    entries = [
        _entry(account, some[at : at + _CHANGES_PER_ENTRY])
        for account, some in ((key, list(group)) for key, group in groupby(_fold(changes), _account))
        for at in range(0, len(some), _CHANGES_PER_ENTRY)
    ]
    return encoding.webhook({"object": "whatsapp_business_account", "entry": entries})


def sign(app_secret: str, raw: bytes) -> dict[str, str]:
    """Meta's signature headers: `X-Hub-Signature-256`, and the older SHA-1 one."""
    key = app_secret.encode()
    return {
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest(),
        "X-Hub-Signature": "sha1=" + hmac.new(key, raw, "sha1").hexdigest(),
    }


def _fold(changes: list[Change]) -> list[Change]:
    """Join neighbouring statuses two by two, so that all three arrays of a batch hold more than one."""
    folded: list[Change] = []
    for change in changes:
        before = folded[-1] if folded else None
        if before and _lone_status(before) and _lone_status(change) and _same_number(before, change):
            folded[-1] = msgspec.structs.replace(before, value=_joined(before.value, change.value))
        else:
            folded.append(change)
    return folded


def _lone_status(change: Change) -> bool:
    return change.field == "messages" and len(change.value.get("statuses", ())) == 1


def _same_number(one: Change, other: Change) -> bool:
    return bool(one.value.get("metadata") == other.value.get("metadata"))


def _joined(one: Json, other: Json) -> Json:
    both = one | {"statuses": one["statuses"] + other["statuses"]}
    people = one.get("contacts", []) + [new for new in other.get("contacts", []) if new not in one.get("contacts", [])]
    return both | ({"contacts": people} if people else {})


def _account(change: Change) -> str:
    return change.account


def _entry(account: str, changes: list[Change]) -> Json:
    entry: Json = {"id": account}
    if any(change.field not in _CHAT_FIELDS for change in changes):
        entry["time"] = changes[0].at
    return entry | {"changes": [{"value": one.value, "field": one.field} for one in changes]}
