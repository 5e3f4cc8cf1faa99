"""The audit page: who did what, in words, filtered, page by page, and as a file."""

import csv
import io

from quixess.people import Role, audit
from tests.dashboard.visiting import EMAIL, visiting
from tests.world import World

PAGE = "/app/settings/audit"


async def note(world: World, action: str, about: str, **detail: str) -> None:
    async with world.rooms.db.transaction() as tx:
        await audit.note(tx, world.brand_id, actor=EMAIL, action=action, about=about, detail=detail)


async def test_deeds_are_told_in_words_with_who_did_them(world: World) -> None:
    async with visiting(world, Role.ADMIN) as browser:
        await note(world, "key.revoked", "key_01", reason="leaked")
        shown = (await browser.get(PAGE)).words
        assert f"{EMAIL} revoked an API key key_01 reason leaked" in shown
        assert "added a webhook endpoint" in shown


async def test_filters_narrow_the_list_and_stay_in_the_address(world: World) -> None:
    async with visiting(world) as browser:
        await note(world, "key.revoked", "key_01")
        await note(world, "person.removed", "ben@x.example")
        rows = (await browser.get(f"{PAGE}?what=person.removed")).text.partition("<tbody")[2]
        assert "ben@x.example" in rows
        assert "key_01" not in rows
        assert "key_01" in (await browser.get(f"{PAGE}?q=key_01&who={EMAIL}")).text.partition("<tbody")[2]
        assert "Nothing fits" in (await browser.get(f"{PAGE}?until=2020-01-01")).words
        assert "Nothing fits" in (await browser.get(f"{PAGE}?who=nobody@x.example")).words
        assert (await browser.get(f"{PAGE}?since=yesterday")).status == 400
        assert (await browser.get(f"{PAGE}?before=nonsense")).status == 400


async def test_older_entries_stand_on_the_next_page(world: World) -> None:
    async with visiting(world) as browser:
        for number in range(60):
            await note(world, "key.revoked", f"key_{number:02}")
        first = await browser.get(f"{PAGE}?what=key.revoked")
        assert "key_59" in first.text
        assert "key_09" not in first.text
        way = first.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
        second = await browser.get(way)
        assert "key_09" in second.text
        assert "key_10" not in second.text
        assert "Newest" in second.words


async def test_the_file_has_what_the_list_has_and_no_formulas(world: World) -> None:
    async with visiting(world) as browser:
        await note(world, "key.revoked", "=cmd|'/C calc'!A0", reason="@SUM(A1)")
        answer = await browser.get(f"{PAGE}.csv?what=key.revoked")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        heads, row = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert heads == ["at", "who", "what", "object", "detail"]
        assert row[1:] == [EMAIL, "key.revoked", "'=cmd|'/C calc'!A0", '{"reason":"@SUM(A1)"}']


async def test_what_was_typed_is_text(world: World) -> None:
    async with visiting(world) as browser:
        await note(world, "key.revoked", "<img src=x onerror=alert(1)>", note="<script>alert(1)</script>")
        page = await browser.get(PAGE)
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
        assert "&lt;img src=x" in page.text
