"""Sending: two short transactions around one call to Meta, and an honest answer whatever happens in between.

The claim writes the Idempotency-Key and the message; then Meta is asked once, with our mark in the message; then
both are settled together. A send whose outcome nobody knows is answered 202 and is never sent again by us: the
status webhook brings our mark back and settles it (decision 0005).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from quixess import connections, failpoints, idempotency, limits, templates
from quixess.access import NO_KEY, Caller
from quixess.connections import Connection, Lines
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError, write_problem
from quixess.events import outbox
from quixess.idempotency import Claim
from quixess.limits import Limits, Want
from quixess.messages import doubts, model, permits, refusals, store, threads
from quixess.messages.ends import End, Ends
from quixess.messages.model import Outbound, Reply, State
from quixess.messages.orders import Known, Order, Prepared
from quixess.messages.pacing import Pacing, Places
from quixess.messages.talks import Talks
from quixess.messages.threads import Person, Thread
from quixess.meta.graph import Accepted, Graph, NotSent, Rejected, Unknown
from quixess.templates import Sync, Template
from quixess.vault import Keyring

_LOOK_EVERY_S = 0.2
_WAIT_FOR_FIRST_S = 2.0  # for the first request with the same Idempotency-Key
_WAITING_A_KEY = 5


class _Question(msgspec.Struct, frozen=True):
    """What a send must know before it may claim."""

    caller: Caller
    brand_id: UUID
    key: str | None
    template_name: str | None


class _Found(msgspec.Struct, frozen=True):
    kept: Row | None
    connection: Connection | None
    languages: list[Template]
    refusal: QuixessError | None


class _Wish(msgspec.Struct, frozen=True):
    """A message to claim: its key, the tokens that it costs, and where it can be paused."""

    message: Outbound
    claim: Claim | None
    wants: tuple[Want, ...]
    places: Places


class Sending:
    """Sends messages for one process. Times are seconds; `otp_rates` hold for the codes of a brand to one number."""

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        lines: Lines,
        sync: Sync,
        dispatcher: outbox.Dispatcher | None,
        buckets: Limits,
        *,
        lease_s: float,
        unknown_wait_s: float,
        otp_rates: Sequence[permits.Rate] = (),
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._sync = sync
        self._lease_s = lease_s
        self._unknown_wait_s = unknown_wait_s
        self._questions: Batcher[_Question, _Found] = Batcher(self._look_up, lanes=1)
        self._talks = Talks(db)
        self._buckets = buckets
        self._otp_rates = otp_rates
        self._pacing = Pacing(db, keyring)
        self._claims: Batcher[_Wish, Thread | None] = Batcher(self._claim)
        self._ends = Ends(db, keyring, dispatcher)
        self._waiting: Counter[tuple[UUID, str]] = Counter()

    @property
    def batchers(self) -> dict[str, Batcher[Any, Any]]:
        """What is batched here."""
        own: dict[str, Batcher[Any, Any]] = {"questions": self._questions, "claims": self._claims}
        return own | {"talks": self._talks.batcher, "ends": self._ends.batcher}

    async def send(self, caller: Caller, brand_id: UUID, order: Order, *, key: str | None, request_id: str) -> Reply:
        """Send what is ordered, once.

        With an Idempotency-Key the same request gets the first one's answer; while that one runs it is waited for, up
        to two seconds. Raises the refusals of `permits`, `no_active_connection`, what the order raises, the errors of
        `idempotency.judge`, and what became of the call where nothing was sent.
        """
        permits.check(caller, order)
        fingerprint = self._fingerprint(order) if key is not None else b""
        question = _Question(caller, brand_id, key, order.template_name)
        until = time.monotonic() + _WAIT_FOR_FIRST_S
        while True:
            found = await self._questions.submit(question)
            if found.kept is None:
                reply = await self._send_first(question, order, found, fingerprint, request_id)
                if reply is not None:
                    return reply
            else:
                try:
                    return await self._replay(found.kept, order, caller, fingerprint)
                except QuixessError as error:
                    if error.code != "idempotency_in_progress" or not await self._wait_for_first(question, until):
                        raise

    async def _send_first(
        self, question: _Question, order: Order, found: _Found, fingerprint: bytes, request_id: str
    ) -> Reply | None:
        """Send; None when another request came first with the same key."""
        if found.connection is None:
            raise found.refusal or connections.none_active()
        ask_meta = partial(self._ask_meta, found, order)
        known = Known(question.caller, question.brand_id, found.connection, found.languages, self._talks, ask_meta)
        prepared = await order.prepare(known)
        permits.check_found(question.caller, prepared.phone)
        message = _message(question, order, prepared, request_id)
        failpoints.reach("send.before_claim")
        began = time.monotonic()
        wants = permits.wants(self._keyring, question.caller, question.brand_id, prepared, self._otp_rates)
        places = self._pacing.places(message.connection, message.phone, message.user_id)
        wish = _Wish(message, _claim_of(message, order.operation, fingerprint), wants, places)
        thread = await self._claims.submit(wish)
        failpoints.reach("send.after_claim")
        return None if thread is None else await self._dispatch(wish, thread, prepared, began)

    async def _wait_for_first(self, question: _Question, until: float) -> bool:
        """Wait a moment for the first request with the same key; False when it has been long enough, or too many do."""
        key = (question.caller.lineage_id, question.key or "")
        if time.monotonic() >= until or self._waiting[key] >= _WAITING_A_KEY:
            return False
        self._waiting[key] += 1
        try:
            await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
        return True

    async def close(self) -> None:
        """Return when everything that was begun is written down."""
        await self._sync.close()
        await self._claims.close()
        await self._ends.close()

    def _fingerprint(self, order: Order) -> bytes:
        return idempotency.fingerprint(self._keyring, order.operation, msgspec.json.encode(order.identity()))

    async def _look_up(self, questions: Sequence[_Question]) -> list[_Found | Exception]:
        keys = [(q.caller.lineage_id, q.key) for q in questions if q.key is not None]
        async with self._db.statement() as tx:
            kept = await idempotency.look_up(tx, keys) if keys else {}
            lines = await connections.active(tx, self._keyring, [q.brand_id for q in questions])
            without = [q.brand_id for q in questions if q.brand_id not in lines]
            refusals_of = await connections.why_none(tx, without) if without else {}
            wanted = [
                (q.brand_id, lines[q.brand_id].id, q.template_name)
                for q in questions
                if q.brand_id in lines and q.template_name is not None
            ]
            named = await templates.find(tx, wanted) if wanted else {}
        found: list[_Found | Exception] = []
        for question in questions:
            line, name = lines.get(question.brand_id), question.template_name
            languages = named.get((question.brand_id, line.id, name), []) if line and name is not None else []
            row = kept.get((question.caller.lineage_id, question.key)) if question.key is not None else None
            found.append(_Found(row, line, languages, refusals_of.get(question.brand_id)))
        return found

    async def _ask_meta(self, found: _Found, order: Order) -> list[Template] | None:
        line, name = found.connection, order.template_name
        if line is None or name is None or not await self._sync.on_miss(line):
            return None
        wanted = (line.brand_id, line.id, name)
        async with self._db.statement() as tx:
            return (await templates.find(tx, [wanted])).get(wanted, [])

    async def _replay(self, row: Row, order: Order, caller: Caller, fingerprint: bytes) -> Reply:
        kept = idempotency.judge(row, order.operation, fingerprint)
        brand_id = row["brand_id"]
        if caller.constraints.destinations is not None and order.to.conversation_id is not None:
            permits.check_found(caller, await doubts.phone_of(self._db, brand_id, kept.message_id))
        if kept.status is not None and kept.body is not None:
            return Reply(kept.status, kept.body, replayed=True)
        return await doubts.tell(self._db, brand_id, kept.message_id, replayed=True)

    async def _claim(self, wishes: Sequence[_Wish]) -> list[Thread | Exception | None]:
        first: dict[tuple[UUID, str], Claim] = {}
        for wish in wishes:
            if wish.claim is not None:
                first.setdefault((wish.claim.lineage_id, wish.claim.key), wish.claim)
        async with self._db.transaction() as tx:
            owned = await idempotency.claim(tx, list(first.values()), lease_s=self._lease_s) if first else set()
            owning = [wish for wish in wishes if wish.claim is None or wish.message.id in owned]
            refused = await self._refuse(tx, owning)
            ours = [wish.message for wish in owning if wish.message.id not in refused]
            people = {message.id: _person(message) for message in ours}
            found = await threads.find_threads(tx, list(people.values())) if ours else {}
            if ours:
                pairs = [(message, found[people[message.id].key]) for message in ours]
                await store.insert_outbound(tx, pairs, lease_s=self._lease_s)
            failpoints.reach("send.in_claim")
        claimed = {message_id: found[person.key] for message_id, person in people.items()}
        return [claimed.get(wish.message.id, refused.get(wish.message.id)) for wish in wishes]

    async def _refuse(self, tx: Tx, wishes: Sequence[_Wish]) -> dict[UUID, QuixessError]:
        """Refuse the wishes that Meta wants to wait, or that cost too much: they lose their claim."""
        waiting = await self._pacing.look(tx, [wish.places for wish in wishes]) if wishes else []
        refused = {wish.message.id: error for wish, error in zip(wishes, waiting, strict=True) if error is not None}
        free = [wish for wish in wishes if wish.message.id not in refused]
        verdicts = await limits.take(tx, [wish.wants for wish in free])
        refused |= {
            wish.message.id: permits.refuse(verdict)
            for wish, verdict in zip(free, verdicts, strict=True)
            if verdict.denied
        }
        claims = [(wish.claim, wish.message.id) for wish in wishes if wish.message.id in refused]
        await idempotency.release(tx, [(one.lineage_id, one.key, held) for one, held in claims if one is not None])
        return refused

    async def _dispatch(self, wish: _Wish, thread: Thread, prepared: Prepared, began: float) -> Reply:
        message = wish.message
        try:
            graph, payload = await self._make_ready(message, prepared, began)
        except Exception:  # whatever it was, no byte went to Meta: the key may run again
            await self._end_not_sent(wish, thread)
            raise
        try:
            accepted = await self._lines.watch(graph.send(message.connection.credentials, payload))
        except Rejected as refused:
            return await self._end_rejected(message, thread, refusals.redact(refused.error, prepared.hidden))
        except NotSent as refused:
            error = None if refused.error is None else refusals.redact(refused.error, prepared.hidden)
            await self._end_not_sent(wish, thread)
            raise refusals.not_sent(error, await self._pacing.heed(wish.places, refused)) from None
        except Unknown:
            return await self._end_unknown(message, thread)
        failpoints.reach("send.after_meta")
        reply = await self._end_accepted(message, thread, accepted)
        await self._pacing.accepted(wish.places, accepted.usage)
        return reply

    async def _make_ready(self, message: Outbound, prepared: Prepared, began: float) -> tuple[Graph, bytes]:
        graph = await self._lines.to(message.connection.graph_url)
        if prepared.before is not None:
            await prepared.before(graph)
        payload = prepared.payload(model.opaque(message.id))
        if time.monotonic() - began > self._lease_s / 2:
            # This process slept on its claim (SIGSTOP, a frozen machine): others may have given the send up by now.
            raise refusals.not_sent(None, None)
        return graph, payload

    async def _end_accepted(self, message: Outbound, thread: Thread, accepted: Accepted) -> Reply:
        row = model.as_row(message, thread.conversation_id, wa_id=accepted.wa_id)
        held = accepted.message_status if accepted.message_status in model.HELD else None
        body = model.answer(row, state="accepted", wamid=accepted.wamid, number=_number(message), held=held)
        reply = Reply(200, body)
        end = End(message, thread, State.ACCEPTED, reply, accepted.wamid, accepted.wa_id, held=held)
        if not await self._ends.write(end):
            # Meta took it but our database is away: true is only that we cannot confirm it yet.
            return Reply(202, model.answer(row, state="unconfirmed", wamid=accepted.wamid, number=_number(message)))
        failpoints.reach("send.after_settle")
        return reply

    async def _end_not_sent(self, wish: _Wish, thread: Thread) -> None:
        await self._ends.write(End(wish.message, thread, State.NOT_SENT, None))
        if wish.wants:
            with suppress(QuixessError):  # the database is away: the tokens come back by themselves
                await self._buckets.give_back(wish.wants)

    async def _end_rejected(self, message: Outbound, thread: Thread, error: refusals.Refusal) -> Reply:
        problem = refusals.rejected(error, message.id)
        reply = Reply(problem.status, write_problem(problem, message.request_id or ""))
        dead = error.code in refusals.DEAD_TOKEN
        await self._ends.write(End(message, thread, State.FAILED, reply, errors=[error.as_event()], dead_token=dead))
        return reply

    async def _end_unknown(self, message: Outbound, thread: Thread) -> Reply:
        row = model.as_row(message, thread.conversation_id)
        doubt = Reply(202, model.answer(row, state="unconfirmed", wamid=None, number=_number(message)))
        await self._ends.write(End(message, thread, State.UNCONFIRMED, doubt))
        return await doubts.wait(self._db, message.brand_id, message.id, self._unknown_wait_s) or doubt


def _message(question: _Question, order: Order, prepared: Prepared, request_id: str) -> Outbound:
    message_id, template = ids.new(), prepared.template
    return Outbound(
        id=message_id,
        brand_id=question.brand_id,
        connection=prepared.connection,
        phone=prepared.phone,
        user_id=prepared.user_id,
        type=prepared.type,
        content=msgspec.json.encode(prepared.content).decode(),
        metadata=msgspec.json.encode(order.metadata).decode(),
        created_at=ids.made_at(message_id),
        key_id=None if question.caller.key_id == NO_KEY else question.caller.key_id,
        lineage_id=question.caller.lineage_id,
        idempotency_key=question.key,
        request_id=request_id,
        template_name=template.name if template else None,
        template_language=template.language if template else None,
        template_category=template.category if template else None,
        reply_to=prepared.reply_to,
        text=prepared.text,
    )


def _person(message: Outbound) -> Person:
    return Person(message.brand_id, message.connection.id, message.phone, message.user_id)


def _claim_of(message: Outbound, operation: str, fingerprint: bytes) -> Claim | None:
    if message.idempotency_key is None or message.lineage_id is None:
        return None
    return Claim(message.lineage_id, message.idempotency_key, message.brand_id, operation, fingerprint, message.id)


def _number(message: Outbound) -> dict[str, str]:
    connection = message.connection
    return {"phone_number_id": connection.phone_number_id, "display_phone": connection.display_phone}
