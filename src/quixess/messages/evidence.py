"""Evidence: what Meta's statuses say about our messages, applied once and only upwards.

A status finds its message by our own mark first, then by its wamid. One that finds none is parked: it may have come
before our answer was stored. The first status of a send in doubt settles it.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess import idempotency
from quixess.connections import Number
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.events.outbox import Draft
from quixess.idempotency import Final
from quixess.messages import describing, model, phones, refusals, store
from quixess.messages.model import OF_STATUS, RANK, State
from quixess.messages.store import Settled, Status
from quixess.meta.webhooks import StatusUpdate

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class Heard:
    """One status and the number it came for. `parked` is the id of its parked row, when it waited before."""

    update: StatusUpdate
    number: Number
    parked: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    heard: Heard
    row: Row


def moment_of(timestamp: int) -> datetime:
    """Read Meta's unix seconds; 0 stands for none and means now."""
    return datetime.fromtimestamp(timestamp, UTC) if timestamp else datetime.now(UTC)


async def apply(tx: Tx, heard: Sequence[Heard]) -> list[Draft]:
    """Apply statuses, in any number and order, and return the events they are worth."""
    if not heard:
        return []
    found = await _find_messages(tx, heard)
    matched = {id(one.heard) for one in found}
    await _park(tx, [one for one in heard if id(one) not in matched and one.parked is None])
    await _unpark(tx, [one.heard.parked for one in found if one.heard.parked is not None])
    if not found:
        return []
    statuses = _fold(found)
    new = await store.insert_statuses(tx, list(statuses.values()))
    rows = {one.row["id"]: one.row for one in found}
    await _advance(tx, found, rows)
    told = {one.row["id"]: dict(one.row) | {"wamid": one.heard.update.wamid} for one in found}
    worth = [key for key in sorted(statuses) if _tells(rows, key, new, statuses)]
    return [_draft(told[key[0]], statuses[key]) for key in worth]


async def _find_messages(tx: Tx, heard: Sequence[Heard]) -> list[_Found]:
    marks = [model.read_opaque(one.update.opaque) for one in heard]
    unmarked = [(one.number.connection_id, one.update.wamid) for one in heard]
    bound = await store.find_wamids(tx, unmarked)
    wanted = [
        bound.get((one.number.connection_id, one.update.wamid)) or mark for one, mark in zip(heard, marks, strict=True)
    ]
    pairs = [(one.number.brand_id, message) for one, message in zip(heard, wanted, strict=True) if message is not None]
    rows = await store.load(tx, pairs) if pairs else {}
    found = []
    for one, message, mark in zip(heard, wanted, marks, strict=True):
        row = rows.get(message) if message is not None else None
        if row is not None and _belongs(one, row, by_mark=message == mark):
            found.append(_Found(one, row))
    return found


def _belongs(heard: Heard, row: Row, *, by_mark: bool) -> bool:
    """Another app on the same WABA may repeat our mark: connection, wamid and recipient must fit as well."""
    if row["connection_id"] != heard.number.connection_id or row["direction"] != "outbound":
        return False
    if row["wamid"] is not None:
        return bool(row["wamid"] == heard.update.wamid)
    recipient = heard.update.recipient_phone
    return not by_mark or recipient is None or row["phone"] is None or phones.alike(recipient, row["phone"])


async def _park(tx: Tx, heard: Sequence[Heard]) -> None:
    if heard:
        await tx.execute(
            """INSERT INTO parked_status (brand_id, id, connection_id, wamid, item)
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::json[])""",
            [one.number.brand_id for one in heard],
            [ids.new() for _ in heard],
            [one.number.connection_id for one in heard],
            [one.update.wamid for one in heard],
            [_encode(one.update).decode() for one in heard],
        )


async def _unpark(tx: Tx, parked: Sequence[UUID | None]) -> None:
    if parked:
        await tx.execute("DELETE FROM parked_status WHERE id = ANY ($1::uuid[])", list(parked))


def _fold(found: Sequence[_Found]) -> dict[tuple[UUID, str], Status]:
    """Give each (message, status) once. A read without a delivered implies one, marked as inferred."""
    statuses: dict[tuple[UUID, str], Status] = {}
    for one in found:
        update, row = one.heard.update, one.row
        status = _status(row, update, update.status)
        told = statuses.get((row["id"], status.status))
        if told is None or told.inferred:
            statuses[row["id"], status.status] = status
        if OF_STATUS.get(update.status) is State.READ:
            for implied in ("delivered", "read"):
                statuses.setdefault((row["id"], implied), _status(row, update, implied, inferred=True))
    return statuses


def _status(row: Row, update: StatusUpdate, status: str, *, inferred: bool = False) -> Status:
    errors = [_decode_error(error) for error in update.errors]
    return Status(
        brand_id=row["brand_id"],
        message_id=row["id"],
        status=status,
        occurred_at=moment_of(update.timestamp),
        inferred=inferred,
        errors=_encode(errors).decode() if errors else None,
        pricing=_encode(_pricing(update.pricing)).decode() if update.pricing else None,
    )


def _decode_error(error: dict[str, Any]) -> dict[str, Any]:
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    code = error.get("code")
    return refusals.describe(code if isinstance(code, int) else 0, error.get("title"), details)


def _pricing(pricing: dict[str, Any]) -> dict[str, Any]:
    known = {"billable": "billable", "category": "category", "pricing_model": "model", "type": "type"}
    return {ours: pricing.get(theirs) for theirs, ours in known.items() if theirs in pricing}


async def _advance(tx: Tx, found: Sequence[_Found], rows: dict[UUID, Row]) -> None:
    best: dict[UUID, _Found] = {}
    for one in found:
        known = best.get(one.row["id"])
        if _rank(one) >= 0 and (known is None or _rank(one) > _rank(known)):
            best[one.row["id"]] = one
    await store.settle_outbound(tx, [_settled(one) for one in best.values()])
    doubted = [one for one in best.values() if rows[one.row["id"]]["wamid"] is None]
    if doubted:
        await _settle_doubts(tx, doubted)


def _rank(found: _Found) -> int:
    state = OF_STATUS.get(found.heard.update.status)
    return -1 if state is None else RANK[state]


def _settled(found: _Found) -> Settled:
    state, row = OF_STATUS[found.heard.update.status], found.row
    errors = [_decode_error(error) for error in found.heard.update.errors] if state is State.FAILED else None
    encoded = _encode(errors).decode() if errors else None
    return Settled(
        row["brand_id"], row["id"], row["connection_id"], state, RANK[state], found.heard.update.wamid, encoded
    )


async def _settle_doubts(tx: Tx, found: Sequence[_Found]) -> None:
    """Give the Idempotency-Key of a send in doubt its true answer: Meta has the message, here is its wamid."""
    finals = []
    for one in found:
        row = one.row
        if row["idempotency_key"] is not None:
            number = {"phone_number_id": one.heard.number.phone_number_id, "display_phone": one.heard.number.display}
            known = dict(row) | {"wa_id": one.heard.update.recipient_phone}
            body = model.answer(known, state="accepted", wamid=one.heard.update.wamid, number=number)
            finals.append(Final(row["lineage_id"], row["idempotency_key"], row["id"], "final", 200, body))
    if finals:
        await idempotency.settle(tx, finals)


def _tells(
    rows: dict[UUID, Row], key: tuple[UUID, str], new: set[tuple[UUID, str]], statuses: Container[tuple[UUID, str]]
) -> bool:
    """Tell whether a status is worth an event: a new delivered or read, a failure of what was not delivered."""
    message_id, status = key
    if key not in new or status not in {"delivered", "read", "failed"}:
        return False
    if status != "failed":
        return True
    return rows[message_id]["rank"] < RANK[State.FAILED] and (message_id, "delivered") not in statuses


def _draft(row: Mapping[str, Any], status: Status) -> Draft:
    if status.status == "failed":
        return describing.failed(row, msgspec.json.decode(status.errors or "[]"), status.occurred_at)
    return describing.progressed(row, status.status, status.occurred_at, status.pricing, inferred=status.inferred)
