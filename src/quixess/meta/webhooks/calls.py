"""Calls: who rings whom, and how it ended. What the two phones agree on (SDP) is no business of ours."""

from typing import Any

from quixess.meta.webhooks.items import Call, Object
from quixess.meta.webhooks.reading import Source, Who, digits, identify, objects, seconds, text, user, word

BY_USER = "USER_INITIATED"
BY_BUSINESS = "BUSINESS_INITIATED"


def read(source: Source, call: Any) -> Call:
    """Read one of `calls`."""
    wacid = identify(source, call)
    direction = _direction(source, call)
    theirs = "from" if direction == BY_USER else "to"
    parent = word(call.get(f"{theirs}_parent_user_id"))
    named = word(call.get(theirs))
    phone = digits(named)
    who = user(source, phone, word(call.get(f"{theirs}_user_id")) or (None if phone else named), parent)
    return _call(source, call, wacid, who, event=word(call.get("event")) or "connect", direction=direction)


def read_status(source: Source, status: Object, wacid: str, state: str) -> Call:
    """Read one of `statuses` with the type `call`: they come for calls of the business only."""
    who = user(source, digits(status.get("recipient_id")), word(status.get("recipient_user_id")))
    told = {key: value for key, value in status.items() if key != "status"}
    return _call(source, told, wacid, who, event=state, direction=BY_BUSINESS)


def _direction(source: Source, call: Object) -> str:
    told = (word(call.get("direction")) or "").upper()
    if told in {BY_USER, BY_BUSINESS}:
        return told
    own = source.own_digits
    called, caller = digits(call.get("to")), digits(call.get("from"))
    return BY_BUSINESS if own is not None and caller == own and called != own else BY_USER


def _call(source: Source, call: Object, wacid: str, who: Who, *, event: str, direction: str) -> Call:
    status, duration = word(call.get("status")), digits(call.get("duration"))
    return Call(
        waba_id=source.waba_id,
        phone_number_id=source.phone_number_id,
        display_phone=source.display_phone,
        wacid=wacid,
        event=event.lower(),
        direction=direction,
        timestamp=seconds(call.get("timestamp")),
        user_phone=who.phone,
        user_id=who.user_id,
        parent_user_id=who.parent_user_id,
        username=who.username,
        profile_name=who.name,
        status=status.lower() if status else None,
        started=seconds(call.get("start_time")),
        ended=seconds(call.get("end_time")),
        duration_s=seconds(duration) if duration is not None else None,
        payload=text(call.get("cta_payload")) or text(call.get("deeplink_payload")),
        errors=objects(call.get("errors")) or source.errors,
        raw={key: value for key, value in call.items() if key != "session"},
    )
