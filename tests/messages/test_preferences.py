"""What users want to get: kept with the contact, told on request, and Meta's latest word counts."""

import json
from typing import Any

from quixess.database import ids
from tests.messages import hooks
from tests.world import World

AT = 1_700_000_000


def choice(value: str, at: int = AT, **more: Any) -> dict[str, Any]:
    told = {"wa_id": hooks.DIGITS, "category": "marketing_messages", "value": value, "timestamp": at}
    return told | {"detail": f"User asked to {value}"} | more


async def choose(world: World, *choices: dict[str, Any]) -> None:
    contact = {"wa_id": hooks.DIGITS, "profile": {"name": "Ann"}}
    await hooks.tell(world, field="user_preferences", contacts=[contact], user_preferences=list(choices))


async def kept(world: World) -> dict[str, Any]:
    (row,) = await world.rows("SELECT preferences FROM contact")
    return dict(json.loads(row["preferences"]))


async def test_a_choice_is_kept_and_told_once(world: World) -> None:
    await hooks.hear_everything(world)
    for _ in range(2):
        await choose(world, choice("stop"))

    (event,) = world.receiver.events
    (row,) = await world.rows("SELECT id FROM conversation")
    assert (event["type"], event["occurred_at"]) == ("contact.preference_changed", "2023-11-14T22:13:20.000Z")
    assert event["data"] == {
        "contact": {
            "phone": hooks.DIGITS,
            "phone_e164": f"+{hooks.DIGITS}",
            "user_id": None,
            "parent_user_id": None,
            "username": None,
            "name": "Ann",
        },
        "conversation_id": ids.show("cnv", row["id"]),
        "to": {
            "phone_number_id": world.meta.world["phone_number_id"],
            "waba_id": world.meta.world["waba_id"],
        },
        "category": "marketing_messages",
        "value": "stop",
        "detail": "User asked to stop",
        "at": "2023-11-14T22:13:20.000Z",
    }
    assert await kept(world) == {"marketing_messages": {"value": "stop", "detail": "User asked to stop", "at": AT}}


async def test_the_latest_word_counts_whatever_comes_last(world: World) -> None:
    await hooks.hear_everything(world)
    await choose(world, choice("resume", AT + 60), choice("stop"))
    await choose(world, choice("stop"))

    assert [event["data"]["value"] for event in world.receiver.events] == ["stop", "resume"]
    assert (await kept(world))["marketing_messages"]["value"] == "resume"


async def test_each_category_is_a_choice_of_its_own(world: World) -> None:
    await choose(world, choice("stop"), choice("signup", category="newsletter"))

    assert {category: one["value"] for category, one in (await kept(world)).items()} == {
        "marketing_messages": "stop",
        "newsletter": "signup",
    }
    assert world.receiver.events == []
