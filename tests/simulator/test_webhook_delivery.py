"""Webhooks as Meta delivers them on a bad day: again, in other company, in another order, to another address."""

import json
from collections import Counter
from typing import Any

from tests.simulator import driving
from tests.simulator.driving import DIGITS, Receiver, Simulator


def wamids(receiver: Receiver) -> list[str]:
    return [message["id"] for change in receiver.changes() for message in change["value"].get("messages", [])]


def bodies(receiver: Receiver) -> list[list[str]]:
    """The ids of each post by itself."""
    posts = [json.loads(body) for body, _ in receiver.posts]
    return [
        [
            message["id"]
            for entry in post["entry"]
            for change in entry["changes"]
            for message in change["value"]["messages"]
        ]
        for post in posts
    ]


async def test_what_was_not_taken_comes_again_byte_for_byte(simulator: Simulator, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 404]
    await simulator.writes({"text": "hello"})
    await receiver.until_posts(4)
    assert len({body for body, _ in receiver.posts}) == 1


async def test_a_retry_can_come_in_other_company(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"rebatch_retries": True, "retry_first_ms": 1, "batch_wait_ms": 400})
    receiver.statuses = [500]
    first = await simulator.writes({"text": "first"})
    await receiver.until_posts(1)
    await simulator.lever("settings", {"batch_size": 2})
    second = await simulator.writes({"text": "second"})
    await receiver.until(lambda one: Counter(wamids(one)) == {first: 2, second: 1})
    assert sorted(map(sorted, bodies(receiver)[1:])) in ([sorted([first, second])], sorted([[first], [second]]))


async def test_some_changes_come_twice_in_other_company(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"duplicate_share": 1, "batch_wait_ms": 20})
    sent = [await simulator.writes({"text": f"number {n}"}) for n in range(6)]
    await receiver.until(lambda one: len(wamids(one)) == 12)
    assert Counter(wamids(receiver)) == dict.fromkeys(sent, 2)


async def test_webhooks_can_leave_in_any_order_and_lose_nothing(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"reorder": True, "batch_wait_ms": 100, "batch_size": 3})
    sent = [await simulator.writes({"text": f"number {n}"}) for n in range(12)]
    await receiver.until(lambda one: len(wamids(one)) == 12)
    assert sorted(wamids(receiver)) == sorted(sent)
    assert max(len(body) for body in bodies(receiver)) <= 3


async def test_what_nobody_takes_is_lost_in_the_end(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"retry_for_s": 0})
    receiver.statuses = [500]
    await simulator.writes({"text": "lost"})
    kept = await simulator.writes({"text": "kept"})
    await receiver.until(lambda one: kept in wamids(one))
    assert len(receiver.posts) == 2


async def test_an_override_gets_what_is_about_chats_and_nothing_else(simulator: Simulator, receiver: Receiver) -> None:
    async with driving.receiving() as other:
        override = {"override_callback_uri": other.url, "verify_token": other.verify_token}
        await simulator.graph("POST", f"{simulator.world['waba_id']}/subscribed_apps", json=override)
        await simulator.writes({"text": "hello"})
        await simulator.lever("templates/order_update", {"quality": "RED"})
        await simulator.lever("account", {"field": "account_alerts"})
        await simulator.lever(f"phones/{DIGITS}/calls", {})
        await receiver.until_posts(2)
        await other.until(lambda one: len(one.changes()) == 3)
        assert {change["field"] for change in other.changes()} == {"messages", "calls"}
        told = {change["field"] for change in receiver.changes()}
        assert told == {"message_template_quality_update", "account_alerts"}


async def test_a_missed_call_rings_and_ends(simulator: Simulator, receiver: Receiver) -> None:
    wacid = await simulator.calls()
    await receiver.until(lambda one: len(one.changes()) == 2)
    ring, end = [_call(change) for change in receiver.changes()]
    assert (ring["id"], ring["event"], end["id"], end["event"]) == (wacid, "connect", wacid, "terminate")
    assert "duration" not in end


def _call(change: dict[str, Any]) -> dict[str, Any]:
    (one,) = change["value"]["calls"]
    return dict(one)
