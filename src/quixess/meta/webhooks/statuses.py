"""Statuses: what became of a message, and of a call that the business makes, which Meta reports side by side."""

from typing import Any

from quixess.meta.webhooks import calls
from quixess.meta.webhooks.items import Call, Object, StatusUpdate
from quixess.meta.webhooks.reading import Source, Unreadable, digits, identify, objects, seconds, word


def read(source: Source, status: Any) -> StatusUpdate | Call:
    """Read one of `statuses`."""
    wamid = identify(source, status)
    state = word(status.get("status"))
    if state is None:
        raise Unreadable("without a status")
    if status.get("type") == "call":
        return calls.read_status(source, status, wamid, state)
    in_group = status.get("recipient_type") == "group"
    phone, user_id = _recipient(source, status, in_group=in_group)
    pricing, conversation = status.get("pricing"), status.get("conversation")
    return StatusUpdate(
        waba_id=source.waba_id,
        phone_number_id=source.phone_number_id,
        wamid=wamid,
        status=state,
        timestamp=seconds(status.get("timestamp")),
        recipient_phone=phone,
        recipient_user_id=user_id,
        participant=phone or user_id if in_group else None,
        opaque=word(status.get("biz_opaque_callback_data")),
        errors=objects(status.get("errors")),
        pricing=pricing if type(pricing) is dict else None,
        conversation=conversation if type(conversation) is dict else None,
        raw=status,
    )


def _recipient(source: Source, status: Object, *, in_group: bool) -> tuple[str | None, str | None]:
    named = status.get("recipient_participant_id" if in_group else "recipient_id")
    phone, user_id = digits(named), word(status.get("recipient_user_id"))
    if in_group and phone is None:
        user_id = user_id or word(status.get("recipient_participant_user_id")) or word(named)
    contact = source.contacts.get(phone) or source.contacts.get(user_id) or {}
    return phone or digits(contact.get("wa_id")), user_id or word(contact.get("user_id"))
