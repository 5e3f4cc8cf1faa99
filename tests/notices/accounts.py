"""Brands with a WABA, a template in their cache, and Meta's bodies as rooms get them."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from quixess import access, connections, notices
from quixess.connections import Facts
from quixess.database import ids
from quixess.database.core import Database
from quixess.meta import webhooks
from quixess.meta.webhooks import OtherChange
from quixess.notices import Said
from quixess.vault import Keyring

APP = "8693"
WABA = "102290129340398"
NUMBER = "106540352242922"
DISPLAY = "15550783881"
META_ID = 1689556908129832
CAPTURED = Path(__file__).parents[1] / "meta" / "captured"


@dataclass(frozen=True)
class Told:
    brand_id: UUID
    type: str
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True)
class Account:
    """A brand, its number, and the templates in its cache."""

    db: Database
    brand_id: UUID
    connection_id: UUID

    async def cache(self, name: str = "order_confirmation", **more: Any) -> UUID:
        """Put a template into the cache, as a list of Meta's did an hour ago; returns its id."""
        row = {"meta_id": str(META_ID), "language": "en_US", "category": "UTILITY", "status": "PENDING"} | more
        template_id = ids.new()
        async with self.db.transaction() as tx:
            await tx.execute(
                f"""INSERT INTO template (brand_id, id, connection_id, name, components, updated_at, {", ".join(row)})
                    VALUES ($1, $2, $3, $4, '[]', now() - interval '1 hour',
                            {", ".join(f"${place + 5}" for place in range(len(row)))})""",
                self.brand_id,
                template_id,
                self.connection_id,
                name,
                *row.values(),
            )
        return template_id

    async def template(self, name: str = "order_confirmation") -> Any:
        async with self.db.statement() as tx:
            return await tx.row("SELECT * FROM template WHERE brand_id = $1 AND name = $2", self.brand_id, name)

    async def connection(self) -> Any:
        async with self.db.statement() as tx:
            return await tx.row(
                "SELECT *, templates_due_at <= now() AS stale FROM connection WHERE id = $1", self.connection_id
            )

    async def notices(self) -> list[Any]:
        """What an operator sees, through row-level security, the first one first."""
        async with self.db.reading(self.brand_id) as tx:
            return list(reversed(await notices.list_notices(tx, self.brand_id)))


async def found(
    db: Database,
    keyring: Keyring,
    *,
    name: str = "Bordercart",
    brand_id: UUID | None = None,
    waba_id: str = WABA,
    number: str = NUMBER,
    display: str = DISPLAY,
    app_id: str = APP,
) -> Account:
    """Found a brand with one number, or give a brand one more number."""
    facts = Facts(
        app_id=app_id,
        app_secret="secret",
        verify_token="token",
        waba_id=waba_id,
        phone_number_id=number,
        display_phone=display,
        token="EAA",
        graph_url="http://127.0.0.1:1",
    )
    async with db.transaction() as tx:
        owner = brand_id or (await access.create_brand(tx, name)).id
        return Account(db, owner, await connections.connect(tx, keyring, owner, facts))


def captured(name: str, at: int | None = None) -> bytes:
    """A body as Meta sent it, told now (`at` is unix s) instead of then."""
    body = json.loads((CAPTURED / f"{name}.json").read_text())
    for entry in body["entry"]:
        entry["time"] = at or int(time.time())
    return json.dumps(body).encode()


def body(field: str, value: dict[str, Any], *, waba_id: str = WABA, at: int | None = None) -> bytes:
    entry = {"id": waba_id, "time": at or int(time.time()), "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def account_update(event: str, *, at: int | None = None, **more: Any) -> bytes:
    return body("account_update", {"event": event} | more, at=at)


def status(event: str, *, at: int | None = None, **more: Any) -> bytes:
    """A status update of the template in `Account.cache`."""
    named = {
        "message_template_id": META_ID,
        "message_template_name": "order_confirmation",
        "message_template_language": "en-US",
    }
    return body("message_template_status_update", {"event": event, "reason": "NONE"} | named | more, at=at)


async def hear(db: Database, *bodies: bytes, app_id: str = APP) -> list[Told]:
    """Apply bodies of one app in one transaction and return what is to be told."""
    said = []
    for raw in bodies:
        intake_id = ids.new()
        for item in webhooks.parse(raw).items:
            assert isinstance(item, OtherChange)
            said.append(Said(item, app_id, intake_id))
    async with db.transaction() as tx:
        drafts = await notices.apply(tx, said)
    return [Told(one.brand_id, one.type, one.occurred_at, json.loads(one.data)) for one in drafts]


async def strays(db: Database) -> list[tuple[str, str, str, int]]:
    async with db.statement() as tx:
        rows = await tx.rows("SELECT app_id, phone_number_id, reason, items FROM stray ORDER BY reason")
    return [tuple(row) for row in rows]
