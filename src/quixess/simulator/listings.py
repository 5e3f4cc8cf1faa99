"""What the Graph API shows of the world: rows, pages and cursors."""

import base64
import binascii
import time
from collections.abc import Iterable
from urllib.parse import urlencode

from quixess.simulator import errors, templates
from quixess.simulator.model import Identity, Json, Subscription, Template
from quixess.simulator.world import World

_PAGE = 25
_LONGEST_PAGE = 1000
_NUMBER_DEFAULTS = "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput"
_TEMPLATE_FILTERS = ("name", "status", "language", "category")


def templates_page(rows: Iterable[Template], query: dict[str, str], base_url: str) -> Json:
    """One page of templates; `query` has limit, after, fields and filters. Raises GraphError 100 or 131059."""
    wanted = [one for one in rows if _matches(one, query)]
    limit, start = _limit(query), _position(query.get("after"))
    page = wanted[start : start + limit]
    answer: Json = {"data": [template(one, query.get("fields")) for one in page]}
    if page:
        end = start + len(page)
        answer["paging"] = {"cursors": {"before": _cursor(start), "after": _cursor(end)}}
        if end < len(wanted):
            kept = {key: value for key, value in query.items() if key not in {"after", "access_token"}}
            answer["paging"]["next"] = f"{base_url}?{urlencode(kept | {'after': _cursor(end)})}"
    return answer


def template(one: Template, fields: str | None) -> Json:
    return _chosen(templates.listed(one), fields)


def phone_number(known: Identity, fields: str | None) -> Json:
    """Show the business number; without `fields`, what Meta gives by itself."""
    shown = known.display_phone_number
    row: Json = {
        "verified_name": known.verified_name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": f"+{shown[0]} {shown[1:4]}-{shown[4:7]}-{shown[7:]}",
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "account_mode": "SANDBOX",
        "is_pin_enabled": False,
        "is_official_business_account": False,
        "whatsapp_business_manager_messaging_limit": "TIER_UNLIMITED",
        "health_status": _health("PHONE_NUMBER", known.phone_number_id),
        "id": known.phone_number_id,
    }
    return _chosen(row, fields or _NUMBER_DEFAULTS)


def waba(known: Identity, fields: str | None) -> Json:
    row: Json = {
        "name": known.verified_name,
        "timezone_id": "1",
        "currency": "USD",
        "message_template_namespace": known.business_id,
        "account_review_status": "APPROVED",
        "health_status": _health("WABA", known.waba_id),
        "id": known.waba_id,
    }
    return _chosen(row, fields or "name,timezone_id,currency,message_template_namespace")


def system_user_token(known: Identity, scopes: list[str]) -> Json:
    """Return `data` of debug_token for the one token there is; it never expires."""
    return {
        "app_id": known.app_id,
        "type": "SYSTEM_USER",
        "application": "Quixess Simulator",
        "data_access_expires_at": 0,
        "expires_at": 0,
        "is_valid": True,
        "issued_at": int(time.time()),
        "scopes": scopes,
        "granular_scopes": [{"scope": scope, "target_ids": [known.waba_id]} for scope in scopes],
        "user_id": known.system_user_id,
    }


def subscriptions(subscription: Subscription | None) -> list[Json]:
    if subscription is None:
        return []
    fields = [{"name": name, "version": "v25.0"} for name in subscription.fields]
    row = {
        "object": "whatsapp_business_account",
        "callback_url": subscription.callback_url,
        "active": True,
        "fields": fields,
    }
    return [row]


def subscribed_apps(world: World) -> list[Json]:
    if not world.subscribed:
        return []
    app_id = world.identity.app_id
    app = {"id": app_id, "name": "Quixess Simulator", "link": f"https://www.facebook.com/games/?app_id={app_id}"}
    row: Json = {"whatsapp_business_api_data": app}
    if world.override is not None:
        row["override_callback_uri"] = world.override.callback_url
    return [row]


def _matches(one: Template, query: dict[str, str]) -> bool:
    row = templates.listed(one)
    return all(str(row[key]).lower() == query[key].lower() for key in _TEMPLATE_FILTERS if query.get(key))


def _limit(query: dict[str, str]) -> int:
    limit = query.get("limit", str(_PAGE))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit) > 0):
        raise errors.parameter("Param limit must be an integer greater than 0.")
    return min(int(limit), _LONGEST_PAGE)


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise errors.coded(131059) from None


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def _chosen(row: Json, fields: str | None) -> Json:
    """Pick the asked fields, and the id, which Graph always adds."""
    names = [name.strip() for name in fields.split(",")] if fields else list(row)
    return {name: row[name] for name in names if name in row and name != "id"} | {"id": row["id"]}


def _health(kind: str, node: str) -> Json:
    entity = {"entity_type": kind, "id": node, "can_send_message": "AVAILABLE"}
    return {"can_send_message": "AVAILABLE", "entities": [entity]}
