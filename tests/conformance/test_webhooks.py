"""Every webhook the simulated Meta can send, against Meta's schema for messages and against what its pages tell of
the other fields. What docs/simulator.md shows is what is tried: a lever that is told there is judged here."""

import json
from typing import Any

import pytest

from tests.conformance import fields
from tests.conformance.openapi import OpenApi
from tests.simulator import driving
from tests.simulator import test_documented as page
from tests.simulator.driving import DIGITS, Receiver, Simulator

MAGIC = [f"+1 555 010 {number:04}" for number in (1, 2, 9, 10, 11, 12)]
PARTINGS = ("PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED")  # after one of them nothing more is told
SILENT = {"webhooks", "webhooks/redeliver", "reset", "settings"}  # bytes of one's own, and what tells nothing new


def judged(meta_file: OpenApi, receiver: Receiver) -> list[str]:
    """List what does not conform, each once."""
    found = [fault for body, _ in receiver.posts for fault in fields.faults(meta_file, json.loads(body))]
    return list(dict.fromkeys(found))


async def until_told(receiver: Receiver, wamids: list[str]) -> None:
    """Wait until each of these messages has arrived."""

    def told(one: Receiver) -> set[str]:
        return {said["id"] for change in one.changes() for said in change["value"].get("messages", [])}

    await receiver.until(lambda one: set(wamids) <= told(one))


async def test_whatever_a_customer_sends_conforms(simulator: Simulator, receiver: Receiver, meta_file: OpenApi) -> None:
    lines = [json.loads(await page._with_ids(simulator, line)) for line in page.TYPED]
    wamids = [await simulator.writes(line) for line in lines]
    await until_told(receiver, wamids)
    assert judged(meta_file, receiver) == []


async def test_statuses_of_every_fate_conform(simulator: Simulator, receiver: Receiver, meta_file: OpenApi) -> None:
    await simulator.lever("faults", {"outcome": "played", "to": DIGITS})
    for to in [driving.PHONE, *MAGIC]:
        assert (await simulator.send(driving.otp(to, biz_opaque_callback_data="mark"))).status == 200
    wanted = {"sent", "delivered", "read", "played", "failed"}
    await receiver.until(lambda one: {entry["status"] for entry in one.status_entries()} >= wanted)
    assert judged(meta_file, receiver) == []


async def test_every_lever_of_the_page_tells_what_conforms(
    simulator: Simulator, receiver: Receiver, meta_file: OpenApi
) -> None:
    for path, body in sorted(page.CURLS, key=lambda curl: any(event in curl[1] for event in PARTINGS)):
        given = json.loads(await page._with_ids(simulator, body)) if body else None
        if path not in SILENT and (given or {}).get("field", "messages") in known():
            await simulator.lever(path, given)
    await receiver.until(lambda one: {change["field"] for change in one.changes()} >= known())
    assert judged(meta_file, receiver) == []


@pytest.mark.parametrize("parting", PARTINGS)
async def test_every_event_of_the_account_conforms(
    simulator: Simulator, receiver: Receiver, meta_file: OpenApi, parting: str
) -> None:
    events = [event for event in fields.ACCOUNT_EVENTS if event not in PARTINGS]
    for event in [*events, parting]:
        await simulator.lever("account", {"field": "account_update", "event": event})
    await receiver.until_posts(len(events) + 1)
    assert judged(meta_file, receiver) == []


async def test_people_without_a_number_are_told_of_in_metas_shape(
    simulator: Simulator, receiver: Receiver, meta_file: OpenApi
) -> None:
    user = {"user_id": "US.13491208655302741918", "parent_user_id": "US.ENT.1349", "username": "@pablo"}
    await simulator.lever(f"phones/{DIGITS}", user | {"hide_phone": True, "name": "Pablo"})
    await until_told(receiver, [await simulator.writes({"text": "Who am I?"})])
    assert (await simulator.send(driving.text("You are Pablo."))).status == 200
    await receiver.until_statuses("sent", "delivered", "read")
    assert judged(meta_file, receiver) == []


def test_the_judge_sees_a_text_that_is_not_there(meta_file: OpenApi) -> None:
    message: dict[str, Any] = {"id": "wamid.x", "from": DIGITS, "timestamp": "1750030073", "type": "text"}
    assert fields.faults(meta_file, body(message | {"text": {"body": "Hi"}})) == []
    assert fields.faults(meta_file, body(message)) != []
    assert fields.faults(meta_file, body(message | {"timestamp": 1750030073, "text": {"body": "Hi"}})) != []


def body(message: dict[str, Any]) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata,
        "contacts": [{"profile": {"name": "Ann"}, "wa_id": DIGITS}],
        "messages": [message],
    }
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
    }


def known() -> set[str]:
    return {"messages", *fields.FIELDS}
