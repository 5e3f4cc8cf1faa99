"""`POST /_sim/account`: what Meta tells of an account, a number, an alert. Each has an example that can be changed."""

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import errors, levers, payloads, registry
from quixess.simulator.model import Identity, Json
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_DAY_S = 24 * 3600
_BLANK = ("ACCOUNT_DELETED", "AD_ACCOUNT_LINKED", "MM_LITE_TERMS_SIGNED", "ACCOUNT_OFFBOARDED", "ACCOUNT_RECONNECTED")
_PARTINGS = {"PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"}
_DECIDED = ("account_review_update", "phone_number_name_update")
_WORDS = dict.fromkeys(_DECIDED, "decision") | {"business_username_update": "status"}


class _News(msgspec.Struct, forbid_unknown_fields=True):
    """`event` picks the example, and is Meta's word for what happened; `value` goes over the example.

    `phone_number_id` names the number, and so the WABA, that it is about; left out: the first.
    """

    field: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    event: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    value: Json = {}
    phone_number_id: str | None = None


class Account:
    """The wire of everything that is not about a chat."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    def routes(self) -> list[Route]:
        return [Route("/_sim/account", self.tell, methods=["POST"])]

    async def tell(self, request: Request) -> Response:
        """Send one field; answer with what was told, and whether the app is subscribed to it."""
        news = await levers.read(request, _News)
        if news.phone_number_id not in {None, *self._world.book.numbers}:
            raise levers.MistakeError("phone_number_id is no number of a business")
        seen = self._world.seen_from(news.phone_number_id)
        value = example(seen, news.field, news.event, self._world.now()) | news.value
        if not value:
            raise levers.MistakeError(f"there is no example of {news.field}; give its value")
        partner = str(value.get("event", "")).startswith("PARTNER_")
        # Whose partner we are no longer still hears that it is so, and so it is told before it is done.
        subscribed = bool(self._world.targets(news.field, seen))
        self._courier.post(news.field, value, seen.business_id if partner else None, seen=seen)
        if news.field == "account_update" and value.get("event") in _PARTINGS:
            self._part(seen, value.get("waba_info", {}), value["event"])
        return levers.answer({"field": news.field, "value": value, "subscribed": subscribed})

    def _part(self, seen: Identity, info: Json, event: str) -> None:
        """End the tokens: of one app that was uninstalled, of every app of a partner that was removed."""
        waba_id = str(info.get("waba_id", seen.waba_id))
        app_id = str(info.get("partner_app_id", seen.app_id)) if event == "PARTNER_APP_UNINSTALLED" else None
        registry.remove_partner(self._world.book, waba_id, app_id)
        self._world.touch()


def example(identity: Identity, field: str, event: str | None, at: float) -> Json:
    """Return an example of that field's `value`; {} if there is none. `at` in Unix seconds."""
    examples = _account_updates(identity, at) if field == "account_update" else _others(identity).get(field, [])
    word = _WORDS.get(field, "event")
    if event is None:
        return examples[0] if examples else {}
    known = next((one for one in examples if one.get(word) == event), None)
    return known or (examples[-1] | {word: event} if examples else {word: event})


def _account_updates(identity: Identity, at: float) -> list[Json]:
    """Give one example for each event; the last, which has nothing beside its event, serves for unknown ones."""
    partner = {"waba_id": identity.waba_id, "owner_business_id": identity.business_id}
    restriction = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": int(at) + _DAY_S}
    tier: dict[str, Any] = {"tier_update_time": int(at), "pricing_category": "UTILITY", "tier": "25000001:50000000"}
    tier |= {"effective_month": "2025-11", "region": "India"}
    more: dict[str, Json] = {
        "DISABLED_UPDATE": {"ban_info": {"waba_ban_state": "DISABLE", "waba_ban_date": "April 17, 2025"}},
        "ACCOUNT_RESTRICTION": {"restriction_info": [restriction]},
        "ACCOUNT_VIOLATION": {"violation_info": {"violation_type": "ADULT"}},
        "PARTNER_ADDED": {"waba_info": partner},
        "PARTNER_REMOVED": {"waba_info": partner},
        "PARTNER_APP_INSTALLED": {"waba_info": partner | {"partner_app_id": identity.app_id}},
        "PARTNER_APP_UNINSTALLED": {"waba_info": partner | {"partner_app_id": identity.app_id}},
        "PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE": {
            "partner_client_certification_info": {"client_business_id": identity.business_id, "status": "APPROVED"}
        },
        "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE": {"auth_international_rate_eligibility": {"start_time": int(at)}},
        "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE": {"country": "US"},
        "VOLUME_BASED_PRICING_TIER_UPDATE": {"volume_tier_info": tier},
    }
    return [{"event": event} | value for event, value in more.items()] + [{"event": event} for event in _BLANK]


def _others(identity: Identity) -> dict[str, list[Json]]:
    number = {"display_phone_number": identity.display_phone_number}
    alert = {
        "alert_severity": "INFORMATIONAL",
        "alert_status": "NONE",
        "alert_type": "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED",
        "alert_description": "Higher limits come with more messages of good quality.",
    }
    name = {"decision": "APPROVED", "requested_verified_name": identity.verified_name, "rejection_reason": None}
    limits = {"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_waba": 25}
    daily = {"max_daily_conversations_per_business": "TIER_UNLIMITED"}
    speed = {"event": "THROUGHPUT_UPGRADE", "current_limit": "TIER_UNLIMITED"} | daily
    return {
        "messages": [payloads.value(identity, errors=[errors.failure(130429)])],
        "account_review_update": [{"decision": "APPROVED"}],
        "account_alerts": [{"entity_type": "BUSINESS", "entity_id": identity.business_id, "alert_info": alert}],
        "phone_number_quality_update": [number | speed],
        "phone_number_name_update": [number | name],
        "business_capability_update": [limits],
        "security": [number | {"event": "PIN_CHANGED", "requester": identity.system_user_id}],
        "business_username_update": [number | {"username": "quixess", "status": "approved"}],
    }
