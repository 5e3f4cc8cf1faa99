"""Everything that can go wrong on purpose: magic numbers and scripted faults."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from quixess.simulator import magic
from tests.simulator import driving
from tests.simulator.driving import DIGITS, Receiver, Simulator

REFUSED = {
    "0003": (404, 132001),
    "0004": (401, 190),
    "0005": (400, 130429),
    "0008": (500, 131000),
    "0013": (400, 131026),
    "0014": (400, 131008),
    "0025": (500, 131057),
}
TOLD = {
    "0001": (["failed"], 131026),
    "0002": (["failed"], 131047),
    "0006": (["sent", "delivered", "read"], None),
    "0007": (["sent", "delivered", "read"], None),
    "0010": (["sent", "delivered", "read"], None),
    "0011": (["sent", "delivered"], None),
    "0012": (["sent", "read"], None),
    "0015": (["failed"], 131049),
    "0016": (["failed"], 131050),
    "0017": (["failed"], 131042),
    "0018": (["sent", "delivered", "failed"], 131026),
    "0019": (["sent", "delivered", "read", "played"], None),
    "0020": (["sent"], None),
    "0021": (["sent", "delivered", "read"], None),
    "0022": (["failed"], 132015),
    "0023": (["failed"], 132015),
    "0024": (["sent", "delivered", "read"], None),
}


def _magic(tail: str) -> str:
    return f"+1 555 010 {tail}"


async def _ledger(simulator: Simulator) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await simulator.lever("sends"))["data"]
    return rows


async def test_even_code_zero_fails_and_is_refused(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("faults", {"outcome": "0"})
    refused = await simulator.send(driving.otp())
    assert (refused.status, refused.json["error"]["code"]) == (401, 0)
    await simulator.lever("faults", {"outcome": "async:0"})
    await simulator.send(driving.otp())
    (failed,) = await receiver.until_statuses("failed")
    assert failed["errors"][0]["code"] == 0


def test_every_magic_number_has_a_story_here_and_a_line_in_the_docs() -> None:
    tails = {number.removeprefix("1555010") for number in magic.RECIPIENTS}
    assert tails == set(REFUSED) | set(TOLD) | {"0009"}
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    for number, fate in magic.RECIPIENTS.items():
        row = f"| `+1 555 010 {number[-4:]}` | `{fate.outcome}` | {fate.tells} |"
        assert row in page


@pytest.mark.parametrize("tail", REFUSED)
async def test_a_magic_number_refuses(simulator: Simulator, tail: str) -> None:
    answer = await simulator.send(driving.otp(_magic(tail)))
    assert (answer.status, answer.json["error"]["code"]) == REFUSED[tail]
    assert await _ledger(simulator) == []


@pytest.mark.parametrize("tail", TOLD)
async def test_a_magic_number_tells_its_statuses(simulator: Simulator, receiver: Receiver, tail: str) -> None:
    statuses, code = TOLD[tail]
    try:
        await simulator.send(driving.otp(_magic(tail)))
    except aiohttp.ClientError:
        assert tail == "0007"
    told = await receiver.until_statuses(*statuses)
    assert [one.get("errors", [{}])[0].get("code") for one in told][-1] == code
    assert len(await _ledger(simulator)) == 1


@pytest.mark.parametrize(
    ("tail", "told"),
    [("0021", "held_for_quality_assessment"), ("0022", "held_for_quality_assessment"), ("0023", "paused")],
)
async def test_a_template_that_is_held_is_answered_so(simulator: Simulator, tail: str, told: str) -> None:
    answer = await simulator.send(driving.otp(_magic(tail)))
    assert answer.json["messages"][0]["message_status"] == told


async def test_a_nameless_user_is_told_of_by_id_alone(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.send(driving.otp(_magic("0024")))
    for status in await receiver.until_statuses("sent", "delivered", "read"):
        assert status["recipient_user_id"] == magic.NAMELESS_USER
        assert "recipient_id" not in status


async def test_the_silent_number_is_accepted_and_stays_accepted(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.send(driving.otp(_magic("0009")))
    await simulator.send(driving.otp())
    told = await receiver.until_statuses("sent", "delivered", "read")
    assert {one["recipient_id"] for one in told} == {DIGITS}
    chat = await simulator.lever(f"phones/{_magic('0009')}/messages")
    assert [one["status"] for one in chat["messages"]] == ["accepted"]


async def test_a_reset_after_acceptance_gives_no_byte_and_is_in_the_ledger(simulator: Simulator) -> None:
    assert await _raw_send(simulator, driving.otp(_magic("0007"))) == (b"", True)
    assert len(await _ledger(simulator)) == 1


async def test_a_reset_before_acceptance_gives_no_byte_and_is_not_in_the_ledger(simulator: Simulator) -> None:
    await simulator.lever("faults", {"outcome": "reset_before_accept"})
    assert await _raw_send(simulator, driving.otp()) == (b"", True)
    assert await _ledger(simulator) == []


async def test_the_server_survives_many_resets_at_once(simulator: Simulator) -> None:
    raced = await asyncio.gather(*(_raw_send(simulator, driving.otp(_magic("0007"))) for _ in range(20)))
    assert raced == [(b"", True)] * 20
    assert len(await _ledger(simulator)) == 20


async def test_a_slow_answer_was_accepted_long_before(simulator: Simulator) -> None:
    await simulator.lever("settings", {"slow_answer_s": 600})
    sending = asyncio.create_task(simulator.send(driving.otp(_magic("0006"))))
    await driving.eventually(lambda: _has_sends(simulator, 1))
    assert not sending.done()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert len(await _ledger(simulator)) == 1


async def test_a_caller_who_gave_up_before_acceptance_sent_nothing(simulator: Simulator) -> None:
    await simulator.lever("faults", {"outcome": "slow_before", "count": 2})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(simulator.send(driving.otp(biz_opaque_callback_data="gone")), 0.05)
    patient = await simulator.send(driving.otp(biz_opaque_callback_data="patient"))
    assert patient.status == 200
    assert [row["opaque"] for row in await _ledger(simulator)] == ["patient"]


async def test_statuses_can_come_before_the_answer(simulator: Simulator, receiver: Receiver) -> None:
    answer = await simulator.send(driving.otp(_magic("0010")))
    assert [one["status"] for one in receiver.status_entries()] == ["sent", "delivered", "read"]
    assert receiver.status_entries()[0]["id"] == answer.json["messages"][0]["id"]


async def test_an_html_error_is_not_json(simulator: Simulator) -> None:
    await simulator.lever("faults", {"outcome": "html_500"})
    url = f"{simulator.base_url}/v25.0/{simulator.world['phone_number_id']}/messages"
    headers = {"Authorization": f"Bearer {simulator.world['access_token']}"}
    async with simulator.http.post(url, json=driving.otp(), headers=headers) as answer:
        assert (answer.status, answer.content_type) == (500, "text/html")
    assert await _ledger(simulator) == []


async def test_a_scripted_fault_meets_the_next_sends_to_that_phone_only(simulator: Simulator) -> None:
    await simulator.lever("faults", {"outcome": "131056", "count": 2, "to": driving.PHONE})
    codes = []
    for to in ("+15550000001", driving.PHONE, driving.PHONE, driving.PHONE):
        answer = await simulator.send(driving.otp(to))
        codes.append(answer.json.get("error", {}).get("code"))
    assert codes == [None, 131056, 131056, None]
    assert (await simulator.lever("faults"))["data"] == []


async def test_a_code_meta_has_not_published_can_be_scripted_too(simulator: Simulator) -> None:
    await simulator.lever("faults", {"outcome": "199999"})
    answer = await simulator.send(driving.otp())
    assert (answer.status, answer.json["error"]["code"]) == (400, 199999)


async def test_a_misspelt_fault_is_refused_with_the_list_of_names(simulator: Simulator) -> None:
    async with simulator.http.post(f"{simulator.base_url}/_sim/faults", json={"outcome": "explode"}) as answer:
        assert answer.status == 400
        assert "reset_after_accept" in (await answer.json())["error"]


async def _has_sends(simulator: Simulator, count: int) -> bool:
    return len(await _ledger(simulator)) == count


async def _raw_send(simulator: Simulator, body: dict[str, Any]) -> tuple[bytes, bool]:
    """Send over a bare socket; (bytes that came back, whether the connection was reset)."""
    host, port = simulator.base_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(_request(simulator, body))
    try:
        return await reader.read(), False
    except ConnectionResetError:
        return b"", True
    finally:
        writer.close()


def _request(simulator: Simulator, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST /v25.0/{simulator.world['phone_number_id']}/messages HTTP/1.1\r\n"
        f"Host: simulator\r\nAuthorization: Bearer {simulator.world['access_token']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
