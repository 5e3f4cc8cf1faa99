"""Starting, stopping, forgetting and remembering; the phone page."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import aiohttp
import pytest

from quixess import simulator as simulators
from tests.simulator import driving
from tests.simulator.driving import CODE, DIGITS, QUICK, Receiver, Simulator


async def test_a_restart_keeps_who_it_is_and_what_was_said_but_no_code(tmp_path: Path, receiver: Receiver) -> None:
    path = tmp_path / "meta" / "state.json"
    options = simulators.Options(state_path=path, settings=QUICK)
    async with driving.running(options) as first:
        await first.subscribe(receiver)
        await first.send(driving.otp(biz_opaque_callback_data="mark"))
        await first.lever(f"phones/{DIGITS}/messages", {"text": "a secret? no: an answer"})
        await receiver.until_posts(4)
    content = path.read_text()
    assert CODE not in content
    assert "an answer" in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]
    async with driving.running(options) as second:
        assert second.world | {"base_url": ""} == first.world | {
            "base_url": "",
            "callback_url": receiver.url,
            "subscribed": True,
            "fields": list(driving.FIELDS),
        }
        code, answer = (await second.lever(f"phones/{DIGITS}/messages"))["messages"]
        assert (code["forgotten"], code["text"], code["code"], code["opaque"]) == (True, "", None, "mark")
        assert answer["text"] == "a secret? no: an answer"
        assert (await second.send(driving.text("hello"))).status == 200


async def test_the_file_is_written_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    async with driving.running(simulators.Options(state_path=path)) as one:
        assert one.world["app_id"] in path.read_text()
        await one.send(driving.otp(biz_opaque_callback_data="kept soon"))

        async def kept() -> bool:
            return "kept soon" in path.read_text()

        await driving.eventually(kept)
        assert CODE not in path.read_text()


async def test_a_file_that_is_no_state_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"hello": 1}')
    with pytest.raises(simulators.StateFileError, match="move it away"):
        await simulators.serve(simulators.Options(state_path=path), print)
    assert path.read_text() == '{"hello": 1}'


def test_a_seed_makes_the_same_world_twice_and_no_seed_never_does() -> None:
    assert simulators.World.create(7).identity == simulators.World.create(7).identity
    assert simulators.World.create().identity != simulators.World.create().identity


def test_ids_and_secrets_look_like_metas() -> None:
    known = simulators.World.create().identity
    for node in (known.app_id, known.waba_id, known.phone_number_id):
        assert node.isdigit()
        assert 15 <= len(node) <= 17
    assert len(bytes.fromhex(known.app_secret)) == 16
    assert known.access_token.startswith("EAAJ")
    assert known.app_access_token == f"{known.app_id}|{known.app_secret}"


def test_the_oldest_messages_leave_a_full_world() -> None:
    world = simulators.World.create()
    world.keeps = 3
    for number in range(5):
        world.receive(DIGITS, f"text {number}", None)
    assert [one.text for one in world.chat(DIGITS)] == ["text 2", "text 3", "text 4"]
    for number in range(3):
        world.receive("15550000001", f"text {number}", None)
    assert world.talkers(9) == list(world.phones) == ["15550000001"]


async def test_a_signal_stops_it_cleanly_and_the_state_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    options = simulators.Options(state_path=path, handle_signals=True)
    task = asyncio.create_task(simulators.serve(options, ready.set_result))
    await ready
    os.kill(os.getpid(), signal.SIGTERM)
    await task
    assert path.exists()


async def test_stopping_ends_a_slow_answer_at_once() -> None:
    async with driving.running(simulators.Options()) as one, aiohttp.ClientSession() as other:
        caller = driving.Simulator(one.base_url, other, one.world)
        async with asyncio.TaskGroup() as group:
            await one.lever("settings", {"slow_answer_s": 3600})
            sending = group.create_task(caller.send(driving.otp("+1 555 010 0006")))

            async def accepted() -> bool:
                return bool((await one.lever("sends"))["data"])

            await driving.eventually(accepted)
            one.stop()
        assert sending.result().status == 200


async def test_a_taken_port_is_said_plainly(simulator: Simulator) -> None:
    port = int(simulator.base_url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await simulators.serve(simulators.Options(port=port), print)


async def test_a_reset_forgets_all_but_who_it_is(simulator: Simulator) -> None:
    await simulator.send(driving.otp())
    await simulator.lever("faults", {"outcome": "131000"})
    await simulator.lever("reset", {})
    assert (await simulator.lever("sends"))["data"] == []
    assert (await simulator.lever("phones"))["data"] == []
    assert (await simulator.lever("faults"))["data"] == []
    assert (await simulator.lever("world"))["access_token"] == simulator.world["access_token"]
    assert (await simulator.send(driving.otp())).status == 200


async def test_without_auto_read_a_message_is_read_when_the_phone_is_opened(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.lever("settings", {"auto_read": False})
    await simulator.send(driving.otp())
    await receiver.until_statuses("sent", "delivered")
    assert await simulator.lever(f"phones/{DIGITS}/read", {}) == {"read": 1}
    await receiver.until_statuses("sent", "delivered", "read")


async def test_a_misspelt_setting_changes_nothing_and_says_so(simulator: Simulator) -> None:
    async with simulator.http.post(f"{simulator.base_url}/_sim/settings", json={"send_ms": 1}) as answer:
        assert answer.status == 400
        assert "send_ms" in (await answer.json())["error"]


async def test_another_sites_page_may_not_pull_levers(simulator: Simulator) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    async with simulator.http.post(f"{simulator.base_url}/_sim/reset", headers=headers) as answer:
        assert answer.status == 403


async def test_the_phone_page_brings_all_it_needs_under_a_strict_policy(simulator: Simulator) -> None:
    async with simulator.http.get(simulator.base_url + "/") as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"):
        assert rule in policy
    assert "Paste the curl that" in page
    assert "http" not in page.replace("<meta http-equiv", "")
    for asset in ("phone.css", "phone.js", "icon.svg"):
        assert f"/phone/{asset}" in page
        async with simulator.http.get(f"{simulator.base_url}/phone/{asset}") as answer:
            assert answer.status == 200
            assert "innerHTML" not in await answer.text()
