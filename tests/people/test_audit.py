"""The audit: newest first, page by page, each brand for itself, and nothing in it ever changes."""

from datetime import timedelta
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Database
from quixess.people import audit
from quixess.people.audit import Wanted
from tests.people.folk import make_brand


async def note(
    db: Database, brand_id: UUID | None, action: str, *, actor: str = "anna@x.example", about: str = "it"
) -> None:
    async with db.transaction() as tx:
        await audit.note(tx, brand_id, actor=actor, action=action, about=about, detail={"n": 1})


async def read(db: Database, brand_id: UUID, wanted: Wanted | None = None, **more: object) -> list[str]:
    async with db.reading(brand_id) as tx:
        return [one.action for one in await audit.read(tx, brand_id, wanted or Wanted(), **more)]  # type: ignore[arg-type]


async def test_a_brand_reads_its_own_newest_first(db: Database) -> None:
    ours, theirs = await make_brand(db), await make_brand(db, "Rival")
    for action in ("key.minted", "key.revoked"):
        await note(db, ours, action)
    await note(db, theirs, "key.rotated")
    assert await read(db, ours) == ["key.revoked", "key.minted"]
    assert await read(db, theirs) == ["key.rotated"]


async def test_pages_follow_each_other_without_a_gap(db: Database) -> None:
    brand_id = await make_brand(db)
    for number in range(7):
        await note(db, brand_id, f"a.{number}")
    found: list[str] = []
    before: UUID | None = None
    while True:
        async with db.reading(brand_id) as tx:
            page = await audit.read(tx, brand_id, Wanted(), before=before, most=3)
        if not page:
            break
        found += [one.action for one in page]
        before = page[-1].id
    assert found == [f"a.{number}" for number in reversed(range(7))]


async def test_filters_narrow_by_who_what_whom_and_when(db: Database) -> None:
    brand_id = await make_brand(db)
    await note(db, brand_id, "key.minted", actor="ben@x.example", about="key_1")
    await note(db, brand_id, "key.revoked", about="key_1")
    await note(db, brand_id, "keyring.seen", about="key_2")
    assert await read(db, brand_id, Wanted(actor="ben@x.example")) == ["key.minted"]
    assert await read(db, brand_id, Wanted(action="key")) == ["key.revoked", "key.minted"]
    assert await read(db, brand_id, Wanted(action="key.minted")) == ["key.minted"]
    assert await read(db, brand_id, Wanted(object="key_2")) == ["keyring.seen"]
    assert await read(db, brand_id, Wanted(actor="%", action="%")) == []
    now = ids.made_at(ids.new())
    assert (
        len(await read(db, brand_id, Wanted(since=now - timedelta(minutes=1), until=now + timedelta(minutes=1)))) == 3
    )
    assert await read(db, brand_id, Wanted(until=now - timedelta(minutes=1))) == []
    async with db.reading(brand_id) as tx:
        assert await audit.kinds(tx, brand_id) == ["key.minted", "key.revoked", "keyring.seen"]
        assert await audit.actors(tx, brand_id) == ["anna@x.example", "ben@x.example"]


async def test_what_concerns_no_brand_is_kept_and_no_brand_reads_it(db: Database) -> None:
    brand_id = await make_brand(db)
    await note(db, None, "person.signed_in")
    assert await read(db, brand_id) == []
    async with db.reading(brand_id) as tx:
        assert await audit.read(tx, None, Wanted()) == []
    async with db.statement() as tx:
        assert [one.action for one in await audit.read(tx, None, Wanted())] == ["person.signed_in"]


async def test_what_concerns_several_brands_stands_in_each(db: Database) -> None:
    brands = [await make_brand(db, name) for name in ("One", "Two")]
    async with db.transaction() as tx:
        await audit.note_for(tx, brands, actor="anna@x.example", action="person.signed_in", about="anna@x.example")
    assert [await read(db, brand_id) for brand_id in brands] == [["person.signed_in"], ["person.signed_in"]]
