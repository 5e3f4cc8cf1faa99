"""The envelope: entries of accounts, changes of fields, and the items in them, each read by itself.

A change is read by its field and, where the field is missing, by its keys: some of Meta's own examples misplace
one. What no reader takes stays an `OtherChange`, so that nothing Meta sends is lost.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from quixess.meta.webhooks import calls, messages, preferences, statuses
from quixess.meta.webhooks.items import Item, MalformedBody, Object, OtherChange, Parsed
from quixess.meta.webhooks.reading import Source, Unreadable, as_object, seconds, source, word

_Reader = Callable[[Source, Any], Item]

# Field → the lists in its value, each with the reader of one item.
_READERS: dict[str, dict[str, _Reader]] = {
    "messages": {"messages": messages.read_inbound, "statuses": statuses.read},
    "calls": {"calls": calls.read, "statuses": statuses.read},
    "smb_message_echoes": {"message_echoes": messages.read_echo},
    "history": {"messages": lambda source, message: messages.read_past(source, message, None)},
    "user_preferences": {"user_preferences": preferences.read},
}
_FIELD_OF_KEY = {
    "calls": "calls",
    "message_echoes": "smb_message_echoes",
    "history": "history",
    "user_preferences": "user_preferences",
    "messages": "messages",
    "statuses": "messages",
}
_BESIDE = frozenset({"messaging_product", "metadata", "contacts", "errors", "field"})
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def parse(raw: bytes) -> Parsed:
    """Read one webhook body into a flat list of items. Raises `MalformedBody` only."""
    parsed = Parsed([], [])
    try:
        for entry in _entries(raw):
            _read_entry(entry, parsed)
    except RecursionError:
        raise MalformedBody("the body is nested too deeply") from None
    return parsed


def _entries(raw: bytes) -> list[Any]:
    try:
        body = _decode(raw)
    except ValueError:  # msgspec's own error, and UnicodeDecodeError which it lets through
        body = _decode_mended(raw)
    entries = body.get("entry") if type(body) is dict else None
    if type(entries) is not list:
        raise MalformedBody("the body has no list of entries")
    return entries


def _decode_mended(raw: bytes) -> Any:
    r"""Read a body with half an emoji in it, as a name cut after `\ud83d` leaves it; the half becomes a `?`."""
    try:
        text = json.dumps(json.loads(raw.decode()), ensure_ascii=False)
        return _decode(text.encode("utf-8", "replace"))
    except ValueError:
        raise MalformedBody("the body is not JSON") from None


def _read_entry(entry: Any, parsed: Parsed) -> None:
    told = as_object(entry)
    changes = told.get("changes")
    if type(changes) is dict:
        changes = [changes]
    elif changes is None and type(told.get("value")) is dict:
        changes = [told]
    if type(changes) is not list:
        parsed.problems.append(_problem("an entry without changes", entry))
        return
    waba_id, time = word(told.get("id")) or "", seconds(told.get("time"))
    for change in changes:
        value = change.get("value") if type(change) is dict else None
        if type(value) is not dict:
            parsed.problems.append(_problem("a change without a value", change))
            continue
        field = word(change.get("field")) or word(value.get("field")) or _field_of(value)
        _read_change(waba_id, field, time, value, parsed)


def _field_of(value: Object) -> str:
    """Tell the field of a change that does not, by the list it holds."""
    if type(value.get("metadata")) is not dict:
        return ""
    return next((field for key, field in _FIELD_OF_KEY.items() if key in value), "")


def _read_change(waba_id: str, field: str, time: int, value: Object, parsed: Parsed) -> None:
    readers = _READERS.get(field)
    if readers is None:
        parsed.items.append(_other(waba_id, field, time, value))
        return
    shared, before = source(waba_id, value), len(parsed.items)
    for key, read in readers.items():
        _read_list(shared, key, value.get(key), read, parsed)
    rest = {key: part for key, part in value.items() if key not in readers}
    if field == "history":
        rest["history"] = _read_history(shared, value.get("history"), parsed)
    told = {key for key, part in rest.items() if key not in _BESIDE and part}
    if rest.get("errors") and not any(_carries(item, shared) for item in parsed.items[before:]):
        told.add("errors")
    if told or not any(value.get(key) for key in (*readers, "history")):
        parsed.items.append(_other(waba_id, field, time, rest))


def _read_list(shared: Source, key: str, found: Any, read: _Reader, parsed: Parsed) -> None:
    if type(found) is not list:
        if found is not None:
            parsed.problems.append(_problem(f"{key} that are no list", found))
        return
    for item in found:
        try:
            parsed.items.append(read(shared, item))
        except Unreadable as reason:
            parsed.problems.append(_problem(f"{key}: one {reason}", item))


def _read_history(shared: Source, told: Any, parsed: Parsed) -> list[Any]:
    """Read the threads of `history` and return the parts that only say why there are none."""
    refusals = []
    for part in told if type(told) is list else [told] if told is not None else []:
        if as_object(part).get("errors"):
            refusals.append(part)
            continue
        try:
            threads = messages.threads_of(part)
        except Unreadable as reason:
            parsed.problems.append(_problem(f"history: one {reason}", part))
            continue
        for thread, said in threads:
            _read_list(shared, "messages", said, _past_of(thread), parsed)
    return refusals


def _past_of(thread: str | None) -> _Reader:
    return lambda source, message: messages.read_past(source, message, thread)


def _carries(item: Item, shared: Source) -> bool:
    """Tell whether an item took the errors of its change: they say why it has no content, or how a call failed."""
    return bool(shared.errors) and getattr(item, "errors", None) is shared.errors


def _other(waba_id: str, field: str, time: int, value: Object) -> OtherChange:
    number = word(as_object(value.get("metadata")).get("phone_number_id"))
    return OtherChange(waba_id=waba_id, field=field, phone_number_id=number, value=value, time=time)


def _problem(reason: str, item: Any) -> str:
    return f"{reason}: {_encode(item).decode()}"
