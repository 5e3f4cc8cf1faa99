"""Webhook values in the shape of v24 and later (no `conversation` in statuses)."""

from typing import Any

from quixess.simulator import errors
from quixess.simulator.model import Category, Identity, Json, Message, Template, Tick

STATUS_FIELD = "messages"
TEMPLATE_FIELD = "message_template_status_update"


def status(identity: Identity, message: Message, tick: Tick, *, at: float, billed: bool) -> Json:
    """`value` of one status. `at` in Unix seconds; `billed` adds `pricing`, as sent and delivered have it."""
    entry: Json = {
        "id": message.wamid,
        "status": tick.value,
        "timestamp": str(int(at)),
        "recipient_id": message.phone,
    }
    if message.opaque is not None:
        entry["biz_opaque_callback_data"] = message.opaque
    if billed:
        entry["pricing"] = _pricing(message)
    if tick is Tick.FAILED and message.error is not None:
        entry["errors"] = [errors.failure(message.error)]
    return _value(identity, statuses=[entry])


def inbound(identity: Identity, message: Message, name: str) -> Json:
    """`value` of one text from a customer, with their profile name."""
    text = {
        "from": message.phone,
        "id": message.wamid,
        "timestamp": str(int(message.at)),
        "text": {"body": message.text},
        "type": "text",
    }
    contacts = [{"profile": {"name": name}, "wa_id": message.phone}]
    return _value(identity, contacts=contacts, messages=[text])


def template_status(template: Template) -> Json:
    """`value` of a template's new status. The id is a JSON number here, and text everywhere else."""
    return {
        "event": template.status.value,
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "reason": template.rejected_reason,
        "message_template_category": template.category.value,
    }


def _value(identity: Identity, **content: Any) -> Json:
    metadata = {
        "display_phone_number": identity.display_phone_number,
        "phone_number_id": identity.phone_number_id,
    }
    return {"messaging_product": "whatsapp", "metadata": metadata} | content


def _pricing(message: Message) -> Json:
    free = message.category is None or (message.in_window and message.category is Category.UTILITY)
    return {
        "billable": not free,
        "pricing_model": "PMP",
        "category": message.category.value.lower() if message.category else "service",
        "type": "free_customer_service" if free else "regular",
    }
