"""Delivery: claim what is due, sign it, post it, and write down what came of it.

Every claim carries a fencing token: an acknowledgement counts only while the row still bears it. A delivery whose
process died is due again when its lease ends. The row is deleted by the statement that writes its outcome.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog

from quixess import failpoints
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.events import endpoints, envelope, outbox, queue
from quixess.events.outbox import Parcel
from quixess.events.outward import Answer, Fault, Sender
from quixess.vault import Keyring

_FIRST_WINDOW, _WIDEST_WINDOW = 4, 256
_ROWS_A_CLAIM, _FAIR_SHARE = 400, 4
_IDLE_S = 0.25
_OURS_AGAIN_S = 1.0  # after a fault of ours, such as no free sockets: the receiver was not asked
_JITTER = 0.2
_log = structlog.get_logger()


@dataclass(slots=True)
class _Window:
    """How many attempts one endpoint may have in flight: grows while it answers, halves when it chokes."""

    size: float = _FIRST_WINDOW
    taken: int = 0

    @property
    def room(self) -> int:
        return int(self.size) - self.taken

    def learn(self, answer: Answer) -> None:
        if answer.ok:
            self.size = min(self.size + 1, _WIDEST_WINDOW)
        elif answer.status == 429 or answer.fault in {Fault.timeout, Fault.connect_timeout}:
            self.size = max(self.size / 2, 1)


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
        self._windows: dict[UUID, _Window] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._acks: Batcher[queue.Done, None] = Batcher(self._write_delivered)
        self._retries: Batcher[queue.Done, None] = Batcher(self._write_failed)

    @property
    def in_flight(self) -> int:
        """Attempts running now."""
        return len(self._attempts)

    def reserve(self, endpoint_id: UUID) -> bool:
        """Take a place in the endpoint's window, if there is one."""
        window = self._windows.setdefault(endpoint_id, _Window())
        if self._stopping or window.room <= 0:
            return False
        window.taken += 1
        return True

    def give_back(self, endpoint_id: UUID) -> None:
        """Return a place in the endpoint's window."""
        self._windows[endpoint_id].taken -= 1
        self._wake.set()

    def dispatch(self, parcels: Sequence[Parcel]) -> None:
        """Start the attempts of deliveries whose places are reserved and whose rows are committed."""
        for parcel in parcels:
            task = asyncio.create_task(self._attempt(parcel))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

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

    async def stop(self) -> None:
        """Take no more and return when every running attempt is written down."""
        self._stopping = True
        while self._attempts:
            await asyncio.wait(set(self._attempts))
        await self._acks.close()
        await self._retries.close()

    async def claim(self) -> int:
        """Claim due deliveries fairly, start their attempts, and return how many."""
        full = [endpoint_id for endpoint_id, window in self._windows.items() if window.room <= 0]
        with outbox.handing_to(self) as hand_off:
            async with self._db.transaction() as tx:
                due = await queue.due_endpoints(tx, full)
                shares = self._shares(due)
                if not shares:
                    return 0
                lease = ids.new()
                rows = await queue.claim_rows(tx, shares, lease, self.lease_s)
                await self._load(tx, rows, lease, hand_off)
                await queue.move_on(tx, [endpoint_id for _, endpoint_id, _ in shares])
        return len(rows)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _shares(self, due: Sequence[Row]) -> list[tuple[UUID, UUID, int]]:
        """Say how many rows of each endpoint to claim: few of many, or many of few, never more than its window."""
        share = max(_FAIR_SHARE, _ROWS_A_CLAIM // max(len(due), 1))
        # A window may have filled, or shrunk below what it holds, since the due endpoints were asked for.
        rooms = [max(self._windows.setdefault(row["endpoint_id"], _Window()).room, 0) for row in due]
        return [(row["brand_id"], row["endpoint_id"], min(share, room)) for row, room in zip(due, rooms, strict=True)]

    async def _load(self, tx: Tx, rows: Sequence[Row], lease: UUID, hand_off: outbox.HandOff) -> None:
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
            self._windows[endpoint.id].taken += 1
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
                )
            )
        await queue.end(tx, lost)

    async def _attempt(self, parcel: Parcel) -> None:
        started_at = datetime.now(UTC)
        try:
            answer = await self._post(parcel, started_at)
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
        failpoints.reach("delivery.before_post")
        answer = await self._sender.post(endpoint.url or "", body, headers)
        self._windows[endpoint.id].learn(answer)
        return answer

    async def _write_down(self, parcel: Parcel, answer: Answer, started_at: datetime) -> None:
        try:
            if answer.ok:
                await self._acks.submit(queue.Done(parcel, answer, started_at, "delivered", None))
            else:
                await self._retries.submit(self._judge(parcel, answer, started_at))
        except QuixessError as error:  # the lease ends and the attempt is made again
            _log.warning("an attempt could not be written down", delivery=str(parcel.delivery_id), error=error.code)

    def _judge(self, parcel: Parcel, answer: Answer, started_at: datetime) -> queue.Done:
        if answer.fault is Fault.local_error:
            return queue.Done(parcel, answer, started_at, None, _OURS_AGAIN_S, counts=False)
        if parcel.attempt > len(self._ladder):
            return queue.Done(parcel, answer, started_at, "exhausted", None)
        step = self._ladder[parcel.attempt - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter, no secret
        return queue.Done(parcel, answer, started_at, None, max(step, answer.retry_after_s or 0))

    async def _write_delivered(self, done: Sequence[queue.Done]) -> list[None]:
        async with self._db.relaxed() as tx:
            await queue.write_ended(tx, done)
            failpoints.reach("delivery.in_ack")
        return [None] * len(done)

    async def _write_failed(self, done: Sequence[queue.Done]) -> list[None]:
        ended = [one for one in done if one.state is not None]
        again = [one for one in done if one.state is None]
        async with self._db.transaction() as tx:
            if ended:
                await queue.write_ended(tx, ended)
            if again:
                await queue.write_again(tx, again)
            failpoints.reach("delivery.in_retry")
        return [None] * len(done)
