"""Rotation: tokens are looked at every day and exchanged at two thirds of their life, long before they die.

The new token is tested before it takes the old one's place, in one statement; the old one stays at hand until it
expires. What cannot be exchanged is tried again, later each time, and told before it is too late.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from quixess.connections import tokens
from quixess.connections.lines import Lines
from quixess.connections.tokens import Held, Verdict, Word
from quixess.database import ids
from quixess.database.core import Database
from quixess.meta import tokens as remote
from quixess.meta.graph import Graph, Outcome, Rejected
from quixess.meta.tokens import Life
from quixess.vault import Keyring

_LEASE_S = 300.0
_DAY_S = 86_400.0
_SOONEST_S = 60.0
_LATEST_S = 6 * 3600.0
_GIVEN_UP_AFTER = 5  # failures in a row: 1 + 4 + 16 + 64 minutes
_WARN_DAYS = (3, 14)
_log = structlog.get_logger()


class NotRenewed(Exception):  # noqa: N818 - says what it is
    """The token was not exchanged; the text says why. `final` when trying again will not help."""

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.final = final


class Rotation:
    """Looks after the tokens of active connections. Any number of processes may: one takes a connection at a time."""

    def __init__(self, db: Database, keyring: Keyring, lines: Lines) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines

    async def run_once(self) -> int:
        """Look at a few tokens that are due, and return how many they were."""
        async with self._db.transaction() as tx:
            due = await tokens.claim(tx, self._keyring, lease_s=_LEASE_S)
        await asyncio.gather(*(self._look_after(held) for held in due))
        return len(due)

    async def _look_after(self, held: Held) -> None:
        life: Life | None = None
        try:
            graph = await self._lines.to(held.connection.graph_url)
            life = await self._look(graph, held)
            if not life.valid:
                await self._give_up(held)
            elif is_due(life, held.now):
                await self._rotate(graph, held, life)
            else:
                await self._settle(held, life, _well(held, life))
        except NotRenewed as trouble:
            _log.warning("a token is not renewed", connection=_name(held), reason=str(trouble))
            await self._settle(held, life, _troubled(held, life, trouble))

    async def _look(self, graph: Graph, held: Held) -> Life:
        app_id, secret, token = held.connection.app_id, _secret(held), held.connection.credentials.token
        try:
            return await remote.look(graph, app_id, secret, token)
        except Rejected as refused:
            reason = f"Meta does not say how the token is ({refused}): check the app's id and secret."
            raise NotRenewed(reason, final=True) from None
        except (Outcome, ValueError) as outcome:
            raise NotRenewed(f"Meta does not say how the token is: {outcome}.", final=False) from None

    async def _give_up(self, held: Held) -> None:
        line = held.connection
        async with self._db.transaction() as tx:
            await tokens.flag_unauthorized(tx, line.brand_id, line.id, line.credentials.token)

    async def _rotate(self, graph: Graph, held: Held, life: Life) -> None:
        """Exchange, test, swap. Raises NotRenewed and leaves the old token where it is."""
        line = held.connection
        try:
            new = await remote.exchange(graph, line.app_id, _secret(held), line.credentials.token)
        except Rejected as refused:
            raise NotRenewed(f"Meta does not exchange the token: {refused}.", final=True) from None
        except Outcome as outcome:
            raise NotRenewed(f"Meta does not exchange the token: {outcome}.", final=False) from None
        if new == line.credentials.token:
            raise NotRenewed("Meta gave the same token again.", final=True)
        try:
            fresh = await self._test(graph, held, life, new)
        except NotRenewed:
            with suppress(Outcome):
                await remote.revoke(graph, line.app_id, _secret(held), new, asking=new)
            raise
        assert life.expires_at is not None  # noqa: S101 - what never expires is never due
        async with self._db.transaction() as tx:
            due_s = _wait(fresh, held.now)
            await tokens.swap(tx, self._keyring, held, new, fresh, until=life.expires_at, due_s=due_s)

    async def _test(self, graph: Graph, held: Held, old: Life, token: str) -> Life:
        """Make sure that a new token can do what the old one can, and for longer."""
        line = held.connection
        try:
            fresh = await remote.look(graph, line.app_id, _secret(held), token)
            await graph.get(replace(line.credentials, token=token), line.phone_number_id, {"fields": "id"})
        except Outcome as outcome:
            raise NotRenewed(f"The new token does not work: {outcome}.", final=isinstance(outcome, Rejected)) from None
        longer = fresh.expires_at is None or (old.expires_at is not None and fresh.expires_at > old.expires_at)
        if not (fresh.valid and fresh.app_id == line.app_id and fresh.scopes >= old.scopes and longer):
            raise NotRenewed("The new token is worse than the old one: it may do less or ends no later.", final=True)
        return fresh

    async def _settle(self, held: Held, life: Life | None, verdict: Verdict) -> None:
        async with self._db.transaction() as tx:
            await tokens.settle(tx, held, life, verdict)


def is_due(life: Life, now: datetime) -> bool:
    """Tell whether two thirds of a token's life are over. One that never expires, or whose birth is unknown, waits.

    Without a birth the last 20 days of 60 count.
    """
    if life.expires_at is None:
        return False
    return now >= _two_thirds(life.issued_at or life.expires_at - timedelta(days=60), life.expires_at)


def _two_thirds(since: datetime, until: datetime) -> datetime:
    return since + (until - since) * 2 / 3


def _wait(life: Life, now: datetime) -> float:
    """Say in how many seconds to look again: when the exchange is due, tomorrow at the latest."""
    if life.expires_at is None:
        return _DAY_S
    due = _two_thirds(life.issued_at or life.expires_at - timedelta(days=60), life.expires_at)
    return min(max((due - now).total_seconds(), _SOONEST_S), _DAY_S)


def _well(held: Held, life: Life) -> Verdict:
    """All is well; but the end of a person's consent is none that an exchange could move."""
    level = _level(life.access_ends_at, held.now)
    told: dict[Word, str] = {}
    if level is not None and (held.warned is None or level < held.warned):
        told = {Word.EXPIRING: "The person who gave the token has to log in again."}
    return Verdict(_wait(life, held.now), warned=level, news=told)


def _troubled(held: Held, life: Life | None, trouble: NotRenewed) -> Verdict:
    wait = min(_SOONEST_S * 4**held.tries, _LATEST_S) if held.tries < _GIVEN_UP_AFTER else _LATEST_S
    failed = trouble.final or held.tries + 1 >= _GIVEN_UP_AFTER
    level = held.warned if life is None else _level(life.ends_at, held.now)
    told: dict[Word, str] = {}
    if failed and not held.failed:
        told[Word.NOT_RENEWED] = str(trouble)
    if level is not None and (held.warned is None or level < held.warned):
        told[Word.EXPIRING] = str(trouble)
    return Verdict(wait, str(trouble), failed, level, told)


def _level(ends_at: datetime | None, now: datetime) -> int | None:
    """Give the days of the warning that is due: 3, 14 or none."""
    if ends_at is None:
        return None
    return next((days for days in _WARN_DAYS if ends_at - now <= timedelta(days=days)), None)


def _secret(held: Held) -> str:
    return held.connection.credentials.app_secret or ""


def _name(held: Held) -> str:
    return ids.show("con", held.connection.id)
