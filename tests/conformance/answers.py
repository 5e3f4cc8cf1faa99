"""What Graph answers, where Meta's OpenAPI file says nothing, or nothing that binds."""

from tests.conformance.shapes import (
    ANY_TEXT,
    ANYTHING,
    FLAG,
    ID,
    LINK,
    TEXT,
    WHOLE,
    Shape,
    either,
    many,
    one_of,
    open_thing,
    pattern,
    thing,
)

SUCCESS = thing({"success": {"const": True}})
MADE = thing({"id": ID})

SESSION = thing({"id": pattern(r"upload:[^?]+(\?.+)?")}, file_offset=WHOLE)
UPLOADED = either(thing({"h": pattern("[0-9]+:.*")}), SESSION)

_CURSORS = thing({"cursors": thing({"before": TEXT, "after": TEXT})}, next=LINK, previous=LINK)
_LEVEL = one_of("AVAILABLE", "LIMITED", "BLOCKED")
_TROUBLE = thing({"error_code": WHOLE, "error_description": TEXT}, possible_solution=TEXT)
HEALTH = thing(
    {
        "can_send_message": _LEVEL,
        "entities": many(
            thing(
                {
                    "entity_type": one_of("PHONE_NUMBER", "WABA", "BUSINESS", "APP", "MESSAGE_TEMPLATE"),
                    "id": ID,
                    "can_send_message": _LEVEL,
                },
                additional_info=many(TEXT),
                errors=many(_TROUBLE),
            ),
            at_least=1,
        ),
    }
)

_TEMPLATE_STATUS = one_of(
    *("APPROVED", "PENDING", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "PENDING_DELETION", "DELETED"),
    *("LIMIT_EXCEEDED", "ARCHIVED"),
)
_CATEGORY = one_of("AUTHENTICATION", "MARKETING", "UTILITY")
_BUTTON = open_thing(
    {
        "type": one_of(
            *("QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "FLOW", "CATALOG", "MPM", "OTP", "VOICE_CALL"),
            "REQUEST_CONTACT_INFO",
        )
    }
)
_COMPONENT = open_thing(
    {
        "type": one_of(
            "HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "LIMITED_TIME_OFFER", "CALL_PERMISSION_REQUEST"
        )
    },
    format=one_of("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"),
    text=TEXT,
    buttons=many(_BUTTON, at_least=1),
)
TEMPLATE = thing(
    {"id": ID},
    name=pattern("[a-z0-9_]{1,512}"),
    language=pattern("[a-z]{2,3}(_[A-Z]{2})?"),
    status=_TEMPLATE_STATUS,
    category=_CATEGORY,
    previous_category=_CATEGORY,
    correct_category=_CATEGORY,
    sub_category=TEXT,
    components=many(_COMPONENT, at_least=1),
    parameter_format=one_of("POSITIONAL", "NAMED"),
    rejected_reason=one_of(
        *("NONE", "ABUSIVE_CONTENT", "INCORRECT_CATEGORY", "INVALID_FORMAT", "PROMOTIONAL", "SCAM"),
        "TAG_CONTENT_MISMATCH",
    ),
    quality_score=thing({"score": one_of("GREEN", "YELLOW", "RED", "UNKNOWN")}, date=WHOLE, reasons=many(TEXT)),
    message_send_ttl_seconds={"type": "integer", "minimum": -1},
    library_template_name=TEXT,
    health_status=HEALTH,
    cta_url_link_tracking_opted_out=FLAG,
)
TEMPLATES = thing(
    {"data": many(TEMPLATE)},
    paging=_CURSORS,
    summary=open_thing(message_template_count=WHOLE, message_template_limit=WHOLE),
)
_LABELS = thing({"text": TEXT}, autofill_text=TEXT)
PREVIEWS = thing(
    {"data": many(thing({"language": TEXT, "body": TEXT}, footer=TEXT, buttons=many(_LABELS, at_least=1)), at_least=1)}
)
TEMPLATE_MADE = thing({"id": ID, "status": _TEMPLATE_STATUS, "category": _CATEGORY})

NUMBER = thing(
    {"id": ID},
    display_phone_number=pattern(r"\+?[0-9][0-9 ()-]{4,24}"),
    verified_name=TEXT,
    quality_rating=one_of("GREEN", "YELLOW", "RED", "NA", "UNKNOWN"),
    code_verification_status=one_of("VERIFIED", "NOT_VERIFIED", "EXPIRED"),
    name_status=one_of(
        *("APPROVED", "AVAILABLE_WITHOUT_REVIEW", "DECLINED", "EXPIRED", "PENDING_REVIEW", "NONE", "NON_EXISTS")
    ),
    new_name_status=TEXT,
    status=one_of(
        *("CONNECTED", "PENDING", "DELETED", "MIGRATED", "BANNED", "RESTRICTED", "RATE_LIMITED", "FLAGGED"),
        *("DISCONNECTED", "UNKNOWN", "UNVERIFIED"),
    ),
    platform_type=one_of("CLOUD_API", "ON_PREMISE", "NOT_APPLICABLE"),
    throughput=thing({"level": one_of("STANDARD", "HIGH", "NOT_APPLICABLE")}),
    account_mode=one_of("LIVE", "SANDBOX"),
    is_pin_enabled=FLAG,
    is_official_business_account=FLAG,
    messaging_limit_tier=pattern("TIER_(50|250|1K|2K|10K|100K|UNLIMITED)"),
    whatsapp_business_manager_messaging_limit=pattern("TIER_(250|2K|10K|100K|UNLIMITED)"),
    last_onboarded_time=TEXT,
    webhook_configuration=thing(phone_number=ANY_TEXT, whatsapp_business_account=ANY_TEXT, application=ANY_TEXT),
    health_status=HEALTH,
)
NUMBERS = thing({"data": many(NUMBER)}, paging=_CURSORS)
ACCOUNT = open_thing(
    {"id": ID},
    name=TEXT,
    timezone_id=TEXT,
    currency=pattern("[A-Z]{3}"),
    message_template_namespace=TEXT,
    account_review_status=one_of("APPROVED", "PENDING", "REJECTED"),
    health_status=HEALTH,
)
NODE = either(NUMBER, ACCOUNT, TEMPLATE)

FILE = thing(
    {
        "messaging_product": {"const": "whatsapp"},
        "url": LINK,
        "mime_type": pattern("[a-z]+/.+"),
        "sha256": pattern("[0-9a-f]{64}"),
        "file_size": either(WHOLE, pattern("[0-9]+")),
        "id": ID,
    }
)

_APP = thing({"whatsapp_business_api_data": thing({"id": ID, "name": TEXT, "link": LINK})}, override_callback_uri=LINK)
SUBSCRIBED = thing({"data": many(_APP)})
SUBSCRIPTIONS = thing(
    {
        "data": many(
            thing(
                {
                    "object": {"const": "whatsapp_business_account"},
                    "callback_url": LINK,
                    "active": FLAG,
                    "fields": many(thing({"name": TEXT, "version": pattern(r"v[0-9]+\.[0-9]+")})),
                }
            )
        )
    }
)

_SCOPE = thing({"scope": TEXT}, target_ids=many(ID))
_WHY = thing({"code": WHOLE, "message": TEXT}, subcode=WHOLE)
TOKEN = thing(
    {
        "data": thing(
            {"is_valid": FLAG, "scopes": many(TEXT)},
            app_id=ID,
            type=one_of("APP", "USER", "SYSTEM_USER", "PAGE"),
            application=TEXT,
            data_access_expires_at=WHOLE,
            expires_at=WHOLE,
            issued_at=WHOLE,
            granular_scopes=many(_SCOPE),
            user_id=ID,
            profile_id=ID,
            metadata=ANYTHING,
            error=_WHY,
        )
    }
)
ACCESS = thing({"access_token": TEXT}, token_type=one_of("bearer"), expires_in=WHOLE)

CALL = thing({"messaging_product": {"const": "whatsapp"}}, success={"const": True}, calls=many(thing({"id": TEXT})))
PROFILE: Shape = thing({"data": many(open_thing({"messaging_product": {"const": "whatsapp"}}), at_least=1)})
VERIFIED = thing({"success": {"const": True}}, id=ID)
