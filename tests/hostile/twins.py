"""Two brands that did the same things in one installation: Bordercart, whose key we hold, and Rival.

Both have customers who wrote, files, sends, statuses, events, deliveries and replays. What is Rival's and never passes
through a request of ours says CANARY.
"""

import asyncio
import dataclasses
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from aiohttp import web

from quixess import access, connections
from quixess.access import Scope
from quixess.connections import Facts
from quixess.database import ids
from quixess.events import directory, replays
from quixess.media.store import Disk
from tests.messages import hooks
from tests.simulator.driving import signed
from tests.world import OTP, PHONE, Receiver, World, listening

CANARY = "CANARY-B"
TWIN = "TWIN-A"
RIVALS_PHONE = "+12815550199"
_OTP_TEMPLATE = [
    {"type": "BODY", "text": f"*{{{{1}}}}* is your {CANARY} code.", "add_security_recommendation": True},
    {"type": "BUTTONS", "buttons": [{"type": "URL", "text": f"Copy {CANARY}", "url": "https://x.test/?code={{1}}"}]},
]


@dataclass
class Shop:
    """A brand and what it has: `values` by kind, as callers write them."""

    brand_id: UUID
    connection_id: UUID
    key: str
    app_id: str
    app_secret: str
    waba_id: str
    number: str
    phone: str
    mark: str
    receiver: Receiver
    values: dict[str, str] = dataclasses.field(default_factory=dict)
    file: bytes = b""


@asynccontextmanager
async def settled(world: World) -> AsyncIterator[tuple[Shop, Shop]]:
    """Let both brands live a little; gives Bordercart and Rival."""
    async with listening() as receiver, _rivals_meta() as graph_url:
        ours, theirs = _bordercart(world), await _rival(world, receiver, graph_url)
        for shop in (ours, theirs):
            await _live(world, shop)
        await _template_with_a_file(world, ours)
        yield ours, theirs


def _bordercart(world: World) -> Shop:
    known = world.meta.world
    return Shop(
        brand_id=world.brand_id,
        connection_id=world.connection_id,
        key=world.key,
        app_id=known["app_id"],
        app_secret=known["app_secret"],
        waba_id=known["waba_id"],
        number=known["phone_number_id"],
        phone=PHONE,
        mark=TWIN,
        receiver=world.receiver,
    )


async def _rival(world: World, receiver: Receiver, graph_url: str) -> Shop:
    facts = Facts(
        app_id="777000777",
        app_secret="rival's secret",
        verify_token="rival's verify token",
        waba_id="888000888",
        phone_number_id="999000999",
        display_phone="+1 555 999 0999",
        token="EAArival",
        graph_url=graph_url,
        verified_name=f"{CANARY} verified",
    )
    async with world.rooms.db.transaction() as tx:
        brand = await access.create_brand(tx, f"Rival {CANARY}")
        connection_id = await connections.connect(tx, world.rooms.keyring, brand.id, facts)
        await directory.set_url(tx, world.rooms.keyring, brand.id, receiver.url)
        key, _ = await access.mint_key(
            tx, world.rooms.keyring, brand.id, name=f"{CANARY} key", scopes=tuple(Scope), actor="test"
        )
    await world.rows(
        """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
           VALUES ($1, $2, $3, '909090', 'rivals_signup', 'en_US', 'AUTHENTICATION', 'APPROVED', $4)""",
        brand.id,
        ids.new(),
        connection_id,
        json.dumps(_OTP_TEMPLATE),
    )
    return Shop(
        brand_id=brand.id,
        connection_id=connection_id,
        key=key,
        app_id=facts.app_id,
        app_secret=facts.app_secret,
        waba_id=facts.waba_id,
        number=facts.phone_number_id,
        phone=RIVALS_PHONE,
        mark=CANARY,
        receiver=receiver,
    )


async def _template_with_a_file(world: World, shop: Shop) -> None:
    """Let the brand have the template of the example whose header is one of its files."""
    components = [{"type": "HEADER", "format": "VIDEO"}, {"type": "BODY", "text": "Look at this."}]
    await world.rows(
        """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
           VALUES ($1, $2, $3, '909092', 'trailer', 'en_US', 'UTILITY', 'APPROVED', $4)""",
        shop.brand_id,
        ids.new(),
        shop.connection_id,
        json.dumps(components),
    )


async def _live(world: World, shop: Shop) -> None:
    """Customers write, a code goes out, Meta tells what became of it, an event is replayed."""
    person = {"profile": {"name": f"{shop.mark} Frank"}, "wa_id": shop.phone[1:], "user_id": f"US.{shop.mark[-1]}1048"}
    word = f"{shop.mark[-1].lower()}marmalade"
    says = [hooks.text(f"{shop.mark} says {word} {n}", sender=shop.phone[1:]) for n in range(3)]
    await _tell(world, shop, contacts=[person], messages=says)
    template = "signup_otp" if shop.mark == TWIN else "rivals_signup"
    body = {
        "to": shop.phone,
        "code": "482913",
        "template_name": template,
        "metadata": {"order": f"{shop.mark[-1]}-1042"},
    }
    for key in (f"used-{shop.mark[-1]}", f"used-again-{shop.mark[-1]}"):
        sent = await world.call("POST", OTP, key=shop.key, body=body, headers={"Idempotency-Key": key})
        assert sent.status == 200, sent.body
    await hooks.rest(world)
    media_id = await _stored_file(world, shop)
    await _replay(world, shop)
    await hooks.rest(world)
    shop.values = await _values(world, shop) | {
        "med": ids.show("med", media_id),
        "template": template,
        "word": word,
        "metadata": f"{shop.mark[-1]}-1042",
        "used_key": f"used-{shop.mark[-1]}",
    }


async def _tell(world: World, shop: Shop, **content: Any) -> None:
    """Let Meta's webhook tell this brand something, and wait until all it caused is over."""
    metadata = {"display_phone_number": "1", "phone_number_id": shop.number}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata} | content}
    entry = {"id": shop.waba_id, "changes": [change]}
    raw = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signed(shop.app_secret, raw)}
    path = f"/webhooks/meta/{shop.app_id}"
    answer = await world.call("POST", path, key="", data=io.BytesIO(raw), headers=headers)
    assert answer.status == 200
    await hooks.rest(world)


async def _stored_file(world: World, shop: Shop) -> UUID:
    """Give the brand a file that a customer sent and that was fetched; the bytes say whose it is."""
    shop.file = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + shop.mark.encode() + bytes(200)
    digest, media_id = hashlib.sha256(shop.file).hexdigest(), ids.new()
    disk = Disk(Path(world.settings.data_dir) / "media")

    def lay() -> None:
        with disk.draft() as draft:
            draft.write_bytes(shop.file)
            disk.put(draft, digest)

    await asyncio.to_thread(lay)
    await world.rows(
        """INSERT INTO media (brand_id, id, connection_id, message_id, meta_id, mime_type, filename, state, sha256,
                              size)
           SELECT $1, $2, $3, m.id, $4, 'image/png', $5, 'stored', $6, $7 FROM message m
           WHERE m.brand_id = $1 AND m.direction = 'inbound' ORDER BY m.id LIMIT 1""",
        shop.brand_id,
        media_id,
        shop.connection_id,
        "70701" if shop.mark == TWIN else "70702",
        f"{shop.mark}.png",
        digest,
        len(shop.file),
    )
    return media_id


async def _replay(world: World, shop: Shop) -> None:
    async with world.rooms.db.transaction() as tx:
        wanted = replays.Wanted(failed_since=datetime.now(UTC) - timedelta(days=1))
        await replays.start(tx, shop.brand_id, wanted, actor=f"{shop.mark} operator")
        (row,) = await tx.rows("SELECT id FROM event WHERE brand_id = $1 ORDER BY id LIMIT 1", shop.brand_id)
        await replays.replay_event(tx, world.rooms.keyring, shop.brand_id, row["id"])


async def _values(world: World, shop: Shop) -> dict[str, str]:
    """Read what a stranger could have overheard of a brand: its ids and names, by kind."""
    (row,) = await world.rows(
        """SELECT m.id AS msg, m.wamid, m.conversation_id AS cnv, c.id AS ctc, c.user_id, o.id AS sent,
                  o.wamid AS sent_wamid, t.id AS tpl, t.meta_id AS meta_template,
                  e.id AS evt, p.id AS "end", p.url, d.delivery_id AS dlv, r.id AS rpl,
                  k.id AS key
           FROM message m
           JOIN conversation v ON v.brand_id = m.brand_id AND v.id = m.conversation_id
           JOIN contact c ON c.brand_id = v.brand_id AND c.id = v.contact_id
           JOIN message o ON o.brand_id = m.brand_id AND o.direction = 'outbound'
           JOIN template t ON t.brand_id = m.brand_id
           JOIN event e ON e.brand_id = m.brand_id AND e.message_id = m.id
           JOIN endpoint p ON p.brand_id = m.brand_id
           JOIN outcome d ON d.brand_id = m.brand_id AND d.event_id = e.id
           JOIN replay r ON r.brand_id = m.brand_id
           JOIN api_key k ON k.brand_id = m.brand_id
           WHERE m.brand_id = $1 AND m.direction = 'inbound' ORDER BY m.id, o.id, t.name LIMIT 1""",
        shop.brand_id,
    )
    shown = {
        kind: ids.show(kind, row[kind]) for kind in ("msg", "cnv", "ctc", "tpl", "evt", "end", "dlv", "rpl", "key")
    }
    return shown | {
        "sent": ids.show("msg", row["sent"]),
        "brd": ids.show("brd", shop.brand_id),
        "con": ids.show("con", shop.connection_id),
        "wamid": row["wamid"],
        "sent_wamid": row["sent_wamid"],
        "meta_template": row["meta_template"],
        "user_id": row["user_id"],
        "url": row["url"],
        "e164": shop.phone,
        "phone": shop.phone[1:],
        "number": shop.number,
        "waba": shop.waba_id,
        "bare_uuid": str(row["msg"]),
    }


@asynccontextmanager
async def _rivals_meta() -> AsyncIterator[str]:
    """A Meta of Rival's own, which takes every message and knows one template."""
    count = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal count
        if request.path.endswith("/messages"):
            count += 1
            to = re.sub(r"\D", "", json.loads(await request.read()).get("to", ""))
            accepted = {"contacts": [{"input": to, "wa_id": to}], "messages": [{"id": f"wamid.rivals{count}"}]}
            return web.json_response({"messaging_product": "whatsapp"} | accepted)
        if request.path.endswith("/message_templates"):
            known = {"name": "rivals_signup", "language": "en_US", "category": "AUTHENTICATION", "status": "APPROVED"}
            return web.json_response({"data": [known | {"id": "909090", "components": _OTP_TEMPLATE}]})
        return web.json_response({"error": {"message": "no", "code": 100, "type": "GraphMethodException"}}, status=400)

    app = web.Application()
    app.add_routes([web.route("*", "/{path:.*}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
