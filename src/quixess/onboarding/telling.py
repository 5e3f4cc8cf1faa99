"""Telling: what the brand hears of its connection, as `account.updated`, and what the audit keeps of who did it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.database.core import Tx
from quixess.events.outbox import Draft

FIELD = "quixess_connection"
"""Stands where Meta's name of the field stands in Meta's own news."""

_SAID = {
    "CONNECTED": ("info", "An operator connected this number: it can send."),
    "RECONNECTED": ("info", "An operator connected this number again: it can send."),
    "DISCONNECTED": ("critical", "An operator disconnected this number: sends from it are refused."),
}


def draft(brand_id: UUID, waba_id: str, phone_number_id: str, event: str) -> Draft:
    """Write the `account.updated` of what an operator did. `event` is CONNECTED, RECONNECTED or DISCONNECTED."""
    severity, summary = _SAID[event]
    data = {
        "waba_id": waba_id,
        "phone_number_id": phone_number_id,
        "field": FIELD,
        "event": event,
        "severity": severity,
        "summary": summary,
        "details": {},
    }
    return Draft(brand_id, "account.updated", datetime.now(UTC), msgspec.json.encode(data).decode())


async def audit(
    tx: Tx, brand_id: UUID | None, actor: str, action: str, about: str, detail: Mapping[str, object]
) -> None:
    """Write down who did what; a brand of None is the installation. `detail` holds no secret."""
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        brand_id or UUID(int=0), ids.new(), actor, action, about, msgspec.json.encode(detail).decode(),
    )  # fmt: skip
