"""Work that waits: Meta's bodies and deliveries, written into the tables as the gateway would have left them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bench import tables, tenants, traffic
from bench.tenants import Tenant
from quixess.database import ids
from quixess.messages import lanes

Filled = dict[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]
NEVER = datetime.max.replace(tzinfo=UTC)


def bodies(number: str, count: int) -> Filled:
    """Let so many webhooks about a number wait to be worked off, a text of one of a thousand people in each."""
    facts = tenants.webhook_facts(0, 1_000, number)
    write, app_id, now = traffic.webhook(**facts), str(facts["app_id"]), datetime.now(UTC)
    made = [(ids.new(), app_id, write(turn, 0).partition(b"\r\n\r\n")[2]) for turn in range(count)]
    lane = lanes.find(app_id, made[0][2])
    return {
        "intake": (("id", "app_id", "body"), made),
        "intake_todo": (("id", "app_id", "lane", "next_at"), [(one, app_id, lane, now) for one, _, _ in made]),
    }


def deliveries(shares: Sequence[tuple[Tenant, int]], looked_at: datetime | None = None) -> Filled:
    """Let so many events wait for each tenant, all due. Nobody looks at them before `looked_at`: else at once."""
    now = datetime.now(UTC)
    made = [(to, ids.new(), ids.new()) for to, count in shares for _ in range(count)]
    return {
        "event": (
            ("brand_id", "id", "type", "version", "data", "occurred_at"),
            [(to.brand_id, event, "message.received", "1", DATA, now) for to, event, _ in made],
        ),
        "delivery": (
            ("brand_id", "id", "endpoint_id", "event_id", "next_at"),
            [(to.brand_id, delivery, to.endpoint_id, event, now) for to, event, delivery in made],
        ),
        "endpoint_due": (
            ("endpoint_id", "brand_id", "next_at"),
            [(to.endpoint_id, to.brand_id, looked_at or now) for to, _ in shares],
        ),
    }


def fill(dsn: str, *parts: Filled) -> None:
    """Write these rows, in place of whatever was to be looked at before."""
    rows: Filled = {}
    for part in parts:
        rows |= part
    tables.fill(dsn, first="DELETE FROM endpoint_due", tables=rows)


DATA = json.dumps(
    {
        "message_id": "msg_01KAPX0000000000000000000A",
        "wa_message_id": "wamid.HBgLMTI4MTgxODQzNzAVAgASGBQzQTdCNUJENTlDOUE5RjA5RjQwMAA=",
        "conversation_id": "cnv_01KAPX0000000000000000000B",
        "from": {
            "phone": "12818184370",
            "phone_e164": "+12818184370",
            "user_id": None,
            "username": None,
            "name": "Frank",
        },
        "to": {"phone_number_id": "106540352242922", "waba_id": "102290129340398"},
        "type": "text",
        "content": {"body": "Is the blue one still there? My order is A-1001, thank you!"},
        "reply_to": None,
    },
    separators=(",", ":"),
)
