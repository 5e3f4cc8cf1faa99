"""A restart goes on where the simulator was: what waits, what is paused, what is blocked, and the files."""

import stat
from pathlib import Path

import msgspec
import pytest

from quixess import simulator as simulators
from tests.simulator import driving, test_media, test_shelves, test_uploads
from tests.simulator.driving import QUICK, Receiver, Simulator

HOUR_S = 3600
PNG = {"mime_type": "image/png", "data_base64": "iVBORw0KGgo="}


@pytest.fixture
def options(tmp_path: Path) -> simulators.Options:
    return simulators.Options(state_path=tmp_path / "simulator.json", seed=5)


async def test_statuses_that_were_not_out_yet_come_after_a_restart(
    options: simulators.Options, receiver: Receiver
) -> None:
    slower = msgspec.structs.replace(QUICK, sent_ms=300, delivered_ms=320, read_ms=340)
    async with driving.running(_with(options, slower)) as one:
        await one.subscribe(receiver)
        await one.send(driving.otp(biz_opaque_callback_data="mark"))
    async with driving.running(options):
        told = await receiver.until_statuses("sent", "delivered", "read")
    assert {status["biz_opaque_callback_data"] for status in told} == {"mark"}


async def test_a_webhook_that_nobody_took_comes_after_a_restart(
    options: simulators.Options, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    async with driving.running(_with(options, msgspec.structs.replace(QUICK, retry_first_ms=60_000))) as one:
        await one.subscribe(receiver)
        wamid = await one.writes({"text": "hello"})
        await receiver.until_posts(1)
    async with driving.running(options):
        await receiver.until_posts(2)
    assert [change["value"]["messages"][0]["id"] for change in receiver.changes()] == [wamid, wamid]
    async with driving.running(options) as one:
        await one.lever("account", {"field": "account_alerts"})
        await receiver.until_posts(3)


async def test_a_pause_ends_after_a_restart_when_its_time_has_come(
    options: simulators.Options, receiver: Receiver
) -> None:
    async with driving.running(_with(options, QUICK)) as one:
        await one.subscribe(receiver)
        await one.lever("templates/order_update", {"event": "PAUSED"})
        await receiver.until_posts(1)
    async with driving.running(options) as one:
        await one.lever("settings", {"clock_offset_s": 3 * HOUR_S - 60})
        assert (await _send(one)) == 132015
        await one.lever("settings", {"clock_offset_s": 3 * HOUR_S + 1})
        await receiver.until_posts(2)
        assert (await _send(one)) is None
    told = receiver.changes()[1]["value"]
    assert (told["event"], told["other_info"]["title"]) == ("APPROVED", "UNPAUSE")


async def test_scripted_faults_are_kept(options: simulators.Options) -> None:
    async with driving.running(_with(options, QUICK)) as one:
        await one.lever("faults", {"outcome": "131056", "count": 2})
        assert await _send(one) == 131056
    async with driving.running(options) as one:
        assert [await _send(one) for _ in range(2)] == [131056, None]


async def test_users_who_were_reached_still_count(options: simulators.Options) -> None:
    limited = msgspec.structs.replace(QUICK, messaging_limit="TIER_250")
    async with driving.running(_with(options, limited)) as one:
        for n in range(250):
            await one.send(driving.otp(f"+1555000{n:04}"))
    async with driving.running(options) as one, driving.receiving() as receiver:
        await one.subscribe(receiver)
        await one.send(driving.otp("+15550009999", biz_opaque_callback_data="over"))
        await receiver.until(lambda there: any(s["status"] == "failed" for s in there.status_entries()))


async def test_files_lie_beside_the_state_for_nobody_else_to_read(options: simulators.Options, tmp_path: Path) -> None:
    async with driving.running(_with(options, QUICK)) as one:
        media_id = (await one.lever("media", PNG))["id"]
    (kept,) = (tmp_path / "simulator-files").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    async with driving.running(options) as one:
        assert await _bytes(one, media_id) == b"\x89PNG\r\n\x1a\n"
        await one.graph("DELETE", media_id)
    assert list((tmp_path / "simulator-files").iterdir()) == []


async def test_what_the_business_uploaded_is_there_after_a_restart(options: simulators.Options) -> None:
    async with driving.running(_with(options, QUICK)) as one:
        media_id = (await test_media.upload(one)).json["id"]
        begun = await test_uploads.begin(one)
        await test_uploads.push(one, begun, test_uploads.PNG[:10])
        done = await test_uploads.sample(one)
    async with driving.running(options) as one:
        assert await _bytes(one, media_id) == test_media.JPEG
        assert (await test_uploads.ask(one, "GET", begun)).json["file_offset"] == 10
        ended = await test_uploads.push(one, begun, test_uploads.PNG[10:], 10)
        for name, handle in (("a", ended.json["h"]), ("b", done)):
            assert (await test_uploads.create(one, handle, name=name)).status == 200


async def test_templates_of_another_waba_are_kept_and_stay_there(options: simulators.Options) -> None:
    async with driving.running(_with(options, QUICK)) as one:
        waba = (await one.lever("wabas", {"business_id": one.world["business_id"]}))["id"]
        await one.lever(
            "templates", {"name": "theirs", "waba_id": waba, "components": [{"type": "BODY", "text": "Hi"}]}
        )
    async with driving.running(options) as one:
        assert {row["name"] for row in await test_shelves.listed(one, waba)} == {"theirs", *test_shelves.FIRST}
        assert {row["name"] for row in await test_shelves.listed(one, one.world["waba_id"])} == set(test_shelves.FIRST)


async def test_a_code_is_in_no_file_whatever_waits(options: simulators.Options, tmp_path: Path) -> None:
    async with driving.running(_with(options, msgspec.structs.replace(QUICK, sent_ms=60_000))) as one:
        await one.lever("media", PNG)
        assert (await one.send(driving.otp(code="QUIXOTIC"))).status == 200
    kept = _kept(tmp_path)
    assert b"signup_otp" in kept
    assert b"QUIXOTIC" not in kept


async def test_files_can_be_on_a_host_of_their_own() -> None:
    async with driving.running(simulators.Options(settings=QUICK, media_port=0)) as one:
        media_id = (await one.lever("media", PNG))["id"]
        told = (await one.graph("GET", media_id)).json
        assert not told["url"].startswith(one.base_url)
        assert await _bytes(one, media_id) == b"\x89PNG\r\n\x1a\n"
        other = told["url"].partition("/_media")[0]
        astray = [f"{other}/v25.0/{media_id}", f"{other}/_sim/world", told["url"].replace(other, one.base_url)]
        for url in astray:
            async with one.http.get(url, headers=_bearer(one)) as answer:
                assert answer.status == 404


def _kept(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def _with(options: simulators.Options, settings: simulators.Settings) -> simulators.Options:
    return simulators.Options(state_path=options.state_path, seed=options.seed, settings=settings)


def _bearer(one: Simulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {one.world['access_token']}"}


async def _bytes(one: Simulator, media_id: str) -> bytes:
    url = (await one.graph("GET", media_id)).json["url"]
    async with one.http.get(url, headers=_bearer(one)) as answer:
        return await answer.read()


async def _send(one: Simulator) -> int | None:
    parameters = [{"type": "text", "text": "Ann"}, {"type": "text", "text": "A-1"}]
    body = driving.template(driving.PHONE, "order_update", [{"type": "body", "parameters": parameters}])
    error = (await one.send(body)).json.get("error")
    return None if error is None else int(error["code"])
