"""Cursors: good for one brand, route and set of filters, for seven days; whatever else is shown is refused alike."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess import access
from quixess.api import pages
from quixess.api.pages import Cursors, Paged
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.vault import Keyring
from tests.events import past
from tests.world import Answer, World

EVENTS = "/api/v1/whatsapp/external/webhook-events"
TEMPLATES = "/api/v1/whatsapp/external/templates"
BRAND = ids.new()
KEYRING = Keyring.make()


class Asked(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    state: str | None = None
    since: datetime | None = None


@pytest.fixture
def cursors() -> Cursors:
    return Cursors(KEYRING)


def asking(cursor: str | None, **more: Any) -> Asked:
    return Asked(cursor=cursor, **more)


def refused(cursors: Cursors, cursor: str, *, brand_id: UUID = BRAND, route: str = "list", **more: Any) -> bool:
    try:
        cursors.read(brand_id, route, asking(cursor, **more))
    except QuixessError as error:
        return (error.code, error.status, error.errors[0].parameter) == ("invalid_cursor", 400, "cursor")
    return False


def test_a_position_comes_back_as_it_was(cursors: Cursors) -> None:
    position = (ids.new(), "2026-05-15", 7)
    cursor = cursors.write(BRAND, "list", asking(None, state="open"), position)

    assert cursors.read(BRAND, "list", asking(cursor, state="open")) == [str(position[0]), *position[1:]]
    assert cursors.read(BRAND, "list", asking(None)) is None
    assert len(cursor) <= 400
    assert cursor.isascii()


def test_another_limit_is_no_other_list(cursors: Cursors) -> None:
    cursor = cursors.write(BRAND, "list", asking(None, limit=25), (1,))
    assert cursors.read(BRAND, "list", asking(cursor, limit=100)) == [1]


def test_a_cursor_is_of_its_brand_its_route_its_filters_and_its_installation(cursors: Cursors) -> None:
    cursor = cursors.write(BRAND, "list", asking(None, state="open"), (1,))

    assert not refused(cursors, cursor, state="open")
    assert refused(cursors, cursor, state="open", brand_id=ids.new())
    assert refused(cursors, cursor, state="open", route="other")
    assert refused(cursors, cursor, state="closed")
    assert refused(cursors, cursor)
    assert refused(Cursors(Keyring.make()), cursor, state="open")


def test_no_letter_of_a_cursor_can_be_another(cursors: Cursors) -> None:
    cursor = cursors.write(BRAND, "list", asking(None), (ids.new(),))

    for place, letter in enumerate(cursor):
        for other in ("A", "b", "_", "-", "!", "=", "é"):
            if other != letter:
                assert refused(cursors, cursor[:place] + other + cursor[place + 1 :])
        assert refused(cursors, cursor[:place])
        assert refused(cursors, cursor[:place] + "!" + cursor[place:])
    for longer in (cursor + "A", cursor + "=", "A" + cursor, cursor + cursor, f" {cursor}", f"{cursor}\n"):
        assert refused(cursors, longer)


def test_a_cursor_lasts_seven_days_and_none_comes_from_tomorrow(
    cursors: Cursors, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = pages._today()
    cursor = cursors.write(BRAND, "list", asking(None), (1,))

    for days, good in ((0, True), (7, True), (8, False), (400, False), (-1, False)):
        monkeypatch.setattr(pages, "_today", lambda days=days: today + days)
        assert refused(cursors, cursor) is not good, days


def test_a_cursor_outlives_a_new_pepper_and_dies_with_its_own() -> None:
    cursor = Cursors(KEYRING).write(BRAND, "list", asking(None), (1,))
    (version, pepper), fresh = next(iter(KEYRING.peppers.items())), Keyring.make()
    (other,) = fresh.peppers.values()

    both = Cursors(Keyring(KEYRING.keys, {version: pepper, version + 1: other}))
    assert both.read(BRAND, "list", asking(cursor)) == [1]
    assert refused(Cursors(Keyring(KEYRING.keys, {version + 1: other})), cursor)


@given(
    st.text(max_size=400)
    | st.binary(max_size=290).map(pages._as_text)
    | st.recursive(st.integers() | st.binary() | st.none(), lambda inner: st.lists(inner, max_size=4)).map(
        lambda tree: pages._as_text(msgspec.msgpack.encode([1, 1, 20_000, [str(tree)]]) + bytes(16))
    )
)
def test_whatever_is_shown_as_a_cursor_is_refused_and_breaks_nothing(cursor: str) -> None:
    assert refused(Cursors(KEYRING), cursor)


def test_a_body_of_nothing_but_openings_is_refused(cursors: Cursors) -> None:
    assert refused(cursors, pages._as_text(b"\x91" * 290))
    assert refused(cursors, pages._as_text(b"\xc7\x0c\xff" + b"\xff" * 12 + bytes(16)))


# At the door -----------------------------------------------------------------------------------------------------


async def first_page(world: World, key: str | None = None) -> str:
    page = await world.call("GET", f"{EVENTS}?limit=2&status=no_endpoint", key=key)
    assert page.status == 200, page.json
    cursor: str = page.json["next_cursor"]
    return cursor


def told(answer: Answer) -> tuple[int, dict[str, Any]]:
    """What an answer says, but for the id that it has of its own."""
    return answer.status, answer.json | {"request_id": None}


async def test_a_cursor_that_is_not_for_this_request_is_400(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile 17, in full: B's, flipped, cut, for another filter, for another route, expired."""
    await past.record(world.rooms.db, world.brand_id, 5)
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    await past.record(world.rooms.db, rival.id, 5)
    cursor, theirs = await first_page(world), await first_page(world, await world.mint(brand_id=rival.id))
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "Q")

    paths = [f"{EVENTS}?status=no_endpoint&cursor={one}" for one in (theirs, flipped, cursor[:-1], cursor[:9], "x")]
    paths += [f"{EVENTS}?cursor={cursor}", f"{EVENTS}?status=failed&cursor={cursor}"]
    paths += [f"{EVENTS}?status=no_endpoint&type=message.read&cursor={cursor}", f"{TEMPLATES}?cursor={cursor}"]
    answers = [await world.call("GET", path) for path in paths]
    good = await world.call("GET", f"{EVENTS}?status=no_endpoint&cursor={cursor}")
    days = pages._today() + 8
    monkeypatch.setattr(pages, "_today", lambda: days)
    answers.append(await world.call("GET", f"{EVENTS}?status=no_endpoint&cursor={cursor}"))

    assert good.status == 200
    assert len(good.json["data"]) == 3
    assert {answer.json["code"] for answer in answers} == {"invalid_cursor"}
    assert all(told(answer) == told(answers[0]) for answer in answers)
    assert answers[0].status == 400
    assert answers[0].json["errors"][0]["parameter"] == "cursor"
