"""Numbers of Brazil, Mexico and Argentina: Meta calls them otherwise than people dial them, and it is one person."""

import pytest

from quixess.messages import phones
from tests.world import World, eventually

DIALLED = [
    ("+55 11 91234-5678", "551112345678"),
    ("+52 55 1234 5678", "5215512345678"),
    ("+54 11 5555 1234", "5491155551234"),
]
REPLY = "/api/v1/whatsapp/external/send/reply"
CONVERSATIONS = "/api/v1/whatsapp/external/conversations"


@pytest.mark.parametrize(("dialled", "known_as"), DIALLED)
async def test_who_was_written_to_answers_in_the_same_conversation(world: World, dialled: str, known_as: str) -> None:
    sent = await world.send_otp(to=dialled)
    assert sent.status == 200
    assert sent.json["to"]["wa_id"] == known_as
    await eventually(lambda: world.receiver.of_type("message.read"))

    await world.customer_says("Thanks", f"+{known_as}")
    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    assert event["data"]["conversation_id"] == sent.json["conversation_id"]

    answered = await world.call("POST", REPLY, body={"to": dialled, "type": "text", "text": {"body": "Welcome"}})
    assert answered.status == 200
    assert answered.json["conversation_id"] == sent.json["conversation_id"]
    listed = await world.call("GET", CONVERSATIONS)
    assert [one["id"] for one in listed.json["data"]] == [sent.json["conversation_id"]]


@pytest.mark.parametrize(("dialled", "known_as"), DIALLED)
async def test_who_wrote_first_is_written_to_in_the_same_conversation(
    world: World, dialled: str, known_as: str
) -> None:
    await world.customer_says("Hello", f"+{known_as}")
    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))

    by_their_name = await world.send_otp(to=f"+{known_as}")
    assert by_their_name.json["conversation_id"] == event["data"]["conversation_id"]
    dialled_otherwise = await world.send_otp(to=dialled)
    assert dialled_otherwise.status == 200

    async def one_person() -> bool:
        rows = await world.rows("SELECT id FROM contact")
        return len(rows) == 1

    await eventually(one_person)
    again = await world.send_otp(to=dialled)
    assert again.json["conversation_id"] == event["data"]["conversation_id"]


@pytest.mark.parametrize(("dialled", "known_as"), DIALLED)
def test_both_ways_of_writing_are_alike(dialled: str, known_as: str) -> None:
    assert phones.alike(phones.read(dialled), known_as)
