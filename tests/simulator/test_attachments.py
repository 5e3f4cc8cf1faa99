"""Files in sends: which ids and links Meta takes, which it refuses, and which fail later."""

from typing import Any

import pytest

from tests.simulator import driving, test_media
from tests.simulator.driving import PHONE, Answer, Receiver, Simulator
from tests.simulator.test_freeform import said

DAY_S = 86_400
BUTTONS = {"buttons": [{"type": "reply", "reply": {"id": "1", "title": "Yes"}}]}


def refused(answer: Answer) -> bool:
    """Tell whether Meta says that it knows no such file."""
    error = answer.json.get("error", {})
    return error.get("code") == 100 and "media attachment ID" in error["message"]


def pictured(shown: dict[str, Any], kind: str = "image") -> dict[str, Any]:
    header = {"type": "header", "parameters": [{"type": kind, kind: shown}]}
    return driving.template(PHONE, "picture", [header])


def under(shown: dict[str, Any]) -> dict[str, Any]:
    header = {"type": "image", "image": shown}
    return said("interactive", {"type": "button", "header": header, "body": {"text": "?"}, "action": BUTTONS})


async def make_picture(simulator: Simulator, kind: str = "IMAGE") -> None:
    components = [{"type": "HEADER", "format": kind}, {"type": "BODY", "text": "Look."}]
    await simulator.lever("templates", {"name": "picture", "components": components})


async def test_a_file_that_was_uploaded_is_sent(simulator: Simulator) -> None:
    await simulator.writes({"text": "Hi"})
    await make_picture(simulator)
    media_id = (await test_media.upload(simulator)).json["id"]
    for body in (said("image", {"id": media_id}), under({"id": media_id}), pictured({"id": media_id})):
        assert (await simulator.send(body)).status == 200


async def test_an_unknown_id_is_refused_wherever_it_stands(simulator: Simulator) -> None:
    await simulator.writes({"text": "Hi"})
    await make_picture(simulator)
    for body in (said("image", {"id": "123456"}), under({"id": "123456"}), pictured({"id": "123456"})):
        assert refused(await simulator.send(body))
    card = {"card_index": 0, "components": pictured({"id": "123456"})["template"]["components"]}
    deep = driving.template(PHONE, "picture", [{"type": "carousel", "cards": [card]}])
    told = (await simulator.send(deep)).json["error"]["message"]
    assert "template['components'][0]['cards'][0]['components'][0]['parameters'][0]['image']['id']" in told
    assert (await simulator.lever("sends"))["data"] == []


async def test_an_expired_id_and_a_deleted_one_are_unknown(simulator: Simulator) -> None:
    media_id = (await test_media.upload(simulator)).json["id"]
    await simulator.lever("settings", {"clock_offset_s": 30 * DAY_S - 60})
    assert (await simulator.send(said("image", {"id": media_id}))).status == 200
    await simulator.lever("settings", {"clock_offset_s": 30 * DAY_S + 60})
    assert refused(await simulator.send(said("image", {"id": media_id})))
    await simulator.lever("settings", {"clock_offset_s": 0})
    await simulator.graph("DELETE", media_id)
    assert refused(await simulator.send(said("image", {"id": media_id})))


async def test_a_file_is_known_to_the_number_that_uploaded_it(simulator: Simulator) -> None:
    media_id = (await test_media.upload(simulator)).json["id"]
    other = (await simulator.lever("numbers", {}))["id"]
    answer = await simulator.graph("POST", f"{other}/messages", json=said("image", {"id": media_id}))
    assert refused(answer)
    assert (await simulator.graph("GET", f"{media_id}?phone_number_id={other}")).json["error"]["error_subcode"] == 33
    assert (await simulator.send(said("image", {"id": media_id}))).status == 200


@pytest.mark.parametrize(
    ("kind", "mime_type", "code"),
    [
        ("image", "application/pdf", 131053),
        ("sticker", "image/png", 131053),
        ("video", "image/jpeg", 131053),
        ("audio", "video/mp4", 131053),
        ("audio", "audio/ogg; codecs=opus", None),
        ("document", "image/jpeg", None),
    ],
)
async def test_a_file_of_another_type_is_taken_and_fails(
    simulator: Simulator, receiver: Receiver, kind: str, mime_type: str, code: int | None
) -> None:
    await simulator.lever("faults", {"outcome": "never_read"})
    await simulator.lever(f"phones/{driving.DIGITS}/calls", {})  # opens the window
    media_id = await test_media.lay(simulator, mime_type)
    assert (await simulator.send(said(kind, {"id": media_id}))).status == 200
    if code is None:
        await receiver.until(lambda one: [each["status"] for each in one.status_entries()] == ["sent", "delivered"])
    else:
        await receiver.until(lambda one: bool(one.status_entries()))
        assert [(one["status"], one["errors"][0]["code"]) for one in receiver.status_entries()] == [("failed", code)]


async def test_a_link_that_cannot_be_fetched_is_taken_and_fails(simulator: Simulator, receiver: Receiver) -> None:
    await make_picture(simulator)
    sent = await simulator.send(pictured({"link": "https://nowhere.invalid/a.png"}))
    assert sent.status == 200
    (failed,) = await receiver.until_statuses("failed")
    assert (failed["errors"][0]["code"], failed["errors"][0]["title"]) == (131053, "Media upload error")


@pytest.mark.parametrize("link", ["a.png", "ftp://shop.example/a.png", "https:///a.png", "https://[a.png"])
async def test_a_link_that_is_no_address_is_refused(simulator: Simulator, link: str) -> None:
    await simulator.writes({"text": "Hi"})
    await make_picture(simulator)
    for body in (said("image", {"link": link}), under({"link": link}), pictured({"link": link})):
        answer = await simulator.send(body)
        assert (answer.status, answer.json["error"]["code"]) == (400, 100)
