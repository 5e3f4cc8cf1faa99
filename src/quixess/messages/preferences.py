"""Preferences: what users want to get from a brand, kept with the contact; Meta's latest word counts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from quixess.database.core import Tx
from quixess.events.outbox import Draft
from quixess.messages import describing, evidence, threads
from quixess.messages.model import Told
from quixess.messages.threads import Person, Thread
from quixess.meta.webhooks import Preference

_MARKETING = "marketing_messages"


async def apply(tx: Tx, told: Sequence[Told[Preference]]) -> list[Draft]:
    """Keep what is newer than what is known, and return an event for each."""
    if not told:
        return []
    found = await threads.find_threads(tx, [_user(one) for one in told])
    drafts = []
    for one in sorted(told, key=lambda one: (found[_user(one).key].contact_id, one.item.timestamp)):
        person, choice = _user(one), one.item
        thread, at = found[person.key], evidence.moment_of(choice.timestamp)
        if await _keep(tx, person, thread, choice, at):
            said = {"category": choice.category, "value": choice.value, "detail": choice.detail}
            drafts.append(describing.preferred(person, thread, one.number, said, at))
    return drafts


async def find_marketing_stop(tx: Tx, brand_id: UUID, *, phone: str | None, user_id: str | None) -> datetime | None:
    """Tell since when somebody, by phone (digits) or user id, wants no marketing; None for everybody else.

    `signup` and `resume` of Meta's are a yes.
    """
    row = await tx.row(
        """SELECT to_timestamp((preferences -> $4 ->> 'at')::bigint) AS since FROM contact
           WHERE brand_id = $1 AND preferences -> $4 ->> 'value' = 'stop' AND id = (
             SELECT id FROM contact WHERE brand_id = $1 AND phone = $2
             UNION ALL
             SELECT contact_id FROM phone_alias WHERE brand_id = $1 AND phone = $2 AND until IS NULL
             UNION ALL
             SELECT id FROM contact WHERE brand_id = $1 AND user_id = $3
             UNION ALL
             SELECT contact_id FROM user_alias WHERE brand_id = $1 AND user_id = $3
             LIMIT 1)""",
        brand_id,
        phone,
        user_id,
        _MARKETING,
    )
    return None if row is None else row["since"]


async def _keep(tx: Tx, person: Person, thread: Thread, choice: Preference, at: datetime) -> bool:
    """Keep a choice, and tell whether it is news: Meta repeats itself, and an older word changes nothing."""
    said = {"value": choice.value, "detail": choice.detail, "at": int(at.timestamp())}
    changed = await tx.row(
        """UPDATE contact SET preferences = preferences || jsonb_build_object($3::text, $4::jsonb)
           WHERE brand_id = $1 AND id = $2 AND coalesce((preferences -> $3 ->> 'at')::bigint, -1) < $5 RETURNING id""",
        person.brand_id,
        thread.contact_id,
        choice.category,
        msgspec.json.encode(said).decode(),
        said["at"],
    )
    return changed is not None


def _user(told: Told[Preference]) -> Person:
    choice, number = told.item, told.number
    return Person(
        brand_id=number.brand_id,
        connection_id=number.connection_id,
        phone=choice.user_phone,
        user_id=choice.user_id,
        username=choice.username,
        name=choice.profile_name,
        at=evidence.moment_of(choice.timestamp),
    )
