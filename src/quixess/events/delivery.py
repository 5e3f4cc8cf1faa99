"""Delivery: claim what is due, sign it, post it, and write down what came of it.

Every claim carries a fencing token: an acknowledgement counts only while the row still bears it. A delivery whose
process died is due again when its lease ends. The row is deleted by the statement that writes its outcome.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from quixess import failpoints, tallies, traces
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.events import endpoints, envelope, health, outbox, queue
from quixess.events.endpoints import Endpoint, State
from quixess.events.floors import Floors
from quixess.events.health import Turn
from quixess.events.outbox import Parcel
from quixess.events.outward import OURS, Answer, Fault, Sender
from quixess.events.queue import Done, Share
from quixess.events.windows import Windows
from quixess.tallies import Spread
from quixess.vault import Keyring

_ROWS_A_CLAIM, _FAIR_SHARE = 400, 4
_STARTS_A_TURN = 8
_IDLE_S = 0.25
_FEEL_EVERY_S = 0.02
_OURS_AGAIN_S = (1.0, 60.0)  # after a fault of ours, such as a proxy that is down: as long again as it lasts already
_JITTER = 0.2
_WORDS = ("2xx", "3xx", "4xx", "5xx", *Fault)
_log = structlog.get_logger()


class Tally:
    """What one process counts of its attempts: how they were answered, after how long, and how soon they began."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter(dict.fromkeys(_WORDS, 0))
        self.took_s = Spread(tallies.SECONDS)
        self.waited_s = Spread(tallies.LONG)  # from the event until its first attempt

    def note(self, answer: Answer) -> None:
        """Count an attempt."""
        self.answers[answer.word] += 1
        self.took_s.add(answer.duration_ms / 1000)


class Deliveries:
    """The dispatcher of one process: it takes what the outbox hands over and claims what others left behind."""

    def __init__(
        self, db: Database, keyring: Keyring, sender: Sender, *, ladder: Sequence[float], lease_s: float
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._sender = sender
        self._ladder = tuple(ladder)
        self.lease_s = lease_s
        self._windows = Windows()
        self._floors = Floors()
        self._unstarted: deque[Parcel] = deque()
        self._attempts: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._ours_since: float | None = None
        self._acks: Batcher[queue.Done, None] = Batcher(self._write_delivered)
        self._turns: Batcher[tuple[queue.Done, Turn | None], None] = Batcher(self._write_turns)
        self.tally = Tally()

    @property
    def batchers(self) -> dict[str, Batcher[Any, Any]]:
        """What is batched here."""
        return {"acks": self._acks, "turns": self._turns}

    @property
    def windows(self) -> Windows:
        """How many attempts may be in flight, and how many are."""
        return self._windows

    @property
    def in_flight(self) -> int:
        """Attempts running now."""
        return len(self._attempts) + len(self._unstarted)

    def reserve(self, endpoint: Endpoint) -> bool:
        """Take a place in the endpoint's window, if there is one."""
        self._windows.note_state(endpoint.id, endpoint.state_since)
        if self._stopping or self._windows.room(endpoint.id) <= 0:
            self._windows.turn_away(endpoint.id)
            return False
        self._windows.take(endpoint.id)
        return True

    def give_back(self, endpoint_id: UUID) -> None:
        """Return a place in the endpoint's window."""
        if self._windows.give_back(endpoint_id):
            self._wake.set()

    def wake(self) -> None:
        """Look at once for what was recorded and not handed over."""
        self._wake.set()

    def dispatch(self, parcels: Sequence[Parcel]) -> None:
        """Start the attempts of deliveries whose places are reserved and whose rows are committed."""
        running = bool(self._unstarted)
        self._unstarted.extend(parcels)
        if not running:
            self._start_some()

    async def run(self) -> None:
        """Claim what is due, until cancelled. A database that is away is waited for."""
        while True:
            self._wake.clear()
            try:
                claimed = await self.claim()
            except QuixessError as error:
                _log.warning("deliveries cannot be claimed", error=error.code)
                claimed = 0
                await asyncio.sleep(1)
            if not claimed:
                await self._rest()

    async def feel_turns(self) -> None:
        """Let the windows know how long a turn of the event loop takes, until cancelled."""
        while True:
            await asyncio.sleep(_FEEL_EVERY_S)
            began = time.perf_counter()
            await asyncio.sleep(0)
            self._windows.note_turn(time.perf_counter() - began)

    async def stop(self) -> None:
        """Take no more and return when every running attempt is written down."""
        self._stopping = True
        while self._unstarted:
            self._start_some()
        while self._attempts:
            await asyncio.wait(set(self._attempts))
        await self._acks.close()
        await self._turns.close()

    async def claim(self) -> int:
        """Claim due deliveries fairly, start their attempts, and return how many."""
        with outbox.handing_to(self) as hand_off:
            async with self._db.transaction() as tx:
                due = await queue.due_endpoints(tx, self._windows.full())
                if not due:
                    return 0
                shares = self._shares(due)
                probed = {one.endpoint_id: one.brand_id for one in shares if one.probe}
                if probed:
                    await health.hold_for_probe(tx, probed, self.lease_s)
                lease = ids.new()
                rows = await queue.claim_rows(tx, shares, lease, self.lease_s)
                await self._load(tx, rows, lease, probed, hand_off)
                found = await queue.move_on(tx, shares, {row["endpoint_id"] for row in rows})
        for one in shares:
            self._floors.learn(one.endpoint_id, one.floor, found.get(one.endpoint_id))
        return len(rows)

    def _start_some(self) -> None:
        """Start attempts, a few in each turn of the event loop, so that a large claim holds up nobody's answer."""
        for _ in range(min(_STARTS_A_TURN, len(self._unstarted))):
            task = asyncio.create_task(self._attempt(self._unstarted.popleft()))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)
        if self._unstarted:
            asyncio.get_running_loop().call_soon(self._start_some)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _shares(self, due: Sequence[Row]) -> list[Share]:
        """Say how many rows of each endpoint to claim: few of many, or many of few, never more than its window."""
        share = max(_FAIR_SHARE, _ROWS_A_CLAIM // len(due))
        return [self._share(row, share) for row in due]

    def _share(self, row: Row, share: int) -> Share:
        brand_id, endpoint_id, ordered = row["brand_id"], row["endpoint_id"], bool(row["ordered"])
        self._windows.note_state(endpoint_id, row["state_since"])
        if row["state"] == State.DISABLED:
            return Share(brand_id, endpoint_id, 0, held_s=outbox.SWITCHED_OFF_S)
        if row["held_s"] > 0:
            return Share(brand_id, endpoint_id, 0, held_s=row["held_s"])
        # A window may have filled, or shrunk below what it holds, since the due endpoints were asked for.
        rows = min(share, self._windows.room(endpoint_id))
        if rows < share:
            self._windows.turn_away(endpoint_id)
        if row["state"] == State.FAILING and rows:
            return Share(brand_id, endpoint_id, 1, ordered, probe=True, held_s=self.lease_s)
        return Share(brand_id, endpoint_id, rows, ordered, floor=self._floors.of(endpoint_id))

    async def _load(
        self, tx: Tx, rows: Sequence[Row], lease: UUID, probed: Collection[UUID], hand_off: outbox.HandOff
    ) -> None:
        """Make parcels of claimed rows, each with its place in the window taken."""
        known = await endpoints.of_brands(tx, self._keyring, [row["brand_id"] for row in rows])
        by_id = {endpoint.id: endpoint for found in known.values() for endpoint in found}
        bodies = await queue.event_bodies(tx, rows)
        lost = []
        for row in rows:
            endpoint, body = by_id.get(row["endpoint_id"]), bodies.get(row["event_id"])
            if endpoint is None or body is None:
                lost.append((row, "expired" if body is None else "discarded"))
                continue
            self._windows.take(endpoint.id)
            hand_off.parcels.append(
                Parcel(
                    brand_id=row["brand_id"],
                    delivery_id=row["id"],
                    event_id=row["event_id"],
                    type=body["type"],
                    data=body["data"],
                    occurred_at=body["occurred_at"],
                    endpoint=endpoint,
                    attempt=row["attempt"],
                    lease=lease,
                    leased_at=hand_off.began,
                    probe=endpoint.id in probed,
                    replay=row["replay_id"] is not None,
                    place=row["place"],
                )
            )
        await queue.end(tx, lost)

    async def _attempt(self, parcel: Parcel) -> None:
        started_at = datetime.now(UTC)
        try:
            if time.monotonic() - parcel.leased_at >= self.lease_s:
                return  # this process slept: another one holds the row by now
            if parcel.attempt == 1:
                self.tally.waited_s.add(ids.age_s(parcel.event_id))
            answer = await self._post(parcel, started_at)
            self.tally.note(answer)
        except Exception:  # noqa: BLE001 - a fault of ours: the lease ends, and the attempt is made again
            _log.exception("an attempt broke", delivery=str(parcel.delivery_id))
            return
        finally:
            self.give_back(parcel.endpoint.id)
        failpoints.reach("delivery.after_post")
        await self._write_down(parcel, answer, started_at)

    async def _post(self, parcel: Parcel, at: datetime) -> Answer:
        endpoint = parcel.endpoint
        body = envelope.write(
            parcel.event_id, parcel.type, parcel.brand_id, parcel.data, occurred_at=parcel.occurred_at, delivered_at=at
        )
        headers = envelope.sign(body, event_id=parcel.event_id, kind=parcel.type, at=at, secrets=endpoint.secrets)
        if parcel.replay:
            headers["X-Quixess-Replay"] = "true"
        failpoints.reach("delivery.before_post")
        with traces.begin("deliver", _told, parcel) as span:
            sent = {**traces.headers(), **endpoint.headers, **headers}
            answer = await self._sender.post(endpoint.url or "", body, sent, pool=str(parcel.brand_id))
            span.set_attribute("quixess.answer", answer.word)
        return answer

    async def _write_down(self, parcel: Parcel, answer: Answer, started_at: datetime) -> None:
        trips = answer.fault not in OURS and self._windows.of(parcel.endpoint.id).learn(answer)
        if answer.fault not in OURS:
            self._ours_since = None
        try:
            if answer.ok and not parcel.probe:
                await self._acks.submit(Done(parcel, answer, started_at, "delivered", None))
            else:
                await self._turns.submit(self._judge(parcel, answer, started_at, trips=trips))
        except QuixessError as error:  # the lease ends and the attempt is made again
            _log.warning("an attempt could not be written down", delivery=str(parcel.delivery_id), error=error.code)
        if parcel.endpoint.ordered:
            self._wake.set()  # the next of its conversation may go now

    def _judge(self, parcel: Parcel, answer: Answer, at: datetime, *, trips: bool) -> tuple[Done, Turn | None]:
        """Say what becomes of a delivery that is not simply delivered, and what that means for its endpoint."""
        endpoint, ladder = parcel.endpoint, parcel.endpoint.schedule or self._ladder
        if answer.ok:
            return Done(parcel, answer, at, "delivered", None), Turn(endpoint, answer, recovers=True)
        if answer.fault in OURS:
            return Done(parcel, answer, at, None, _jittered(self._our_wait()), logged=False, step=False), None
        if answer.status == 410:
            return Done(parcel, answer, at, None, 0.0, step=False), Turn(endpoint, answer, gone=True)
        wish = (answer.retry_after_s or 0.0) if answer.status in {429, 503} else 0.0
        if parcel.probe:
            wait = max(_jittered(health.probe_wait(ladder, endpoint.probes + 1)), wish)
            return Done(parcel, answer, at, None, wait, step=False), Turn(endpoint, answer, probe=True, hold_s=wait)
        wait = max(_jittered(health.probe_wait(ladder, 0)), wish) if trips else wish
        turn = Turn(endpoint, answer, trips=trips, hold_s=wait) if trips or wish else None
        if parcel.attempt > len(ladder):
            return Done(parcel, answer, at, "exhausted", None), turn
        return Done(parcel, answer, at, None, max(_jittered(ladder[parcel.attempt - 1]), wish)), turn

    def _our_wait(self) -> float:
        now = time.monotonic()
        self._ours_since = self._ours_since or now
        shortest, longest = _OURS_AGAIN_S
        return min(max(now - self._ours_since, shortest), longest)

    async def _write_delivered(self, done: Sequence[Done]) -> list[None]:
        async with self._db.relaxed() as tx:
            await queue.write_ended(tx, done)
            failpoints.reach("delivery.in_ack")
        return [None] * len(done)

    async def _write_turns(self, batch: Sequence[tuple[Done, Turn | None]]) -> list[None]:
        """Write down all but plain successes: ends, retries, and what they mean for the endpoints."""
        ended = [done for done, _ in batch if done.state is not None]
        again = [done for done, _ in batch if done.state is None]
        with outbox.handing_to(self) as hand_off:
            async with self._db.transaction() as tx:
                over = await queue.write_ended(tx, ended) if ended else set()
                if again:
                    await queue.write_again(tx, again)
                drafts = await health.apply(tx, [turn for _, turn in batch if turn is not None])
                for done in ended:
                    if done.state == "exhausted" and done.parcel.delivery_id in over:
                        drafts += health.exhausted(done.parcel, done.answer)
                await outbox.record(tx, self._keyring, drafts, hand_off)
                failpoints.reach("delivery.in_retry")
        if any(turn is not None and turn.recovers for _, turn in batch):
            self._wake.set()
        return [None] * len(batch)


def _told(parcel: Parcel) -> dict[str, str | int]:
    return {
        "event_id": ids.show("evt", parcel.event_id),
        "event_type": parcel.type,
        "endpoint_id": ids.show("end", parcel.endpoint.id),
        "attempt": parcel.attempt,
    }


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter, no secret
