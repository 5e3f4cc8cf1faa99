"""Readings: what Meta answered about a connection, turned into checks. Pure; an answer may be the lack of one.

Words for states are Meta's (reference of `phone_numbers`, `debug_token` and `health_status`). A word that is not known
here is told as it is and warned of.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from quixess.connections.proving import SCOPES
from quixess.health.model import Check, failed, passed, skipped, warned
from quixess.meta.graph import Outcome, Rejected
from quixess.meta.onboarding import FIELDS
from quixess.meta.tokens import Life

Answer = Mapping[str, Any] | Outcome

_NO_TOKEN = 190
_ENDS_SOON = timedelta(days=3)
_ENDS = timedelta(days=14)
_LONGEST = 300
_NEW_TOKEN = "Make a new token with both permissions: `quixess connection reconnect --token-file FILE`."  # noqa: S105
_STATUS = {
    "PENDING": "Register it: `quixess connection reconnect --pin-file FILE` with its two-step PIN.",
    "DISCONNECTED": "Register it again: `quixess connection reconnect --pin-file FILE` with its two-step PIN.",
    "UNVERIFIED": "Let WhatsApp Manager send its code and enter it there; then reconnect the number with a PIN.",
    "BANNED": "Meta banned the number: appeal in Business Support Home.",
    "DELETED": "The number was deleted at Meta: add it again in WhatsApp Manager.",
    "MIGRATED": "The number moved to another WhatsApp Business account: connect it with the id of that one.",
    "RESTRICTED": "See the reason in WhatsApp Manager, and wait until the restriction ends.",
    "RATE_LIMITED": "The number reached its messaging limit: wait, or raise the limit in WhatsApp Manager.",
    "FLAGGED": "Its quality is low: send less marketing, and only to people who want it.",
}
_DEGRADED = {"RESTRICTED", "RATE_LIMITED", "FLAGGED"}
_NAMES_TAKEN = {"APPROVED", "AVAILABLE_WITHOUT_REVIEW"}
_SMALL = {"TIER_50", "TIER_250"}
_UNRATED = {"NA", "UNKNOWN", "?"}


def read_token(life: Life | Outcome, now: datetime, fault: str | None) -> list[Check]:
    """Judge a token and its permissions. `fault` is what the worker wrote down when it last tried to renew it."""
    if isinstance(life, Outcome):
        fix = "Check the app's id and secret: `quixess connection secret` takes a new one."
        return [_unanswered("token", life, fix), skipped("scopes", "Meta did not say what the token may do.")]
    return [_judge_life(life, now, fault), _judge_scopes(life)]


def read_number(answer: Answer) -> list[Check]:
    """Judge a number: registered and in what state, quality, name, limits, and Meta's own `health_status`."""
    if isinstance(answer, Outcome):
        fix = "Check in WhatsApp Manager that the number is there, and that the token's user has full control of it."
        names = ("quality", "name", "limits", "health_status")
        return [
            _unanswered("number", answer, fix),
            *(skipped(name, "Meta did not tell of the number.") for name in names),
        ]
    return [
        _judge_status(_word(answer, "status"), _word(answer, "platform_type")),
        _judge_quality(_word(answer, "quality_rating")),
        _judge_name(_word(answer, "name_status")),
        _judge_limits(
            _word(answer, "whatsapp_business_manager_messaging_limit"), _word(_part(answer, "throughput"), "level")
        ),
        *_judge_health(_part(answer, "health_status")),
    ]


def read_subscription(answer: Answer, number: Answer, app_id: str) -> Check:
    """Judge whether the webhooks go to our app: `subscribed_apps` lists it, and none has an address of its own.

    That of a number goes before that of its WABA, and both before the app's.
    """
    fix = "Run `quixess connection reconnect`: it subscribes the app."
    if isinstance(answer, Outcome):
        return _unanswered("subscription", answer, fix)
    row = next((one for one in _rows(answer) if _part(one, "whatsapp_business_api_data").get("id") == app_id), None)
    if row is None:
        said = "The app is not subscribed to the WhatsApp Business account: no webhook of it arrives."
        return failed("subscription", said, fix)
    if not isinstance(number, Outcome) and _part(number, "webhook_configuration").get("phone_number"):
        said = "The number's webhooks go to an address of their own, past the app's."
        return warned("subscription", said, "Lift the number's override, unless that address is this gateway.")
    if row.get("override_callback_uri"):
        said = "The WhatsApp Business account's webhooks go to an address of their own, past the app's."
        return warned("subscription", said, "Lift the override, unless that address is this gateway.")
    return passed("subscription", "The app is subscribed to the WhatsApp Business account.")


def read_callback(answer: Answer, expected: str | None) -> Check:
    """Judge the app's own webhook at Meta: there, active, with the fields we read, and ours where that is known."""
    fix = "Run `quixess connection reconnect`, or enter callback URL and verify token in the app's page Webhooks."
    if isinstance(answer, Outcome):
        return _unanswered("callback", answer, "Check the app's id and secret: `quixess connection secret`.")
    row = next((one for one in _rows(answer) if one.get("object") == "whatsapp_business_account"), None)
    if row is None or row.get("active") is False:
        return failed("callback", "The app has no active webhook for WhatsApp at Meta.", fix)
    if expected is not None and row.get("callback_url") != expected:
        return failed("callback", "The app's webhook at Meta is another address than this gateway's.", fix)
    fields = row.get("fields")
    asked = {one.get("name") if isinstance(one, dict) else one for one in fields} if isinstance(fields, list) else set()
    if "messages" not in asked:
        return failed("callback", "The app's webhook at Meta does not take the field `messages`.", fix)
    if missing := sorted(set(FIELDS) - asked):
        return warned("callback", f"The app's webhook at Meta lacks fields: {', '.join(missing)}.", fix)
    whose = "" if expected is None else " and is this gateway's"
    return passed("callback", f"The app's webhook at Meta takes every field{whose}.")


def _judge_life(life: Life, now: datetime, fault: str | None) -> Check:
    if not life.valid:
        return failed("token", "Meta no longer takes the access token.", _NEW_TOKEN, since=life.expires_at)
    if life.ends_at is None:
        return passed("token", "The access token is valid and never expires.")
    left = life.ends_at - now
    said = f"The access token is valid and ends in {left.days} days."
    if left <= _ENDS_SOON:
        return failed("token", f"{said} {fault or ''}".rstrip(), _NEW_TOKEN)
    if left <= _ENDS or fault is not None:
        return warned("token", f"{said} {fault or ''}".rstrip(), _NEW_TOKEN)
    return passed("token", f"{said} It is renewed before that.")


def _judge_scopes(life: Life) -> Check:
    if missing := [scope for scope in SCOPES if scope not in life.scopes]:
        return failed("scopes", f"The access token lacks {' and '.join(missing)}.", _NEW_TOKEN)
    return passed("scopes", "The access token has both permissions.")


def _judge_status(status: str, platform: str) -> Check:
    if status in _STATUS:
        check = warned if status in _DEGRADED else failed
        return check("number", f"Meta says that the number is {status}.", _STATUS[status])
    if platform not in {"CLOUD_API", "?"}:
        return failed("number", "The number is not registered for the Cloud API.", _STATUS["PENDING"])
    if status != "CONNECTED":
        return warned("number", f"Meta says that the number is {status}.", "Look at the number in WhatsApp Manager.")
    return passed("number", "The number is registered and connected.")


def _judge_quality(rating: str) -> Check:
    fix = "Send less marketing, and only to people who want it: WhatsApp Manager shows why people block the number."
    if rating in {"RED", "YELLOW"}:
        said = f"The number's quality rating is {rating}."
        return (failed if rating == "RED" else warned)("quality", said, fix)
    said = "Meta has not rated the number yet." if rating in _UNRATED else f"The number's quality rating is {rating}."
    return passed("quality", said)


def _judge_name(status: str) -> Check:
    if status in _NAMES_TAKEN or status in {"NONE", "?"}:
        return passed("name", "The display name is in order.")
    said = f"Meta's word for the display name is {status}."
    fix = "Look at the display name in WhatsApp Manager: until it is approved people may see the number instead."
    return (failed if status in {"DECLINED", "EXPIRED"} else warned)("name", said, fix)


def _judge_limits(tier: str, throughput: str) -> Check:
    said = f"Messaging limit {tier}, throughput {throughput}."
    if tier in _SMALL:
        fix = "Verify the business in Meta's Security Center: the limit is raised to 2,000 people a day and more."
        return warned("limits", said, fix)
    return passed("limits", said)


def _judge_health(told: Mapping[str, Any]) -> Iterator[Check]:
    """Give a check for each entity of `health_status`: number, WABA, business, app."""
    entities = told.get("entities")
    if not isinstance(entities, list) or not entities:
        yield skipped("health_status", "Meta told no health_status of the number.")
        return
    for entity in entities:
        if isinstance(entity, dict):
            yield _judge_entity(entity)


def _judge_entity(entity: Mapping[str, Any]) -> Check:
    kind, can = _word(entity, "entity_type").lower(), _word(entity, "can_send_message")
    name = f"health_status.{kind}"
    if can == "AVAILABLE":
        return passed(name, "Meta lets it send.")
    listed = entity.get("errors")
    errors = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    reasons = [f"{_text(one.get('error_description'))} (Meta's code {one.get('error_code')})" for one in errors]
    fixes = [text for one in errors if (text := _text(one.get("possible_solution")))]
    said = f"Meta's word for sending is {can}. {' '.join(reasons)}".rstrip()
    fix = " ".join(fixes) or "Look at it in WhatsApp Manager and in Business Support Home."
    return (failed if can == "BLOCKED" else warned)(name, said, fix)


def _unanswered(name: str, outcome: Outcome, fix: str) -> Check:
    if not isinstance(outcome, Rejected):
        text = "Try again; check the way out to Meta, and Meta's status page."
        return failed(name, "Meta gave no clear answer.", text)
    if outcome.error.code == _NO_TOKEN and name not in {"token", "callback"}:
        return skipped(name, "Meta does not tell without a valid token.")
    error = outcome.error
    return failed(name, f"Meta refuses to tell: {error.explanation.meaning.lower()} (code {error.code}).", fix)


def _rows(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _word(value: Mapping[str, Any], key: str) -> str:
    """Read one of Meta's constants; `?` where there is none."""
    found = value.get(key)
    return found if isinstance(found, str) and re.fullmatch(r"[A-Z0-9_]{1,64}", found) else "?"


def _text(value: object) -> str:
    """Read a sentence of Meta's on one line of some length."""
    return " ".join(value.split())[:_LONGEST] if isinstance(value, str) else ""
