"""The inbox as a browser without a script sees it: plain links and forms, and strangers' text as text."""

import re
from collections.abc import AsyncIterator

import msgspec
import pytest

from quixess import access
from quixess.access import Scope
from quixess.database import ids
from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, visiting
from tests.support import customers
from tests.world import PHONE, World, eventually

HOME = "/app/whatsapp/inbox"
HTMX = {"HX-Request": "true"}
DAY_S = 86_400


@pytest.fixture
async def agent(world: World) -> AsyncIterator[Browser]:
    async with visiting(world, Role.AGENT) as browser:
        yield browser


async def opened(browser: Browser, path: str = HOME) -> str:
    """The address of the first conversation of the list."""
    page = await browser.get(path)
    assert page.status == 200, page.words
    found = re.search(rf'href="({HOME}/cnv_\w+)', page.text)
    assert found is not None, page.words
    return found[1]


async def write(browser: Browser, talk: str, text: str, **more: str) -> Page:
    """Send the form of the composer."""
    form = await browser.get(talk)
    fields = {"client_id": form.field("client_id"), "text": text} | more
    return await browser.post(f"{talk}/messages", fields)


async def test_a_support_person_answers_by_plain_forms(world: World, agent: Browser) -> None:
    await customers.says(world, "Is my order on its way?")
    talk = await opened(agent)
    done = await write(agent, talk, "It is.\nTomorrow.")
    page = await agent.follow(done)

    assert "Is my order on its way?" in page.words
    assert "It is. Tomorrow." in page.words
    assert "Anna" in page.words
    (sent,) = await world.sends()
    assert sent["content"]["body"] == "It is.\nTomorrow."
    (row,) = await world.rows("SELECT unread FROM conversation")
    assert row["unread"] == 0
    (row,) = await world.rows("SELECT key_id, lineage_id FROM message WHERE direction = 'outbound'")
    assert agent.person is not None
    assert (row["key_id"], row["lineage_id"]) == (None, agent.person.id)


async def test_a_form_that_is_sent_twice_is_one_message(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    client_id = (await agent.get(talk)).field("client_id")
    for _ in range(2):
        done = await agent.post(f"{talk}/messages", {"client_id": client_id, "text": "Hello"})
        assert done.status == 303
    assert len(await world.sends()) == 1


async def test_what_cannot_be_sent_is_shown_again_with_the_reason(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    await world.rows("UPDATE conversation SET window_until = now() - interval '1 minute'")

    page = await write(agent, talk, "Too late")

    assert page.status == 409
    assert "send an approved template" in page.words
    assert "24 hours old" in page.words
    assert "Too late" in page.text
    assert await world.sends() == []


async def test_nothing_is_no_answer(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    page = await write(agent, await opened(agent), "  ")
    assert page.status == 400
    assert "Write something first." in page.words


async def test_a_quote_stands_above_the_answer(world: World, agent: Browser) -> None:
    wamid = await customers.says(world, "Which one?")
    talk = await opened(agent)
    (row,) = await world.rows("SELECT id FROM message")
    shown = ids.show("msg", row["id"])
    page = await agent.get(f"{talk}?quote={shown}")
    assert page.field("quote") == shown

    await write(agent, talk, "This one", quote=shown)

    (sent,) = await world.sends()
    assert sent["quoted"] == wamid


async def test_the_window_is_told_by_the_server(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    for left, said in (("23 hours 59 minutes", "open"), ("1 hour 59 minutes", "closing"), ("-1 minute", "closed")):
        await world.rows(f"UPDATE conversation SET window_until = now() + interval '{left}'")
        page = await agent.get(talk)
        assert f'data-window="{said}"' in page.text
        assert ("Send a template" in page.words) is (said == "closed")
    head = await agent.get(f"{talk}/head?composer=open", HTMX)
    assert "#composer" in head.text  # it changes under the reader
    assert "#composer" not in (await agent.get(f"{talk}/head?composer=closed", HTMX)).text


@pytest.mark.parametrize(("age_s", "said"), [(DAY_S - 60, "closing"), (DAY_S + 60, "closed")])
async def test_the_window_ends_a_day_after_the_message_by_metas_clock(
    world: World, agent: Browser, age_s: int, said: str
) -> None:
    await world.meta.lever("settings", {"clock_offset_s": -age_s})
    await customers.says(world, "Hello?")
    talk = await opened(agent)

    page = await agent.get(talk)
    assert f'data-window="{said}"' in page.text
    assert ("Send a template" in page.words) is (said == "closed")
    if said == "closed":
        refused = await agent.post(f"{talk}/messages", {"client_id": "1" * 26, "text": "Too late"})
        assert refused.status in {400, 409}
        assert await world.sends() == []


async def test_a_template_is_chosen_filled_and_sent(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    page = await agent.get(f"{talk}/template")
    assert "order_update" in page.words
    assert "signup_otp" not in page.words  # a code opens nothing
    link = re.search(r'href="([^"]+template=tpl_\w+)"', page.text)
    assert link is not None
    form = await agent.get(link[1])
    assert "Hello {{1}}, your order {{2}}" in form.words

    fields = {"template": form.field("template"), "client_id": form.field("client_id"), "body.1": "Frank"}
    refused = await agent.post(f"{talk}/template", fields)
    assert refused.status == 422
    assert "The body needs `2`" in refused.words
    assert refused.field("body.1") == "Frank"
    page = await agent.follow(await agent.post(f"{talk}/template", fields | {"body.2": "A-1042"}))

    assert "Hello Frank, your order A-1042" in page.words


async def test_notes_assignment_and_the_end_by_plain_forms(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    assert agent.person is not None
    page = await agent.follow(await write(agent, talk, "Offered 10 %", kind="note"))
    assert "Offered 10 %" in page.words
    assert "note, not sent" in page.words
    page = await agent.follow(await agent.post(f"{talk}/assignee", {"assignee": agent.person.shown_id}))
    assert "Anna takes care" in page.words
    assert talk in (await agent.get(f"{HOME}?view=mine")).text
    assert talk not in (await agent.get(f"{HOME}?view=nobody")).text

    await agent.follow(await agent.post(f"{talk}/state", {"state": "closed"}))

    assert talk not in (await agent.get(HOME)).text
    assert talk in (await agent.get(f"{HOME}?view=closed")).text
    assert (await agent.post(f"{talk}/assignee", {"assignee": "nobody"})).status == 404
    assert await world.sends() == []


async def test_canned_replies_are_kept_shown_and_removed(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    refused = await agent.post(f"{HOME}/replies", {"shortcut": "two words", "text": "x"})
    assert refused.status == 422
    assert "small letters, digits" in refused.words
    page = await agent.follow(await agent.post(f"{HOME}/replies", {"shortcut": "hours", "text": "From 9 to 17."}))
    assert "/hours" in page.words
    assert "From 9 to 17." in (await agent.get(talk)).text
    link = re.search(rf'action="({HOME}/replies/cnd_\w+/remove)"', page.text)
    assert link is not None
    page = await agent.follow(await agent.post(link[1]))
    assert "None yet" in page.words


async def test_search_finds_people_and_says_when_nobody_is_found(world: World, agent: Browser) -> None:
    await customers.says(world, "Where is my parcel?", name="Ann Example")
    await eventually(lambda: world.rows("SELECT FROM message_word WHERE word = 'parcel'"))
    for query in ("exam", "parcel", "818-4370"):
        assert "Ann Example" in (await agent.get(f"{HOME}?q={query}")).words
    assert "Nobody found" in (await agent.get(f"{HOME}?q=zzz")).words
    many = "+".join(f"word{number}" for number in range(17))
    assert "at most 16 words" in (await agent.get(f"{HOME}?q={many}")).words


async def test_older_messages_are_a_page_of_their_own(world: World, agent: Browser) -> None:
    for number in range(53):
        await world.customer_says(f"Message {number}.")

    async def there() -> bool:
        return bool((await world.rows("SELECT count(*) AS n FROM message"))[0]["n"] == 53)

    await eventually(there)
    talk = await opened(agent)
    page = await agent.get(talk)
    assert page.text.count('class="bubble them') == 50
    link = re.search(rf'href="({talk}\?older=[^"]+)"', page.text)
    assert link is not None
    older = await agent.get(link[1])
    assert older.text.count('class="bubble them') == 3
    assert "Newest messages" in older.words


# Files ------------------------------------------------------------------------------------------------------------


async def media_of(world: World, browser: Browser) -> str:
    page = await browser.get(await opened(browser))
    found = re.search(r"/app/media/med_\w+", page.text)
    assert found is not None, page.words
    return found[0]


@pytest.mark.parametrize(
    ("kind", "mime_type", "data", "way"),
    [
        ("image", "image/png", customers.picture(8, 8), "inline"),
        ("document", "application/pdf", b"%PDF-1.4\n%bill\n", "attachment"),
        ("document", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "attachment"),
        ("document", "text/html", b"<script>alert(1)</script>", "attachment"),
    ],
)
async def test_no_file_can_run_on_our_pages(
    world: World, agent: Browser, kind: str, mime_type: str, data: bytes, way: str
) -> None:
    """Attack 53: only pictures, films and voice notes are shown, and nothing of them may do anything."""
    await customers.sends_file(world, kind, mime_type, data, filename="../../evil\u202efdp.html")
    file = await agent.get(await media_of(world, agent), {"Range": "bytes=1-3"})

    assert file.status == 206
    assert file.headers["Content-Disposition"].startswith(f"{way}; ")
    assert file.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert "/" not in file.headers["Content-Disposition"].partition("''")[2]


async def test_a_film_can_be_played_from_its_middle(world: World, agent: Browser) -> None:
    await customers.sends_file(world, "image", "image/png", customers.picture(8, 8))
    path = await media_of(world, agent)
    part = await agent.get(path, {"Range": "bytes=1-3"})
    assert (part.status, part.text) == (206, "PNG")


async def test_a_strangers_file_is_none(world: World, agent: Browser) -> None:
    await customers.sends_file(world, "image", "image/png", customers.picture(8, 8))
    path = await media_of(world, agent)
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    async with visiting(world, Role.OWNER, email="eve@rival.example", brand_id=rival.id) as eve:
        assert (await eve.get(path)).status == 404
        assert (await eve.get(await opened(agent))).status == 404
        assert "Frank" not in (await eve.get(HOME)).text


# Hostile text (attacks 51 to 53) --------------------------------------------------------------------------------------


async def test_names_texts_cards_and_buttons_are_text(world: World, agent: Browser) -> None:
    evil = customers.HOSTILE
    await customers.says(world, evil, name=evil)
    first = await customers.says(
        world, "see javascript:alert(1) or HTTPS://ok.example/x'onmouseover=alert(1)", name=evil
    )
    card = {"name": {"formatted_name": evil}, "emails": [{"email": evil}], "urls": [{"url": "javascript:alert(1)"}]}
    await customers.writes(world, {"type": "contacts", "contacts": [card]}, name=evil)
    chosen = {"type": "button_reply", "button_reply": {"id": "x", "title": evil}}
    await customers.writes(world, {"type": "interactive", "interactive": chosen, "reply_to": first}, name=evil)
    await customers.writes(world, {"type": "location", "location": {"latitude": 1, "longitude": 2, "name": evil}})
    await customers.writes(world, {"type": "reaction", "reaction": {"message_id": first, "emoji": evil}}, name=evil)
    talk = await opened(agent)

    for path in (talk, HOME, f"{talk}/head", f"{HOME}/list"):
        page = await agent.get(path)
        assert page.status == 200
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert 'href="javascript' not in page.text
    page = await agent.get(talk)
    assert '<a href="HTTPS://ok.example/x" target="_blank" rel="noopener noreferrer nofollow ugc">' in page.text
    assert page.text.count("<bdi>") > 8


async def test_contents_of_any_shape_break_no_page(world: World, agent: Browser) -> None:
    """What Meta passes on of a card or an order is whatever the other side's app wrote."""
    await customers.says(world, "Hello?")
    talk = await opened(agent)
    odd = [None, 7, "x", [], {}, [[None]], [{"name": "x", "phones": "y", "emails": [None, 7]}], {"a": {"b": [1]}}]
    for kind in ("contacts", "order", "interactive", "location", "image", "template", "call", "tomorrow", "system"):
        for value in odd:
            names = ("contacts", "product_items", "response", "name", "caption", "body", "buttons", "cards", "header")
            content = msgspec.json.encode(dict.fromkeys(names, value)).decode()
            for direction in ("inbound", "outbound"):
                await world.rows("UPDATE message SET type = $1, content = $2, direction = $3", kind, content, direction)
                assert (await agent.get(talk)).status == 200, (kind, value)
                assert (await agent.get(HOME)).status == 200, (kind, value)


async def test_a_very_long_name_is_cut(world: World, agent: Browser) -> None:
    await customers.says(world, "x" * 4096, name="y" * 128)
    page = await agent.get(await opened(agent))
    assert "x" * 4096 in page.text
    assert "y" * 128 not in page.text


# Who may --------------------------------------------------------------------------------------------------------------


async def test_a_developer_sees_the_inbox_only_when_it_was_opened_for_them(world: World) -> None:
    await customers.says(world, "Hello?")
    async with visiting(world, Role.DEVELOPER, email="dev@bordercart.example") as developer:
        assert (await developer.get(HOME)).status == 403
    async with visiting(world, Role.DEVELOPER, email="dev2@bordercart.example", inbox=True) as developer:
        assert "Frank" in (await developer.get(HOME)).words


async def test_a_message_of_a_key_names_the_key(world: World, agent: Browser) -> None:
    await customers.says(world, "Hello?")
    key = await world.mint(Scope.REPLY)
    body = {"to": PHONE, "type": "text", "text": {"body": "From the shop"}}
    await world.call("POST", "/api/v1/whatsapp/external/send/reply", key=key, body=body)
    assert "Key test" in (await agent.get(await opened(agent))).words


@pytest.mark.parametrize("path", ["/cnv_x", "/cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6", "?before=nonsense", "?view=none"])
async def test_what_is_not_there_is_told_so(world: World, agent: Browser, path: str) -> None:
    page = await agent.get(HOME + path)
    assert page.status in {400, 404}
    assert "<h1" in page.text
