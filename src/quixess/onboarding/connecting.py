"""Connecting: a number proved to be what was claimed, made ready at Meta, then kept in one transaction.

The order is the promise: what only reads comes first, then what Meta has to do (the app's webhooks, the WABA's
subscription, the registration), then our own rows, all at once. Where a step fails nothing is connected, and each step
can be done again. No network call is made inside a transaction.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog
from msgspec import UNSET

from quixess import connections, errors
from quixess.connections import App, Claim, Facts, Lines, NotConnectable
from quixess.database import ids
from quixess.database.core import Database, Tx
from quixess.errors import FieldError, QuixessError
from quixess.events import directory, outbox, wishes
from quixess.events.endpoints import Endpoint
from quixess.events.outward import Policy
from quixess.events.wishes import Wish
from quixess.meta import onboarding as meta
from quixess.meta.graph import META, Credentials, Graph, Outcome
from quixess.onboarding import telling
from quixess.templates import Sync
from quixess.vault import Keyring

CALLBACK = "/webhooks/meta/{app_id}"
_REGISTERING = {
    133005: "The PIN is wrong: name the number's two-step PIN, or reset it in WhatsApp Manager.",
    133006: "The number is not verified: let WhatsApp Manager send its code and enter it there.",
    133008: "The PIN was guessed too often: wait as Meta says, then name the right one.",
    133009: "The PIN was guessed too fast: wait some minutes, then name the right one.",
    133015: "The number was deleted a moment ago: wait five minutes.",
    133016: "The number was registered more than ten times in 72 hours: wait until that is over.",
}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Webhook:
    """The tenant's webhook, as configured with the connection. `event_types` None is the six of version 1."""

    url: str
    event_types: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """What became of connecting.

    `verify_token` is told where the app's webhooks are still to be set by hand, with `callback_url` (a path while the
    gateway's own address is unknown). `endpoint_secret` is that of a new endpoint, shown this once. `templates` is how
    many the WABA has, None when Meta did not list them now: they come by themselves later.
    """

    connection_id: UUID
    display_phone: str
    verified_name: str | None
    registered: bool
    callback_url: str
    verify_token: str | None = field(repr=False)
    endpoint: Endpoint | None
    endpoint_secret: str | None = field(repr=False)
    templates: int | None


class Onboarding:
    """Connects numbers to brands. `public_url` is where Meta reaches this gateway, None where nobody said so.

    `graph_urls` are the Graph APIs beside Meta's that a claim may name, None any: for whoever holds the keyring.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        lines: Lines,
        sync: Sync,
        dispatcher: outbox.Dispatcher | None,
        policy: Policy,
        public_url: str | None,
        graph_urls: Collection[str] | None,
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._sync = sync
        self._dispatcher = dispatcher
        self._policy = policy
        self._public_url = public_url.rstrip("/") if public_url else None
        self._graph_urls = graph_urls

    async def connect_by_credentials(
        self, brand_id: UUID, claim: Claim, webhook: Webhook | None, *, actor: str
    ) -> Connected:
        """Connect a number by pasted credentials.

        Raises NotConnectable with the step and the fix, `upstream_unavailable` when Meta gives no clear answer, and
        `invalid_request` for a webhook that cannot be or a Graph API that tokens are not told to.
        """
        async with self._db.transaction() as tx:
            app = await connections.find_app(tx, self._keyring, claim.app_id)
        graph_url = self._trusted(claim.graph_url, app)
        return await self._connect(brand_id, replace(claim, graph_url=graph_url), webhook, actor, "CONNECTED")

    async def _connect(
        self, brand_id: UUID, claim: Claim, webhook: Webhook | None, actor: str, event: str
    ) -> Connected:
        wish = self._wish(webhook)
        async with self._db.transaction() as tx:
            await connections.check_free(tx, brand_id, claim.phone_number_id)
            app = await connections.find_app(tx, self._keyring, claim.app_id)
        verify_token = claim.verify_token or (app.verify_token if app is not None else secrets.token_urlsafe(24))
        graph = await self._lines.to(claim.graph_url)
        facts, unregistered = await connections.prove(graph, claim, verify_token)
        try:
            await self._ready_at_meta(graph, facts, claim.pin if unregistered else None)
            kept = replace(facts, pin=claim.pin if unregistered else None)
            connection_id, endpoint, new = await self._keep(brand_id, kept, wish, actor, event)
        except BaseException:
            if app is None:
                await self._forget_app(claim.app_id)
            raise
        return Connected(
            connection_id=connection_id,
            display_phone=facts.display_phone,
            verified_name=facts.verified_name,
            registered=unregistered,
            callback_url=self._callback(claim.app_id),
            verify_token=None if self._public_url else verify_token,
            endpoint=endpoint,
            endpoint_secret=endpoint.secrets[0] if endpoint is not None and new else None,
            templates=await self._fetch_templates(brand_id, connection_id),
        )

    async def sign_up(
        self, brand_id: UUID, app_id: str, code: str, claim: Claim, webhook: Webhook | None, *, actor: str
    ) -> Connected:
        """Connect a number by the code of Embedded Signup, which lives 30 seconds.

        `claim` holds what the browser said, without app secret and token: the secret is that of the app, which must be
        known here, the token comes for the code. Raises as `connect_by_credentials` does.
        """
        self._wish(webhook)  # a code is good for one exchange: what can be refused is refused before
        async with self._db.transaction() as tx:
            await connections.check_free(tx, brand_id, claim.phone_number_id)
            app = await connections.find_app(tx, self._keyring, app_id)
        if app is None:
            text = "This app is not known here: make it known with `quixess connection app`, or connect a number of it."
            raise NotConnectable("app", text)
        graph, secret = await self._lines.to(app.graph_url), app.secrets[0].decode()
        with connections.step(
            "code", "Run the sign-up again: its code works once, within 30 seconds, for its own app."
        ):
            token = await meta.exchange_code(graph, app_id, secret, code)
        whole = replace(claim, app_id=app_id, app_secret=secret, token=token, graph_url=app.graph_url)
        return await self._connect(brand_id, whole, webhook, actor, "CONNECTED")

    async def reconnect(
        self, brand_id: UUID, connection_id: UUID, *, token: str | None, pin: str | None, actor: str
    ) -> Connected:
        """Connect a known number again, with the token it has or with a new one. Raises as connecting does.

        A PIN that it was registered with before is used again. Raises `connection_not_found`.
        """
        async with self._db.transaction() as tx:
            found = await connections.load(tx, self._keyring, [(brand_id, connection_id)])
            kept_pin = await connections.find_pin(tx, self._keyring, brand_id, connection_id)
            if not found:
                raise connections.none_such()
        one = found[0]
        claim = Claim(
            app_id=one.app_id,
            app_secret=one.credentials.app_secret or "",
            waba_id=one.waba_id,
            phone_number_id=one.phone_number_id,
            token=token or one.credentials.token,
            graph_url=one.graph_url,
            pin=pin or kept_pin,
        )
        return await self._connect(brand_id, claim, None, actor, "RECONNECTED")

    async def know_app(
        self, app_id: str, app_secret: str, verify_token: str | None, graph_url: str, *, actor: str
    ) -> str:
        """Make a Meta app known before its first number, for Embedded Signup; returns its verify token.

        Raises NotConnectable when Meta does not take the secret, and `invalid_request` as connecting does.
        """
        graph_url = self._trusted(graph_url, None)
        graph = await self._lines.to(graph_url)
        await connections.prove_secret(graph, app_id, app_secret)
        async with self._db.transaction() as tx:
            app = await connections.find_app(tx, self._keyring, app_id)
            chosen = verify_token or (app.verify_token if app is not None else secrets.token_urlsafe(24))
            await connections.keep_app(tx, self._keyring, app_id, app_secret, chosen, graph_url)
            await telling.audit(tx, None, actor, "app.known", app_id, {})
        return chosen

    def _trusted(self, url: str, app: App | None) -> str:
        """Hold the Graph API that a claim names against those that may be told tokens and secrets.

        They are Meta's, those of the settings, and the one that the app is known by here already. Each is taken letter
        by letter: what only looks like one of them is none.
        """
        url = url.rstrip("/")
        if self._graph_urls is None or url in {META, *self._graph_urls, *(() if app is None else (app.graph_url,))}:
            return url
        text = (
            f"Tokens are told to {META} and to the addresses of QUIXESS_GRAPH_URLS: leave it out, or name one of them."
        )
        raise errors.invalid("/graph_url", "not_allowed", text)

    def _wish(self, webhook: Webhook | None) -> Wish | None:
        if webhook is None:
            return None
        wish = Wish(url=webhook.url, event_types=UNSET if webhook.event_types is None else webhook.event_types)
        try:
            return wishes.check(wish, self._policy)
        except QuixessError as error:
            raise _below("/webhook", error) from None

    async def _ready_at_meta(self, graph: Graph, facts: Facts, pin: str | None) -> None:
        """Have Meta send the webhooks here, and register the number where it is not. Each can be done again."""
        credentials = Credentials(facts.phone_number_id, facts.waba_id, facts.token, facts.app_secret)
        if self._public_url:
            async with self._db.transaction() as tx:  # Meta asks for the verify token before it answers
                await connections.keep_app(
                    tx, self._keyring, facts.app_id, facts.app_secret, facts.verify_token, facts.graph_url
                )
            fix = (
                "Meta could not verify the callback URL: QUIXESS_PUBLIC_URL must reach this gateway from the internet, "
            )
            with connections.step("app_subscription", fix + "over https with a certificate that everybody trusts."):
                callback = self._callback(facts.app_id)
                await meta.subscribe_app(graph, facts.app_id, facts.app_secret, callback, facts.verify_token)
        with connections.step(
            "waba_subscription", "Give the token's user full control of the account, then try again."
        ):
            await meta.subscribe_waba(graph, credentials)
        if pin is not None:
            await self._register(graph, credentials, pin)

    async def _register(self, graph: Graph, credentials: Credentials, pin: str) -> None:
        try:
            with connections.step("registration", "Meta did not register the number."):
                await meta.register(graph, credentials, pin)
        except NotConnectable as error:
            code = (error.extra["meta"] or {"code": 0})["code"]
            raise NotConnectable("registration", _REGISTERING.get(code, error.detail), meta_code=code or None) from None

    async def _keep(
        self, brand_id: UUID, facts: Facts, wish: Wish | None, actor: str, event: str
    ) -> tuple[UUID, Endpoint | None, bool]:
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                connection_id = await connections.connect(tx, self._keyring, brand_id, facts)
                endpoint, new = await self._keep_endpoint(tx, brand_id, wish, actor)
                detail = {"app_id": facts.app_id, "waba_id": facts.waba_id, "phone_number_id": facts.phone_number_id}
                shown = ids.show("con", connection_id)
                await telling.audit(tx, brand_id, actor, f"connection.{event.lower()}", shown, detail)
                draft = telling.draft(brand_id, facts.waba_id, facts.phone_number_id, event)
                await outbox.record(tx, self._keyring, [draft], hand_off)
        return connection_id, endpoint, new

    async def _keep_endpoint(
        self, tx: Tx, brand_id: UUID, wish: Wish | None, actor: str
    ) -> tuple[Endpoint | None, bool]:
        """Let the webhook be an endpoint of the brand: the one that has its URL, one without any, or a new one."""
        if wish is None:
            return None, False
        known = [one.endpoint for one in await directory.list_endpoints(tx, self._keyring, brand_id)]
        same = next((one for one in known if one.url == wish.url), None)
        blank = next((one for one in known if one.url is None), None)
        if (one := same or blank) is not None:
            changed = await directory.change(tx, self._keyring, brand_id, one.id, wish, self._policy, actor=actor)
            return changed, same is None
        return await directory.add(tx, self._keyring, brand_id, wish, self._policy, actor=actor), True

    async def _forget_app(self, app_id: str) -> None:
        async with self._db.transaction() as tx:
            await connections.forget_unused_app(tx, app_id)

    async def _fetch_templates(self, brand_id: UUID, connection_id: UUID) -> int | None:
        """Fetch the templates now. When Meta does not list them the number is connected all the same."""
        async with self._db.transaction() as tx:
            (connection,) = await connections.load(tx, self._keyring, [(brand_id, connection_id)])
        try:
            return (await self._sync.run(connection)).total
        except Outcome as error:
            _log.warning("templates cannot be fetched yet", connection=ids.show("con", connection_id), error=str(error))
            return None

    def _callback(self, app_id: str) -> str:
        return (self._public_url or "") + CALLBACK.format(app_id=app_id)


def _below(pointer: str, error: QuixessError) -> QuixessError:
    """Say that a fault lies in a part of the body."""
    faults = tuple(FieldError(pointer + (one.pointer or ""), one.code, one.detail) for one in error.errors)
    return QuixessError(error.code, error.detail, errors=faults)
