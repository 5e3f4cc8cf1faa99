"""Parting: a number disconnected; an app's secret or a number's PIN that gives way to a new one."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from quixess import connections, errors
from quixess.connections import Connection, Lines, NotConnectable
from quixess.connections.apps import LONGEST_OVERLAP
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.events import outbox
from quixess.meta import onboarding as meta
from quixess.meta.graph import Outcome
from quixess.onboarding import telling
from quixess.vault import Keyring

_REASON = "An operator disconnected it."
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parted:
    """What became of a disconnection.

    `unsubscribed` tells whether Meta sends no more webhooks of the WABA: None while other numbers need them, False when
    Meta did not take the app off, which is then to be done in Meta's settings.
    """

    connection_id: UUID
    unsubscribed: bool | None


class Parting:
    """Disconnects numbers, and changes the secrets of Meta apps and the PINs of numbers."""

    def __init__(self, db: Database, keyring: Keyring, lines: Lines, dispatcher: outbox.Dispatcher | None) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._dispatcher = dispatcher

    async def disconnect(self, brand_id: UUID, connection_id: UUID, *, actor: str) -> Parted:
        """Disconnect a number: its sends fail from now on, its history stays, Meta is told last.

        A send that is under way ends as it ends. Raises `connection_not_found`.
        """
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                found = await connections.load(tx, self._keyring, [(brand_id, connection_id)])
                if not found:
                    raise connections.none_such()
                one = found[0]
                last = await connections.is_last(tx, one)
                if await connections.disconnect(tx, brand_id, connection_id, reason=_REASON):
                    shown = ids.show("con", connection_id)
                    await telling.audit(tx, brand_id, actor, "connection.disconnected", shown, {})
                    draft = telling.draft(brand_id, one.waba_id, one.phone_number_id, "DISCONNECTED")
                    await outbox.record(tx, self._keyring, [draft], hand_off)
        return Parted(connection_id, await self._unsubscribe(one) if last else None)

    async def change_pin(self, brand_id: UUID, connection_id: UUID, pin: str, *, actor: str) -> None:
        """Change the two-step PIN, six digits, of a number that is connected: at Meta first, then the sealed one here.

        Raises NotConnectable (step `pin`) when the number is disconnected or Meta refuses, `connection_not_found`, and
        `upstream_unavailable` when nobody knows which PIN it has now: the same call can be made again.
        """
        async with self._db.transaction() as tx:
            found = await connections.load(tx, self._keyring, [(brand_id, connection_id)])
            if not found:
                raise connections.none_such()
        one = found[0]
        if one.state == "disconnected":
            raise NotConnectable("pin", "The number is disconnected, and may be somebody else's: reconnect it first.")
        graph = await self._lines.to(one.graph_url)
        try:
            with connections.step("pin", "Meta did not change the PIN: it does for a registered number only."):
                await meta.change_pin(graph, one.credentials, pin)
        except NotConnectable:
            raise
        except QuixessError as error:
            text = "Meta gave no clear answer, so the number may have either PIN: try again with the same new one."
            raise QuixessError(error.code, text, extra=error.extra) from None
        async with self._db.transaction() as tx:
            await connections.keep_pin(tx, self._keyring, brand_id, connection_id, pin)
            await telling.audit(tx, brand_id, actor, "connection.pin_changed", ids.show("con", connection_id), {})

    async def rotate_secret(self, app_id: str, secret: str, *, overlap: timedelta, actor: str) -> bool:
        """Put an app's new secret in the place of the one before, which verifies webhooks for the overlap.

        Meta has to take the new one already. Returns False when it is the app's secret here as well. Raises
        NotConnectable for an unknown app or a secret that Meta does not take, and `invalid_request`.
        """
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise errors.invalid("/overlap_hours", "out_of_range", "Let the old secret verify for 0 to 30 days.")
        async with self._db.transaction() as tx:
            app = await connections.find_app(tx, self._keyring, app_id)
        if app is None:
            raise _unknown_app()
        graph = await self._lines.to(app.graph_url)
        await connections.prove_secret(graph, app_id, secret)
        async with self._db.transaction() as tx:
            changed = await connections.replace_secret(tx, self._keyring, app_id, secret, overlap)
            if changed:
                detail = {"overlap_s": overlap.total_seconds()}
                await telling.audit(tx, None, actor, "app.secret_rotated", app_id, detail)
        return changed

    async def end_overlap(self, app_id: str, *, actor: str) -> bool:
        """Let an app's secret before the current one verify no more; False when there was none."""
        async with self._db.transaction() as tx:
            ended = await connections.end_overlap(tx, app_id)
            if ended:
                await telling.audit(tx, None, actor, "app.overlap_ended", app_id, {})
        return ended

    async def _unsubscribe(self, one: Connection) -> bool:
        graph = await self._lines.to(one.graph_url)
        try:
            await meta.unsubscribe_waba(graph, one.credentials)
        except Outcome as error:  # a dead token cannot take its app off
            _log.warning("the app stays subscribed", connection=ids.show("con", one.id), error=str(error))
            return False
        return True


def _unknown_app() -> NotConnectable:
    return NotConnectable("app", "This app is not known here: connect a number of it first.")
