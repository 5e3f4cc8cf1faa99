"""Webhook values of the field `messages`, in the shape of v24 and later (no `conversation` in statuses)."""

from typing import Any

from quixess.simulator import errors
from quixess.simulator.inbound import Said
from quixess.simulator.model import Category, Direction, Identity, Json, Message, Phone, Tick

MESSAGES = "messages"


def status(identity: Identity, phone: Phone, message: Message, tick: Tick, *, at: float, billed: bool) -> Json:
    """`value` of one status. `at` in Unix seconds; `billed` adds `pricing`, as sent and delivered have it."""
    entry: Json = {"id": message.wamid, "status": tick.value, "timestamp": str(int(at))} | recipient(phone)
    if message.opaque is not None:
        entry["biz_opaque_callback_data"] = message.opaque
    if billed:
        entry["pricing"] = pricing(message)
    if tick is Tick.FAILED and message.error is not None:
        entry["errors"] = [errors.failure(message.error)]
    return statuses(identity, phone, entry)


def statuses(identity: Identity, phone: Phone | None, entry: Json) -> Json:
    """Put one status into a value. People with a user id stand in `contacts`, except when the message failed."""
    if phone is None or phone.user_id is None or entry["status"] == Tick.FAILED:
        return value(identity, statuses=[entry])
    return value(identity, contacts=[contact(phone)], statuses=[entry])


def inbound(identity: Identity, phone: Phone, message: Message, said: Said, quoted: Message | None) -> Json:
    """`value` of what a customer did; `quoted` is the message they answer."""
    told = sender(phone) | {"id": message.wamid, "timestamp": str(int(message.at))}
    if said.content is not None:
        told[said.type] = said.content
    told |= {"type": said.type} | said.beside
    context = _context(identity, said.beside.get("context"), quoted)
    if context is not None:
        told["context"] = context
    people = {} if _without_contacts(said) else {"contacts": [contact(phone)]}
    apart = {"errors": said.errors} if said.errors else {}
    return value(identity, **people, messages=[told], **apart)


def value(identity: Identity, **content: Any) -> Json:
    """Put content into a value that names the business number, as all fields about chats have it."""
    metadata = {
        "display_phone_number": identity.display_phone_number,
        "phone_number_id": identity.phone_number_id,
    }
    return {"messaging_product": "whatsapp", "metadata": metadata} | content


def contact(phone: Phone) -> Json:
    """One of `contacts[]`: the profile, and what Meta tells of who it is."""
    profile = {"name": phone.name} | ({"username": phone.username} if phone.username else {})
    known: Json = {"profile": profile}
    if not phone.hide_phone:
        known["wa_id"] = phone.number
    if phone.user_id is not None:
        known["user_id"] = phone.user_id
    if phone.parent_user_id is not None:
        known["parent_user_id"] = phone.parent_user_id
    return known


def sender(phone: Phone) -> Json:
    """Who writes or calls."""
    known: Json = {} if phone.hide_phone else {"from": phone.number}
    if phone.user_id is not None:
        known["from_user_id"] = phone.user_id
    if phone.parent_user_id is not None:
        known["from_parent_user_id"] = phone.parent_user_id
    return known


def recipient(phone: Phone) -> Json:
    """Whom a status is about."""
    known: Json = {} if phone.hide_phone else {"recipient_id": phone.number}
    if phone.user_id is not None:
        known["recipient_user_id"] = phone.user_id
    if phone.parent_user_id is not None:
        known["parent_recipient_user_id"] = phone.parent_user_id
    return known


def pricing(message: Message | None) -> Json:
    """Price a message; one that was never sent by the API is an answer, which is free."""
    category = message.category if message else None
    free = category is None or (category is Category.UTILITY and message is not None and message.in_window)
    return {
        "billable": not free,
        "pricing_model": "PMP",
        "category": category.value.lower() if category else "service",
        "type": "free_customer_service" if free else "regular",
    }


def _context(identity: Identity, given: Json | None, quoted: Message | None) -> Json | None:
    if quoted is not None:
        ours = quoted.direction is Direction.OUTBOUND
        author = identity.display_phone_number if ours else quoted.phone
        return {"from": author, "id": quoted.wamid} | (given or {})
    if given and "id" in given:
        return {"from": identity.display_phone_number} | given
    return given


def _without_contacts(said: Said) -> bool:
    """Meta tells of a changed number or user id without `contacts`."""
    return said.type == "system" and str((said.content or {}).get("type", "")).startswith("user_changed")
