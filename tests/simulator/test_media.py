"""Files at the simulated Meta: uploads, URLs that die, tokens that are wanted."""

import base64
import hashlib
import io
from typing import Any

import aiohttp
import pytest

from tests.simulator import driving

JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\r\n--not a boundary\r\n\r\n"


def form(data: bytes = JPEG, kind: str = "image/jpeg", **fields: str) -> aiohttp.FormData:
    sent = aiohttp.FormData()
    for name, value in ({"messaging_product": "whatsapp", "type": kind} | fields).items():
        sent.add_field(name, value)
    sent.add_field("file", io.BytesIO(data), filename="a photo.jpg", content_type=kind)
    return sent


async def upload(simulator: driving.Simulator, **how: Any) -> driving.Answer:
    return await simulator.graph("POST", f"{simulator.world['phone_number_id']}/media", data=form(**how))


async def fetch(simulator: driving.Simulator, url: str, token: str | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token or simulator.world['access_token']}"} if token != "" else {}
    async with simulator.http.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.read()


async def lay(simulator: driving.Simulator, mime_type: str = "image/jpeg", **more: Any) -> str:
    body = {"mime_type": mime_type, "data_base64": base64.b64encode(JPEG).decode()}
    return str((await simulator.lever("media", body | more))["id"])


async def test_an_upload_comes_back_byte_for_byte(simulator: driving.Simulator) -> None:
    made = await upload(simulator)
    told = await simulator.graph("GET", made.json["id"])

    assert told.json == {
        "url": told.json["url"],
        "mime_type": "image/jpeg",
        "sha256": hashlib.sha256(JPEG).hexdigest(),
        "file_size": len(JPEG),
        "id": made.json["id"],
        "messaging_product": "whatsapp",
    }
    assert await fetch(simulator, told.json["url"]) == (200, JPEG)


async def test_the_url_wants_the_token_and_dies_after_five_minutes(simulator: driving.Simulator) -> None:
    told = (await simulator.graph("GET", await lay(simulator))).json

    status, page = await fetch(simulator, told["url"], token="")
    assert (status, b"<html>" in page) == (401, True)
    assert (await fetch(simulator, told["url"].replace("hash=", "hash=0")))[0] == 404
    await simulator.lever("settings", {"clock_offset_s": 290})
    assert (await fetch(simulator, told["url"]))[0] == 200
    await simulator.lever("settings", {"clock_offset_s": 310})
    assert (await fetch(simulator, told["url"]))[0] == 404


@pytest.mark.parametrize(("inbound", "days"), [(True, 7), (False, 30)])
async def test_an_id_dies_after_seven_days_or_thirty(simulator: driving.Simulator, *, inbound: bool, days: int) -> None:
    media_id = await lay(simulator) if inbound else (await upload(simulator)).json["id"]

    await simulator.lever("settings", {"clock_offset_s": days * 86_400 - 60})
    assert (await simulator.graph("GET", media_id)).status == 200
    await simulator.lever("settings", {"clock_offset_s": days * 86_400 + 60})
    assert (await simulator.graph("GET", media_id)).json["error"]["error_subcode"] == 33


async def test_a_deleted_file_is_unknown_and_another_numbers_too(simulator: driving.Simulator) -> None:
    media_id = await lay(simulator)

    assert (await simulator.graph("GET", f"{media_id}?phone_number_id=123")).json["error"]["code"] == 100
    assert (await simulator.graph("DELETE", media_id)).json == {"success": True}
    assert (await simulator.graph("GET", media_id)).json["error"]["code"] == 100
    assert (await simulator.graph("GET", simulator.world["waba_id"])).status == 200


async def test_uploads_are_refused_as_meta_refuses_them(simulator: driving.Simulator) -> None:
    number = f"{simulator.world['phone_number_id']}/media"

    assert "Received file of type 'image/gif'" in (await upload(simulator, kind="image/gif")).json["error"]["message"]
    assert (await upload(simulator, data=bytes(5 * 1024 * 1024 + 1))).json["error"]["code"] == 131053
    assert (await upload(simulator, messaging_product="telegram")).json["error"]["code"] == 100
    assert (await simulator.graph("POST", number, json={})).json["error"]["code"] == 100
    assert (await simulator.graph("POST", "123/media", data=form())).json["error"]["error_subcode"] == 33
    assert (await simulator.graph("POST", number, data=form(), token="wrong")).json["error"]["code"] == 190


async def test_a_phone_sends_a_file_that_was_laid_down(
    simulator: driving.Simulator, receiver: driving.Receiver
) -> None:
    media_id = await lay(simulator, "application/pdf", filename="bill.pdf")
    await simulator.writes({"type": "document", "document": {"id": media_id, "caption": "For you"}})
    await receiver.until_posts(1)

    told = receiver.changes()[0]["value"]["messages"][0]["document"]
    assert told == {
        "id": media_id,
        "mime_type": "application/pdf",
        "sha256": base64.b64encode(hashlib.sha256(JPEG).digest()).decode(),
        "filename": "bill.pdf",
        "caption": "For you",
        "url": told["url"],
    }
    assert await fetch(simulator, told["url"]) == (200, JPEG)


async def test_faults_are_used_up_in_order_and_for_their_file_only(simulator: driving.Simulator) -> None:
    first, second = await lay(simulator), await lay(simulator)
    url, other = [(await simulator.graph("GET", one)).json["url"] for one in (first, second)]
    for fault in ({"fault": "not_found"}, {"fault": "error", "count": 2}, {"fault": "redirect", "to": "http://x/"}):
        await simulator.lever("media/faults", fault | {"id": first})

    assert (await fetch(simulator, other))[0] == 200
    assert [(await fetch(simulator, url))[0] for _ in range(5)] == [404, 500, 500, 302, 200]
    assert (await simulator.lever("media/faults"))["data"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("media", {"mime_type": "image/jpeg", "data_base64": "not base64!"}),
        ("media", {"mime_type": "image/jpeg"}),
        ("media/faults", {"fault": "redirect"}),
        ("media/faults", {"fault": "error", "to": "http://x/"}),
        ("media/faults", {"fault": "earthquake"}),
    ],
)
async def test_a_lever_pulled_the_wrong_way_says_so(
    simulator: driving.Simulator, path: str, body: dict[str, Any]
) -> None:
    assert await simulator.refused(path, body)


async def test_a_reset_forgets_files_and_their_faults(simulator: driving.Simulator) -> None:
    media_id = await lay(simulator)
    await simulator.lever("media/faults", {"fault": "error"})
    await simulator.lever("reset", {})

    assert (await simulator.graph("GET", media_id)).status == 400
    assert (await simulator.lever("media/faults"))["data"] == []


async def test_a_sticker_may_be_larger_when_it_moves_and_no_file_is_empty(simulator: driving.Simulator) -> None:
    still, moving = (b"RIFF\x24\x00\x00\x00WEBP" + kind + bytes(200 * 1024) for kind in (b"VP8 ", b"ANIM"))

    assert (await upload(simulator, data=moving, kind="image/webp")).status == 200
    assert (await upload(simulator, data=still, kind="image/webp")).json["error"]["code"] == 131053
    assert (await upload(simulator, data=b"")).json["error"]["code"] == 131053
