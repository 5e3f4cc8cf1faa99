"""Onboarding: the calls to Meta that make a number usable, from the code of Embedded Signup to its registration.

Each function makes one call and raises an `Outcome` when Meta does not do it. An app speaks for itself with its own
token, `APP_ID|SECRET`; what belongs to a business needs the business's token.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from quixess.meta import outcomes
from quixess.meta.graph import Credentials, Graph
from quixess.meta.outcomes import Unknown

FIELDS = (
    *("messages", "calls", "history", "smb_message_echoes", "smb_app_state_sync", "user_preferences"),
    *("message_template_status_update", "message_template_quality_update", "message_template_components_update"),
    *("template_category_update", "account_update", "account_review_update", "account_alerts", "security"),
    *("phone_number_quality_update", "phone_number_name_update", "business_capability_update"),
    "business_username_update",
)
"""The webhook fields that Quixess understands."""

_OBJECT = "whatsapp_business_account"
_NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,code_verification_status,name_status,status,platform_type,"
    "throughput,account_mode,is_pin_enabled,whatsapp_business_manager_messaging_limit"
)
_NUMBERS_A_PAGE = 100
_MOST_PAGES = 50


async def exchange_code(graph: Graph, app_id: str, app_secret: str, code: str) -> str:
    """Exchange the code of Embedded Signup, which lives 30 s and works once, for the customer's token."""
    query = {"client_id": _id(app_id), "client_secret": app_secret, "code": code}
    answer = await graph.ask("GET", "oauth/access_token", token=_app_token(app_id, app_secret), query=query)
    token = answer.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,4096}", token):
        raise Unknown("the answer to the code has no token")
    return token


async def look_at_token(graph: Graph, app_id: str, app_secret: str, token: str) -> dict[str, Any]:
    """Ask what Meta knows of a token, as the app: `app_id`, `is_valid`, `scopes`, `granular_scopes`, `expires_at`.

    It proves the app's secret as well: Meta refuses a wrong one.
    """
    query = {"input_token": token}
    answer = await graph.ask("GET", "debug_token", token=_app_token(app_id, app_secret), query=query)
    data = answer.get("data")
    if not isinstance(data, dict):
        raise Unknown("the answer about the token has no data")
    return data


async def list_numbers(graph: Graph, credentials: Credentials) -> list[dict[str, Any]]:
    """List every number of the WABA with what Meta tells of it, in Meta's field names."""
    found: list[dict[str, Any]] = []
    query = {"fields": _NUMBER_FIELDS, "limit": str(_NUMBERS_A_PAGE)}
    for _ in range(_MOST_PAGES):
        page = await graph.get(credentials, f"{credentials.waba_id}/phone_numbers", query)
        data = page.get("data")
        if not isinstance(data, list):
            raise Unknown("the list of numbers has no data")
        found += [one for one in data if isinstance(one, dict)]
        after = _next_cursor(page)
        if after is None or after == query.get("after"):
            return found
        query["after"] = after
    raise Unknown(f"the list of numbers has more than {_MOST_PAGES} pages")


async def register(graph: Graph, credentials: Credentials, pin: str) -> None:
    """Register the number for the Cloud API. The PIN of six digits becomes its two-step PIN, or has to be it."""
    content = msgspec.json.encode({"messaging_product": "whatsapp", "pin": pin})
    outcomes.require_success(await _post(graph, credentials, f"{credentials.phone_number_id}/register", content))


async def change_pin(graph: Graph, credentials: Credentials, pin: str) -> None:
    """Change the two-step PIN of a registered number. Meta asks for the token only, not for the PIN it has."""
    content = msgspec.json.encode({"pin": pin})
    outcomes.require_success(await _post(graph, credentials, credentials.phone_number_id, content))


async def subscribe_app(
    graph: Graph, app_id: str, app_secret: str, callback_url: str, verify_token: str, fields: Sequence[str] = FIELDS
) -> None:
    """Tell Meta where the app's webhooks go. Meta calls `callback_url` to verify it before it answers."""
    form = {
        "object": _OBJECT,
        "callback_url": callback_url,
        "verify_token": verify_token,
        "fields": ",".join(fields),
    }
    path = f"{_id(app_id)}/subscriptions"
    outcomes.require_success(await graph.ask("POST", path, token=_app_token(app_id, app_secret), form=form))


async def subscribe_waba(graph: Graph, credentials: Credentials) -> None:
    """Subscribe the token's app to the WABA. Without it no webhook ever arrives, and nothing says so."""
    outcomes.require_success(await _post(graph, credentials, f"{credentials.waba_id}/subscribed_apps", None))


async def unsubscribe_waba(graph: Graph, credentials: Credentials) -> None:
    """Take the token's app off the WABA: its webhooks stop."""
    path, token = f"{credentials.waba_id}/subscribed_apps", credentials.token
    outcomes.require_success(await graph.ask("DELETE", path, token=token, app_secret=credentials.app_secret))


async def _post(graph: Graph, credentials: Credentials, path: str, content: bytes | None) -> dict[str, Any]:
    token, secret = credentials.token, credentials.app_secret
    return await graph.ask("POST", path, token=token, app_secret=secret, content=content)


def _app_token(app_id: str, app_secret: str) -> str:
    if not re.fullmatch(r"[!-~]{1,256}", app_secret):
        raise ValueError("the app secret must be printable ASCII without spaces")
    return f"{_id(app_id)}|{app_secret}"


def _id(app_id: str) -> str:
    if not re.fullmatch(r"[0-9]{1,32}", app_id):
        raise ValueError("app_id must be digits")
    return app_id


def _next_cursor(page: dict[str, Any]) -> str | None:
    """Find where the next page starts; Meta's `next` link is not followed, it could name any host."""
    paging = page.get("paging")
    cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None
