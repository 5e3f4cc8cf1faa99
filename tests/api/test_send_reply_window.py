"""POST /send/reply: whom it goes to, from which number, and only while the window is open."""

import time
from typing import Any

from quixess import connections
from quixess.connections import Facts
from quixess.database import ids
from tests.api import connecting
from tests.api.replying import TEXT, heard, reply
from tests.messages import hooks
from tests.world import PHONE, Answer, World, eventually

USER = "US.13491208655302741918"
DAY_S = 86_400


async def refused(world: World, **more: Any) -> dict[str, Any]:
    """Answer somebody in vain; returns the problem."""
    return problem(await reply(world, **more), 409, "window_closed")


def problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert (answer.status, answer.json["code"]) == (status, code), answer.json
    told: dict[str, Any] = answer.json
    return told


async def nothing_sent(world: World) -> None:
    assert await world.sends() == []
    assert await world.rows("SELECT id FROM message WHERE direction = 'outbound'") == []
    assert await world.rows("SELECT key FROM idempotency") == []


async def test_somebody_who_never_wrote_gets_a_template_first(world: World) -> None:
    told = await refused(world, idempotency_key="k")

    assert told["details"] == {
        "last_inbound_at": None,
        "closed_at": None,
        "send_with": "template",
        "approved_templates": ["order_update"],
    }
    await nothing_sent(world)
    assert await world.rows("SELECT id FROM contact") == []


async def test_the_window_closes_after_a_day_and_opens_with_the_next_message(world: World) -> None:
    await world.meta.lever("settings", {"clock_offset_s": -DAY_S - 60})
    await heard(world)
    told = await refused(world, idempotency_key="k")
    (row,) = await world.rows("SELECT last_inbound_at, window_until FROM conversation")
    assert told["details"]["last_inbound_at"] == f"{row['last_inbound_at']:%Y-%m-%dT%H:%M:%S}.000Z"
    assert told["details"]["closed_at"] == f"{row['window_until']:%Y-%m-%dT%H:%M:%S}.000Z"
    await nothing_sent(world)

    await world.meta.lever("settings", {"clock_offset_s": 0})
    await heard(world, "Still there?")
    assert (await reply(world, idempotency_key="k")).status == 200


async def test_a_reaction_needs_the_window_too(world: World) -> None:
    await world.meta.lever("settings", {"clock_offset_s": -DAY_S - 60})
    wamid = await heard(world)

    await refused(world, said={"type": "reaction", "reaction": {"message_id": wamid, "emoji": "👍"}})
    await nothing_sent(world)


async def test_where_clocks_differ_meta_has_the_last_word(world: World) -> None:
    await heard(world)
    await world.meta.lever("settings", {"clock_offset_s": DAY_S + 60})
    accepted = await reply(world)
    assert accepted.status == 200
    failed = await eventually(lambda: world.receiver.of_type("message.failed"))
    assert failed[0]["data"]["errors"][0]["code"] == 131047

    await world.meta.lever("faults", {"outcome": "131047"})
    told = problem(await reply(world), 502, "whatsapp_error")
    assert told["whatsapp_error"]["error"]["code"] == 131047
    assert "template" in told["detail"]


async def test_names_of_templates_are_five_at_most_approved_and_no_codes(world: World) -> None:
    for n in range(7):
        body = [{"type": "BODY", "text": "Hello"}]
        status = "PENDING" if n == 0 else "APPROVED"
        await world.meta.lever("templates", {"name": f"offer_{n}", "components": body, "status": status})
    await world.call(
        "POST", "/api/v1/whatsapp/external/send/otp", body={"to": PHONE, "code": "1234", "template_name": "x"}
    )

    told = await refused(world)
    assert told["details"]["approved_templates"] == [f"offer_{n}" for n in range(1, 6)]


async def test_a_conversation_is_answered_by_its_id(world: World) -> None:
    await heard(world)
    (row,) = await world.rows("SELECT id FROM conversation")
    answer = await reply(world, conversation_id=ids.show("cnv", row["id"]))

    assert (answer.status, answer.json["to"]["phone"]) == (200, PHONE)
    assert answer.json["conversation_id"] == ids.show("cnv", row["id"])


async def test_an_unknown_conversation_and_a_strangers_are_the_same(world: World) -> None:
    rival = await hooks.found_rival(world, world.receiver)
    theirs, contact = ids.new(), ids.new()
    await world.rows(
        "INSERT INTO contact (brand_id, id, phone) VALUES ($1, $2, '4915123456789')", rival.brand_id, contact
    )
    await world.rows(
        """INSERT INTO conversation (brand_id, id, connection_id, contact_id, last_inbound_at, window_until)
           SELECT brand_id, $2, id, $3, now(), now() + interval '1 day' FROM connection WHERE brand_id = $1""",
        *(rival.brand_id, theirs, contact),
    )

    told = [
        problem(await reply(world, conversation_id=ids.show("cnv", one)), 404, "conversation_not_found")
        for one in (theirs, ids.new())
    ]
    assert [one | {"request_id": None} for one in told[:1]] == [one | {"request_id": None} for one in told[1:]]
    await refused(world, to="+4915123456789")
    await nothing_sent(world)


async def test_somebody_without_a_number_is_answered_by_user_id(world: World) -> None:
    await world.meta.lever(f"phones/{PHONE[1:]}", {"user_id": USER, "username": "@frank", "hide_phone": True})
    await heard(world)
    answer = await reply(world, recipient=USER)

    assert answer.status == 200
    assert answer.json["to"] == {"phone": None, "wa_id": None, "user_id": USER}
    assert (await world.sends())[0]["to"] == USER
    (row,) = await world.rows("SELECT id FROM conversation")
    again = await reply(world, conversation_id=ids.show("cnv", row["id"]))
    assert (again.json["to"]["user_id"], again.json["conversation_id"]) == (USER, ids.show("cnv", row["id"]))
    assert len(await world.rows("SELECT id FROM contact")) == 1


async def test_an_unknown_user_id_has_no_window(world: World) -> None:
    await heard(world)
    await refused(world, recipient="US.999")
    await nothing_sent(world)


async def test_a_conversation_with_nobody_known_cannot_be_answered(world: World) -> None:
    message = hooks.text("Who am I?")
    del message["from"]
    await hooks.tell(world, messages=[message])
    (row,) = await world.rows("SELECT id FROM conversation")

    told = problem(await reply(world, conversation_id=ids.show("cnv", row["id"])), 400, "invalid_request")
    assert told["errors"][0]["pointer"] == "/conversation_id"


async def test_a_number_written_otherwise_leads_to_the_same_person(world: World) -> None:
    await heard(world, phone="+5521987654321")
    (contact,) = await world.rows("SELECT id FROM contact")
    await world.rows(
        "INSERT INTO phone_alias (brand_id, phone, contact_id) VALUES ($1, '552187654321', $2)",
        world.brand_id,
        contact["id"],
    )
    answer = await reply(world, to="+552187654321")

    assert answer.status == 200
    assert answer.json["to"]["phone"] == "+552187654321"
    (row,) = await world.rows("SELECT id FROM conversation")
    assert answer.json["conversation_id"] == ids.show("cnv", row["id"])


async def test_a_conversation_that_was_taken_up_leads_to_the_one_it_became(world: World) -> None:
    await heard(world)
    (now,) = await world.rows("SELECT * FROM conversation")
    old, contact = ids.new(), ids.new()
    await world.rows("INSERT INTO contact (brand_id, id, user_id) VALUES ($1, $2, 'US.1')", world.brand_id, contact)
    await world.rows(
        """INSERT INTO conversation (brand_id, id, connection_id, contact_id, merged_into)
           VALUES ($1, $2, $3, $4, $5)""",
        *(world.brand_id, old, now["connection_id"], contact, now["id"]),
    )
    answer = await reply(world, conversation_id=ids.show("cnv", old))

    assert answer.status == 200
    assert answer.json["conversation_id"] == ids.show("cnv", now["id"])


async def second_number(world: World) -> Facts:
    """Connect a number that the simulated Meta does not know; its sends are refused there, by its id."""
    facts = connecting.facts(world, world.meta.base_url)
    other = Facts(
        app_id=facts.app_id,
        app_secret=facts.app_secret,
        verify_token=facts.verify_token,
        waba_id=facts.waba_id,
        phone_number_id="999000999",
        display_phone="+1 555 999 0999",
        token=facts.token,
        graph_url=facts.graph_url,
    )
    async with world.rooms.db.transaction() as tx:
        await connections.connect(tx, world.rooms.keyring, world.brand_id, other)
    return other


async def test_the_answer_goes_out_from_the_number_that_was_written_to(world: World) -> None:
    other = await second_number(world)
    said = hooks.text(at=int(time.time()) - 60)
    await hooks.tell(world, number=other.phone_number_id, messages=[said])

    told = problem(await reply(world), 502, "whatsapp_error")
    assert "999000999" in told["whatsapp_error"]["error"]["message"]
    await heard(world, "And now to the first one")
    answer = await reply(world)
    assert answer.json["from"]["phone_number_id"] == world.meta.world["phone_number_id"]


async def test_a_number_that_is_gone_answers_nobody(world: World) -> None:
    await heard(world)
    await second_number(world)
    (row,) = await world.rows("SELECT id FROM conversation")
    await world.rows("UPDATE connection SET state = 'disconnected' WHERE id = $1", world.connection_id)

    gone = problem(await reply(world, conversation_id=ids.show("cnv", row["id"])), 404, "no_active_connection")
    await refused(world)
    await world.rows("UPDATE connection SET state = 'unauthorized' WHERE id = $1", world.connection_id)
    dead = problem(await reply(world, conversation_id=ids.show("cnv", row["id"])), 404, "no_active_connection")

    assert "not connected any more" in gone["detail"]
    assert "access token" in dead["detail"]
    await refused(world)
    await nothing_sent(world)


async def test_the_brands_own_number_is_no_recipient(world: World) -> None:
    own = "+" + "".join(letter for letter in world.meta.world["display_phone_number"] if letter.isdigit())

    problem(await reply(world, to=own), 400, "invalid_phone")


async def test_there_is_exactly_one_recipient(world: World) -> None:
    none = await world.call("POST", "/api/v1/whatsapp/external/send/reply", body=TEXT)
    assert problem(none, 400, "invalid_request")["errors"][0]["pointer"] == "/to"
    two: list[tuple[dict[str, Any], str]] = [
        ({"to": PHONE, "recipient": USER}, "/recipient"),
        ({"to": PHONE, "conversation_id": ids.show("cnv", ids.new())}, "/conversation_id"),
        ({"recipient": USER, "conversation_id": ids.show("cnv", ids.new())}, "/conversation_id"),
    ]
    for more, pointer in two:
        told = problem(await reply(world, **more), 400, "invalid_request")
        assert told["errors"][0]["pointer"] == pointer
