"""What each webhook field holds beside `messages`: Meta's OpenAPI file knows none of them."""

from typing import Any

from tests.conformance import shapes
from tests.conformance.openapi import OpenApi
from tests.conformance.shapes import (
    ANY_TEXT,
    DIGITS,
    FLAG,
    ID,
    LINK,
    STAMP,
    TEXT,
    TIME,
    WAMID,
    WHOLE,
    Shape,
    either,
    many,
    one_of,
    open_thing,
    pattern,
    thing,
)

_PRODUCT: Shape = {"const": "whatsapp"}
_METADATA = thing({"display_phone_number": DIGITS, "phone_number_id": ID})
_USER_ID = pattern(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")
_WHO = {"user_id": _USER_ID, "parent_user_id": _USER_ID}
_CONTACT = thing(profile=thing({"name": TEXT}, username=TEXT), wa_id=DIGITS, identity_key_hash=TEXT, input=TEXT, **_WHO)
_ERROR = thing({"code": WHOLE, "title": TEXT, "message": TEXT}, error_data=thing({"details": TEXT}), href=LINK)


def _about_a_chat(required: dict[str, Shape], **optional: Shape) -> Shape:
    return thing({"messaging_product": _PRODUCT, "metadata": _METADATA} | required, **optional)


_TEMPLATE = {
    "message_template_id": WHOLE,  # a number here, text in the Graph API
    "message_template_name": pattern("[a-z0-9_]{1,512}"),
    "message_template_language": pattern("[a-z]{2,3}([-_][A-Z]{2})?"),
}
_CATEGORY = one_of("AUTHENTICATION", "MARKETING", "UTILITY")
_SCORE = one_of("GREEN", "YELLOW", "RED", "UNKNOWN")
_TIER = pattern("TIER_(50|250|1K|2K|10K|100K|UNLIMITED)")
_NUMBER = {"display_phone_number": DIGITS}
_REASON = one_of(
    *("NONE", "ABUSIVE_CONTENT", "INCORRECT_CATEGORY", "INVALID_FORMAT", "PROMOTIONAL", "SCAM"),
    "TAG_CONTENT_MISMATCH",
)
_STATUS = thing(
    {
        "event": one_of(
            *("APPROVED", "REJECTED", "PENDING", "PAUSED", "DISABLED", "FLAGGED", "REINSTATED", "LOCKED"),
            *("IN_APPEAL", "PENDING_DELETION", "DELETED", "ARCHIVED", "UNARCHIVED", "LIMIT_EXCEEDED"),
        ),
        "reason": either(_REASON, {"type": "null"}),
    }
    | _TEMPLATE,
    message_template_category=_CATEGORY,
    rejection_info=thing({"reason": TEXT, "recommendation": TEXT}),
    disable_info=thing({"disable_date": either(TEXT, TIME)}),
    other_info=thing(
        {
            "title": one_of("FIRST_PAUSE", "SECOND_PAUSE", "RATE_LIMITING_PAUSE", "UNPAUSE", "DISABLED", "LOCKED"),
            "description": TEXT,
        }
    ),
)
_BUTTON = thing(
    {"message_template_button_type": pattern("[A-Z_]+"), "message_template_button_text": TEXT},
    message_template_button_url=LINK,
    message_template_button_phone_number=TEXT,
)
_RECATEGORISED = either(
    thing(_TEMPLATE | {"new_category": _CATEGORY, "correct_category": _CATEGORY}, category_update_timestamp=TIME),
    thing(_TEMPLATE | {"previous_category": _CATEGORY, "new_category": _CATEGORY}),
)

_WABA = thing(
    {"waba_id": ID, "owner_business_id": ID},
    partner_app_id=ID,
    solution_id=ID,
    solution_partner_business_ids=many(ID),
)
ACCOUNT_EVENTS: dict[str, dict[str, Shape]] = {
    "DISABLED_UPDATE": {
        "ban_info": thing(
            {"waba_ban_state": one_of("SCHEDULE_FOR_DISABLE", "DISABLE", "REINSTATE"), "waba_ban_date": TEXT}
        )
    },
    "ACCOUNT_RESTRICTION": {
        "restriction_info": many(thing({"restriction_type": pattern("RESTRICTED_[A-Z_]+")}, expiration=TIME), 1)
    },
    "ACCOUNT_VIOLATION": {"violation_info": thing({"violation_type": pattern("[A-Z_]+")})},
    "PARTNER_ADDED": {"waba_info": _WABA},
    "PARTNER_REMOVED": {"waba_info": _WABA},
    "PARTNER_APP_INSTALLED": {"waba_info": _WABA},
    "PARTNER_APP_UNINSTALLED": {"waba_info": _WABA},
    "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE": {
        "partner_client_certification_info": thing(
            {"client_business_id": ID, "status": TEXT}, rejection_reasons=many(TEXT)
        )
    },
    "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE": {"auth_international_rate_eligibility": open_thing()},
    "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE": {"country": pattern("[A-Z]{2}")},
    "VOLUME_BASED_PRICING_TIER_UPDATE": {
        "volume_tier_info": thing(
            tier_update_time=TIME, pricing_category=TEXT, tier=TEXT, effective_month=TEXT, region=TEXT
        )
    },
} | {
    word: {}
    for word in (
        *("ACCOUNT_DELETED", "AD_ACCOUNT_LINKED", "MM_LITE_TERMS_SIGNED", "ACCOUNT_OFFBOARDED"),
        "ACCOUNT_RECONNECTED",
    )
}

_CALL = {"id": pattern(r"wacid\..+"), "to": DIGITS, "timestamp": STAMP}
_DIRECTION = one_of("USER_INITIATED", "BUSINESS_INITIATED")
_CALLING = {"from": DIGITS, "from_user_id": _USER_ID, "from_parent_user_id": _USER_ID, "direction": _DIRECTION}
_CONNECT = thing(
    _CALL | {"event": {"const": "connect"}},
    session=thing({"sdp_type": one_of("offer", "answer"), "sdp": TEXT}),
    deeplink_payload=TEXT,
    cta_payload=TEXT,
    **_CALLING,
)
_TERMINATE = thing(
    _CALL | {"event": {"const": "terminate"}, "status": pattern("(?i:completed|failed)")},
    start_time=STAMP,
    end_time=STAMP,
    duration=WHOLE,
    biz_opaque_callback_data=ANY_TEXT,
    **_CALLING,
)

_MESSAGE = open_thing({"id": WAMID, "timestamp": STAMP, "type": TEXT})
_ECHO = open_thing({"from": DIGITS, "to": DIGITS, "id": WAMID, "timestamp": STAMP, "type": TEXT})
_KEPT = one_of("READ", "DELIVERED", "SENT", "PENDING", "ERROR", "PLAYED")
_OLD = open_thing(
    {"from": DIGITS, "id": WAMID, "timestamp": STAMP, "type": TEXT, "history_context": thing({"status": _KEPT})}
)
_CHUNK = either(
    thing(
        {
            "metadata": thing({"phase": WHOLE, "chunk_order": WHOLE, "progress": WHOLE}),
            "threads": many(thing({"id": DIGITS, "messages": many(_OLD, 1)})),
        }
    ),
    thing({"errors": many(_ERROR, 1)}),
)
_ENTRY_OF_BOOK = thing(
    {
        "type": {"const": "contact"},
        "action": one_of("add", "remove"),
        "contact": thing({"phone_number": DIGITS}, full_name=TEXT, first_name=TEXT),
        "metadata": thing({"timestamp": STAMP}),
    }
)
_WISH = thing(
    {
        "category": TEXT,
        "value": one_of("stop", "resume", "signup"),
        "timestamp": TIME,  # a number here
        "detail": TEXT,
    },
    wa_id=DIGITS,
    **_WHO,
)

FIELDS: dict[str, Shape] = {
    "message_template_status_update": _STATUS,
    "message_template_quality_update": thing(
        _TEMPLATE | {"previous_quality_score": _SCORE, "new_quality_score": _SCORE}
    ),
    "message_template_components_update": thing(
        _TEMPLATE,
        message_template_title=TEXT,
        message_template_element=TEXT,
        message_template_footer=TEXT,
        message_template_buttons=many(_BUTTON, 1),
    ),
    "template_category_update": _RECATEGORISED,
    "account_update": either(*(thing({"event": {"const": word}} | more) for word, more in ACCOUNT_EVENTS.items())),
    "account_review_update": thing({"decision": one_of("APPROVED", "REJECTED", "PENDING", "DEFERRED")}),
    "account_alerts": thing(
        {
            "entity_type": one_of("BUSINESS", "PHONE_NUMBER", "CURRENT_STATUS_ID", "WABA"),
            "entity_id": ID,
            "alert_info": thing(
                {
                    "alert_severity": one_of("CRITICAL", "WARNING", "INFORMATIONAL"),
                    "alert_status": one_of("ACTIVE", "NONE"),
                    "alert_type": pattern("[A-Z_]+"),
                    "alert_description": TEXT,
                }
            ),
        }
    ),
    "phone_number_quality_update": thing(
        _NUMBER | {"event": one_of("ONBOARDING", "THROUGHPUT_UPGRADE", "FLAGGED", "UNFLAGGED", "UPGRADE", "DOWNGRADE")},
        old_limit=_TIER,
        current_limit=_TIER,
        max_daily_conversations_per_business=_TIER,
    ),
    "phone_number_name_update": thing(
        _NUMBER
        | {
            "decision": one_of("APPROVED", "DEFERRED", "PENDING", "REJECTED"),
            "requested_verified_name": TEXT,
            "rejection_reason": {"type": ["string", "null"]},
        }
    ),
    "business_capability_update": thing(
        {"max_daily_conversations_per_business": {"type": "integer"}},
        max_phone_numbers_per_waba=WHOLE,
        max_phone_numbers_per_business=WHOLE,
    ),
    "security": thing(
        _NUMBER | {"event": one_of("PIN_CHANGED", "PIN_RESET_REQUEST", "PIN_REQUEST_SUCCESS"), "requester": ID}
    ),
    "business_username_update": thing(_NUMBER | {"username": TEXT, "status": TEXT}),
    "calls": either(
        _about_a_chat({"calls": many(either(_CONNECT, _TERMINATE), 1)}, contacts=many(_CONTACT), errors=many(_ERROR)),
        _about_a_chat({"statuses": many(open_thing({"type": {"const": "call"}}), 1)}),
    ),
    "smb_message_echoes": _about_a_chat({"message_echoes": many(_ECHO, 1)}, contacts=many(_CONTACT)),
    "smb_app_state_sync": _about_a_chat({"state_sync": many(_ENTRY_OF_BOOK, 1)}),
    "history": either(
        _about_a_chat({"history": many(_CHUNK, 1)}),
        _about_a_chat({"messages": many(_MESSAGE, 1)}, contacts=many(_CONTACT)),
    ),
    "user_preferences": _about_a_chat({"user_preferences": many(_WISH, 1)}, contacts=many(_CONTACT)),
}
_OF_CHATS = {"messages", "calls", "history", "smb_message_echoes", "smb_app_state_sync", "user_preferences"}

_PRICING = thing(
    {
        "billable": FLAG,
        "pricing_model": one_of("CBP", "PMP"),
        "type": one_of("regular", "free_customer_service", "free_entry_point"),
        "category": pattern("[a-z_-]+"),
    }
)
_REPORT = thing(
    {"id": TEXT, "status": one_of("sent", "delivered", "read", "failed", "played"), "timestamp": STAMP},
    recipient_id=TEXT,
    recipient_type={"const": "group"},
    recipient_participant_id=DIGITS,
    recipient_user_id=_USER_ID,
    parent_recipient_user_id=_USER_ID,
    biz_opaque_callback_data={"type": "string", "maxLength": 512},
    conversation=open_thing({"id": TEXT}),
    pricing=_PRICING,
    errors=many(_ERROR, 1),
)
_TROUBLE = _about_a_chat({"errors": many(_ERROR, 1)})


def faults(meta: OpenApi, body: Any) -> list[str]:
    """List what Meta's schema, and what its pages, hold against a webhook."""
    found = []
    for entry in body.get("entry", []):
        found += shapes.faults(_entry(entry), entry)
        for change in entry["changes"]:
            found += [f"{change['field']}: {fault}" for fault in _change(meta, change)]
    return found or shapes.faults(_BODY, body)


_BODY = thing({"object": {"const": "whatsapp_business_account"}, "entry": many(open_thing(), 1)})
_CHANGE = thing({"field": TEXT, "value": open_thing()})


def _entry(entry: Any) -> Shape:
    """Chats tell their own times; of everything else the entry tells it."""
    known = {"id": ID, "changes": many(_CHANGE, 1)}
    chats = all(change["field"] in _OF_CHATS for change in entry["changes"])
    return thing(known, time=TIME) if chats else thing(known | {"time": TIME})


def _change(meta: OpenApi, change: Any) -> list[str]:
    field, value = change["field"], change["value"]
    if field != "messages":
        return shapes.faults(FIELDS[field], value) if field in FIELDS else ["nobody wrote a schema for it"]
    if "messages" not in value and "statuses" not in value:
        return shapes.faults(_TROUBLE, value)
    found = [fault for one in value.get("statuses", []) for fault in shapes.faults(_REPORT, one)]
    found += [fault for one in value.get("contacts", []) for fault in shapes.faults(_CONTACT, one)]
    found += [fault for one in value.get("messages", []) for fault in _said(one)]
    bare = [one for one in value.get("messages", []) if one["type"] not in one and one["type"] != "unsupported"]
    if bare:  # recorded from Meta, unknown to its file
        return found + [
            f"{one['type']}: nothing is said, and nothing beside it" for one in bare if not _why(value, one)
        ]
    return found + meta.faults("Change", change)


def _why(value: Any, message: Any) -> bool:
    """Tell whether the content is missing in a way that was seen: an answer that Meta cannot show, a new identity."""
    return "errors" in value if message["type"] == "interactive" else "identity" in message


def _said(message: Any) -> list[str]:
    """Find an answer of some kind without what it says."""
    said = message.get("interactive", {}) if message["type"] == "interactive" else {}
    return [f"interactive: no {said['type']}"] if said and said["type"] not in said else []
