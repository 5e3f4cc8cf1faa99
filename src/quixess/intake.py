"""Meta's door: the GET handshake, and signed POSTs that are on disk before they are answered 200.

The path names the Meta app and so chooses the secret; nothing in a body is believed before its signature is checked
over the raw bytes.
"""

import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from quixess import connections
from quixess.connections import App
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.messages.receiving import Receiving
from quixess.meta import webhooks
from quixess.vault import Keyring

PATH = "/webhooks/meta/{app_id:str}"
_KEPT_S = 5.0
_APPS = 1_000


class Intake:
    """Answers Meta. App secrets are read from the database and kept for five seconds."""

    def __init__(self, db: Database, keyring: Keyring, receiving: Receiving) -> None:
        self._db = db
        self._keyring = keyring
        self._receiving = receiving
        self._apps: dict[str, tuple[float, App]] = {}

    def routes(self) -> list[Route]:
        """Build the route of Meta's webhooks, one address for both methods."""
        return [Route(PATH, self.answer, methods=["GET", "POST"], name="meta webhook")]

    async def answer(self, request: Request) -> Response:
        """Answer a handshake or a webhook."""
        return await (self.receive(request) if request.method == "POST" else self.shake_hands(request))

    async def shake_hands(self, request: Request) -> Response:
        """Echo Meta's challenge when it shows the app's verify token."""
        app = await self._read_app(request.path_params["app_id"])  # it may be a second old: Meta asks while it is set
        asked = request.query_params
        echo = None
        if app is not None:
            echo = webhooks.challenge(
                asked.get("hub.mode"), asked.get("hub.verify_token"), asked.get("hub.challenge"), app.verify_token
            )
        if echo is None:
            raise QuixessError("verification_failed", "The verify token is not that of this app.")
        async with self._db.statement() as tx:
            await connections.note_handshake(tx, request.path_params["app_id"])
        return PlainTextResponse(echo, headers={"X-Content-Type-Options": "nosniff"})

    async def receive(self, request: Request) -> Response:
        """Keep a signed body and answer 200. Whatever is in it is looked at later: Meta must not send it again."""
        app = await self._find_app(request.path_params["app_id"])
        raw = await request.body()
        signature = request.state.headers.get(b"x-hub-signature-256")
        if app is None or not webhooks.verify(app.secrets, signature, raw):
            raise QuixessError("invalid_signature", "X-Hub-Signature-256 is not this app's signature of the body.")
        await self._receiving.keep(app.id, raw)
        return Response(b"OK", media_type="text/plain")

    async def _find_app(self, app_id: str) -> App | None:
        known = self._apps.get(app_id)
        if known is not None and time.monotonic() - known[0] < _KEPT_S:
            return known[1]
        return await self._read_app(app_id)

    async def _read_app(self, app_id: str) -> App | None:
        async with self._db.statement() as tx:
            app = await connections.find_app(tx, self._keyring, app_id)
        if app is not None:
            if len(self._apps) >= _APPS:
                self._apps.clear()
            self._apps[app_id] = (time.monotonic(), app)
        return app
