"""GET /webhook-events: every event and what became of it, down to each attempt, for who may see it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from quixess.database import ids
from quixess.events import listing
from quixess.events.envelope import moment
from tests.api import telling
from tests.api.telling import EVENTS
from tests.events import operators, past, tenants
from tests.messages import hooks
from tests.world import World, building, eventually, listening

ELSEWHERE = ids.new()


async def test_an_event_is_listed_with_how_it_stands(world: World) -> None:
    await world.customer_says("Hi there")
    await eventually(lambda: world.receiver.events)
    await tenants.still(world)
    (one,) = await telling.listed(world)
    (told,) = world.receiver.events

    assert one == {
        "id": told["id"],
        "type": "message.received",
        "version": "1",
        "occurred_at": told["occurred_at"],
        "status": "delivered",
        "endpoint_id": ids.show("end", await telling.endpoint_of(world)),
        "url": world.receiver.url,
        "attempt_count": 1,
        "next_attempt_at": None,
        "replay_count": 0,
        "message_id": told["data"]["message_id"],
        "conversation_id": told["data"]["conversation_id"],
    }


async def test_one_event_tells_its_deliveries_and_every_attempt(world: World) -> None:
    world.receiver.answers += [503, 500]
    async with listening() as backup:
        other = await operators.add(world, backup, name="backup")
        await tenants.receive(world)
        await eventually(lambda: len(world.receiver.got) == 3 and backup.got)
        await tenants.still(world)
    (one,) = await telling.listed(world)
    whole = await telling.shown(world, one["id"])

    assert {name: whole[name] for name in one} == one
    assert set(whole) - set(one) == {"deliveries", "attempts"}
    here = ids.show("end", await telling.endpoint_of(world))
    there = ids.show("end", other.id)
    assert {(way["endpoint_id"], way["url"], way["status"], way["attempt_count"]) for way in whole["deliveries"]} == {
        (here, world.receiver.url, "delivered", 3),
        (there, backup.url, "delivered", 1),
    }
    assert all(way["id"].startswith("dlv_") and way["ended_at"] and not way["replay"] for way in whole["deliveries"])
    tries = [one for one in whole["attempts"] if one["endpoint_id"] == here]
    assert [(one["n"], one["status_code"], one["error"], one["probe"]) for one in tries] == [
        (1, 503, "http_status", False),
        (2, 500, "http_status", False),
        (3, 200, None, False),
    ]
    assert all(one["duration_ms"] >= 0 and one["url"] == world.receiver.url for one in tries)
    assert {one["delivery_id"] for one in tries} == {
        way["id"] for way in whole["deliveries"] if way["endpoint_id"] == here
    }


async def test_what_a_receiver_answered_is_shown_as_harmless_text_to_who_may_read_messages(
    dsn: str, tmp_path: Path
) -> None:
    said = "Boom\n\x1b[2J\x00\u202e<img onerror=x>\x85".encode() + b"\xff" + "é".encode() * 600

    async def boom(_request: web.Request) -> web.Response:
        return web.Response(status=500, body=said)

    async with building(dsn, tmp_path, webhook_private_answers=True) as world, tenants.answering(boom) as url:
        await tenants.move(world, url)
        await tenants.receive(world)

        async def tried() -> list[dict[str, Any]]:
            found = await telling.listed(world)
            return found if found and found[0]["attempt_count"] > 1 else []

        (one,) = await eventually(tried)
        (first, *_) = (await telling.shown(world, one["id"]))["attempts"]
        hidden = await world.call("GET", f"{EVENTS}/{one['id']}", key=await world.mint("whatsapp:manage_webhooks"))

    assert first["response_snippet"].startswith("Boom\n[2J<img onerror=x>\ufffdéé")
    assert len(first["response_snippet"]) <= 500
    assert {attempt["response_snippet"] for attempt in hidden.json["attempts"]} == {None}
    assert {attempt["status_code"] for attempt in hidden.json["attempts"]} == {500}


async def test_a_key_for_webhooks_alone_never_sees_what_customers_write(world: World) -> None:
    """Hostile 12: to manage webhooks is not to read messages; the payload needs both scopes, and no URL is a key's."""
    await world.customer_says("canary 7731")
    await eventually(lambda: world.receiver.events)
    await tenants.still(world)
    (one,) = await telling.listed(world)
    key = await world.mint("whatsapp:manage_webhooks")

    for path in (EVENTS, f"{EVENTS}/{one['id']}"):
        refused = await world.call("GET", f"{path}?include=payload", key=key)
        assert (refused.status, refused.json["code"]) == (403, "insufficient_scope")
        assert refused.json["required_scope"] == "whatsapp:read_messages"
        plain = await world.call("GET", path, key=key)
        assert plain.status == 200
        assert b"canary" not in plain.body
        assert b"payload" not in plain.body
    for body in ({"url": "https://evil.example/"}, {"endpoint_id": None, "url": None}):
        moved = await world.call("POST", f"{EVENTS}/{one['id']}/replay", key=key, body=body)
        assert (moved.status, moved.json["errors"][0]["pointer"]) == (400, "/url")

    both = await world.mint("whatsapp:manage_webhooks", "whatsapp:read_messages")
    (full,) = await telling.listed(world, "include=payload", key=both)
    assert full["payload"] == world.receiver.events[0]["data"]
    assert (await telling.shown(world, one["id"], "include=payload"))["payload"] == full["payload"]
    assert full["payload"]["content"] == {"body": "canary 7731"}
    reader = await world.mint("whatsapp:read_messages")
    refused = await world.call("GET", EVENTS, key=reader)
    assert (refused.status, refused.json["required_scope"]) == (403, "whatsapp:manage_webhooks")


async def test_a_key_for_messages_alone_reads_no_conversations(world: World) -> None:
    """Hostile 12, its first half."""
    refused = await world.call(
        "GET", "/api/v1/whatsapp/external/conversations", key=await world.mint("whatsapp:read_messages")
    )
    assert (refused.status, refused.json["required_scope"]) == (403, "whatsapp:read_conversations")


async def test_a_list_is_filtered_by_how_it_stands_type_time_message_and_endpoint(world: World) -> None:
    db, brand = world.rooms.db, world.brand_id
    here = await telling.endpoint_of(world)
    ended = {
        state: telling.names(await past.fail(db, brand, here, 2, state=state, at=past.ago(hours=9 - hours)))
        for hours, state in enumerate(("exhausted", "expired", "discarded", "delivered"))
    }
    lone = telling.names(await past.record(db, brand, 1, at=past.ago(hours=1), kind="message.read"))
    away = telling.names(await past.fail(db, brand, ELSEWHERE, 1, at=past.ago(minutes=30)))

    async def found(query: str) -> set[str]:
        return {one["id"] for one in await telling.listed(world, query)}

    for state in ("expired", "discarded", "delivered"):
        assert await found(f"status={state}") == set(ended[state])
    assert await found("status=exhausted") == {*ended["exhausted"], *away}
    assert await found("status=failed") == {*ended["exhausted"], *ended["expired"], *ended["discarded"], *away}
    assert await found("status=no_endpoint") == set(lone)
    assert await found("status=pending") == set()
    assert await found("type=message.read") == set(lone)
    assert await found(f"since={moment(past.ago(hours=2))}") == {*lone, *away}
    assert await found(f"until={moment(past.ago(hours=8, minutes=30))}") == set(ended["exhausted"])
    window = f"since={moment(past.ago(hours=8, minutes=30))}&until={moment(past.ago(hours=6, minutes=30))}"
    assert await found(window) == {*ended["expired"], *ended["discarded"]}
    assert await found(f"endpoint_id={ids.show('end', ELSEWHERE)}") == set(away)
    assert await found(f"endpoint_id={ids.show('end', ELSEWHERE)}&status=delivered") == set()
    for far in ("since=0001-01-01T00:00:00%2B14:00", "until=9999-12-31T23:59:59-14:00"):
        assert len(await found(far)) == 10
    assert await found("until=0001-01-01T00:00:00%2B14:00") == set()

    await tenants.receive(world)
    await eventually(lambda: world.receiver.got)
    (event,) = world.receiver.events
    assert await found(f"message_id={event['data']['message_id']}") == {event["id"]}
    for nothing in (f"message_id={ids.show('msg', ids.new())}", f"endpoint_id={ids.show('end', ids.new())}"):
        assert await found(nothing) == set()


async def test_a_filter_that_makes_no_sense_is_named(world: World) -> None:
    for query, code in (
        ("status=broken", "not_allowed"), ("type=message.red", "not_allowed"), ("since=yesterday", "format"),
        ("until=2026-05-15T10:30:00", "format"), ("message_id=msg_1", "pattern"), ("endpoint_id=7", "pattern"),
        ("include=everything", "not_allowed"),
    ):  # fmt: skip
        refused = await world.call("GET", f"{EVENTS}?{query}")
        (fault,) = refused.json["errors"]
        assert (refused.status, fault["parameter"], fault["code"]) == (400, query.partition("=")[0], code)


async def test_a_list_is_leafed_through_without_gaps_and_repeats(world: World) -> None:
    here = await telling.endpoint_of(world)
    events = telling.names(await past.fail(world.rooms.db, world.brand_id, here, 25))

    for query in ("", "status=exhausted", f"endpoint_id={ids.show('end', here)}", "type=message.received"):
        pages = await telling.leaf(world, query, limit=10)
        assert [len(page) for page in pages] == [10, 10, 5]
        assert [one for page in pages for one in page] == events[::-1]


async def test_a_rare_event_among_many_is_found_in_pages_that_each_look_at_a_bounded_number(world: World) -> None:
    """A filter that seldom matches never makes one request read everything: pages are short, and go on."""
    db, brand = world.rooms.db, world.brand_id
    here = await telling.endpoint_of(world)
    many = 2 * listing.LOOK + 100
    (old,) = await past.record(db, brand, at=past.ago(hours=5), kind="template.status_changed")
    await past.fail(db, brand, here, many, state="delivered", at=past.ago(hours=4))
    (late,) = await past.record(db, brand, at=past.ago(hours=1), kind="template.status_changed")
    rare = telling.names([late, old])

    for query in ("type=template.status_changed", "status=no_endpoint"):
        pages = await telling.leaf(world, query)
        assert [len(page) for page in pages] == [1, 0, 1], query
        assert [one for page in pages for one in page] == rare
    for query in ("status=pending", "status=failed", f"message_id={ids.show('msg', ids.new())}"):
        assert await telling.leaf(world, query) == [[]], query


async def test_the_events_of_another_brand_are_like_events_of_nobody(world: World) -> None:
    """Hostile 16, and case 50 of the failure cases of webhook delivery: another's ids answer like random ones."""
    _, key, endpoint, event = await telling.found_rival(world)
    theirs, nobodys = ids.show("evt", event), ids.show("evt", ids.new())

    assert await telling.listed(world) == []
    assert [one["id"] for one in await telling.listed(world, key=key)] == [theirs]
    for end in (endpoint, ids.new()):
        assert await telling.listed(world, f"endpoint_id={ids.show('end', end)}") == []
    for query in ("", "?include=payload"):
        answers = [await world.call("GET", f"{EVENTS}/{one}{query}") for one in (theirs, nobodys)]
        assert telling.error(answers[0]) == telling.error(answers[1])
        assert (answers[0].status, answers[0].json["code"]) == (404, "event_not_found")


async def test_what_is_no_event_id_is_404(world: World) -> None:
    some = ids.show("evt", ids.new())
    for odd in (
        "replay",
        "test",
        "evt_",
        some.lower(),
        some[:-1],
        f"{some}0",
        some.replace("evt", "msg"),
        "%C3%A9",
        "x" * 500,
    ):
        answer = await world.call("GET", f"{EVENTS}/{odd}")
        assert (answer.status, answer.json["code"]) == (404, "event_not_found"), odd


async def test_an_event_that_retention_took_is_410(world: World) -> None:
    (event,) = await past.lose(world.rooms.db, world.brand_id, await telling.endpoint_of(world))
    name = ids.show("evt", event)

    for method, path in (("GET", f"{EVENTS}/{name}"), ("POST", f"{EVENTS}/{name}/replay")):
        answer = await world.call(method, path)
        assert (answer.status, answer.json["code"]) == (410, "payload_expired")
    assert await telling.listed(world) == []


async def test_an_event_that_waits_says_when_it_is_tried_again(world: World) -> None:
    world.receiver.answers += [500] * 8
    await world.rows("UPDATE endpoint SET schedule_s = '{3600}'")
    await hooks.post(world, hooks.body(world, [hooks.change(world, messages=[hooks.text("Hi")])]))
    await eventually(lambda: world.receiver.got)
    await tenants.still(world)
    (one,) = await telling.listed(world, "status=pending")

    assert (one["attempt_count"], one["url"]) == (1, world.receiver.url)
    assert one["next_attempt_at"] > moment(past.ago() + timedelta(minutes=30))
    (way,) = (await telling.shown(world, one["id"]))["deliveries"]
    assert (way["status"], way["next_attempt_at"], way["ended_at"]) == ("pending", one["next_attempt_at"], None)
