"""Hearing: what Meta's webhooks say of templates goes into the cache and is told, each change once.

Webhooks come late, repeated and in any order: one that is older than what is known changes nothing. They write the
language `en-US` where the list says `en_US`, and the id as a number (reference: Meta's pages on
message_template_status_update, message_template_quality_update, template_category_update and
message_template_components_update).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from quixess import feed
from quixess.database.core import Row, Tx, columns
from quixess.events.outbox import Draft
from quixess.templates import listing, telling
from quixess.templates.telling import Subject

_WORD = re.compile(r"[A-Za-z_]{1,64}")
# Meta's event where the list of templates has another word for the same.
_LISTED_AS = {"REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED"}
_GOING = {"PENDING_DELETION", "DELETED", "ARCHIVED"}
_EXPLANATIONS = ("rejection_info", "disable_info", "other_info")
_PARTS = {
    "message_template_title": "header",
    "message_template_element": "body",
    "message_template_footer": "footer",
    "message_template_buttons": "buttons",
}


class Kind(StrEnum):
    """What about a template changed."""

    STATUS = "status"
    QUALITY = "quality"
    CATEGORY = "category"
    COMPONENTS = "components"


@dataclass(frozen=True, slots=True)
class News:
    """What Meta said of one template to one brand.

    `connection_ids` are the brand's numbers on the WABA, `value` is Meta's, `at` when it happened.
    """

    brand_id: UUID
    connection_ids: tuple[UUID, ...]
    value: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    """A template as the cache has it; without an id one that is not there."""

    brand_id: UUID
    id: UUID | None
    connection_id: UUID | None
    meta_id: str | None
    name: str | None
    language: str | None
    category: str | None
    status: str | None
    rejected_reason: str | None
    quality: str | None
    status_at: datetime | None
    quality_at: datetime | None
    category_at: datetime | None

    @property
    def subject(self) -> Subject:
        return Subject(self.brand_id, self.id, self.meta_id, self.name, self.language, self.category)


_Cache = dict[UUID, dict[UUID, _Known]]  # connection → template


def kind_of(value: Mapping[str, Any]) -> Kind | None:
    """Tell what about a template a change is about; None when it is about no template, or in words of tomorrow.

    The keys decide, not the field: Meta's own example of a quality update carries the field of a status update.
    """
    if not ("message_template_id" in value or "message_template_name" in value):
        return None
    if _word(value.get("event")):
        return Kind.STATUS
    if _word(value.get("new_quality_score")):
        return Kind.QUALITY
    if _word(value.get("new_category")):
        return Kind.CATEGORY
    return Kind.COMPONENTS if any(part in value for part in _PARTS) else None


async def hear(tx: Tx, news: Sequence[News]) -> list[Draft]:
    """Apply what Meta said of templates and return what to tell. Each must have a `kind_of`.

    A brand with several numbers on the WABA is told once. A template that is not in the cache is told with
    `template_id` null, and the cache is fetched anew.
    """
    if not news:
        return []
    cache = await _load(tx, news)
    before = {known for rows in cache.values() for known in rows.values()}
    stale: set[tuple[UUID, UUID]] = set()
    drafts = [draft for one in sorted(news, key=lambda one: one.at) if (draft := _learn(cache, one, stale)) is not None]
    after = {known for rows in cache.values() for known in rows.values()}
    await _write(tx, sorted(after - before, key=lambda known: (known.brand_id, str(known.id))))
    await listing.mark_stale(tx, sorted(stale))
    return drafts


async def _load(tx: Tx, news: Sequence[News]) -> _Cache:
    """Load and hold what the news may be about, the connections first: whoever keeps a list does the same."""
    pairs = sorted({(one.brand_id, connection_id) for one in news for connection_id in one.connection_ids})
    wanted = [brand_id for brand_id, _ in pairs], [connection_id for _, connection_id in pairs]
    await tx.rows(
        """SELECT c.id FROM unnest($1::uuid[], $2::uuid[]) AS w(brand_id, id)
           JOIN connection c ON c.brand_id = w.brand_id AND c.id = w.id
           ORDER BY c.brand_id, c.id FOR NO KEY UPDATE OF c""",
        *wanted,
    )
    rows = await tx.rows(
        """SELECT t.* FROM unnest($1::uuid[], $2::uuid[]) AS w(brand_id, connection_id)
           JOIN template t ON t.brand_id = w.brand_id AND t.connection_id = w.connection_id
           WHERE t.meta_id = ANY($3::text[]) OR t.name = ANY($4::text[])
           ORDER BY t.brand_id, t.id FOR UPDATE OF t""",
        *wanted,
        sorted({meta_id for one in news if (meta_id := _text(one.value.get("message_template_id")))}),
        sorted({name for one in news if (name := _text(one.value.get("message_template_name")))}),
    )
    cache: _Cache = {connection_id: {} for _, connection_id in pairs}
    for row in rows:
        cache[row["connection_id"]][row["id"]] = _known(row)
    return cache


async def _write(tx: Tx, changed: Sequence[_Known]) -> None:
    if not changed:
        return
    await tx.execute(
        """UPDATE template t SET meta_id = c.meta_id, category = c.category, status = c.status,
             rejected_reason = c.rejected_reason, quality = c.quality, status_at = c.status_at,
             quality_at = c.quality_at, category_at = c.category_at, updated_at = statement_timestamp()
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])
                AS c(brand_id, id, meta_id, category, status, rejected_reason, quality, status_at, quality_at,
                     category_at)
           WHERE t.brand_id = c.brand_id AND t.id = c.id""",
        *columns(
            changed, "brand_id", "id", "meta_id", "category", "status", "rejected_reason", "quality", "status_at",
            "quality_at", "category_at",
        ),
    )  # fmt: skip
    for one in changed:
        feed.tell(tx, one.brand_id, feed.Kind.TEMPLATE, one.id)


def _learn(cache: _Cache, one: News, stale: set[tuple[UUID, UUID]]) -> Draft | None:
    """Change the cache of each number and return what to tell the brand: once, whatever number it has."""
    kind = kind_of(one.value)
    found: list[Draft | None] = []
    for connection_id in one.connection_ids:
        known = _match(cache[connection_id].values(), one.value)
        if known is None or known.id is None or kind is Kind.COMPONENTS:
            stale.add((one.brand_id, connection_id))
        if known is not None and known.id is not None:
            after, draft = _apply(kind, known, one)
            cache[connection_id][known.id] = after
            found.append(draft)
    if not found:
        return _apply(kind, _stranger(one), one)[1]
    return next((draft for draft in found if draft is not None), None)


def _match(rows: Iterable[_Known], value: Mapping[str, Any]) -> _Known | None:
    """Find the template by Meta's id, else by name and language.

    A name may be used again after its deletion: the end of an old template is not the end of a new one.
    """
    meta_id, rows = _text(value.get("message_template_id")), list(rows)
    if (same := next((row for row in rows if meta_id and row.meta_id == meta_id), None)) is not None:
        return same
    name, language = _text(value.get("message_template_name")), _language(value.get("message_template_language"))
    named = next((row for row in rows if row.name == name and _language(row.language) == language), None)
    another = named is not None and meta_id is not None and bool(named.meta_id)
    return None if another and _word(value.get("event")) in _GOING else named


def _apply(kind: Kind | None, known: _Known, one: News) -> tuple[_Known, Draft | None]:
    if kind is Kind.STATUS:
        return _status(known, one)
    if kind is Kind.QUALITY:
        return _quality(known, one)
    if kind is Kind.CATEGORY:
        return _category(known, one)
    parts = {name: one.value[key] for key, name in _PARTS.items() if key in one.value}
    return known, telling.updated(known.subject, one.at, "components", old=None, new=parts)


def _status(known: _Known, one: News) -> tuple[_Known, Draft | None]:
    if known.status_at is not None and one.at < known.status_at:
        return known, None
    status, reason = _status_word(one.value), listing.reason_of(one.value.get("reason"))
    after = replace(
        known,
        meta_id=_text(one.value.get("message_template_id")) or known.meta_id,
        status=status,
        rejected_reason=reason,
        category=_word(one.value.get("message_template_category")) or known.category,
        status_at=one.at,
    )
    if known.status == status and listing.reason_of(known.rejected_reason) == reason:
        return after, None
    details = {key: one.value[key] for key in _EXPLANATIONS if one.value.get(key) is not None}
    return after, telling.status_changed(
        after.subject, one.at, old=known.status, new=status, reason=reason, details=details or None
    )


def _status_word(value: Mapping[str, Any]) -> str:
    event, explained = _word(value.get("event")) or "", value.get("other_info")
    if isinstance(explained, dict) and explained.get("title") == "UNPAUSE":
        return "APPROVED"
    return _LISTED_AS.get(event, event)


def _quality(known: _Known, one: News) -> tuple[_Known, Draft | None]:
    if known.quality_at is not None and one.at < known.quality_at:
        return known, None
    new, old = _word(one.value.get("new_quality_score")), _word(one.value.get("previous_quality_score"))
    after = replace(known, quality=new, quality_at=one.at)
    old = old or known.quality
    return after, None if old == new else telling.updated(after.subject, one.at, "quality", old=old, new=new)


def _category(known: _Known, one: News) -> tuple[_Known, Draft | None]:
    """Tell what Meta did from what Meta is going to do: then `new_category` is still the one of now."""
    if known.category_at is not None and one.at < known.category_at:
        return known, None
    new, correct = _word(one.value.get("new_category")), _word(one.value.get("correct_category"))
    if correct is not None:
        draft = telling.updated(known.subject, one.at, "category_impending", old=new, new=correct)
        return replace(known, category_at=one.at), draft
    after = replace(known, category=new, category_at=one.at)
    old = _word(one.value.get("previous_category")) or known.category
    return after, None if old == new else telling.updated(after.subject, one.at, "category", old=old, new=new)


def _known(row: Row) -> _Known:
    return _Known(*(row[name] for name in _Known.__slots__))


def _stranger(one: News) -> _Known:
    value = one.value
    return _Known(
        brand_id=one.brand_id,
        id=None,
        connection_id=None,
        meta_id=_text(value.get("message_template_id")),
        name=_text(value.get("message_template_name")),
        language=_language(value.get("message_template_language")),
        category=_word(value.get("message_template_category")),
        status=None,
        rejected_reason=None,
        quality=None,
        status_at=None,
        quality_at=None,
        category_at=None,
    )


def _text(value: Any) -> str | None:
    """Read an id or a name; Meta sends template ids as JSON numbers here and as text in the list."""
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None


def _word(value: Any) -> str | None:
    return value.upper() if type(value) is str and _WORD.fullmatch(value) else None


def _language(value: Any) -> str | None:
    text = _text(value)
    return None if text is None else text.replace("-", "_")
