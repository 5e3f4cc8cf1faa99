"""Under a seed everything is the same every time: ids, secrets, and what becomes of the same sends."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from quixess import simulator as simulators
from tests.docs import pages
from tests.simulator import driving
from tests.simulator.driving import Simulator

PAGE = "docs/simulator.md"
CHANCES = {"131056": 0.3, "no_status": 0.2, "async:131026": 0.2, "http_500": 0.1}
RISKY = msgspec.structs.replace(driving.QUICK, chances=CHANCES)
PHONES = ("+15550000001", "+15550000002", "+15550000003")


async def lived(seed: int | None, phones: tuple[str, ...] = PHONES) -> dict[str, Any]:
    """What a world of that seed is, and what ten sends to each phone met."""
    async with driving.running(simulators.Options(settings=RISKY, seed=seed)) as one:
        return {
            "world": {
                key: one.world[key] for key in ("app_id", "app_secret", "access_token", "waba_id", "verify_token")
            },
            "sends": {phone: await _fates(one, phone) for phone in phones},
            "inbound": await one.writes({"text": "hello"}),
            "call": await one.calls(),
            "media": await one.lever("media", {"mime_type": "image/png", "data_base64": "iVBORw0KGgo="}),
            "template": await _made(one),
        }


async def test_a_seed_gives_the_same_ids_secrets_and_fates() -> None:
    assert await lived(7) == await lived(7)


async def test_another_seed_is_another_world() -> None:
    seven, eight = await lived(7), await lived(8)
    assert all(seven[part] != eight[part] for part in ("world", "sends", "inbound", "call", "template"))


async def test_what_a_phone_meets_does_not_depend_on_the_others() -> None:
    some, others = await lived(7), await lived(7, PHONES[::-1])
    assert some["sends"] == others["sends"]


async def test_a_restart_goes_on_where_chance_was(tmp_path: Path) -> None:
    options = simulators.Options(state_path=tmp_path / "state.json", settings=RISKY, seed=7)
    async with driving.running(options) as one:
        first = await _fates(one, PHONES[0], 5)
    async with driving.running(options) as one:
        then = await _fates(one, PHONES[0], 5)
    assert first + then == (await lived(7))["sends"][PHONES[0]]


async def test_without_a_seed_nothing_comes_twice() -> None:
    assert (await lived(None))["world"] != (await lived(None))["world"]


def test_the_fixture_of_the_page_serves_a_test_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(pages.block(PAGE, "python", "def whatsapp"))
    (tmp_path / "test_mine.py").write_text(
        "def test_it_is_there(whatsapp):\n    assert whatsapp['base_url'] and whatsapp['phone_number_id']\n"
    )
    env = os.environ | {"QUIXESS_DATA_DIR": str(tmp_path / "data"), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), str(tmp_path)]
    ran = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


async def _fates(one: Simulator, phone: str, count: int = 10) -> list[Any]:
    answers = [await one.send(driving.otp(phone)) for _ in range(count)]
    return [
        (answer.status, answer.json.get("messages"), answer.json.get("error", {}).get("code")) for answer in answers
    ]


async def _made(one: Simulator) -> Any:
    body = {"name": "more", "language": "en", "category": "UTILITY", "components": [{"type": "BODY", "text": "Hi."}]}
    return (await one.graph("POST", f"{one.world['waba_id']}/message_templates", json=body)).json
