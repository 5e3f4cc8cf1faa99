"""Who gets which webhooks: an app's callback, its subscriptions to WABAs, and the overrides."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, registry
from quixess.simulator.model import Json, Subscription
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_OBJECT = "whatsapp_business_account"
_LONGEST_OVERRIDE = 200


class Subscriptions:
    """The wire of subscribing."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    def routes(self) -> list[Route]:
        return [
            Route("/{node}/subscriptions", self.subscriptions, methods=["GET", "POST", "DELETE"]),
            Route("/{node}/subscribed_apps", self.subscribed_apps, methods=["GET", "POST", "DELETE"]),
        ]

    async def subscriptions(self, request: Request) -> Response:
        """Read, set or end the app's callback. POST shakes hands first, and changes nothing if the echo is wrong."""
        asked = await gate.parameters(request)
        app = gate.admit_app(request, self._world, asked)
        if request.path_params["node"] != app.id:
            raise errors.unknown_object(request.method, request.path_params["node"])
        if request.method == "GET":
            return encoding.answer({"data": _subscription_rows(app.subscription)})
        app.subscription = await self._subscription(asked) if request.method == "POST" else None
        self._world.touch()
        return encoding.answer({"success": True})

    async def subscribed_apps(self, request: Request) -> Response:
        """Read, make or end the subscription of the token's app to the WABA; POST also sets or lifts the override."""
        waba = gate.waba(request, self._world)
        if request.method == "GET":
            rows = [_app_row(self._world.book.apps[key], override) for key, override in waba.apps.items()]
            return encoding.answer({"data": rows})
        app = self._world.book.apps[gate.admit_user(request, self._world).app_id]
        if request.method == "POST":
            waba.apps[app.id] = await self.override(app, await gate.parameters(request))
        else:
            waba.apps.pop(app.id, None)
        self._world.touch()
        return encoding.answer({"success": True})

    async def override(self, app: registry.App, asked: Json) -> Subscription | None:
        """Shake hands with `override_callback_uri`; None without one. Raises GraphError 100 or 2200."""
        if not asked.get("override_callback_uri"):
            return None
        if app.subscription is None:
            raise errors.parameter(
                "Before override the current callback uri, your app must be subscribed to receive messages "
                "for WhatsApp Business Account"
            )
        url, token = gate.text(asked, "override_callback_uri"), gate.text(asked, "verify_token")
        if len(url) > _LONGEST_OVERRIDE:
            raise errors.parameter(f"Param override_callback_uri must be at most {_LONGEST_OVERRIDE} characters long.")
        await self._courier.handshake(url, token)
        return Subscription(url, token, [])

    async def _subscription(self, asked: Json) -> Subscription:
        if asked.get("object") != _OBJECT:
            raise errors.parameter(f"Param object must be one of {{{_OBJECT}}}")
        url, token = gate.text(asked, "callback_url"), gate.text(asked, "verify_token")
        await self._courier.handshake(url, token)
        return Subscription(url, token, _fields(asked.get("fields")))


def _subscription_rows(subscription: Subscription | None) -> list[Json]:
    if subscription is None:
        return []
    fields = [{"name": name, "version": "v25.0"} for name in subscription.fields]
    return [{"object": _OBJECT, "callback_url": subscription.callback_url, "active": True, "fields": fields}]


def _app_row(app: registry.App, override: Subscription | None) -> Json:
    link = f"https://www.facebook.com/games/?app_id={app.id}"
    row: Json = {"whatsapp_business_api_data": {"id": app.id, "name": app.name, "link": link}}
    return row | ({"override_callback_uri": override.callback_url} if override else {})


def _fields(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    return [one.strip() for one in str(value or "").split(",") if one.strip()]
