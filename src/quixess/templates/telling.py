"""What events say of templates: `template.status_changed`, and the opt-in `template.updated`, version 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.events.outbox import Draft


@dataclass(frozen=True, slots=True)
class Subject:
    """Which template an event is about. `template_id` is None while it is not in the cache."""

    brand_id: UUID
    template_id: UUID | None
    meta_id: str | None
    name: str | None
    language: str | None
    category: str | None


def status_changed(
    subject: Subject,
    at: datetime,
    *,
    old: str | None,
    new: str,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Draft:
    """Tell of another status. `reason` is Meta's word, `details` what Meta explained it with, as Meta sent it."""
    data = _subject(subject) | {
        "category": subject.category,
        "old_status": old,
        "new_status": new,
        "reason": reason,
        "details": details,
    }
    return _draft(subject, "template.status_changed", at, data)


def updated(subject: Subject, at: datetime, change: str, *, old: Any, new: Any) -> Draft:
    """Tell that quality, category or components changed; `category_impending` is what Meta will do soon."""
    return _draft(subject, "template.updated", at, _subject(subject) | {"change": change, "old": old, "new": new})


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "template_id": None if subject.template_id is None else ids.show("tpl", subject.template_id),
        "meta_template_id": subject.meta_id,
        "name": subject.name,
        "language": subject.language,
    }


def _draft(subject: Subject, kind: str, at: datetime, data: Mapping[str, Any]) -> Draft:
    return Draft(subject.brand_id, kind, at, msgspec.json.encode(data).decode())
