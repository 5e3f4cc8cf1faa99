"""The stream of a page: what comes, to whom, and when it ends."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess import access, feed
from quixess.access import Scope
from quixess.dashboard import live
from quixess.database import ids
from quixess.feed import Kind, board
from quixess.people import Role, members, sessions
from quixess.people.members import Hand
from tests.cli.shell import Shell
from tests.dashboard import streaming, visiting
from tests.dashboard.streaming import Stream
from tests.dashboard.visiting import Browser
from tests.world import World, eventually


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "_SPREADS_S", 0.1)  # there is one process here


@asynccontextmanager
async def hearing(browser: Browser, world: World, topics: str, **more: Any) -> AsyncIterator[Stream]:
    """The stream of the first page of a brand, once every process knows that somebody watches."""
    async with stream_of(browser, world, topics, **more) as stream:
        await stream.until("resync")
        for _ in topics.split(","):
            await stream.frame()  # each topic is invalidated
        yield stream


@asynccontextmanager
async def stream_of(
    browser: Browser, world: World, topics: str, *, brand_id: UUID | None = None, **more: Any
) -> AsyncIterator[Stream]:
    async with streaming.streaming(browser.http, world.url, topics, brand_id or world.brand_id, **more) as stream:
        yield stream


async def tell(world: World, kind: Kind, object_id: UUID | None = None, *, brand_id: UUID | None = None) -> None:
    async with world.rooms.db.transaction() as tx:
        feed.tell(tx, brand_id or world.brand_id, kind, object_id or ids.new())


async def rival(world: World) -> UUID:
    async with world.rooms.db.transaction() as tx:
        return (await access.create_brand(tx, "Rival")).id


async def test_a_stream_says_that_it_is_live_and_where_it_is(world: World) -> None:
    async with visiting.visiting(world) as browser, stream_of(browser, world, "keys") as stream:
        assert stream.answer.status == 200
        assert stream.answer.content_type == "text/event-stream"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Cache-Control"] == "no-store, private"

        assert (await stream.id_after("live")).isdigit()


async def test_a_new_key_is_told_to_the_page_of_keys(world: World) -> None:
    async with visiting.visiting(world) as browser, hearing(browser, world, "keys") as stream:
        await world.mint(Scope.SEND_OTP)

        assert await stream.frame() == streaming.Frame("live-keys", "")


async def test_what_a_command_changes_is_told_to_the_pages_that_are_open(world: World) -> None:
    quixess = Shell(world.dsn, world.settings.data_dir)
    async with visiting.visiting(world) as browser, hearing(browser, world, "keys") as stream:
        await quixess.good("key", "create", "--brand", "Bordercart", "--scope", Scope.SEND_OTP)

        assert await stream.frame() == streaming.Frame("live-keys", "")


async def test_a_message_that_comes_in_is_told_to_every_page_that_shows_it(world: World) -> None:
    topics = "messages,conversations,events,overview,badges"
    async with visiting.visiting(world) as browser, hearing(browser, world, topics) as stream:
        await world.customer_says("Is my parcel on its way?")

        heard: dict[str, str] = {}
        while not {"live-messages", "live-conversations", "live-events", "live-overview"} <= heard.keys():
            frame = await stream.frame()
            assert frame is not None
            heard[frame.name] = frame.data
        badges = heard["badges"] if "badges" in heard else (await stream.until("badges")).data
        assert json.loads(badges) == {"/app/whatsapp/inbox": 1}


async def test_a_page_can_have_what_changed_put_in_place(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bubble(visit: Any, message_id: UUID) -> str:
        async with visit.desk.db.reading(visit.brand_id) as tx:
            row = await tx.row(
                "SELECT content FROM message WHERE brand_id = $1 AND id = $2", visit.brand_id, message_id
            )
        text = json.loads(row["content"])["body"]
        return f'<hx-partial hx-target="#thread">\n<p id="{ids.show("msg", message_id)}">{text}</p>\n</hx-partial>'

    monkeypatch.setitem(live._RENDERERS, "thread", bubble)
    await world.customer_says("Hello?")
    (talk,) = await eventually(lambda: world.rows("SELECT id FROM conversation"))
    async with (
        visiting.visiting(world) as browser,
        hearing(browser, world, f"thread:{ids.show('cnv', talk['id'])}") as stream,
    ):
        await world.customer_says("Anybody there?")

        frame = await stream.frame()
        assert frame is not None
        assert frame.name == ""
        assert frame.data.startswith('<hx-partial hx-target="#thread">\n<p id="msg_')
        assert "Anybody there?" in frame.data


async def test_what_cannot_be_put_in_place_is_fetched_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> str:
        raise ValueError("what the customer wrote")

    monkeypatch.setitem(live._RENDERERS, "keys", broken)
    async with visiting.visiting(world) as browser, hearing(browser, world, "keys") as stream:
        await tell(world, Kind.KEY)

        assert await stream.frame() == streaming.Frame("live-keys", "")


async def test_many_changes_ask_a_page_to_fetch_itself_only_now_and_then(world: World) -> None:
    async with visiting.visiting(world) as browser, hearing(browser, world, "keys,templates") as stream:
        for _ in range(30):
            await tell(world, Kind.KEY)
        await tell(world, Kind.TEMPLATE)

        heard = []
        while "live-templates" not in heard:
            frame = await stream.frame()
            assert frame is not None
            heard.append(frame.name)
        assert heard.count("live-keys") < 10


async def test_a_page_that_comes_back_gets_what_it_missed(world: World) -> None:
    async with visiting.visiting(world) as browser:
        async with hearing(browser, world, "keys,templates") as stream:
            await tell(world, Kind.TEMPLATE)
            last = await stream.id_after("live-templates")
        await world.mint(Scope.SEND_OTP)

        async with stream_of(browser, world, "keys", last_id=last) as stream:
            await stream.until("live-keys")


async def test_a_page_is_told_what_changed_while_it_was_on_its_way(world: World) -> None:
    """Between the reading of a page and the opening of its stream."""
    async with visiting.visiting(world) as browser, hearing(browser, world, "templates"):
        position = world.rooms.feed.position
        await world.mint(Scope.SEND_OTP)

        async with stream_of(browser, world, "keys", position=position) as stream:
            await stream.until("live-keys")


async def test_an_id_that_is_none_of_ours_does_no_harm(world: World) -> None:
    async with visiting.visiting(world) as browser:
        for last in ("0", "1", "nonsense", "-5", "9" * 17, "9" * 40):
            async with stream_of(browser, world, "keys", last_id=last) as stream:
                assert await stream.frame() == streaming.Frame("live", ""), last
                await tell(world, Kind.KEY)
                await stream.until("live-keys")


# To whom ----------------------------------------------------------------------------------------------------------


async def test_one_brand_never_hears_of_another(world: World) -> None:
    stranger = await rival(world)
    async with (
        visiting.visiting(world) as anna,
        visiting.visiting(world, email="rita@rival.example", brand_id=stranger) as rita,
        hearing(anna, world, "keys,templates") as ours,
        hearing(rita, world, "keys,templates", brand_id=stranger) as theirs,
    ):
        await world.mint(Scope.SEND_OTP)
        await ours.until("live-keys")
        await tell(world, Kind.TEMPLATE, brand_id=stranger)

        assert await theirs.frame() == streaming.Frame("live-templates", "")


async def test_nobody_listens_to_a_brand_that_is_not_theirs(world: World) -> None:
    stranger = await rival(world)
    async with visiting.visiting(world) as anna, stream_of(anna, world, "keys", brand_id=stranger) as stream:
        assert stream.answer.status == 404
        assert await stream.answer.read() == b""


async def test_a_page_goes_on_with_its_brand_when_another_tab_switches(world: World) -> None:
    other = await rival(world)
    async with visiting.visiting(world) as anna:
        assert anna.person is not None
        async with world.rooms.db.transaction() as tx:
            await members.add(tx, other, anna.person, Role.OWNER, inbox=False, hand=Hand("test", Role.OWNER))
        await anna.get(f"/app?brand={ids.show('brd', other)}")
        async with hearing(anna, world, "keys") as stream:
            await tell(world, Kind.KEY, brand_id=other)
            await world.mint(Scope.SEND_OTP)

            assert await stream.frame() == streaming.Frame("live-keys", "")


HEARD = [
    (Role.AGENT, "conversations", 200),
    (Role.AGENT, "overview,badges", 200),
    (Role.AGENT, "keys", 403),
    (Role.AGENT, "messages", 403),
    (Role.AGENT, "requests", 403),
    (Role.DEVELOPER, "keys,events,requests", 200),
    (Role.DEVELOPER, "conversations", 403),
    (Role.DEVELOPER, "thread:cnv_01JZZZZZZZZZZZZZZZZZZZZZZZ", 403),
    (Role.ADMIN, "thread:cnv_01JZZZZZZZZZZZZZZZZZZZZZZZ", 200),
]


async def test_a_role_hears_of_what_it_may_read(world: World) -> None:
    for role, topics, status in HEARD:
        async with (
            visiting.visiting(world, role, email=f"{ids.new()}@bordercart.example") as browser,
            stream_of(browser, world, topics) as stream,
        ):
            assert stream.answer.status == status, (role, topics)


async def test_a_topic_that_is_none_is_refused(world: World) -> None:
    async with visiting.visiting(world) as browser:
        for topics in ("", "planets", "keys,planets", "thread:", "thread:cnv_1", "many", ",".join("k" * 9)):
            async with stream_of(browser, world, topics) as stream:
                assert stream.answer.status == 400, topics


async def test_who_is_not_signed_in_is_told_that_it_is_over(world: World) -> None:
    async with visiting.browsing(world.url) as nobody, stream_of(nobody, world, "keys") as stream:
        assert stream.answer.status == 401
        assert await stream.frame() == streaming.Frame("gone", "")
        assert await stream.frame() is None


# When it ends -----------------------------------------------------------------------------------------------------


async def test_a_revoked_session_ends_its_streams(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_BEAT_S", 0.05)
    async with visiting.visiting(world) as browser, hearing(browser, world, "keys") as stream:
        assert browser.person is not None
        async with world.rooms.db.transaction() as tx:
            await sessions.revoke_all(tx, browser.person.id)

        assert await stream.frame() == streaming.Frame("gone", "")
        assert await stream.frame() is None


async def test_a_lost_membership_ends_streams(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_BEAT_S", 0.05)
    async with visiting.visiting(world, Role.ADMIN) as browser, hearing(browser, world, "keys") as stream:
        await world.rows("DELETE FROM membership")

        assert await stream.frame() == streaming.Frame("gone", "")


async def test_a_lower_role_ends_streams_of_what_it_may_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_BEAT_S", 0.05)
    async with (
        visiting.visiting(world, Role.ADMIN) as browser,
        hearing(browser, world, "keys") as keys,
        stream_of(browser, world, "conversations") as inbox,
    ):
        await inbox.until("live")
        await world.rows("UPDATE membership SET role = 'agent'")

        assert await keys.frame() == streaming.Frame("gone", "")
        await tell(world, Kind.CONVERSATION)
        await inbox.until("live-conversations")


async def test_a_stream_goes_on_being_asked_whether_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_BEAT_S", 0.05)
    async with visiting.visiting(world) as browser, stream_of(browser, world, "keys") as stream:
        first = await stream.id_after("live")
        await eventually(lambda: world.rooms.feed.position > int(first) + 300_000)

        await tell(world, Kind.KEY)
        await stream.until("live-keys")
        assert int(stream.last_id) >= int(first)


async def test_one_person_too_many_streams_are_put_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quixess.feed.following._MOST_OF_ONE", 1)
    async with (
        visiting.visiting(world) as browser,
        hearing(browser, world, "keys"),
        stream_of(browser, world, "keys") as one_more,
    ):
        assert await one_more.frame() == streaming.Frame("waiting", "")
        assert await one_more.frame() is None


async def test_a_browser_that_goes_leaves_nothing_behind(world: World) -> None:
    following = world.rooms.feed._following
    async with visiting.visiting(world) as browser:
        async with stream_of(browser, world, "keys") as stream:
            await stream.until("live")
            assert following._streams
        await eventually(lambda: not following._streams)


async def test_a_browser_that_only_asks_whether_there_is_a_stream_gets_none(world: World) -> None:
    async with visiting.visiting(world) as browser:
        asked = {"of": ids.show("brd", world.brand_id), "topics": "keys"}
        async with browser.http.head(f"{world.url}/app/live", params=asked) as answer:
            assert answer.status == 200
        assert not world.rooms.feed._following._streams


# Frames -----------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("\r\n:\u2028\x85 "), max_size=200))
def test_no_text_begins_a_field_of_its_own(text: str) -> None:
    lines = live._frame(None, text).decode()[:-2].split("\n")

    assert all(line.startswith("data: ") and "\r" not in line for line in lines)
    said = text.replace("\r\n", "\n").replace("\r", "\n")
    assert "\n".join(line.removeprefix("data: ") for line in lines) == said
