"""An upgrade with work in flight: what the first version left behind is taken up, told once, and settled."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from quixess import simulator, vault
from quixess.database import ids, migrate
from quixess.vault import Place
from tests.crash import ledger, processes
from tests.crash.processes import Site
from tests.simulator import driving
from tests.world import PHONE, eventually

pytestmark = pytest.mark.crash

SEED = 4711
BRAND, ENDPOINT, CONNECTION, CONVERSATION, CONTACT, DOUBT = (ids.new() for _ in range(6))
FIRST = Path(migrate.__file__).parent / "migrations" / "0001_ground.sql"
LEFT = {  # what a delivery was at: attempts made, seconds until it is due, whether somebody held it
    "wamid.NEW": (0, -1, False),
    "wamid.RETRY": (3, -1, False),
    "wamid.LATER": (1, 1, False),
    "wamid.DEAD": (1, 1, True),
    "wamid.LONG_DEAD": (2, -60, True),
}


@pytest.fixture
async def old(dsn: str, tmp_path: Path) -> AsyncIterator[str]:
    """A database as version 0001 left it when its processes were killed."""
    name = f"old_{uuid4().hex}"
    owner = await asyncpg.connect(dsn)
    await owner.execute(f"CREATE DATABASE {name}")
    address = dsn.replace(urlsplit(dsn).path, f"/{name}", 1)
    connection = await asyncpg.connect(address)
    await connection.execute(FIRST.read_text())
    await connection.execute(
        "CREATE TABLE migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    await connection.execute("INSERT INTO migration (name) VALUES ($1)", FIRST.name)
    for table in ("intake", "event", "attempt", "outcome", "message", "message_status"):
        await connection.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    await _leave(connection, tmp_path)
    await connection.close()
    yield address
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


async def test_what_was_in_flight_in_the_first_version_is_told_once_and_settled_by_this_one(
    old: str, tmp_path: Path
) -> None:
    async with processes.site_over(old, tmp_path, seed=SEED) as site:
        assert await site.value("SELECT count(*) FROM delivery") == len(LEFT)
        site.scripted += [(wamid, "received") for wamid in (*LEFT, "wamid.KEPT")]
        await site.open()
        await eventually(lambda: _told(site) == {*LEFT, "wamid.KEPT"})
        await site.customer_says("Is anybody new here?")
        await eventually(lambda: site.receiver.of_type("message.failed"))

        verdict = await ledger.judge(site, in_flight=0)
        assert (verdict.events, verdict.posts, verdict.repeats) == (len(LEFT) + 2, len(LEFT) + 3, 0)
        assert await site.value("SELECT state FROM message WHERE id = $1", DOUBT) == "failed"
        rows = await site.rows("SELECT e.data, o.attempts FROM outcome o JOIN event e ON e.id = o.event_id")
        made = {json.loads(row["data"]).get("wa_message_id"): row["attempts"] for row in rows}
        assert {wamid: made[wamid] for wamid in LEFT} == {wamid: before + 1 for wamid, (before, _, _) in LEFT.items()}


def _told(site: Site) -> set[str]:
    return {event["data"]["wa_message_id"] for event in site.receiver.of_type("message.received")}


async def _leave(connection: asyncpg.Connection, folder: Path) -> None:
    """Write the rows of a brand on the simulated Meta with deliveries, a body and a send in flight."""
    async with driving.running(simulator.Options(seed=SEED)) as meta:
        await _connect(connection, folder, meta.world, meta.base_url)
        body = _body(meta.world)
    for wamid, (attempts, due_s, held) in LEFT.items():
        event_id, lease = ids.new(), ids.new() if held else None
        data = json.dumps({"wa_message_id": wamid, "type": "text", "text": {"body": "Hi"}})
        await connection.execute(
            """INSERT INTO event (brand_id, id, type, version, data, occurred_at)
               VALUES ($1, $2, 'message.received', '1', $3, now())""",
            BRAND, event_id, data,
        )  # fmt: skip
        await connection.execute(
            """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at, attempt, lease)
               VALUES ($1, $2, $3, $4, now() + $5 * interval '1 second', $6, $7)""",
            BRAND, ids.new(), ENDPOINT, event_id, due_s, attempts, lease,
        )  # fmt: skip
    # The first version could queue an event twice for one endpoint, by two replays at once.
    await connection.execute(
        """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
           SELECT brand_id, $1, endpoint_id, event_id, now() FROM delivery LIMIT 1""",
        ids.new(),
    )
    await connection.execute(
        "INSERT INTO endpoint_due (endpoint_id, brand_id, next_at) VALUES ($1, $2, now())", ENDPOINT, BRAND
    )
    intake_id = ids.new()
    await connection.execute("INSERT INTO intake (id, app_id, body) VALUES ($1, $2, $3)", intake_id, *body)
    await connection.execute(
        "INSERT INTO intake_todo (id, app_id, next_at, lease, tries) VALUES ($1, $2, now() + interval '1 s', $3, 1)",
        intake_id, body[0], ids.new(),
    )  # fmt: skip
    await _leave_doubt(connection)


async def _connect(connection: asyncpg.Connection, folder: Path, meta: dict[str, Any], graph_url: str) -> None:
    keyring = vault.read_or_make(folder / "keyring.json")

    def seal(text: str, table: str, column: str, row: object, brand_id: UUID | None = None) -> bytes:
        return keyring.seal(text.encode(), Place(table, column, str(row), brand_id))

    app_id, number = meta["app_id"], meta["phone_number_id"]
    await connection.execute("INSERT INTO brand (id, name) VALUES ($1, 'Demo')", BRAND)
    await connection.execute(
        "INSERT INTO meta_app (id, secret, verify_token) VALUES ($1, $2, $3)",
        app_id,
        seal(meta["app_secret"], "meta_app", "secret", app_id),
        seal(meta["verify_token"], "meta_app", "verify_token", app_id),
    )
    await connection.execute(
        """INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url, token,
                                   token_last4, templates_synced_at)
           VALUES ($1, $2, $3, $4, $5, '15550001111', $6, $7, 'last', now())""",
        BRAND, CONNECTION, app_id, meta["waba_id"], number, graph_url,
        seal(meta["access_token"], "connection", "token", CONNECTION, BRAND),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO number (phone_number_id, app_id, waba_id, brand_id, connection_id) VALUES ($1, $2, $3, $4, $5)",
        number, app_id, meta["waba_id"], BRAND, CONNECTION,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO endpoint (brand_id, id, url, secret) VALUES ($1, $2, 'http://127.0.0.1:9/', $3)",
        BRAND, ENDPOINT, seal("whsec_" + "Zm9y" * 10 + "ZXZlcg==", "endpoint", "secret", ENDPOINT, BRAND),
    )  # fmt: skip


def _body(meta: dict[str, Any]) -> tuple[str, bytes]:
    number = {name: meta[name] for name in ("display_phone_number", "phone_number_id")}
    message = {"from": PHONE[1:], "id": "wamid.KEPT", "timestamp": "1790000000", "type": "text", "text": {"body": "Hi"}}
    value = {"messaging_product": "whatsapp", "metadata": number, "messages": [message]}
    entry = {"id": meta["waba_id"], "changes": [{"field": "messages", "value": value}]}
    return meta["app_id"], json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


async def _leave_doubt(connection: asyncpg.Connection) -> None:
    """A send whose process died after the claim, ten seconds ago."""
    await connection.execute("INSERT INTO contact (brand_id, id, phone) VALUES ($1, $2, $3)", BRAND, CONTACT, PHONE[1:])
    await connection.execute(
        "INSERT INTO conversation (brand_id, id, connection_id, contact_id) VALUES ($1, $2, $3, $4)",
        BRAND, CONVERSATION, CONNECTION, CONTACT,
    )  # fmt: skip
    await connection.execute(
        """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, phone,
                                template_name, content, occurred_at)
           VALUES ($1, $2, $3, $4, 'outbound', 'template', 'sending', 0, $5, 'signup_otp', '{}',
                   now() - interval '10 seconds')""",
        BRAND, DOUBT, CONNECTION, CONVERSATION, PHONE[1:],
    )  # fmt: skip
    await connection.execute("INSERT INTO unsettled (id, brand_id, next_at) VALUES ($1, $2, now())", DOUBT, BRAND)
