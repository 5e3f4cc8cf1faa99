"""What is said over the management API, by example: for each endpoint what it does, a body and an answer.

Tests hold each example against the structs, and see that no endpoint of the table is without.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """An endpoint in use: what to know of it, bodies by name, the answer, and the status that comes with it."""

    description: str = ""
    examples: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = None
    status: int = 200


NOTHING = Said()

_AT = "2026-05-15T09:58:11.204Z"
_CONNECTION = "con_01KAR3TZW4F3N9R5V8X0Z2C4E6"
_APP, _WABA, _NUMBER = "1234567890123456", "102290129340398", "106540352242922"
_WEBHOOK = {"url": "https://shop.example/webhooks/quixess", "event_types": ["message.received", "message.failed"]}
_PASTED = {
    "app_id": _APP,
    "app_secret": "0123456789abcdef0123456789abcdef",
    "waba_id": _WABA,
    "phone_number_id": _NUMBER,
    "access_token": "EAAG_YOUR_TOKEN",
}
_MADE = {
    "id": _CONNECTION,
    "display_phone": "+15550783881",
    "verified_name": "Bordercart",
    "registered": True,
    "callback_url": f"https://wa.shop.example/webhooks/meta/{_APP}",
    "verify_token": None,
    "endpoint_id": "end_01KAR3TZY0K5Q1T7X0Z2B4D6F8",
    "endpoint_secret": "whsec_SHOWN_THIS_ONCE",
    "templates": 14,
}
_SHOWN = {
    "id": _CONNECTION,
    "app_id": _APP,
    "waba_id": _WABA,
    "phone_number_id": _NUMBER,
    "display_phone": "+15550783881",
    "verified_name": "Bordercart",
    "state": "active",
    "state_reason": None,
    "sends": True,
    "token_last4": "9Zd1",
    "token_expires_at": "2026-07-14T08:00:00.000Z",
    "quality": "GREEN",
    "number_status": "CONNECTED",
    "name_status": "APPROVED",
    "throughput": "STANDARD",
    "messaging_limit": "TIER_2K",
    "webhook_seen_at": _AT,
    "templates_synced_at": _AT,
    "created_at": "2026-05-15T09:12:40.871Z",
    "updated_at": _AT,
}
_BODY = {
    "type": "BODY",
    "text": "Hello {{1}}, your order {{2}} is being prepared.",
    "example": {"body_text": [["Ann", "A-1001"]]},
}
_DRAFT = {"name": "order_update", "language": "en_US", "category": "UTILITY", "components": [_BODY]}
_TEMPLATE = {
    "id": "tpl_01KAR3TZX8E2M8Q4T7W9Y1B3D5",
    "meta_template_id": "594425479261596",
    "name": "order_update",
    "language": "en_US",
    "category": "UTILITY",
    "status": "PENDING",
    "quality": None,
    "rejected_reason": None,
    "parameter_format": "POSITIONAL",
    "components": [_BODY],
    "parameters": {
        "header": [],
        "body": [
            {"name": "1", "type": "text", "required": True, "example": "Ann"},
            {"name": "2", "type": "text", "required": True, "example": "A-1001"},
        ],
        "buttons": [],
        "raw": [],
    },
    "updated_at": _AT,
}
_NAMED = {"name": "order_update", "languages": [_TEMPLATE]}
_TAKEN = {"template": _TEMPLATE, "asked_category": "UTILITY", "warnings": []}
_BREACH = {
    "pointer": "/components/0/example",
    "rule": "example_required",
    "detail": "Give `example.body_text`: Meta reviews with it.",
    "blocks": True,
}
_CHECKS = [
    {"name": "number", "state": "pass", "said": "The number is registered and connected.", "fix": None, "since": None},
    {
        "name": "token",
        "state": "warn",
        "said": "The access token is valid and ends in 6 days.",
        "fix": "Make a new token with both permissions: `quixess connection reconnect --token-file FILE`.",
        "since": None,
    },
]
_BLOCKED = "The name is blocked for 30 days in what went."

SAID: Mapping[str, Said] = {
    "connect": Said(
        "Everything is proved at Meta first, then set up there, then kept here in one transaction: after an error no "
        "connection is there. With `webhook` the brand gets an endpoint, whose signing secret is in this answer only. "
        "`verify_token` is null unless the webhooks are to be set up by hand.",
        {"a number": _PASTED, "with PIN and webhook": _PASTED | {"pin": "482913", "webhook": _WEBHOOK}},
        _MADE,
        201,
    ),
    "sign_up": Said(
        "Post the code at once: it lives 30 seconds and works once. The ids come from a browser, and are believed only "
        "when Meta says that the new token is for them. The app must be known already.",
        {
            "a code": {
                "app_id": _APP,
                "code": "AQ_YOUR_CODE",
                "waba_id": _WABA,
                "phone_number_id": _NUMBER,
                "pin": "482913",
            },
            "a number that stays on the phone": {
                "app_id": _APP,
                "code": "AQ_YOUR_CODE",
                "waba_id": _WABA,
                "phone_number_id": _NUMBER,
                "on_phone": True,
            },
        },
        _MADE | {"endpoint_id": None, "endpoint_secret": None},
        201,
    ),
    "list_connections": Said("Oldest first, those that ended included.", answer={"data": [_SHOWN]}),
    "show_connection": Said("Of the token the last four characters are shown.", answer=_SHOWN),
    "connection_health": Said(
        "Each check is made now, some by asking Meta: give it some seconds. `state` is that of the worst check; "
        "`fix` tells what to do. `quixess doctor` makes the same checks.",
        answer={"id": _CONNECTION, "state": "warn", "checks": _CHECKS},
    ),
    "disconnect": Said(
        "Sends stop at once. The app is taken off the account when this was its last number here; `unsubscribed` is "
        "null while other numbers need it, and false when Meta did not do it: do it in Meta's settings then.",
        answer={"id": _CONNECTION, "state": "disconnected", "unsubscribed": True},
    ),
    "reconnect": Said(
        "An empty object tries the token that is kept; give a new one when Meta no longer takes it.",
        {"the token that is kept": {}, "a new token": {"access_token": "EAAG_YOUR_TOKEN"}},
        _MADE | {"endpoint_id": None, "endpoint_secret": None},
    ),
    "send_from": Said(
        "One number of a brand sends its codes and templates: the one that was chosen last, the oldest while none was. "
        "Replies go out by the number that the customer wrote to. A number that is disconnected can be chosen again "
        "when it is back.",
        answer=_SHOWN,
    ),
    "change_pin": Said(
        "Meta asks for no old PIN, the access token is enough. The new one is kept sealed and used when the number has "
        "to be registered again. After `upstream_unavailable` the number may have either: make the same call again.",
        {"a new PIN": {"pin": "139254"}},
        _SHOWN,
    ),
    "rotate_app_secret": Said(
        "Reset the secret at Meta first: it is tried there. Webhooks signed by the old one are taken for "
        "`overlap_hours` more. It holds for all connections of the app.",
        {"a new secret": {"app_secret": "fedcba9876543210fedcba9876543210", "overlap_hours": 24}},
        {"app_id": _APP, "changed": True},
    ),
    "manage_list_templates": Said(
        "By the alphabet, in pages: `after` of the next one is `next_after`.",
        answer={"data": [_NAMED], "next_after": None, "synced_at": _AT},
    ),
    "manage_get_template": Said("From the cache, as Meta told of it last.", answer=_NAMED),
    "list_template_presets": Said(
        "Each `template` can be submitted as it is, or put into your own words first.",
        answer={
            "data": [
                {
                    "id": "order_update",
                    "summary": "An order is being prepared.",
                    "needs_apps": False,
                    "template": _DRAFT,
                }
            ]
        },
    ),
    "check_template": Said(
        "A finding that does not block is a warning: Meta may yet object.",
        {
            "without an example": _DRAFT
            | {"components": [{"type": "BODY", "text": "Hello {{1}}, your order is being prepared."}]}
        },
        {"ok": False, "findings": [_BREACH]},
    ),
    "preview_template": Said(
        "Variables are filled with their examples. The words of a one-time code are Meta's: it is asked for them.",
        {"a template": _DRAFT},
        {
            "content": {"body": "Hello Ann, your order A-1001 is being prepared."},
            "text": "Hello Ann, your order A-1001 is being prepared.",
        },
    ),
    "manage_sync_templates": Said(
        "Seldom needed: Meta tells of each change by itself. Every 30 seconds at most.",
        {"nothing to say": {}},
        {
            "synced_at": _AT,
            "total": 14,
            "added": 1,
            "updated": 0,
            "removed": 0,
            "changes": [{"name": "order_update", "language": "en_US", "from": None, "to": "PENDING"}],
        },
    ),
    "create_template": Said(
        "It is checked first, and goes to Meta when nothing blocks it. What Meta decides comes later, as "
        "`template.status_changed`; it may choose another category.",
        {"an order update": _DRAFT},
        _TAKEN,
        201,
    ),
    "edit_template": Said(
        "Name and language never change. `components` replace all that it had. An approved template can be edited once "
        "a day and ten times in 30 days.",
        {
            "other words": {"components": [_BODY]},
            "another lifetime": {"message_send_ttl_seconds": 3600},
        },
        _TAKEN,
    ),
    "upload_header_sample": Said(
        "The file is the only part of a multipart form and is called `file`. Its type is told by its bytes: JPEG and "
        "PNG up to 5 MB, MP4 up to 16 MB, PDF up to 100 MB. Nothing of it is kept here, and Meta forgets the handle "
        "after some time: make the template soon. The token's user needs a role in the Meta app.",
        answer={
            "handle": "4::aW1hZ2UvanBlZw==:ARbWSBpq0kM:e:1778839091:1234567890123456:100089620928913:ARaQoFQMm6Bl",
            "format": "IMAGE",
            "mime_type": "image/jpeg",
            "size": 48211,
        },
    ),
    "unpause_template": Said(
        "Meta pauses a template for its pace (RATE_LIMITING_PAUSE) and lets you go on when you have looked at it, five "
        "minutes later at the earliest. A pause for bad quality ends by its time alone.",
        {"nothing to say": {}},
        {"template": _TEMPLATE | {"status": "APPROVED"}},
    ),
    "delete_template": Said(_BLOCKED, answer={"name": "order_update", "languages": ["de", "en_US"]}),
    "delete_template_language": Said(_BLOCKED, answer={"name": "order_update", "languages": ["en_US"]}),
}
