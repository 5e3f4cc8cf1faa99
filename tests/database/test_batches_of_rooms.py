"""What the rooms put into one batch: the same contact twice, equal idempotency keys, two statuses of one message."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from quixess.access import Keys
from quixess.database import ids
from quixess.database.batching import Batcher
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.messages import store, threads
from quixess.messages.model import Recipient, Reply
from quixess.messages.otp import Otp
from quixess.messages.store import Inbound
from quixess.messages.threads import Person, Thread
from tests.messages import hooks
from tests.world import CODE, PHONE, World, eventually

BRAND, NUMBER, OTHER_NUMBER = ids.new(), ids.new(), ids.new()
FRANK = Person(BRAND, NUMBER, "12818184370", "US.1048", "frank", "Frank")
FRANK_BY_PHONE = Person(BRAND, NUMBER, "12818184370")
FRANK_BY_USER_ID = Person(BRAND, NUMBER, None, "US.1048")


async def find(db: Database, *people: Person) -> list[Thread]:
    async with db.transaction() as tx:
        found = await threads.find_threads(tx, people)
    return [found[person.key] for person in people]


async def rows(db: Database, sql: str, *arguments: Any) -> list[dict[str, Any]]:
    async with db.statement() as tx:
        return [dict(row) for row in await tx.rows(sql, *arguments)]


MENTIONS = [
    (FRANK, FRANK),
    (FRANK, FRANK_BY_PHONE),
    (FRANK_BY_PHONE, FRANK),
    (FRANK, FRANK_BY_USER_ID),
    (FRANK_BY_USER_ID, FRANK),
    (FRANK_BY_USER_ID, FRANK, FRANK_BY_PHONE),
    (FRANK, FRANK_BY_PHONE, FRANK_BY_USER_ID),
    (FRANK_BY_PHONE, FRANK_BY_USER_ID, FRANK),
]


async def test_one_contact_named_twice_in_a_batch_is_one_contact_in_one_conversation(db: Database) -> None:
    for mentions in MENTIONS:
        brand = ids.new()
        found = await find(db, *(replace(person, brand_id=brand) for person in mentions))

        assert len(set(found)) == 1, mentions
        contacts = await rows(db, "SELECT phone, user_id, username, name FROM contact WHERE brand_id = $1", brand)
        assert contacts == [{"phone": "12818184370", "user_id": "US.1048", "username": "frank", "name": "Frank"}]
        assert len(await rows(db, "SELECT id FROM conversation WHERE brand_id = $1", brand)) == 1
        later = (replace(person, brand_id=brand) for person in (FRANK_BY_PHONE, FRANK_BY_USER_ID))
        assert await find(db, *later) == [found[0], found[0]]


async def test_a_contact_known_by_phone_is_known_by_user_id_once_both_were_seen_together(db: Database) -> None:
    (by_phone,) = await find(db, FRANK_BY_PHONE)
    (both,) = await find(db, FRANK)
    (by_user_id,) = await find(db, FRANK_BY_USER_ID)

    assert by_phone == both == by_user_id


async def test_one_contact_on_two_numbers_of_a_brand_has_a_conversation_on_each(db: Database) -> None:
    elsewhere = Person(BRAND, OTHER_NUMBER, FRANK.phone)
    here, there = await find(db, FRANK, elsewhere)

    assert here.contact_id == there.contact_id
    assert here.conversation_id != there.conversation_id


async def test_the_same_phone_of_two_brands_is_two_contacts(db: Database) -> None:
    stranger = Person(ids.new(), ids.new(), FRANK.phone, FRANK.user_id)
    ours, theirs = await find(db, FRANK, stranger)

    assert ours.contact_id != theirs.contact_id
    assert ours.conversation_id != theirs.conversation_id


@dataclass(frozen=True)
class Heard:
    """Writes what users say, as `receiving` does: threads, messages, windows, in one transaction."""

    db: Database

    async def write(self, messages: Sequence[Inbound]) -> list[UUID]:
        async with self.db.transaction() as tx:
            bound = [(one.person.connection_id, one.wamid, one.person.brand_id, one.id) for one in messages]
            await store.insert_wamids(tx, bound)
            found = await threads.find_threads(tx, [one.person for one in messages])
            pairs = [(one, found[one.person.key]) for one in messages]
            await store.insert_inbound(tx, pairs)
            await threads.open_windows(tx, [(BRAND, thread.conversation_id, one.occurred_at) for one, thread in pairs])
        return [thread.conversation_id for _, thread in pairs]


def said(person: Person) -> Inbound:
    return Inbound(ids.new(), person, hooks.wamid(), "text", '{"body":"Hi"}', None, datetime.now(UTC))


async def test_four_processes_on_the_same_rows_in_any_order_never_stop_for_good(db: Database) -> None:
    """Two numbers of one brand share their contacts: the order of conversations is not the order of contacts."""
    phones = [f"1281818{number:04}" for number in range(20)]
    people = [Person(BRAND, number, phone, name="x") for number in (NUMBER, OTHER_NUMBER) for phone in phones] * 5
    random.shuffle(people)
    batchers: list[Batcher[Inbound, UUID]] = [Batcher(Heard(db).write, cap=10) for _ in range(4)]

    conversations = await asyncio.gather(
        *(batcher.submit(said(person)) for batcher, person in zip(cycle(batchers), people, strict=False))
    )

    assert len(set(conversations)) == 40
    counted = await rows(
        db,
        """SELECT (SELECT count(*) FROM contact) AS contacts, (SELECT count(*) FROM conversation) AS conversations,
                  (SELECT count(*) FROM message) AS messages, (SELECT sum(unread) FROM conversation) AS unread""",
    )
    assert counted == [{"contacts": 20, "conversations": 40, "messages": 200, "unread": 200}]


async def test_equal_idempotency_keys_in_one_batch_have_one_winner(world: World) -> None:
    sending = world.rooms.sending
    caller = await Keys(world.rooms.db, world.rooms.keyring).authenticate(world.key.encode())
    otp = Otp(Recipient(phone=PHONE.removeprefix("+")), CODE, "signup_otp")

    async def send(number: int) -> Reply:
        return await sending.send(caller, world.brand_id, otp, key="signup-7", request_id=f"req_{number}")

    ends = await asyncio.gather(*(send(number) for number in range(50)), return_exceptions=True)

    sent = [end for end in ends if isinstance(end, Reply) and not end.replayed]
    refused = [end for end in ends if isinstance(end, QuixessError)]
    assert [reply.status for reply in sent] == [200]
    assert {error.code for error in refused} <= {"idempotency_in_progress"}
    assert all(end.body == sent[0].body for end in ends if isinstance(end, Reply))
    assert len(await world.sends()) == 1
    assert len(await world.rows("SELECT id FROM message")) == 1
    assert (await send(51)).body == sent[0].body


async def test_sent_and_delivered_of_one_message_in_one_batch_are_each_counted_once(world: World) -> None:
    wamid = await hooks.send_silently(world)
    news = [hooks.status(wamid, word) for word in ("delivered", "sent", "delivered", "sent")]

    await hooks.tell(world, statuses=news)

    assert await hooks.state_of(world, wamid) == "delivered"
    told = await world.rows("SELECT status FROM message_status ORDER BY status")
    assert [row["status"] for row in told] == ["delivered", "sent"]
    assert [event["type"] for event in world.receiver.events] == ["message.delivered"]


async def test_many_bodies_about_one_message_at_once_move_it_up_once(world: World) -> None:
    wamid = await hooks.send_silently(world)
    words = ["sent", "delivered", "read"] * 10
    random.shuffle(words)
    bodies = [hooks.body(world, [hooks.change(world, statuses=[hooks.status(wamid, word)])]) for word in words]

    answers = await asyncio.gather(*(hooks.post(world, body) for body in bodies))
    assert {answer.status for answer in answers} == {200}
    await hooks.rest(world)

    assert await hooks.state_of(world, wamid) == "read"
    assert await world.rows("SELECT id FROM intake_todo") == []
    types = sorted(event["type"] for event in world.receiver.events)
    assert types == ["message.delivered", "message.read"]
    await eventually(lambda: len(world.receiver.events) == 2)
