"""What opens the customer service window, and what does not."""

from typing import Any

import pytest

from tests.messages import hooks
from tests.messages.hooks import said, status, text
from tests.world import World

AT = 1_700_000_000
DAY_S = 86_400


async def window(world: World) -> tuple[int | None, int]:
    """Tell until when the window of the only conversation is open (unix s), and how much is unread there."""
    (row,) = await world.rows(
        "SELECT extract(epoch FROM window_until)::bigint AS until, unread FROM conversation WHERE merged_into IS NULL"
    )
    return row["until"], row["unread"]


OPENING: dict[str, dict[str, Any]] = {
    "text": {"body": "Hi"},
    "reaction": {"message_id": "wamid.1", "emoji": "👍"},
    "edit": {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "x"}}},
    "button": {"payload": "YES", "text": "Yes"},
    "unsupported": {"type": "poll_creation"},
}
NOT_OPENING: dict[str, dict[str, Any]] = {
    "system": {"type": "user_changed_number", "body": "changed"},
    "revoke": {"original_message_id": "wamid.1"},
}


@pytest.mark.parametrize("kind", OPENING)
async def test_what_a_user_writes_opens_it(world: World, kind: str) -> None:
    await hooks.tell(world, messages=[said(kind, OPENING[kind], at=AT)])
    assert await window(world) == (AT + DAY_S, 1)


@pytest.mark.parametrize("kind", NOT_OPENING)
async def test_what_a_user_does_without_writing_leaves_it_shut(world: World, kind: str) -> None:
    await hooks.tell(world, messages=[said(kind, NOT_OPENING[kind], at=AT)])
    assert await window(world) == (None, 0)


async def test_what_is_written_in_a_group_leaves_it_shut(world: World) -> None:
    await hooks.tell(world, messages=[text("to all", at=AT, group_id="group-1")])
    assert await window(world) == (None, 0)


async def test_a_call_opens_it(world: World) -> None:
    call = {"id": "wacid.1", "event": "connect", "from": hooks.DIGITS, "timestamp": str(AT)}
    await hooks.tell(world, field="calls", calls=[call | {"direction": "USER_INITIATED"}])
    assert await window(world) == (AT + DAY_S, 1)


async def test_a_call_of_the_business_leaves_it_shut(world: World) -> None:
    call = {"id": "wacid.1", "event": "connect", "to": hooks.DIGITS, "timestamp": str(AT)}
    await hooks.tell(world, field="calls", calls=[call | {"direction": "BUSINESS_INITIATED"}])
    assert await window(world) == (None, 0)


async def test_statuses_leave_it_shut(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, word, at=AT) for word in ("sent", "delivered", "read")])
    assert await window(world) == (None, 0)


async def test_echoes_and_the_past_leave_it_shut(world: World) -> None:
    echo = {"id": hooks.wamid(), "to": hooks.DIGITS, "timestamp": str(AT), "type": "text", "text": {"body": "Hello"}}
    past = text("old", at=AT)
    await hooks.tell(world, field="smb_message_echoes", message_echoes=[echo])
    await hooks.tell(world, field="history", history=[{"threads": [{"id": hooks.DIGITS, "messages": [past]}]}])
    assert await window(world) == (None, 0)
    assert len(await world.rows("SELECT id FROM message")) == 2


async def test_a_choice_about_marketing_leaves_it_shut(world: World) -> None:
    choice = {"wa_id": hooks.DIGITS, "category": "marketing_messages", "value": "stop", "timestamp": AT}
    await hooks.tell(world, field="user_preferences", user_preferences=[choice])
    assert await window(world) == (None, 0)
