"""Examining: one connection held against Meta and against what reached us, and a brand with all of its connections."""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
from yarl import URL

from quixess import connections
from quixess.connections import App, Connection, Entry, Lines
from quixess.database.core import Database, Row, Tx
from quixess.health import readings
from quixess.health.model import Check, failed, passed, skipped, warned
from quixess.health.work import examine_endpoints
from quixess.meta import tokens
from quixess.meta.graph import Graph, Outcome
from quixess.onboarding.connecting import CALLBACK
from quixess.vault import Keyring

_NUMBER = (
    "id,status,platform_type,quality_rating,name_status,throughput,whatsapp_business_manager_messaging_limit,"
    "health_status,webhook_configuration"
)
_PATIENCE_S = 10.0
_SILENT = timedelta(days=3)
_STALE, _OLD = timedelta(hours=3), timedelta(days=1)
_LONGEST_ECHO = 256
_SUBSCRIBE = "Look at the checks of callback and subscription; a message to the number is the quickest proof."

T = TypeVar("T")


class Examination:
    """Examines brands and connections. `public_url` is where Meta reaches this gateway, None where nobody said so."""

    def __init__(self, db: Database, keyring: Keyring, lines: Lines, public_url: str | None) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._public_url = public_url.rstrip("/") if public_url else None

    async def of_brand(self, brand_id: UUID) -> tuple[list[Check], list[tuple[Entry, list[Check]]]]:
        """Examine what a brand has: its endpoints, and each of its connections."""
        async with self._db.transaction() as tx:
            checks = await examine_endpoints(tx, brand_id)
            entries = await connections.list_connections(tx, brand_id)
        if not entries:
            fix = "Connect one: `quixess connection add`, or Embedded Signup."
            checks.append(warned("connections", "The brand has no number: it can send nothing.", fix))
        return checks, [(one, await self.of_connection(brand_id, one.id)) for one in entries]

    async def of_connection(self, brand_id: UUID, connection_id: UUID) -> list[Check]:
        """Examine a connection; Meta is asked four questions at once, and our own public address a fifth.

        Raises `connection_not_found`.
        """
        async with self._db.transaction() as tx:
            found = await connections.load(tx, self._keyring, [(brand_id, connection_id)])
            if not found:
                raise connections.none_such()
            one = found[0]
            app = await connections.find_app(tx, self._keyring, one.app_id)
            known = await _known(tx, brand_id, connection_id)
        assert app is not None  # noqa: S101 - a foreign key holds it
        if known["state"] == "disconnected":
            return [_judge_state(known)]
        local = [_judge_state(known), _judge_hearing(known), _judge_templates(known)]
        return [*local, *await self._ask_meta(one, app, known)]

    async def _ask_meta(self, one: Connection, app: App, known: Row) -> list[Check]:
        graph = await self._lines.to(one.graph_url)
        credentials, secret = one.credentials, app.secrets[0].decode()
        life, number, subscribed, callback, echoed = await asyncio.gather(
            _try(tokens.look(graph, app.id, secret, credentials.token)),
            _try(graph.get(credentials, credentials.phone_number_id, {"fields": _NUMBER})),
            _try(graph.get(credentials, f"{credentials.waba_id}/subscribed_apps", {})),
            _try(graph.ask("GET", f"{app.id}/subscriptions", token=f"{app.id}|{secret}")),
            self._shake_hands(graph, app),
        )
        return [
            *readings.read_token(life, known["now"], known["token_fault"]),
            *readings.read_number(number),
            readings.read_subscription(subscribed, number, app.id),
            readings.read_callback(callback, self._address(app)),
            echoed,
        ]

    def _address(self, app: App) -> str | None:
        return None if self._public_url is None else self._public_url + CALLBACK.format(app_id=app.id)

    async def _shake_hands(self, graph: Graph, app: App) -> Check:
        """Do to our own public address what Meta does when a webhook is set: show the verify token, want the echo."""
        if (address := self._address(app)) is None:
            text = "Set QUIXESS_PUBLIC_URL to the address at which Meta reaches the gateway."
            return skipped("reachable", "Nobody said at which address Meta reaches this gateway.", text)
        challenge = secrets.token_hex(8)
        asked = {"hub.mode": "subscribe", "hub.verify_token": app.verify_token, "hub.challenge": challenge}
        fix = "Let your proxy pass `/webhooks/meta/` to the gateway, and check QUIXESS_PUBLIC_URL, DNS and certificate."
        try:
            async with asyncio.timeout(_PATIENCE_S), graph.stream(URL(address).with_query(asked), None) as answer:
                echo, status = await answer.content.read(_LONGEST_ECHO), answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, Outcome) as error:
            said = f"The gateway cannot be reached at its public address ({type(error).__name__})."
            return failed("reachable", said, fix)
        if status != 200 or not hmac.compare_digest(echo, challenge.encode()):
            said = f"Somebody else, or another Quixess, answers at the public address (HTTP {status})."
            return failed("reachable", said, fix)
        return passed("reachable", "The gateway answers a handshake at its public address.")


async def _try(call: Awaitable[T]) -> T | Outcome:
    try:
        return await call
    except Outcome as outcome:
        return outcome


async def _known(tx: Tx, brand_id: UUID, connection_id: UUID) -> Row:
    row: Any = await tx.row(
        """SELECT state, state_reason, closed_by, updated_at, created_at, webhook_seen_at, templates_synced_at,
             token_fault, clock_timestamp() AS now FROM connection WHERE brand_id = $1 AND id = $2""",
        brand_id,
        connection_id,
    )
    return row  # type: ignore[no-any-return]


def _judge_state(known: Row) -> Check:
    if known["state"] == "active":
        return passed("connection", "The number is connected.")
    if known["state"] == "disconnected" and known["closed_by"] is None:
        said = "An operator disconnected the number: nothing more was looked at."
        return skipped("connection", said, "`quixess connection reconnect` connects it again.")
    said = f"The number cannot send. {known['state_reason'] or ''}".rstrip()
    fix = "Reconnect it, with a new token if Meta refused the old one: `quixess connection reconnect`."
    return failed("connection", said, fix, since=known["updated_at"])


def _judge_hearing(known: Row) -> Check:
    """Judge when a correctly signed webhook of the number came in last: what is not signed is not counted."""
    seen: datetime | None = known["webhook_seen_at"]
    if seen is None:
        said = "No signed webhook of this number has arrived yet."
        return warned("webhook_seen", said, _SUBSCRIBE, since=known["created_at"])
    if known["now"] - seen > _SILENT:
        said = f"No signed webhook of this number has arrived for {(known['now'] - seen).days} days."
        return warned("webhook_seen", said, _SUBSCRIBE, since=seen)
    return passed("webhook_seen", "Webhooks of this number arrive, and their signature is right.", since=seen)


def _judge_templates(known: Row) -> Check:
    """Judge the age of the template cache, which a worker compares with Meta's list every hour."""
    synced: datetime | None = known["templates_synced_at"]
    fix = "Run `quixess template sync`, and see that a worker runs and that the token is valid."
    if synced is None:
        return failed("templates", "The templates were never fetched from Meta.", fix)
    age = known["now"] - synced
    if age > _STALE:
        said = f"The templates were compared with Meta's list {age // timedelta(hours=1)} hours ago."
        return (failed if age > _OLD else warned)("templates", said, fix, since=synced)
    return passed("templates", "The templates are in step with Meta's list.", since=synced)
