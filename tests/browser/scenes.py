"""A world with something in it: a shop's day, from codes and parcels to people who write and a server that was down.

All names are made up. Phone numbers are of ranges that the countries keep free for stories.
"""

import html
import re
from collections.abc import Mapping, Sequence

from quixess.access import Scope
from quixess.api import EXTERNAL
from quixess.database import ids
from quixess.people import Person, Role, members
from tests.browser import past
from tests.dashboard import visiting
from tests.dashboard.visiting import Browser, Page
from tests.support import customers
from tests.world import OTP, World, eventually

OWNER = "anna@bordercart.example"
# What `places` finds: whatever stands in braces in the address of a page.
PLACES = ("connection", "conversation", "endpoint", "event", "key", "language", "message", "name", "person", "request")
_KEYS = {
    "Signup service": ([Scope.SEND_OTP], ""),
    "Order mails": ([Scope.SEND_TEMPLATE, Scope.READ_TEMPLATES], ""),
    "Support desk": ([Scope.REPLY, Scope.READ_CONVERSATIONS, Scope.READ_MESSAGES], "600"),
}
_PHONES = {
    "Maya Okafor": "+447700900142",
    "Tom Becker": "+12025550143",
    "Lucía Fernández": "+12025550188",
    "Priya Nair": "+447700900371",
    "Chloé Martin": "+33639980122",
    "Erik Lund": "+46701740605",
    "Noor Haddad": "+12025550119",
}
_STRANGERS = ("+447700900555", "+12025550166", "+61491570156")
_UNREACHED = "+12025550177"
_SAID = {
    "Erik Lund": ("Tack, it fits perfectly!",),
    "Priya Nair": ("Hi! I got a code but I did not sign up for anything.",),
    "Chloé Martin": ("Bonjour, do you deliver to Lyon?", "And how long does it take?"),
    "Lucía Fernández": ("Can I still change the address of my order?",),
    "Tom Becker": ("Where is parcel B-20388? It was due yesterday.",),
    "Noor Haddad": ("Do you have the blue lamp in stock?",),
    "Maya Okafor": ("Hello! My parcel B-20417 is here, thank you.",),
}
_ANSWERS = (
    ("Erik Lund", "reply", "Lovely to hear, Erik. Enjoy it!"),
    ("Tom Becker", "note", "Courier says it is on the van today. Ines, can you follow up at 4?"),
    ("Maya Okafor", "reply", "Oh no! A new one leaves our store today: it is with you by Thursday."),
    ("Maya Okafor", "note", "Replacement under B-20431. No need to send the old one back."),
)
_TEMPLATES = (
    ("delivery_update", "UTILITY", "APPROVED", "Hello {{1}}, parcel {{2}} is with the courier and arrives today."),
    ("appointment_reminder", "UTILITY", "APPROVED", "Hello {{1}}, we expect you on {{2}}. See you soon!"),
    ("autumn_sale", "MARKETING", "REJECTED", "Hello {{1}}, everything for the garden is {{2}} off until Sunday!"),
    ("back_in_stock", "MARKETING", "APPROVED", "Hello {{1}}, the {{2}} that you asked for is back in stock."),
)
_REPLIES = {
    "hello": "Hello! Thank you for writing to Bordercart. How can we help?",
    "hours": "We answer from 9 to 18, Monday to Saturday.",
    "return": "You can send it back within 30 days: the label is in your parcel.",
}


async def fill(world: World) -> None:
    """Let a day pass at Bordercart, and the month before it."""
    async with visiting.visiting(world, None, email=OWNER) as anna:
        await _hire(world, anna)
        await _write_templates(world, anna)
        keys = {name: await _mint(anna, name) for name in _KEYS}
        await _send(world, keys)
        await _customers_write(world)
        await _answer(world, anna)
        await _refuse(world, keys)
        await _fall_over(world)
        await _play(world, anna)
        prices = {"currency": "EUR", "authentication": "0.055", "utility": "0.047", "marketing": "0.11"}
        await _do(anna, "/app/metrics/prices", prices)
    await past.remember(world)


async def _hire(world: World, anna: Browser) -> None:
    """People with each role, one who has not come yet, and a second brand."""
    assert anna.person is not None
    await _take_in(world, anna.person, "Anna Lindqvist", Role.OWNER, by="quixess up")
    await world.rows("UPDATE api_key SET name = 'Shop backend', created_by = 'quixess up' WHERE name = 'full'")
    for name, role in (("Ben Adler", Role.DEVELOPER), ("Ines Costa", Role.AGENT), ("Jakob Holm", Role.ADMIN)):
        email = f"{name.partition(' ')[0].lower()}@bordercart.example"
        await _take_in(world, await visiting.employ(world, None, email=email), name, role, by=OWNER)
    await _do(anna, "/app/settings/people/invite", {"email": "mia@bordercart.example", "role": "agent"})
    await _do(anna, "/app/settings/brands/new", {"name": "Harbour Books"})
    await _do(anna, "/app/brand", {"brand": ids.show("brd", world.brand_id)})
    for shortcut, text in _REPLIES.items():
        await _do(anna, "/app/whatsapp/inbox/replies", {"shortcut": shortcut, "text": text})


async def _take_in(world: World, person: Person, name: str, role: Role, *, by: str) -> None:
    await world.rows("UPDATE operator SET name = $2 WHERE id = $1", person.id, name)
    async with world.rooms.db.transaction() as tx:
        await members.add(tx, world.brand_id, person, role, inbox=True, hand=members.Hand(by, Role.OWNER))


async def _write_templates(world: World, anna: Browser) -> None:
    """Templates that Meta knows, one of which it did not like."""
    for name, category, status, body in _TEMPLATES:
        example = {"body_text": [["Maya", "B-20417"]]}
        components = [{"type": "BODY", "text": body, "example": example}]
        reason = {"rejected_reason": "TAG_CONTENT_MISMATCH"} if status == "REJECTED" else {}
        told = {"name": name, "language": "en_US", "category": category, "status": status, "components": components}
        await world.meta.lever("templates", told | reason)
    await _do(anna, "/app/whatsapp/templates/sync", {})
    await world.meta.lever("templates/delivery_update", {"quality": "GREEN"})


async def _mint(anna: Browser, name: str) -> str:
    """Make a key on its page; returns the secret."""
    scopes, most = _KEYS[name]
    fields = {"name": name, "scopes": [one.value for one in scopes], "requests_per_minute": most}
    made = await _do(anna, "/app/settings/api-keys/new", fields)
    found = re.search(r'id="key-secret"[^>]*>([^<]+)<', made.text)
    assert found is not None, made.words
    return html.unescape(found[1])


async def _send(world: World, keys: Mapping[str, str]) -> None:
    """Codes for who signs up, news of parcels, and two messages that do not get through."""
    for place, phone in enumerate((*_STRANGERS, *_PHONES.values())):
        answer = await world.send_otp(to=phone, code=f"{482913 + 10_177 * place}", key=keys["Signup service"])
        assert answer.status == 200, answer.json
    parcels = {"Maya Okafor": "B-20417", "Tom Becker": "B-20388", "Chloé Martin": "B-20402"}
    for name, parcel in parcels.items():
        body = {"to": _PHONES[name], "template_name": "delivery_update", "variables": {"body": [name, parcel]}}
        answer = await world.call("POST", f"{EXTERNAL}/send/template", key=keys["Order mails"], body=body)
        assert answer.status == 200, answer.json
    for outcome in ("async:131049", "async:131026"):
        await world.meta.lever("faults", {"outcome": outcome, "count": 1, "to": _UNREACHED})
        await world.send_otp(to=_UNREACHED, key=keys["Signup service"])


async def _customers_write(world: World) -> None:
    """What people ask a shop."""
    for name, texts in _SAID.items():
        for text in texts:
            await customers.says(world, text, _PHONES[name], name)
    picture = {"caption": "This corner arrived dented, can I get a new one?"}
    await customers.sends_file(
        world, "image", "image/png", _draw_parcel(), phone=_PHONES["Maya Okafor"], name="Maya Okafor", **picture
    )


def _draw_parcel() -> bytes:
    """Draw a parcel on a table, one corner of it dented."""
    wall, table, box, side, tape = (214, 221, 219), (188, 170, 148), (196, 154, 108), (166, 124, 82), (226, 206, 176)

    def colour(x: int, y: int) -> tuple[int, int, int]:
        if 70 <= x < 250 and 52 <= y < 164 and x - 70 + y - 52 > 34:
            front = x < 196
            return tape if front and 122 <= x < 142 else box if front else side
        return wall if y < 138 else table

    return customers.png(320, 200, colour)


async def _answer(world: World, anna: Browser) -> None:
    """Anna answers, leaves a note for Ines, and hands one over."""
    talks = await _talks(world)
    for name, kind, text in _ANSWERS:
        talk = f"/app/whatsapp/inbox/{talks[name]}"
        form = await anna.get(talk)
        await _do(anna, f"{talk}/messages", {"client_id": form.field("client_id"), "text": text, "kind": kind})
    await customers.says(world, "You are the best, thank you!", _PHONES["Maya Okafor"], "Maya Okafor")
    (ines,) = await world.rows("SELECT id FROM operator WHERE email = 'ines@bordercart.example'")
    care = f"/app/whatsapp/inbox/{talks['Tom Becker']}"
    await _do(anna, f"{care}/assignee", {"assignee": ids.show("opr", ines["id"])})
    await _do(anna, f"/app/whatsapp/inbox/{talks['Erik Lund']}/state", {"state": "closed"})


async def _talks(world: World) -> dict[str, str]:
    """The conversations, by the name of who writes."""
    found = {}
    for name, phone in _PHONES.items():
        digits = phone.removeprefix("+")
        (row,) = await world.rows(
            """SELECT conversation_id AS id FROM message WHERE brand_id = $1 AND phone LIKE '%' || $2
               ORDER BY id DESC LIMIT 1""",
            world.brand_id,
            digits,
        )
        found[name] = ids.show("cnv", row["id"])
    return found


async def _play(world: World, anna: Browser) -> None:
    """The sandbox phone gets codes, and writes."""
    await anna.get("/app/sandbox")
    for _ in range(2):
        await _do(anna, "/app/sandbox/run", {"phone": "1"})
    await _do(anna, "/app/sandbox/says", {"phone": "1", "text": "Thanks, that was quick!"})
    await eventually(lambda: [one for one in world.receiver.of_type("message.received") if "quick" in str(one)])


async def _refuse(world: World, keys: Mapping[str, str]) -> None:
    """Requests that go wrong: each with an answer that says what to do."""
    await world.call("POST", OTP, body={"to": _STRANGERS[0], "code": "482913", "template_name": "signup_code"})
    for phone in ("12", "0151 23"):
        await world.call("POST", OTP, body={"to": phone, "code": "482913", "template_name": "signup_otp"})
    await world.call("GET", f"{EXTERNAL}/messages", key=keys["Signup service"])
    await world.call("GET", f"{EXTERNAL}/messages?limit=5", key=keys["Support desk"])
    await world.call("GET", f"{EXTERNAL}/templates", key=keys["Order mails"])


async def _fall_over(world: World) -> None:
    """The shop's server is down for a moment: what it missed failed for good, but for one that came on a second try."""
    heard = len(world.receiver.of_type("message.received"))
    world.receiver.answers[:] = [503] * 9
    await customers.says(world, "Is the shop open on Sunday?", _PHONES["Noor Haddad"], "Noor Haddad")

    async def given_up() -> bool:
        return bool(await world.rows("SELECT FROM outcome WHERE state = 'exhausted'"))

    await eventually(given_up)
    world.receiver.answers[:] = []
    await world.rows("UPDATE endpoint SET state = 'healthy', state_reason = NULL, held_until = NULL")
    await customers.says(world, "And on holidays?", _PHONES["Noor Haddad"], "Noor Haddad")
    await eventually(lambda: len(world.receiver.of_type("message.received")) > heard)


async def _do(browser: Browser, path: str, fields: Mapping[str, str | Sequence[str]]) -> Page:
    page = await browser.post(path, fields)
    assert page.status in {200, 303}, f"{path}: {page.status} {page.words}"
    return page


async def places(world: World) -> dict[str, str]:
    """What stands for `{…}` in the address of a page, by its name: each names something that is there to be seen."""

    async def one(kind: str, sql: str) -> str:
        (row,) = await world.rows(f"SELECT id FROM ({sql}) AS found (id)", world.brand_id)
        return ids.show(kind, row["id"])

    own = "WHERE brand_id = $1"
    (refused,) = await world.rows(
        f"SELECT request_id FROM request {own} AND code = 'insufficient_scope' LIMIT 1", world.brand_id
    )
    found = {
        "connection": await one("con", f"SELECT id FROM connection {own}"),
        "conversation": (await _talks(world))["Maya Okafor"],
        "endpoint": await one("end", f"SELECT id FROM endpoint {own}"),
        "event": await one("evt", f"SELECT event_id FROM outcome {own} AND state = 'exhausted' LIMIT 1"),
        "key": await one("key", f"SELECT id FROM api_key {own} AND name = 'Support desk'"),
        "language": "en_US",
        "message": await one("msg", f"SELECT id FROM message {own} AND state = 'failed' ORDER BY id DESC LIMIT 1"),
        "name": "delivery_update",
        "person": await one("opr", "SELECT id FROM operator WHERE $1::uuid IS NOT NULL AND name = 'Ben Adler'"),
        "request": refused["request_id"],
    }
    assert tuple(found) == PLACES
    return found
