"""The rest of the Graph API: subscriptions, numbers, the WABA, templates, debug_token."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, listings
from quixess.simulator.model import Json, Subscription
from quixess.simulator.progress import Progress
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_SCOPES = ["whatsapp_business_management", "whatsapp_business_messaging"]
_OBJECT = "whatsapp_business_account"


class Graph:
    """The wire of managing."""

    def __init__(self, world: World, courier: Courier, progress: Progress) -> None:
        self._world = world
        self._courier = courier
        self._progress = progress

    def routes(self) -> list[Route]:
        return [
            Route("/debug_token", self.debug_token),
            Route("/{node}/subscriptions", self.subscriptions, methods=["GET", "POST"]),
            Route("/{node}/subscribed_apps", self.subscribed_apps, methods=["GET", "POST", "DELETE"]),
            Route("/{node}/message_templates", self.list_templates),
            Route("/{node}/message_templates", self.create_template, methods=["POST"]),
            Route("/{node}/phone_numbers", self.phone_numbers),
            Route("/{node}", self.node),
        ]

    async def debug_token(self, request: Request) -> Response:
        gate.admit_any(request, self._world)
        known = self._world.identity
        token = request.query_params.get("input_token", "")
        if token == known.app_access_token:
            data: Json = {"app_id": known.app_id, "type": "APP", "is_valid": True, "scopes": []}
        elif token == known.access_token:
            data = listings.system_user_token(known, _SCOPES)
        else:
            wrong = errors.token_invalid()
            data = {"error": {"code": 190, "message": wrong.message}, "is_valid": False, "scopes": []}
        return encoding.answer({"data": data})

    async def subscriptions(self, request: Request) -> Response:
        """Read or set the app's callback. POST shakes hands first, and changes nothing if the echo is wrong."""
        gate.admit_app(request, self._world)
        self._must_be(request, self._world.identity.app_id)
        if request.method == "GET":
            return encoding.answer({"data": listings.subscriptions(self._world.subscription)})
        asked = await gate.parameters(request)
        if asked.get("object") != _OBJECT:
            raise errors.parameter(f"Param object must be one of {{{_OBJECT}}}")
        url, token = _text(asked, "callback_url"), _text(asked, "verify_token")
        await self._courier.handshake(url, token)
        self._world.subscription = Subscription(url, token, _fields(asked.get("fields")))
        self._world.touch()
        return encoding.answer({"success": True})

    async def subscribed_apps(self, request: Request) -> Response:
        gate.admit_user(request, self._world)
        self._must_be(request, self._world.identity.waba_id)
        if request.method == "GET":
            return encoding.answer({"data": listings.subscribed_apps(self._world)})
        self._world.override = await self._override(request) if request.method == "POST" else None
        self._world.subscribed = request.method == "POST"
        self._world.touch()
        return encoding.answer({"success": True})

    async def list_templates(self, request: Request) -> Response:
        gate.admit_user(request, self._world)
        self._must_be(request, self._world.identity.waba_id)
        base = str(request.url.replace(query=""))
        rows = self._world.templates.values()
        return encoding.answer(listings.templates_page(rows, dict(request.query_params), base))

    async def create_template(self, request: Request) -> Response:
        gate.admit_user(request, self._world)
        self._must_be(request, self._world.identity.waba_id)
        template = self._world.create_template(await gate.parameters(request))
        self._progress.review(template)
        made = {"id": template.id, "status": template.status.value, "category": template.category.value}
        return encoding.answer(made)

    async def phone_numbers(self, request: Request) -> Response:
        gate.admit_user(request, self._world)
        self._must_be(request, self._world.identity.waba_id)
        row = listings.phone_number(self._world.identity, request.query_params.get("fields"))
        cursors = {"before": "MA", "after": "MA"}
        return encoding.answer({"data": [row], "paging": {"cursors": cursors}})

    async def node(self, request: Request) -> Response:
        """One object by its id: the number, the WABA or a template."""
        gate.admit_user(request, self._world)
        known, wanted = self._world.identity, request.path_params["node"]
        fields = request.query_params.get("fields")
        if wanted == known.phone_number_id:
            return encoding.answer(listings.phone_number(known, fields))
        if wanted == known.waba_id:
            return encoding.answer(listings.waba(known, fields))
        for template in self._world.templates.values():
            if template.id == wanted:
                return encoding.answer(listings.template(template, fields))
        raise errors.unknown_object("get", wanted)

    async def _override(self, request: Request) -> Subscription | None:
        asked = await gate.parameters(request)
        if not asked.get("override_callback_uri"):
            return None
        if self._world.subscription is None:
            raise errors.parameter(
                "Before override the current callback uri, your app must be subscribed to receive messages "
                "for WhatsApp Business Account"
            )
        url, token = _text(asked, "override_callback_uri"), _text(asked, "verify_token")
        await self._courier.handshake(url, token)
        return Subscription(url, token, [])

    def _must_be(self, request: Request, known: str) -> None:
        if request.path_params["node"] != known:
            raise errors.unknown_object(request.method, request.path_params["node"])


def _text(asked: Json, key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str) or not value:
        raise errors.parameter(f"The parameter {key} is required.")
    return value


def _fields(value: Any) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    return [one.strip() for one in str(value or "").split(",") if one.strip()]
