"""A past for metrics: messages, codes and deliveries of an hour that is over, as the rooms leave them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Database
from quixess.metrics import Counting

NOW = datetime.now(UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
KEY = ids.new()


def ago(hours: float) -> datetime:
    """A moment in the middle of an hour so many hours ago."""
    return HOUR - timedelta(hours=hours) + timedelta(minutes=30)


@dataclass
class History:
    """The past of one brand."""

    db: Database
    brand_id: UUID = field(default_factory=ids.new)

    async def begin(self, days: int = 40) -> None:
        async with self.db.statement() as tx:
            await tx.execute(
                "INSERT INTO brand (id, name, created_at) VALUES ($1, $2, now() - $3 * interval '1 day')",
                self.brand_id,
                str(self.brand_id),
                days,
            )

    async def message(self, at: datetime, state: str, **more: Any) -> UUID:
        told: dict[str, Any] = {
            "template_name": "signup_otp", "template_category": "AUTHENTICATION", "direction": "outbound",
            "type": "template", "key_id": KEY, "errors": None, "pricing": None, "source": "live",
        }  # fmt: skip
        told |= more
        message_id = UUID(int=ids.floor(at).int | (ids.new().int & ((1 << 62) - 1)))
        async with self.db.statement() as tx:
            await tx.execute(
                """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank,
                     content, occurred_at, template_name, template_category, key_id, errors, pricing, source)
                   VALUES ($1, $2, $2, $2, $3, $4, $5, 0, '{}', $6, $7, $8, $9, $10, $11, $12)""",
                self.brand_id,
                message_id,
                *(told["direction"], told["type"], state, at, told["template_name"], told["template_category"]),
                *(told["key_id"], _json(told["errors"]), _json(told["pricing"]), told["source"]),
            )
        return message_id

    async def delivered(self, message_id: UUID, at: datetime, *, inferred: bool = False) -> None:
        """Meta says, in whole seconds, that a message was delivered; we heard of it at once."""
        async with self.db.statement() as tx:
            await tx.execute(
                """INSERT INTO message_status (brand_id, message_id, status, occurred_at, recorded_at, inferred)
                   VALUES ($1, $2, 'delivered', date_trunc('second', $3::timestamptz), $3, $4)""",
                self.brand_id,
                message_id,
                at,
                inferred,
            )

    async def attempt(self, at: datetime, endpoint_id: UUID, status: int | None, fault: str | None, ms: int) -> None:
        async with self.db.statement() as tx:
            attempt_id = UUID(int=ids.floor(at).int | (ids.new().int & ((1 << 62) - 1)))
            await tx.execute(
                """INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, status, fault,
                                        duration_ms, started_at)
                   VALUES ($1, $2, $2, $2, $3, 1, $4, $5, $6, $7)""",
                *(self.brand_id, attempt_id, endpoint_id, status, fault, ms, at),
            )

    async def outcome(self, at: datetime, endpoint_id: UUID, state: str) -> None:
        async with self.db.statement() as tx:
            delivery_id = UUID(int=ids.floor(at).int | (ids.new().int & ((1 << 62) - 1)))
            await tx.execute(
                """INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
                   VALUES ($1, $2, $2, $3, $4, 1)""",
                *(self.brand_id, delivery_id, endpoint_id, state),
            )

    async def count(self) -> None:
        """Let the worker count until nothing is due."""
        counting = Counting(self.db)
        while await counting.run_once():
            pass

    async def turn_back(self, hours: int) -> None:
        """Make the brand's turn due again, as it was so many hours ago."""
        async with self.db.statement() as tx:
            await tx.execute(
                "UPDATE count_turn SET counted_to = counted_to - $2 * interval '1 hour', next_at = now() WHERE id = $1",
                self.brand_id,
                hours,
            )


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)
