"""Evidence: what Meta's statuses say about our messages, applied once and only upwards.

A status finds its message by our own mark first, then by its wamid. One that finds none is parked: it may have come
before our answer was stored. The first status of a send in doubt settles it.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess import feed, idempotency
from quixess.connections import Number
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.events.outbox import Draft
from quixess.feed import Kind
from quixess.idempotency import Final
from quixess.messages import describing, model, phones, refusals, store, threads
from quixess.messages.model import OF_STATUS, RANK, State
from quixess.messages.store import Settled, Status
from quixess.messages.threads import Person
from quixess.meta.webhooks import StatusUpdate

_Key = tuple[UUID, str, str]
_TOLD = frozenset({"sent", "delivered", "read", "failed"})
_encode = msgspec.json.encode


class Heard(msgspec.Struct, frozen=True):
    """One status and the number it came for. `parked` is the id of its parked row, when it waited before."""

    update: StatusUpdate
    number: Number
    parked: UUID | None = None


class _Found(msgspec.Struct, frozen=True):
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
    await _unpark(tx, [(one.heard.number.brand_id, one.heard.parked) for one in found if one.heard.parked is not None])
    if not found:
        return []
    statuses = _fold(found)
    new = await store.insert_statuses(tx, list(statuses.values()))
    rows = {one.row["id"]: one.row for one in found}
    for row in rows.values():
        feed.tell(tx, row["brand_id"], Kind.MESSAGE, row["id"], within=row["conversation_id"])
    await _advance(tx, found, rows)
    await _learn_names(tx, found)
    told = {one.row["id"]: dict(one.row) | {"wamid": one.heard.update.wamid} for one in found}
    worth = [status for status in _in_order(statuses) if _tells(rows, status, new, statuses)]
    return [_draft(told[status.message_id], status) for status in worth]


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


async def _unpark(tx: Tx, parked: Sequence[tuple[UUID, UUID]]) -> None:
    if parked:
        await tx.execute(
            """DELETE FROM parked_status p USING unnest($1::uuid[], $2::uuid[]) AS d(brand_id, id)
               WHERE p.brand_id = d.brand_id AND p.id = d.id
                 AND p.brand_id = ANY ($1::uuid[]) AND p.id = ANY ($2::uuid[])""",
            *(list(column) for column in zip(*parked, strict=True)),
        )


def _fold(found: Sequence[_Found]) -> dict[_Key, Status]:
    """Give each (message, status, participant) once. A read without a delivered implies one, marked as inferred."""
    statuses: dict[_Key, Status] = {}
    for one in found:
        update, row = one.heard.update, one.row
        status = _status(row, update, update.status)
        told = statuses.get(status.key)
        if told is None or told.inferred:
            statuses[status.key] = status
        if OF_STATUS.get(update.status) is State.READ:
            for word in ("delivered", "read"):
                implied = _status(row, update, word, inferred=True)
                statuses.setdefault(implied.key, implied)
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
        pricing=_priced(update),
        participant=update.participant or "",
    )


def _in_order(statuses: Mapping[_Key, Status]) -> list[Status]:
    """Put the statuses of each message in the order in which a message goes through them."""
    return sorted(statuses.values(), key=lambda one: (one.message_id, _rank_of(one.status), one.participant))


def _decode_error(error: dict[str, Any]) -> dict[str, Any]:
    data, code, title = error.get("error_data"), error.get("code"), error.get("title")
    details = data.get("details") if isinstance(data, dict) else None
    return refusals.describe(
        code if type(code) is int else None,
        title if isinstance(title, str) else None,
        details if isinstance(details, str) else None,
    )


def _priced(update: StatusUpdate) -> str | None:
    words = {"category": "category", "pricing_model": "model", "type": "type"}
    told = update.pricing
    if not told:
        return None
    priced = {"billable": billable} if type(billable := told.get("billable")) is bool else {}
    return _encode(priced | {ours: told[word] for word, ours in words.items() if type(told.get(word)) is str}).decode()


async def _advance(tx: Tx, found: Sequence[_Found], rows: dict[UUID, Row]) -> None:
    best: dict[UUID, _Found] = {}
    priced: dict[UUID, str] = {}
    for one in sorted(found, key=lambda one: _rank_of(one.heard.update.status)):
        if _rank_of(one.heard.update.status) >= 0:
            best[one.row["id"]] = one
        if pricing := _priced(one.heard.update):
            priced[one.row["id"]] = pricing
    await store.settle_outbound(tx, [_settled(one, priced.get(one.row["id"])) for one in best.values()])
    doubted = [one for one in best.values() if rows[one.row["id"]]["wamid"] is None]
    if doubted:
        await _settle_doubts(tx, doubted)


def _rank_of(status: str) -> int:
    state = OF_STATUS.get(status)
    return -1 if state is None else RANK[state]


def _settled(found: _Found, pricing: str | None) -> Settled:
    update, row = found.heard.update, found.row
    state = OF_STATUS[update.status]
    errors = [_decode_error(error) for error in update.errors] if state is State.FAILED else None
    return Settled(
        brand_id=row["brand_id"],
        message_id=row["id"],
        connection_id=row["connection_id"],
        state=state,
        rank=RANK[state],
        wamid=update.wamid,
        errors=_encode(errors).decode() if errors else None,
        pricing=pricing,
        user_id=None if update.participant else update.recipient_user_id,
    )


async def _learn_names(tx: Tx, found: Sequence[_Found]) -> None:
    """Learn the user id of somebody who was written to by phone, and under which digits Meta knows the phone."""
    alone = [one for one in found if one.heard.update.participant is None and one.row["phone"] is not None]
    people = [
        Person(
            brand_id=one.row["brand_id"],
            connection_id=one.row["connection_id"],
            phone=one.row["phone"],
            user_id=one.heard.update.recipient_user_id,
            at=moment_of(one.heard.update.timestamp),
        )
        for one in alone
        if one.heard.update.recipient_user_id and one.row["user_id"] is None
    ]
    if people:
        await threads.find_threads(tx, people)
    recipients = [(one.row, one.heard.update.recipient_phone) for one in alone]
    aliases = [
        (row["brand_id"], phone, row["conversation_id"])
        for row, phone in recipients
        if phone and phone != row["phone"] and phones.alike(phone, row["phone"])
    ]
    await threads.add_aliases(tx, aliases)


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


def _tells(rows: dict[UUID, Row], status: Status, new: Container[_Key], statuses: Container[_Key]) -> bool:
    """Tell whether a status is worth an event: new, and a failure only of what was not delivered."""
    if status.key not in new or status.status not in _TOLD:
        return False
    if status.status != "failed":
        return True
    delivered = (status.message_id, "delivered", status.participant) in statuses
    return not delivered and (bool(status.participant) or rows[status.message_id]["rank"] < RANK[State.FAILED])


def _draft(row: dict[str, Any], status: Status) -> Draft:
    if status.participant:
        by_phone = status.participant.isdigit()
        row = row | {
            "phone": status.participant if by_phone else None,
            "user_id": None if by_phone else status.participant,
        }
    if status.status == "failed":
        return describing.failed(row, msgspec.json.decode(status.errors or "[]"), status.occurred_at)
    return describing.progressed(row, status.status, status.occurred_at, status.pricing, inferred=status.inferred)
