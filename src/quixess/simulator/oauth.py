"""`/oauth/…` and tokens: sign-up codes, exchange, revocation, `debug_token`, tokens of system users.

Meta's pages "Manually build a Login flow", "Long-lived access tokens" and "Install apps, generate and revoke tokens".
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, mint, registry, tokens
from quixess.simulator.model import Json, SignupCode
from quixess.simulator.world import World

CODE_LIVES_S = 30
_NEXT_KIND: dict[tokens.Kind, tokens.Kind] = {"user": "long_lived_user"}


class OAuth:
    """The wire of tokens."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            Route("/oauth/access_token", self.access_token, methods=["GET", "POST"]),
            Route("/oauth/revoke", self.revoke, methods=["GET", "POST"]),
            Route("/debug_token", self.debug_token),
            Route("/{node}/access_tokens", self.system_user_token, methods=["POST"]),
        ]

    async def access_token(self, request: Request) -> Response:
        """Give a token for a sign-up code, for an older token, or for the app itself."""
        asked = await gate.parameters(request)
        app = self._client(asked)
        match asked.get("grant_type"):
            case "fb_exchange_token":
                return self._told(self._exchanged(app, asked), always=True)
            case "client_credentials":
                return encoding.answer({"access_token": app.access_token, "token_type": "bearer"})
            case _:
                return self._told(self._redeemed(app, gate.text(asked, "code")), always=False)

    async def revoke(self, request: Request) -> Response:
        """End one token by the word of another of the same app."""
        asked = await gate.parameters(request)
        app = self._client(asked)
        gate.admit_user(request, self._world, None, asked)
        token = self._world.book.tokens.get(gate.text(asked, "revoke_token"))
        if token is None or token.app_id != app.id:
            raise errors.token_invalid()
        token.died = token.died or tokens.Death.LOGGED_OUT
        self._world.touch()
        return encoding.answer({"success": True})

    async def debug_token(self, request: Request) -> Response:
        """Tell what a token is and may do; it must be of the caller's own app."""
        app = gate.admit_any(request, self._world)
        value = request.query_params.get("input_token", "")
        token = self._world.book.tokens.get(value)
        if any(value == one.access_token for one in self._world.book.apps.values()):
            named = value.partition("|")[0]
            data: Json = {"app_id": named, "type": "APP", "application": self._name(named), "is_valid": True}
            data["scopes"] = []
        elif token is not None:
            data = tokens.debugged(token, self._name(token.app_id), self._world.now())
        else:
            wrong = errors.token_invalid()
            data = {"error": {"code": 190, "message": wrong.message}, "is_valid": False, "scopes": []}
        if data.get("app_id", app.id) != app.id:
            raise errors.parameter("The App_id in the input_token did not match the Viewing App")
        return encoding.answer({"data": data})

    async def system_user_token(self, request: Request) -> Response:
        """Make another token of a system user: `business_app`, `scope`, `appsecret_proof`, perhaps of sixty days."""
        asked = await gate.parameters(request)
        token = gate.admit_user(request, self._world, None, asked)
        if token.kind != "system_user" or token.user_id != request.path_params["node"]:
            raise errors.unknown_object("post", request.path_params["node"])
        if gate.text(asked, "business_app") != token.app_id:
            raise errors.parameter("The system user has not installed this app.")
        gate.text(asked, "appsecret_proof")
        wished = [one.strip() for one in gate.text(asked, "scope").split(",") if one.strip()]
        strange = sorted(set(wished) - {*tokens.SCOPES, "business_management"})
        if strange:
            raise errors.parameter(f"Invalid scope: {', '.join(strange)}.")
        made = self._keep(token, lives_s=tokens.SIXTY_DAYS_S if _sixty_days(asked) else 0)
        made.scopes = wished
        return self._told(made, always=False)

    def _client(self, asked: Json) -> registry.App:
        """Return the app that `client_id` and `client_secret` prove; raises GraphError 101 or 1."""
        app = self._world.book.apps.get(gate.text(asked, "client_id"))
        if app is None:
            text = "Error validating application. Cannot get application info due to a system error."
            raise errors.GraphError(400, 101, text)
        if gate.text(asked, "client_secret") not in app.secrets:
            raise errors.GraphError(400, 1, "Error validating client secret.")
        return app

    def _redeemed(self, app: registry.App, code: str) -> tokens.Token:
        """Turn a sign-up code into the customer's token, once; raises GraphError 100 with Meta's subcode."""
        found = self._world.signups.get(code)
        if found is None or found.app_id != app.id:
            raise errors.GraphError(400, 100, "Invalid verification code format.", subcode=36008)
        if found.used:
            raise errors.GraphError(400, 100, "This authorization code has been used.", subcode=36009)
        if found.ends_at <= self._world.now():
            raise errors.GraphError(400, 100, "This authorization code has expired.", subcode=36007)
        found.used = True
        return self._keep(self._of_a_business(found), lives_s=found.lives_s)

    def _of_a_business(self, found: SignupCode) -> tokens.Token:
        return tokens.Token(
            value="",
            kind="business_integration",
            app_id=found.app_id,
            user_id=mint.digits(self._world.draws.source("user"), 17),
            business_id=found.business_id,
            waba_ids=found.waba_ids,
            scopes=found.scopes,
        )

    def _exchanged(self, app: registry.App, asked: Json) -> tokens.Token:
        """Make a fresh token of one that lives; the old one stays valid until its own end."""
        old = self._world.book.tokens.get(gate.text(asked, "fb_exchange_token"))
        if old is None or old.app_id != app.id:
            raise errors.token_invalid()
        tokens.check(old, self._world.now())
        lives_s = tokens.SIXTY_DAYS_S if old.of_a_person or old.expires_at or _sixty_days(asked) else 0
        made = self._keep(old, lives_s=lives_s)
        made.kind = _NEXT_KIND.get(old.kind, old.kind)
        return made

    def _keep(self, like: tokens.Token, *, lives_s: float) -> tokens.Token:
        made = tokens.fresh(like, self._world.draws.source("token"), now=self._world.now(), lives_s=lives_s)
        self._world.book.tokens[made.value] = made
        self._world.touch()
        return made

    def _told(self, made: tokens.Token, *, always: bool) -> Response:
        told: Json = {"access_token": made.value, "token_type": "bearer"}
        if made.expires_at and (always or made.kind != "system_user"):
            told["expires_in"] = int(made.expires_at - self._world.now())
        return encoding.answer(told)

    def _name(self, app_id: str) -> str:
        known = self._world.book.apps.get(app_id)
        return known.name if known else registry.APP_NAME


def _sixty_days(asked: Json) -> bool:
    return str(asked.get("set_token_expires_in_60_days", "")).lower() in {"true", "1"}
