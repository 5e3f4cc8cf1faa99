"""`/_sim/apps`, `…/wabas`, `…/numbers`, `…/tokens`, `…/signup`: what one makes and breaks in Meta's own pages."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import levers, mint, oauth, registry, tokens
from quixess.simulator.model import Json, SignupCode
from quixess.simulator.world import World

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Id = Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{4,19}$")]
_Display = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{7,15}$")]
_Life = Annotated[float, msgspec.Meta(ge=0, le=100 * 86_400)]
_Deaths = Literal["app_removed", "password_changed", "logged_out", "expired", "none"]


class _App(msgspec.Struct, forbid_unknown_fields=True):
    """`overlap` keeps the old secret good beside the new one, for proofs and calls, until the next reset."""

    name: _Name | None = None
    require_proof: bool | None = None
    reset_secret: bool = False
    overlap: bool = False


class _Waba(msgspec.Struct, forbid_unknown_fields=True):
    name: _Name | None = None
    business_id: _Id | None = None
    health: registry.Health | None = None


class _Number(msgspec.Struct, forbid_unknown_fields=True):
    """Members left out stay as they are; `pin` "" forgets the PIN."""

    waba_id: _Id | None = None
    display_phone_number: _Display | None = None
    verified_name: _Name | None = None
    code_verification_status: Literal["VERIFIED", "NOT_VERIFIED", "EXPIRED"] | None = None
    registered: bool | None = None
    deregistering: bool | None = None
    deleted: bool | None = None
    pin: Annotated[str, msgspec.Meta(pattern="^([0-9]{6})?$")] | None = None
    status: _Name | None = None
    name_status: _Name | None = None
    platform_type: _Name | None = None
    quality_rating: Literal["GREEN", "YELLOW", "RED", "NA", "UNKNOWN"] | None = None
    throughput: Literal["STANDARD", "HIGH", "NOT_APPLICABLE"] | None = None
    account_mode: Literal["LIVE", "SANDBOX"] | None = None
    maintenance: bool | None = None
    health: registry.Health | None = None


class _Token(msgspec.Struct, forbid_unknown_fields=True):
    """`lives_s` 0: for ever; left out: as long as Meta lets the kind live. Without `waba_ids`: the app's first WABA."""

    kind: tokens.Kind = "system_user"
    app_id: _Id | None = None
    waba_ids: list[_Id] | None = None
    scopes: list[_Name] = msgspec.field(default_factory=lambda: list(tokens.SCOPES))
    lives_s: _Life | None = None


class _End(msgspec.Struct, forbid_unknown_fields=True):
    token: str
    why: _Deaths = "logged_out"


class _Signup(msgspec.Struct, forbid_unknown_fields=True):
    """Without `waba_id` the customer is new: business, WABA and number are made."""

    event: Literal["FINISH", "FINISH_ONLY_WABA", "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING"] = "FINISH"
    app_id: _Id | None = None
    waba_id: _Id | None = None
    name: _Name = "Lucky Shrub"
    scopes: list[_Name] = msgspec.field(default_factory=lambda: list(tokens.SCOPES))
    lives_s: _Life = 0


class Businesses:
    """The wire of the levers on apps, WABAs, numbers and tokens."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            Route("/_sim/apps", self.all_apps, methods=["GET", "POST"]),
            Route("/_sim/apps/{app}", self.change_app, methods=["POST"]),
            Route("/_sim/wabas", self.all_wabas, methods=["GET", "POST"]),
            Route("/_sim/wabas/{waba}", self.change_waba, methods=["POST"]),
            Route("/_sim/numbers", self.all_numbers, methods=["GET", "POST"]),
            Route("/_sim/numbers/{number}", self.change_number, methods=["POST"]),
            Route("/_sim/tokens", self.all_tokens, methods=["GET", "POST"]),
            Route("/_sim/tokens/end", self.end_token, methods=["POST"]),
            Route("/_sim/signup", self.sign_up, methods=["POST"]),
        ]

    async def all_apps(self, request: Request) -> Response:
        if request.method == "GET":
            return levers.answer({"data": [_app(one) for one in self._world.book.apps.values()]})
        asked = await levers.read(request, _App)
        app = registry.add_app(self._world.book, self._world.draws.source("app"), asked.name or registry.APP_NAME)
        app.require_proof = bool(asked.require_proof)
        return self._made(_app(app))

    async def change_app(self, request: Request) -> Response:
        """Rename an app, demand proofs, or give it a new secret, with which webhooks are signed at once."""
        asked = await levers.read(request, _App)
        app = _named(self._world.book.apps, request.path_params["app"], "app")
        app.name = asked.name or app.name
        app.require_proof = app.require_proof if asked.require_proof is None else asked.require_proof
        if asked.reset_secret:
            app.old_secret = app.secret if asked.overlap else None
            app.secret = self._world.draws.source("secret").randbytes(16).hex()
            if app.id == self._world.identity.app_id:
                self._world.identity = msgspec.structs.replace(self._world.identity, app_secret=app.secret)
        self._world.touch()
        return levers.answer(_app(app))

    async def all_wabas(self, request: Request) -> Response:
        if request.method == "GET":
            return levers.answer({"data": [_waba(one) for one in self._world.book.wabas.values()]})
        asked = await levers.read(request, _Waba)
        waba = self._world.add_waba(asked.business_id, asked.name or "Lucky Shrub")
        waba.health = asked.health or waba.health
        return self._made(_waba(waba))

    async def change_waba(self, request: Request) -> Response:
        asked = await levers.read(request, _Waba)
        waba = _named(self._world.book.wabas, request.path_params["waba"], "WABA")
        waba.name, waba.health = asked.name or waba.name, asked.health or waba.health
        waba.business_id = asked.business_id or waba.business_id
        self._world.touch()
        return levers.answer(_waba(waba))

    async def all_numbers(self, request: Request) -> Response:
        """GET shows the PINs too, and the code that waits for `verify_code`."""
        if request.method == "GET":
            return levers.answer({"data": [self._number(one) for one in self._world.book.numbers.values()]})
        asked = await levers.read(request, _Number)
        waba = _named(self._world.book.wabas, asked.waba_id or self._world.identity.waba_id, "WABA")
        display = (asked.display_phone_number or "").removeprefix("+") or None
        number = registry.add_number(
            self._world.book, self._world.draws.source("number"), waba, display, asked.verified_name or waba.name
        )
        number.code_verification_status, number.registered = "VERIFIED", True
        self._change(number, asked)
        return self._made(self._number(number))

    async def change_number(self, request: Request) -> Response:
        asked = await levers.read(request, _Number)
        number = _named(self._world.book.numbers, request.path_params["number"], "number")
        self._change(number, asked)
        self._world.touch()
        return levers.answer(self._number(number))

    async def all_tokens(self, request: Request) -> Response:
        if request.method == "GET":
            return levers.answer({"data": [self._token(one) for one in self._world.book.tokens.values()]})
        asked, home = await levers.read(request, _Token), self._world.identity
        app = _named(self._world.book.apps, asked.app_id or home.app_id, "app")
        waba_ids = [home.waba_id] if asked.waba_ids is None else asked.waba_ids
        wabas = [_named(self._world.book.wabas, one, "WABA") for one in waba_ids]
        of_another = asked.kind != "system_user"
        like = tokens.Token(
            value="",
            kind=asked.kind,
            app_id=app.id,
            user_id=mint.digits(self._world.draws.source("user"), 17) if of_another else home.system_user_id,
            business_id=wabas[0].business_id if wabas else None,
            waba_ids=waba_ids,
            scopes=asked.scopes,
        )
        lives_s = tokens.LIVES_S[asked.kind] if asked.lives_s is None else asked.lives_s
        made = tokens.fresh(like, self._world.draws.source("token"), now=self._world.now(), lives_s=lives_s)
        self._world.book.tokens[made.value] = made
        return self._made(self._token(made))

    async def end_token(self, request: Request) -> Response:
        """End a token in one of Meta's ways, or give it its life back (`none`)."""
        asked = await levers.read(request, _End)
        token = _named(self._world.book.tokens, asked.token, "token")
        if asked.why == "expired":
            token.expires_at = self._world.now()
        else:
            token.died = None if asked.why == "none" else tokens.Death(asked.why)
        self._world.touch()
        return levers.answer(self._token(token))

    async def sign_up(self, request: Request) -> Response:
        """Let a customer go through Embedded Signup; answer what the browser gets: the code, and the message."""
        asked, book = await levers.read(request, _Signup), self._world.book
        app = _named(book.apps, asked.app_id or self._world.identity.app_id, "app")
        waba = _named(book.wabas, asked.waba_id, "WABA") if asked.waba_id else self._customer(asked)
        number = next((one for one in book.numbers.values() if one.waba_id == waba.id), None)
        code = "AQ" + mint.text(self._world.draws.source("signup"), 200)
        self._world.signups[code] = SignupCode(
            app_id=app.id,
            business_id=waba.business_id,
            waba_ids=[waba.id],
            scopes=asked.scopes,
            lives_s=asked.lives_s,
            ends_at=self._world.now() + oauth.CODE_LIVES_S,
        )
        data = {"waba_id": waba.id, "business_id": waba.business_id}
        if number is not None and asked.event != "FINISH_ONLY_WABA":
            data["phone_number_id"] = number.id
        session_info = {"type": "WA_EMBEDDED_SIGNUP", "event": asked.event, "version": "3", "data": data}
        return self._made({"code": code, "session_info": session_info})

    def _customer(self, asked: _Signup) -> registry.Waba:
        """Make what a new customer makes: the number is verified, and registered only if it lives in the app."""
        book = self._world.book
        waba = self._world.add_waba(None, asked.name)
        if asked.event != "FINISH_ONLY_WABA":
            number = registry.add_number(book, self._world.draws.source("number"), waba, None, asked.name)
            number.code_verification_status = "VERIFIED"
            number.registered = asked.event == "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING"
        return waba

    def _change(self, number: registry.Number, asked: _Number) -> None:
        _named(self._world.book.wabas, asked.waba_id or number.waba_id, "WABA")
        given = {name: getattr(asked, name) for name in _Number.__struct_fields__ if getattr(asked, name) is not None}
        if "display_phone_number" in given:
            number.display = given.pop("display_phone_number").removeprefix("+")
        if "deleted" in given:
            number.deleted_at = self._world.now() if given.pop("deleted") else None
        if "pin" in given:
            number.pin = given.pop("pin") or None
        for name, value in given.items():
            setattr(number, name, value)

    def _number(self, number: registry.Number) -> Json:
        tier = self._world.settings.messaging_limit
        waits = self._world.verifications.get(number.id)
        card = registry.number_card(number, self._world.book, self._world.identity, tier)
        known = {"waba_id": number.waba_id, "registered": number.registered, "pin": number.pin}
        return card | known | {"code": waits.code if waits else None, "deleted": number.deleted_at is not None}

    def _token(self, token: tokens.Token) -> Json:
        name = self._world.book.apps[token.app_id].name
        return {"access_token": token.value, "kind": token.kind} | tokens.debugged(token, name, self._world.now())

    def _made(self, told: Json) -> Response:
        self._world.touch()
        return levers.answer(told, 201)


def _app(app: registry.App) -> Json:
    shown: Json = msgspec.to_builtins(app)
    return shown | {"access_token": app.access_token}


def _waba(waba: registry.Waba) -> Json:
    shown: Json = msgspec.to_builtins(waba)
    return shown


def _named(known: dict[str, Any], key: str, kind: str) -> Any:
    """Return what has that id; raises MistakeError."""
    found = known.get(key)
    if found is None:
        raise levers.MistakeError(f"there is no such {kind}")
    return found
