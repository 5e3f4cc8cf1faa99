"""Words: how bad a notice is, what it means, and what to do about it, in one line.

The words of Meta that are known stand in one table (reference: Meta's pages on the webhooks account_update,
account_alerts, account_review_update, phone_number_quality_update, phone_number_name_update, security,
business_capability_update and business_username_update). The field `token` and its words are ours. A word that is not
there is told as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from quixess.meta import codes


class Severity(StrEnum):
    """How bad it is: nothing to do, look at it, or act now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice means: one line with the fix."""

    severity: Severity
    summary: str


_I, _W, _C = Severity.INFO, Severity.WARNING, Severity.CRITICAL
_KNOWN: dict[str, dict[str | None, tuple[Severity, str]]] = {
    "account_update": {
        "DISABLE": (_C, "Meta disabled the WABA: nothing can be sent. Appeal in Business Support Home."),
        "SCHEDULE_FOR_DISABLE": (_C, "Meta will disable the WABA soon: appeal in Business Support Home."),
        "REINSTATE": (_I, "Meta reinstated the WABA: sends go on."),
        "ACCOUNT_RESTRICTION": (_C, "Meta restricted the WABA: read restriction_info for what, and until when."),
        "ACCOUNT_VIOLATION": (_W, "Meta sees a violation of its policy: read violation_info, mend it or appeal."),
        "ACCOUNT_DELETED": (_C, "The WABA was deleted: connect another one."),
        "ACCOUNT_OFFBOARDED": (_C, "The number left the Cloud API: reconnect it in the WhatsApp Business app."),
        "ACCOUNT_RECONNECTED": (_I, "The number is back on the Cloud API: sends go on."),
        "PARTNER_ADDED": (_I, "The business shared its WABA with us."),
        "PARTNER_REMOVED": (_C, "The business removed us as a partner: onboard it again, then connect it anew."),
        "PARTNER_APP_INSTALLED": (_I, "The business installed the app."),
        "PARTNER_APP_UNINSTALLED": (_C, "The business uninstalled the app: let it install it, then connect it anew."),
        "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE": (
            _I,
            "Meta moved on with the business's certification: read its status.",
        ),
        "AD_ACCOUNT_LINKED": (_I, "An ad account was linked to the WABA."),
        "MM_LITE_TERMS_SIGNED": (_I, "The terms of the Marketing Messages API were signed."),
        "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE": (
            _W,
            "Codes to some countries cost the international rate now: check the prices.",
        ),
        "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE": (_I, "Meta set the country of the business: prices may follow it."),
        "VOLUME_BASED_PRICING_TIER_UPDATE": (_I, "The WABA reached another price tier: read volume_tier_info."),
    },
    "account_review_update": {
        "APPROVED": (_I, "Meta's review approved the WABA."),
        "REJECTED": (_C, "Meta's review rejected the WABA: appeal in Business Support Home."),
        "PENDING": (_I, "Meta's review of the WABA is under way."),
        "DEFERRED": (_I, "Meta put off its review of the WABA."),
    },
    "phone_number_name_update": {
        "APPROVED": (_I, "Meta approved the display name."),
        "DEFERRED": (_I, "Meta put off its decision on the display name."),
        "PENDING": (_I, "Meta is looking at the display name."),
        "REJECTED": (_W, "Meta rejected the display name: read rejection_reason and ask for another."),
    },
    "phone_number_quality_update": {
        "FLAGGED": (_W, "The number's quality is low: send less of what users block, else its limit falls."),
        "UNFLAGGED": (_I, "The number's quality is good again."),
        "UPGRADE": (_I, "The number's messaging limit went up."),
        "DOWNGRADE": (_W, "The number's messaging limit went down: send less of what users block."),
        "ONBOARDING": (_I, "The number is registered; current_limit is its messaging limit."),
        "THROUGHPUT_UPGRADE": (_I, "The number may send faster now."),
    },
    "security": {
        "PIN_CHANGED": (_W, "The number's two-step PIN was changed: if it was not you, set a new one at once."),
        "PIN_RESET_REQUEST": (
            _C,
            "Somebody asks to reset the number's PIN: if it was not you, stop it in WhatsApp Manager.",
        ),
        "PIN_REQUEST_SUCCESS": (
            _C,
            "The number's PIN was switched off on request: if it was not you, set one at once.",
        ),
    },
    "token": {
        "TOKEN_REFUSED": (_C, "Meta no longer takes the access token: reconnect the number with a new one."),
        "TOKEN_FELL_BACK": (_W, "Meta refused the new access token: the one before is used, while it lives."),
        "TOKEN_NOT_RENEWED": (_W, "The access token is not exchanged for a new one: read reason, and mend it in time."),
        "TOKEN_EXPIRING": (_C, "The access token expires soon: reconnect the number with a new one before."),
    },
    "business_capability_update": {None: (_I, "The limits of the business changed: details holds the new ones.")},
    "business_username_update": {None: (_I, "The business's username changed: details holds its status.")},
    "payment_configuration_update": {None: (_I, "The payment configuration changed.")},
    "account_settings_update": {None: (_I, "The account's settings changed.")},
    "partner_solutions": {None: (_I, "A partner solution changed.")},
    "history": {None: (_W, "Meta does not share the history of chats: read details for the reason.")},
    "flows": {None: (_I, "A flow changed: if it is blocked or throttled, mend its endpoint.")},
    "group_lifecycle_update": {None: (_I, "A group was made or deleted.")},
    "group_participants_update": {None: (_I, "Somebody joined or left a group.")},
    "group_settings_update": {None: (_I, "A group's settings changed.")},
    "group_status_update": {None: (_I, "A group's status changed.")},
}
_ALERTS = {"CRITICAL": _C, "WARNING": _W}
_UNKNOWN = Words(_I, "Meta told something that Quixess has no words for yet: read details.")


def describe(field: str, value: Mapping[str, Any]) -> Words:
    """Say what a notice means. `field` and `value` are Meta's."""
    if isinstance(value.get("errors"), list):
        return _errors(value["errors"])
    if field == "account_alerts":
        severity = _ALERTS.get(str(part(value, "alert_info").get("alert_severity")).upper(), _I)
        return Words(severity, "Meta raised an alert: read alert_info, and Business Support Home for what to do.")
    event = event_of(value)
    if "message_template_name" in value or "message_template_id" in value:
        return _template(value)
    if event == "DISABLED_UPDATE":
        event = _text(part(value, "ban_info").get("waba_ban_state"))
    known = _KNOWN.get(field, {})
    found = known.get(event) or known.get(None)
    return _UNKNOWN if found is None else Words(*found)


def event_of(value: Mapping[str, Any]) -> str | None:
    """Find Meta's word for what happened, wherever the field has it; None when it has none."""
    for holder, key in ((value, "event"), (value, "decision"), (part(value, "alert_info"), "alert_type")):
        if word := _text(holder.get(key)):
            return word
    return None


def part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Read an object inside Meta's value, empty when it is not there or no object."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _errors(errors: list[Any]) -> Words:
    """Say what an error of the account means: Meta reports some beside no message at all."""
    first = next((error for error in errors if isinstance(error, dict)), {})
    code = first.get("code")
    if not isinstance(code, int):
        return Words(_W, "Meta reports an error of the account: read details.")
    known = codes.explain(code)
    return Words(_W, f"Meta reports error {code} of the account. {known.meaning}: {known.fix}")


def _template(value: Mapping[str, Any]) -> Words:
    named = [_text(value.get(f"message_template_{key}")) for key in ("name", "language")]
    return Words(_I, f"About the template {' '.join(part for part in named if part)}: see its events.")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
