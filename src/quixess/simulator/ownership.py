"""The Graph API of WABAs and numbers: what they are, and everything a business does with a number but sending."""

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, listings, registration, registry
from quixess.simulator.model import Json
from quixess.simulator.subscriptions import Subscriptions
from quixess.simulator.world import World

_NUMBER_DEFAULTS = "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput"
_WABA_DEFAULTS = "name,timezone_id,currency,message_template_namespace"
_SETTINGS = ("calling", "user_identity_change", "payload_encryption", "storage_configuration")
_FIRST_SETTINGS: Json = {
    "calling": {"status": "DISABLED", "call_icon_visibility": "DEFAULT", "callback_permission_status": "DISABLED"},
    "payload_encryption": {"status": "DISABLED"},
    "storage_configuration": {"status": "DEFAULT"},
}
_PUNCTUATION, _NUMBER = re.compile(r"[\s()+.-]"), re.compile(r"[0-9]{7,15}")
_PROFILE = ("about", "address", "description", "email", "profile_picture_url", "websites", "vertical")
_LONGEST = {"about": 139, "address": 256, "description": 512, "email": 128}


class Ownership:
    """The wire of having numbers."""

    def __init__(self, world: World, subscriptions: Subscriptions) -> None:
        self._world = world
        self._subscriptions = subscriptions

    def routes(self) -> list[Route]:
        return [
            Route("/{node}/phone_numbers", self.numbers),
            Route("/{node}/phone_numbers", self.add_number, methods=["POST"]),
            Route("/{node}/request_code", self.request_code, methods=["POST"]),
            Route("/{node}/verify_code", self.verify_code, methods=["POST"]),
            Route("/{node}/register", self.register, methods=["POST"]),
            Route("/{node}/deregister", self.deregister, methods=["POST"]),
            Route("/{node}/settings", self.settings, methods=["GET", "POST"]),
            Route("/{node}/whatsapp_business_profile", self.profile, methods=["GET", "POST"]),
        ]

    async def numbers(self, request: Request) -> Response:
        """List the numbers of a WABA; `fields`, `limit` and `after` as everywhere."""
        waba = gate.waba(request, self._world)
        rows = (
            self.number_card(one, request.query_params.get("fields"))
            for one in self._world.book.numbers.values()
            if one.waba_id == waba.id and one.deleted_at is None
        )
        base = str(request.url.replace(query=""))
        return encoding.answer(listings.page(list(rows), dict(request.query_params), base))

    async def add_number(self, request: Request) -> Response:
        """Take `cc`, `phone_number` and `verified_name`; what comes of it must be verified and registered."""
        waba = gate.waba(request, self._world)
        asked = await gate.parameters(request)
        display = _digits(gate.text(asked, "cc") + gate.text(asked, "phone_number"))
        registration.check_addable(list(self._world.book.numbers.values()), display, self._world.now())
        source = self._world.draws.source("number")
        number = registry.add_number(self._world.book, source, waba, display, gate.text(asked, "verified_name"))
        self._world.touch()
        return encoding.answer({"id": number.id})

    async def request_code(self, request: Request) -> Response:
        number = gate.number(request, self._world)
        source = self._world.draws.source("code")
        sent = registration.new_code(number, await gate.parameters(request), source, self._world.now())
        self._world.verifications[number.id] = sent
        return _success()

    async def verify_code(self, request: Request) -> Response:
        number = gate.number(request, self._world)
        asked = await gate.parameters(request)
        registration.verify(
            number, self._world.verifications.get(number.id), gate.text(asked, "code"), self._world.now()
        )
        self._world.verifications.pop(number.id)
        self._world.touch()
        return encoding.answer({"success": True, "id": number.id})

    async def register(self, request: Request) -> Response:
        number = gate.number(request, self._world)
        self._world.touch()
        registration.register(number, await gate.parameters(request), self._world.now())
        return _success()

    async def deregister(self, request: Request) -> Response:
        number = gate.number(request, self._world)
        self._world.touch()
        registration.deregister(number, self._world.now())
        return _success()

    async def settings(self, request: Request) -> Response:
        """Read the settings of a number, or change one of them; Meta takes one a time."""
        number = gate.number(request, self._world)
        if request.method == "GET":
            return encoding.answer(_FIRST_SETTINGS | number.settings)
        asked = await gate.parameters(request)
        named = [name for name in _SETTINGS if name in asked]
        if len(named) != 1 or not isinstance(asked[named[0]], dict):
            raise errors.parameter(f"Give exactly one of {', '.join(_SETTINGS)}.")
        before = number.settings.get(named[0], _FIRST_SETTINGS.get(named[0], {}))
        number.settings[named[0]] = before | asked[named[0]]
        self._world.touch()
        return _success()

    async def profile(self, request: Request) -> Response:
        """Read or change what customers see of the business."""
        number = gate.number(request, self._world)
        if request.method == "GET":
            names = (request.query_params.get("fields") or ",".join(_PROFILE)).split(",")
            shown = {name: number.profile[name] for name in names if name in number.profile}
            return encoding.answer({"data": [shown | {"messaging_product": "whatsapp"}]})
        asked = await gate.parameters(request)
        if asked.get("messaging_product") != "whatsapp":
            raise errors.parameter("The parameter messaging_product is required.")
        for name, limit in _LONGEST.items():
            if len(str(asked.get(name, ""))) > limit:
                raise errors.parameter(f"Param {name} must be at most {limit} characters long.")
        number.profile |= {name: asked[name] for name in _PROFILE if name in asked}
        self._world.touch()
        return _success()

    async def change(self, request: Request) -> Response:
        """Set a number's PIN, or the callback that it alone has."""
        number = gate.number(request, self._world)
        asked = await gate.parameters(request)
        if "pin" in asked:
            registration.set_pin(number, asked)
        hook = asked.get("webhook_configuration")
        if isinstance(hook, dict):
            app = self._world.book.apps[gate.admit_user(request, self._world).app_id]
            number.override = await self._subscriptions.override(app, hook)
        if "pin" not in asked and not isinstance(hook, dict):
            raise errors.parameter("Give pin or webhook_configuration.")
        self._world.touch()
        return _success()

    def shown(self, node: str, reach: Iterable[str], fields: str | None) -> Json | None:
        """Show a number or a WABA within reach; None if the node is neither."""
        number, waba = self._world.book.numbers.get(node), self._world.book.wabas.get(node)
        if number is not None and number.waba_id in reach and number.deleted_at is None:
            return self.number_card(number, fields)
        if waba is not None and waba.id in reach:
            return listings.chosen(registry.waba_card(waba, self._world.identity), fields or _WABA_DEFAULTS)
        return None

    def number_card(self, number: registry.Number, fields: str | None) -> Json:
        tier = self._world.settings.messaging_limit
        card = registry.number_card(number, self._world.book, self._world.identity, tier)
        return listings.chosen(card, fields or _NUMBER_DEFAULTS)


def _digits(text: str) -> str:
    bare = _PUNCTUATION.sub("", text)
    if not _NUMBER.fullmatch(bare):
        raise errors.parameter("Param phone_number must be a phone number.")
    return bare


def _success() -> Response:
    return encoding.answer({"success": True})
