"""Meta's limits: how much of what in how long, what is refused above it, and how it ends."""

import asyncio
import json
from typing import Any

import pytest

from quixess.simulator.errors import GraphError
from quixess.simulator.limits import Limits
from quixess.simulator.model import Settings
from tests.simulator import driving
from tests.simulator.driving import DIGITS, Answer, Receiver, Simulator

_DAY_S = 24 * 3600


async def lever(simulator: Simulator, **settings: Any) -> None:
    await simulator.lever("settings", settings)


def code(answer: Answer) -> int | None:
    error = answer.json.get("error")
    return None if error is None else int(error["code"])


async def send(simulator: Simulator, to: str = driving.PHONE) -> int | None:
    """Send a code; the error code of the answer, if it is one."""
    return code(await simulator.send(driving.otp(to)))


async def test_a_burst_to_one_user_is_ended_and_others_are_left_alone(simulator: Simulator) -> None:
    await lever(simulator, pair_limit=True)
    answers = [await send(simulator) for _ in range(46)]
    assert answers[0] is None
    assert answers[-1] == 131056
    assert await send(simulator, "+15550000001") is None
    await lever(simulator, clock_offset_s=46 * 6 + 1)
    assert await send(simulator) is None


def test_a_burst_ends_at_forty_five() -> None:
    limits = Limits()
    assert [_goes(limits, n / 10) for n in range(46)] == [True] * 45 + [False]


def test_a_burst_is_repaid_in_silence() -> None:
    limits = Limits()
    assert all(_goes(limits, n / 10) for n in range(20))
    assert [_goes(limits, at) for at in (7.0, 60.0, 119.0, 120.0)] == [False, False, False, True]


def test_one_message_in_six_seconds_goes_on_for_ever() -> None:
    limits = Limits()
    assert all(_goes(limits, n * 6.0) for n in range(600))


async def test_a_refused_message_is_not_counted_for_the_pair(simulator: Simulator) -> None:
    await lever(simulator, pair_limit=True)
    wrong = driving.template(driving.PHONE, "nothing_of_that_name", [])
    assert [code(await simulator.send(wrong)) for _ in range(50)] == [132001] * 50
    assert await send(simulator) is None


async def test_a_number_sends_so_many_a_second_and_no_more(simulator: Simulator) -> None:
    await lever(simulator, messages_per_second=1)
    codes = await asyncio.gather(*(send(simulator, f"+1555000{n:04}") for n in range(200)))
    assert set(codes) == {None, 130429}


async def test_a_number_of_high_throughput_sends_a_thousand_a_second(simulator: Simulator) -> None:
    await lever(simulator, messages_per_second=1)
    await simulator.lever(f"numbers/{simulator.world['phone_number_id']}", {"throughput": "HIGH"})
    codes = await asyncio.gather(*(send(simulator, f"+1555000{n:04}") for n in range(100)))
    assert set(codes) == {None}


def test_a_thousand_a_second_is_the_limit_of_a_high_throughput() -> None:
    limits, settings = Limits(), Settings()
    for n in range(1000):
        limits.check_throughput(settings, "1", 10 + n / 2000, high=True)
    with pytest.raises(GraphError, match="130429"):
        limits.check_throughput(settings, "1", 10.9, high=True)
    with pytest.raises(GraphError, match="130429"):
        limits.check_throughput(settings, "1", 10.9)
    limits.check_throughput(Settings(messages_per_second=0), "1", 10.9, high=True)


async def test_a_number_in_maintenance_sends_nothing_until_it_is_over(simulator: Simulator) -> None:
    number = f"numbers/{simulator.world['phone_number_id']}"
    await simulator.lever(number, {"maintenance": True})
    answer = await simulator.send(driving.otp())
    assert (answer.status, code(answer), answer.json["error"]["is_transient"]) == (500, 131057, True)
    await simulator.lever(number, {"maintenance": False})
    assert await send(simulator) is None


def test_what_is_received_counts_for_the_throughput_too() -> None:
    limits, settings = Limits(), Settings(messages_per_second=2)
    limits.pass_through("1", 10.0)
    limits.check_throughput(settings, "1", 10.1)
    with pytest.raises(GraphError, match="130429"):
        limits.check_throughput(settings, "1", 10.2)
    limits.check_throughput(settings, "2", 10.2)
    limits.check_throughput(settings, "1", 11.05)


async def test_a_portfolio_reaches_so_many_users_a_day_and_then_sends_fail(
    simulator: Simulator, receiver: Receiver
) -> None:
    await lever(simulator, messaging_limit="TIER_250")
    for n in range(250):
        await simulator.send(driving.otp(f"+1555000{n:04}", biz_opaque_callback_data="in"))
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": "I wrote first"})
    inside = [driving.otp(driving.PHONE), driving.otp("+15550000001"), driving.text("hello")]
    for body in inside:
        await simulator.send(body | {"biz_opaque_callback_data": "in"})
    over = await simulator.send(driving.otp("+15550009999", biz_opaque_callback_data="over"))
    assert over.status == 200
    await receiver.until(lambda one: any(_failed(entry) for entry in one.status_entries()))
    assert {entry["biz_opaque_callback_data"] for entry in receiver.status_entries() if _failed(entry)} == {"over"}
    assert {entry["errors"][0]["code"] for entry in receiver.status_entries() if _failed(entry)} == {131048}

    await lever(simulator, clock_offset_s=_DAY_S)
    await simulator.send(driving.otp("+15550009999", biz_opaque_callback_data="next day"))
    await receiver.until(lambda one: sum(_opaque(entry) == "next day" for entry in one.status_entries()) == 3)
    assert not any(_failed(entry) for entry in receiver.status_entries() if _opaque(entry) == "next day")


async def test_a_test_number_writes_to_those_on_its_list_only(simulator: Simulator) -> None:
    await lever(simulator, allowed_recipients=["+55 11 91234-5678"])
    answer = await simulator.send(driving.otp())
    assert code(answer) == 131030
    assert answer.json["error"]["message"] == "(#131030) Recipient phone number not in allowed list"
    assert await send(simulator, "+5511912345678") is None


async def test_calls_about_a_waba_are_counted_told_and_refused(simulator: Simulator) -> None:
    await lever(simulator, management_calls_per_hour=5)  # the first was the subscription
    waba = simulator.world["waba_id"]
    told = [await _usage(simulator, f"{waba}/message_templates") for _ in range(5)]
    assert [used["call_count"] for _, used in told] == [40, 60, 80, 100, 100]
    assert [status for status, _ in told] == [200] * 4 + [400]
    assert told[-1][1]["estimated_time_to_regain_access"] == 60
    assert await send(simulator) is None
    assert code(await simulator.graph("GET", waba)) == 80007

    await lever(simulator, clock_offset_s=3601)
    assert (await simulator.graph("GET", waba)).status == 200


async def test_messages_are_no_calls_about_a_waba(simulator: Simulator) -> None:
    await simulator.send(driving.otp())
    url = f"{simulator.base_url}/v24.0/{simulator.world['phone_number_id']}"
    async with simulator.http.get(url, params={"access_token": simulator.world["access_token"]}) as answer:
        assert "x-business-use-case-usage" not in answer.headers
        assert answer.headers["facebook-api-version"] == "v24.0"
        assert answer.headers["x-fb-trace-id"]


async def test_a_wrong_number_in_the_list_of_recipients_is_told(simulator: Simulator) -> None:
    assert "7 to 15 digits" in await simulator.refused("settings", {"allowed_recipients": ["home"]})
    assert "more than 1" in await simulator.refused("settings", {"chances": {"no_status": 0.6, "slow": 0.6}})
    assert "outcome must be" in await simulator.refused("settings", {"chances": {"explode": 0.1}})


def _goes(limits: Limits, at: float) -> bool:
    """Tell whether a message to one user goes out at that time; it is counted then."""
    try:
        limits.check_pair(Settings(), "1", DIGITS, at)
    except GraphError:
        return False
    limits.count_pair("1", DIGITS, at)
    return True


def _failed(entry: dict[str, Any]) -> bool:
    return str(entry["status"]) == "failed"


def _opaque(entry: dict[str, Any]) -> str:
    return str(entry["biz_opaque_callback_data"])


async def _usage(simulator: Simulator, path: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {simulator.world['access_token']}"}
    async with simulator.http.get(f"{simulator.base_url}/v25.0/{path}", headers=headers) as answer:
        told = json.loads(answer.headers["x-business-use-case-usage"])
        assert json.loads(answer.headers["x-app-usage"])["call_count"] <= 100
        ((one,),) = told.values()
        assert one["type"] == "whatsapp_business_management"
        return answer.status, one
