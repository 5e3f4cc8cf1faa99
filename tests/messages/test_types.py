"""Every type that a user can send becomes its message and its event, once, whatever Meta repeats."""

import json
from typing import Any

import pytest

from quixess.database import ids
from tests.messages import hooks
from tests.messages.hooks import change, said, text
from tests.meta.bodies import CAPTURED
from tests.world import World

NAMES = [path.stem for path in CAPTURED if path.stem.startswith("message_")]
DIGEST = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def captured(world: World, name: str) -> dict[str, Any]:
    """Give the change of a captured body, as if it had come for our number."""
    (path,) = (path for path in CAPTURED if path.stem == name)
    (told,) = json.loads(path.read_bytes())["entry"][0]["changes"]
    told["value"]["metadata"] = change(world)["value"]["metadata"]
    return dict(told)


async def repeat(world: World, name: str) -> None:
    """Tell of a captured message, and once more among others."""
    told = captured(world, name)
    for entries in ([told], [change(world, messages=[text("noise")]), told]):
        answer = await hooks.post(world, hooks.body(world, entries))
        assert answer.status == 200
        await hooks.rest(world)


@pytest.mark.parametrize("name", NAMES)
async def test_each_type_is_stored_and_told_once(world: World, name: str) -> None:
    await repeat(world, name)

    message = captured(world, name)["value"]["messages"][0]
    (row,) = await world.rows("SELECT * FROM message WHERE wamid = $1", message["id"])
    (event,) = [one for one in world.receiver.events if one["data"]["wa_message_id"] == message["id"]]
    assert event["type"] == "message.received"
    assert event["data"]["message_id"] == ids.show("msg", row["id"])
    assert (event["data"]["type"], event["data"]["content"]) == (row["type"], json.loads(row["content"]))
    assert (row["direction"], row["state"], row["source"]) == ("inbound", "received", "live")
    assert await world.rows("SELECT id FROM intake_todo") == []
    waiting = "SELECT meta_id, message_id FROM media"
    files = [tuple(one) for one in await world.rows(waiting)]
    content = message.get(message["type"])
    sent = [(content["id"], row["id"])] if isinstance(content, dict) and "mime_type" in content else []
    assert files == sent


async def test_a_picture_is_expected_under_the_id_that_the_event_names(world: World) -> None:
    picture = {"id": "1003383421387256", "mime_type": "image/png", "sha256": DIGEST, "caption": "Like this?"}
    await hooks.tell(world, messages=[said("image", picture)])

    (event,) = world.receiver.of_type("message.received")
    content = event["data"]["content"]
    (row,) = await world.rows("SELECT * FROM media")
    assert content == {
        "media_id": ids.show("med", row["id"]),
        "mime_type": "image/png",
        "sha256": row["told_sha256"],
        "caption": "Like this?",
        "url": f"/api/v1/whatsapp/external/media/{ids.show('med', row['id'])}",
    }
    assert event["data"]["message_id"] == ids.show("msg", row["message_id"])


async def test_how_a_message_was_passed_on_is_told_and_kept(world: World) -> None:
    product = {"catalog_id": "17", "product_retailer_id": "SKU-1"}
    ad = {"source_type": "ad", "source_id": "4711", "headline": "Sale"}
    await hooks.tell(
        world,
        messages=[
            text("a", context={"forwarded": True}),
            text("b", context={"frequently_forwarded": True}),
            text("c", context={"from": "1", "id": "wamid.of.product", "referred_product": product}),
            text("d", referral=ad, group_id="group-1"),
            text("e"),
        ],
    )

    told = {event["data"]["content"]["body"]: event["data"] for event in world.receiver.events}
    plain = {"forwarded": False, "frequently_forwarded": False, "referred_product": None}
    assert told["a"]["context"] == plain | {"forwarded": True}
    assert told["b"]["context"] == plain | {"frequently_forwarded": True}
    assert told["c"]["context"] == plain | {"referred_product": product}
    assert told["c"]["reply_to"] == "wamid.of.product"
    assert (told["d"]["referral"], told["d"]["group_id"], told["d"]["context"]) == (ad, "group-1", None)
    assert (told["e"]["referral"], told["e"]["group_id"]) == (None, None)
    rows = await world.rows("SELECT content, context, referral, group_id FROM message")
    kept = {json.loads(row["content"])["body"]: row for row in rows}
    assert json.loads(kept["b"]["context"]) == told["b"]["context"]
    assert (json.loads(kept["d"]["referral"]), kept["d"]["group_id"]) == (ad, "group-1")


async def test_an_edit_and_a_removal_are_messages_of_their_own(world: World) -> None:
    first = text("Does it come in green?")
    now = {"type": "text", "text": {"body": "In red?"}}
    edit = said("edit", {"original_message_id": first["id"], "message": now})
    gone = said("revoke", {"original_message_id": first["id"]})
    await hooks.tell(world, messages=[first, edit, gone])

    told = [(event["data"]["type"], event["data"]["content"]) for event in world.receiver.events]
    assert ("text", {"body": "Does it come in green?"}) in told
    assert ("edit", {"message_id": first["id"], "type": "text", "content": {"body": "In red?"}}) in told
    assert ("revoke", {"message_id": first["id"]}) in told
    assert len(await world.rows("SELECT id FROM message")) == 3


async def test_a_type_of_tomorrow_is_told_as_unsupported_with_all_that_meta_sent(world: World) -> None:
    thought = {"shape": "round", "depth": [1, 2, 3]}
    await hooks.tell(world, messages=[said("telepathy", thought)])

    (event,) = world.receiver.of_type("message.received")
    assert event["data"]["type"] == "unsupported"
    assert event["data"]["content"] == {"kind": "telepathy", "errors": [], "raw": thought}
