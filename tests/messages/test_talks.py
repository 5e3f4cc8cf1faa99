"""The conversations that answers go to: many at once, each the right one, and none of another brand."""

import asyncio
from uuid import UUID

import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.messages import windows
from quixess.messages.model import Recipient
from quixess.messages.talks import Talks
from tests.database.rows import INSERTS
from tests.database.test_lists import ASTRAY, Costs

OURS, THEIRS = ids.new(), ids.new()
LINE, THEIR_LINE = ids.new(), ids.new()
MANY = 2_000
# Phone, user id, contact and conversation of a number tell which one it is.
FILL = """
  WITH people AS (
    INSERT INTO contact (brand_id, id, phone, user_id)
    SELECT $1, md5($1::uuid || 'contact' || n)::uuid, (12_810_000_000 + n)::text, 'US.' || n
    FROM generate_series(1, $3::int) n)
  INSERT INTO conversation (brand_id, id, connection_id, contact_id, window_until)
  SELECT $1, md5($1::uuid || 'talk' || n)::uuid, $2, md5($1::uuid || 'contact' || n)::uuid, now() + interval '1 hour'
  FROM generate_series(1, $3::int) n"""
FEW_BUFFERS = 40


@pytest.fixture
async def filled(db: Database) -> Database:
    async with db.transaction() as tx:
        for brand_id, line in ((OURS, LINE), (THEIRS, THEIR_LINE)):
            await tx.execute(INSERTS["connection"], brand_id, line)
            await tx.execute(FILL, brand_id, line, MANY)
    return db


async def talk_of(db: Database, brand_id: UUID, number: int) -> UUID:
    async with db.statement() as tx:
        row = await tx.row("SELECT md5($1::uuid || 'talk' || $2::int)::uuid AS id", brand_id, number)
    assert row is not None
    found: UUID = row["id"]
    return found


def called(number: int) -> Recipient:
    return Recipient(phone=str(12_810_000_000 + number))


async def test_each_of_many_that_ask_at_once_gets_its_own(filled: Database) -> None:
    talks = Talks(filled)
    asked = [(brand, number) for number in (7, 1_999, 8, 7) for brand in (OURS, THEIRS)]

    found = await asyncio.gather(*(talks.find(brand, called(number)) for brand, number in asked))

    for (brand, number), talk in zip(asked, found, strict=True):
        assert talk is not None
        assert talk.id == await talk_of(filled, brand, number)
        assert (talk.phone, talk.user_id, talk.open) == (called(number).phone, f"US.{number}", True)


async def test_a_conversation_is_found_by_id_phone_and_user_id(filled: Database) -> None:
    talks, wanted = Talks(filled), await talk_of(filled, OURS, 42)

    found = await asyncio.gather(
        *(talks.find(OURS, one) for one in (Recipient(conversation_id=wanted), called(42), Recipient(user_id="US.42")))
    )

    assert [talk and talk.id for talk in found] == [wanted] * 3


async def test_nothing_is_found_of_another_brand_or_of_nobody(filled: Database) -> None:
    talks, theirs = Talks(filled), await talk_of(filled, THEIRS, 42)

    found = await asyncio.gather(
        *(
            talks.find(OURS, one)
            for one in (Recipient(conversation_id=theirs), called(MANY + 1), Recipient(user_id="US.0"))
        )
    )

    assert found == [None] * 3


async def test_a_conversation_that_was_taken_up_leads_to_the_other(filled: Database) -> None:
    gone, stayed = await talk_of(filled, OURS, 1), await talk_of(filled, OURS, 2)
    async with filled.transaction() as tx:
        await tx.execute("UPDATE conversation SET merged_into = $3 WHERE brand_id = $1 AND id = $2", OURS, gone, stayed)

    talk = await Talks(filled).find(OURS, Recipient(conversation_id=gone))

    assert talk is not None
    assert talk.id == stayed


async def test_finding_one_does_not_look_at_the_others(filled: Database) -> None:
    wanted = await talk_of(filled, OURS, 42)
    for recipient in (Recipient(conversation_id=wanted), called(42), Recipient(user_id="US.42")):
        async with filled.reading(OURS) as tx:
            await windows.find_talk(tx, OURS, recipient)  # pays for reading the pages in
            costs = Costs(tx)
            talk = await windows.find_talk(costs, OURS, recipient)

        assert talk is not None
        assert talk.id == wanted
        assert costs.buffers <= FEW_BUFFERS, recipient
        assert costs.nodes.isdisjoint(ASTRAY - {"Sort"}), recipient  # of the conversations of one person
