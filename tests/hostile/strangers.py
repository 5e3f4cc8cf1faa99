"""Text that wants to be more than text, written wherever anybody may write: by customers, Meta, a server, people.

What it would do if it got through is change the title of the page to 1, and a cell of a spreadsheet to a number.
"""

import json
from uuid import UUID

import asyncpg

from quixess import access, dashboard
from quixess.access import Scope
from quixess.database import ids
from quixess.people import Role, accounts, members, sessions
from quixess.people.members import Hand
from quixess.support import canned, notes
from tests.messages import hooks
from tests.support import customers
from tests.world import OTP, PHONE, World, eventually

SHORT = '"><script>document.title=1</script><svg onload=alert(1)>'
LONG = (
    f"{SHORT} '><img src=x onerror=\"document.title=1\"> </textarea></title><iframe srcdoc='<script>1</script>'>"
    " javascript:alert(1) [click](javascript:alert(1)) **bold** {{constructor.constructor('document.title=1')()}}"
    " ${7*7} \u202eeman\u202c \u2066\u2069 " + "e\u0301\u0317" * 40
)
FORMULAS = ("=1+1", "@SUM(1)", "+1+1", "-1+1")
ALIVE = ("<script>document", "<svg onload", "<img src=x", "<iframe srcdoc", 'href="javascript:')


async def write_everywhere(world: World, reader: UUID) -> list[str]:
    """Write it into everything that a brand shows; gives the address of every page that shows it to `reader`."""
    async with world.rooms.db.transaction() as tx:
        await access.rename_brand(tx, world.brand_id, SHORT)
        await accounts.rename(tx, reader, SHORT)
        await canned.save(tx, world.brand_id, "evil", LONG, actor=SHORT)
        colleague = await accounts.create(tx, email="eve@x.example", name=SHORT, password_hash="none fits")
        await members.add(tx, world.brand_id, colleague, Role.AGENT, inbox=False, hand=Hand(SHORT, Role.OWNER))
        await sessions.open_session(tx, world.rooms.keyring, reader, address=None, agent=LONG)
    await world.mint(Scope.SEND_OTP)
    await _customers_write(world)
    await _meta_writes(world)
    await world.call("POST", OTP, body={"to": PHONE, "code": "482913", "template_name": "signup_otp", SHORT: LONG})
    talk = (await world.rows("SELECT id FROM conversation WHERE brand_id = $1", world.brand_id))[0]["id"]
    async with world.rooms.db.transaction() as tx:
        await notes.add(tx, world.brand_id, talk, reader, LONG)
    await _servers_answer(world)
    return await _addresses(world, colleague.id, talk)


async def _customers_write(world: World) -> None:
    first = await customers.says(world, LONG, name=SHORT)
    card = {"name": {"formatted_name": LONG}, "emails": [{"email": SHORT}], "urls": [{"url": "javascript:alert(1)"}]}
    place = {"latitude": 1, "longitude": 2, "name": LONG, "address": SHORT, "url": "javascript:alert(1)"}
    chosen = {"type": "button_reply", "button_reply": {"id": SHORT, "title": SHORT}}
    for content in (
        {"type": "contacts", "contacts": [card]},
        {"type": "location", "location": place},
        {"type": "interactive", "interactive": chosen, "reply_to": first},
        {"type": "reaction", "reaction": {"message_id": first, "emoji": SHORT}},
    ):
        await customers.writes(world, content, name=SHORT)
    picture = customers.picture(8, 8)
    await customers.sends_file(world, "image", "image/png", picture, caption=LONG)
    await customers.sends_file(world, "document", "application/pdf", b"%PDF-1.4\n%x\n", filename=SHORT)
    assert await eventually(lambda: world.receiver.of_type("message.received"))


async def _meta_writes(world: World) -> None:
    """Let Meta's side have said it: about a template, a number, and a message that failed."""
    components = [
        {"type": "HEADER", "format": "TEXT", "text": SHORT},
        {"type": "BODY", "text": f"{LONG} {{{{1}}}}", "example": {"body_text": [[SHORT]]}},
        {"type": "FOOTER", "text": SHORT},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": SHORT, "url": "javascript:alert(1)"}]},
    ]
    await world.rows(
        """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components,
                                 rejected_reason, quality)
           VALUES ($1, $2, $3, '4711', 'evil', 'en_US', 'MARKETING', 'REJECTED', $4, $5, $5)""",
        *(world.brand_id, ids.new(), world.connection_id, json.dumps(components), SHORT),
    )
    await world.rows("UPDATE connection SET verified_name = $1, state_reason = $1, display_phone = $1", SHORT)
    await world.send_otp()
    sent = (await world.rows("SELECT wamid FROM message WHERE direction = 'outbound'"))[0]["wamid"]
    failure = hooks.failure(131026, SHORT) | {"message": LONG, "error_data": {"details": LONG}, "href": LONG}
    await hooks.tell(world, statuses=[hooks.status(sent, "failed", errors=[failure])])


async def _servers_answer(world: World) -> None:
    """Let the brand's server have answered it, and its endpoint and its keys be called so."""
    await hooks.rest(world)
    owner = await asyncpg.connect(world.dsn)  # we ourselves never change an attempt
    await owner.execute("UPDATE attempt SET status = 500, excerpt = $1", LONG.encode() + b"\xff\x00")
    await owner.close()
    await world.rows("UPDATE endpoint SET name = $1", SHORT)
    await world.rows("UPDATE api_key SET name = $1 WHERE brand_id = $2", SHORT, world.brand_id)
    for formula in FORMULAS:
        key = await world.mint(Scope.SEND_OTP)
        await world.send_otp(key=key)
        await world.rows("UPDATE api_key SET name = $1 WHERE name = 'test'", formula)


async def _addresses(world: World, colleague: UUID, talk: UUID) -> list[str]:
    """Fill the paths of the table of pages, and the drawers."""
    await eventually(lambda: world.rows("SELECT FROM request WHERE status = 400"))
    (row,) = await world.rows(
        """SELECT (SELECT id FROM event WHERE brand_id = $1 LIMIT 1) AS evt,
                  (SELECT id FROM endpoint WHERE brand_id = $1 LIMIT 1) AS "end",
                  (SELECT id FROM api_key WHERE brand_id = $1 LIMIT 1) AS key,
                  (SELECT request_id FROM request WHERE brand_id = $1 AND status = 400 LIMIT 1) AS req""",
        world.brand_id,
    )
    messages = await world.rows("SELECT id FROM message WHERE brand_id = $1", world.brand_id)
    known = {"name": "evil", "language": "en_US", "conversation": ids.show("cnv", talk)}
    known |= {"event": ids.show("evt", row["evt"]), "endpoint": ids.show("end", row["end"])}
    known |= {"key": ids.show("key", row["key"]), "person": ids.show("opr", colleague)}
    known |= {"connection": ids.show("con", world.connection_id)}
    paths = [page.path for page in dashboard.PAGES if page.method == "GET" and page.path.startswith("/app")]
    ours = [path.format_map(known) for path in paths if "{media}" not in path and path != "/app/live"]
    drawers = [f"/app/whatsapp/messages?message={ids.show('msg', one['id'])}" for one in messages]
    drawers += [f"/app/settings/api-keys?key={known['key']}", f"/app/webhooks/deliveries?event={known['event']}"]
    return [*ours, *drawers, f"/app/requests?request={row['req']}"]
