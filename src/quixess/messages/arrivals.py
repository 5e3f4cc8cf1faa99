"""Arrivals: what Meta tells of for the first time, made ready to be written: rows, and files to fetch."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.database.core import Tx
from quixess.media import Expected
from quixess.messages import contents, evidence, store
from quixess.messages.contents import Content
from quixess.messages.model import Told
from quixess.messages.store import Inbound
from quixess.messages.threads import Person
from quixess.meta.webhooks import Said

_Item = TypeVar("_Item")
_encode = msgspec.json.encode


async def bind_new(tx: Tx, told: Sequence[Told[_Item]], wamid_of: Callable[[_Item], str]) -> dict[UUID, Told[_Item]]:
    """Bind the wamids that nobody has bound yet and return their items by the message id that each of them gets.

    Meta repeats itself: the wamid tells, within a batch and for ever. Of two items the first counts.
    """
    first: dict[tuple[UUID, str], Told[_Item]] = {}
    for one in told:
        first.setdefault((one.number.connection_id, wamid_of(one.item)), one)
    if not first:
        return {}
    made = {key: ids.new() for key in first}
    new = await store.insert_wamids(tx, [(*key, one.number.brand_id, made[key]) for key, one in first.items()])
    return {made[key]: one for key, one in first.items() if key in new}


def row_of(message_id: UUID, said: Said, content: Content, person: Person) -> Inbound:
    """Make the row of a message."""
    context = {
        "forwarded": said.forwarded,
        "frequently_forwarded": said.frequently_forwarded,
        "referred_product": said.referred_product,
    }
    return Inbound(
        id=message_id,
        person=person,
        wamid=said.wamid,
        type=content.type,
        content=content.json,
        reply_to=said.context_wamid,
        occurred_at=evidence.moment_of(said.timestamp),
        context=_encode(context).decode() if any(context.values()) else None,
        referral=_encode(said.referral).decode() if said.referral else None,
        group_id=said.group_id,
        text=contents.text_of(content),
    )


def files_of(message_id: UUID, person: Person, content: Content) -> list[Expected]:
    """List the files of a message, to be fetched from Meta."""
    return [
        Expected(
            brand_id=person.brand_id,
            id=file.id,
            connection_id=person.connection_id,
            message_id=message_id,
            meta_id=file.meta_id,
            mime_type=file.mime_type,
            sha256=file.sha256,
            filename=file.filename,
        )
        for file in content.files
    ]
