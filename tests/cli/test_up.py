"""The first minute: `quixess up` on an empty folder, what its card promises, and the same again after a stop."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks.webhooks import Webhook

from quixess.database import ids
from tests.cli.shell import Shell, environ
from tests.database.embedded import servers
from tests.media import files
from tests.world import CODE, PHONE, Answer, eventually, free_port, listening


@dataclass(frozen=True)
class Up:
    """A running `quixess up`: what it wrote for programs, and what it printed for people."""

    facts: dict[str, Any]
    card: str
    data_dir: Path

    async def paste_the_curl(self, http: aiohttp.ClientSession) -> Answer:
        """Do what the printed curl does."""
        found = re.search(r"^curl (?:.*\\\n)+.*$", self.card, re.MULTILINE)
        assert found is not None, self.card
        words = shlex.split(found[0].replace("\\\n", " "))
        assert words[:2] == ["curl", "-X"]
        method, url, options = words[2], words[3], words[4:]
        pairs = list(zip(options[::2], options[1::2], strict=True))
        headers = dict(value.split(": ", 1) for option, value in pairs if option == "-H")
        (body,) = [value for option, value in pairs if option == "-d"]
        async with http.request(method, url, data=body.encode(), headers=headers) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def chat(self, http: aiohttp.ClientSession) -> str:
        """What the simulated phone shows."""
        async with http.get(f"{self.facts['simulator_url']}/_sim/phones/{PHONE[1:]}/messages") as answer:
            return await answer.text()

    async def customer_says(self, http: aiohttp.ClientSession, text: str) -> None:
        address = f"{self.facts['simulator_url']}/_sim/phones/{PHONE[1:]}/messages"
        async with http.post(address, json={"text": text, "name": "Frank"}) as answer:
            assert answer.status == 201


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory that nobody has made yet, where the server's own user can reach it."""
    home = Path(tempfile.mkdtemp(prefix="quixess-up-")).resolve()
    home.chmod(0o755)
    yield home / "data"
    servers.clean(home / "data")
    shutil.rmtree(home)


@asynccontextmanager
async def up(data_dir: Path, *options: str) -> AsyncIterator[Up]:
    """Run `quixess up` until the block is left; then ask it to stop, and see that nothing of it stays behind."""
    ready_file = data_dir.parent / "ready.json"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quixess", "up", "--ready-file", str(ready_file), *options),
        env=environ(data_dir=str(data_dir), port="0", simulator_port="0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        card = await _read_card(child)
        facts = json.loads(ready_file.read_text())
        assert ready_file.stat().st_mode & 0o777 == 0o600
        yield Up(facts, card, data_dir)
        child.send_signal(signal.SIGTERM)
        assert await child.wait() == 0
        assert not [role for role, pid in facts["pids"].items() if runs(pid)]
        assert not ready_file.exists()
    finally:
        if child.returncode is None:
            os.killpg(child.pid, signal.SIGKILL)
            await child.wait()


async def _read_card(child: asyncio.subprocess.Process) -> str:
    assert child.stdout is not None
    lines: list[str] = []
    while not lines or "Ctrl-C" not in lines[-1]:
        line = await child.stdout.readline()
        assert line, "it ended before it was up"
        lines.append(line.decode())
    return "".join(lines)


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_the_first_message_takes_one_command_and_the_second_start_knows_the_first(data_dir: Path) -> None:
    async with aiohttp.ClientSession() as http, listening() as receiver:
        async with up(data_dir) as first:
            expect_all_facts(first)
            sent = await expect_the_card_to_work(first, http)
            await expect_the_answer_as_a_signed_event(first, http, receiver.url, receiver.got)
        async with up(data_dir) as second:
            await expect_the_same_installation(second, first, http, sent, receiver.url)
            await second.customer_says(http, "Still there?")
            await eventually(lambda: "Still there?" in str(receiver.got))


async def test_files_come_from_a_port_of_their_own_when_the_simulated_meta_has_one(data_dir: Path) -> None:
    port = free_port()
    async with aiohttp.ClientSession() as http, up(data_dir, "--media-port", str(port)) as one:
        simulated, key = one.facts["simulator_url"], {"X-API-Key": one.facts["full_key"]}
        photo = {"mime_type": "image/jpeg", "data_base64": base64.b64encode(files.JPEG).decode()}
        async with http.post(f"{simulated}/_sim/media", json=photo) as answer:
            laid = (await answer.json())["id"]
        said = {"type": "image", "image": {"id": laid}}
        async with http.post(f"{simulated}/_sim/phones/{PHONE[1:]}/messages", json=said) as answer:
            assert answer.status == 201, await answer.text()

        async def found() -> bytes | None:
            base = f"{one.facts['base_url']}/api/v1/whatsapp/external"
            async with http.get(f"{base}/messages", headers=key) as listed:
                ours = re.search(r"med_[0-9A-HJKMNP-TV-Z]{26}", await listed.text())
            if ours is None:
                return None
            async with http.get(f"{base}/media/{ours[0]}", headers=key) as served:
                return await served.read() if served.status == 200 else None

        assert await eventually(found) == files.JPEG


def expect_all_facts(one: Up) -> None:
    facts = one.facts
    assert set(facts) == {
        "base_url", "simulator_url", "api_key", "full_key", "brand_id", "webhook_url", "webhook_secret",
        "dashboard_url", "pids",
    }  # fmt: skip
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", facts["base_url"])
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", facts["simulator_url"])
    assert facts["api_key"] != facts["full_key"]
    assert ids.parse("brd", facts["brand_id"]) is not None
    assert facts["webhook_url"] is None
    assert facts["webhook_secret"].startswith("whsec_")
    assert set(facts["pids"]) == {"supervisor", "gateway", "worker", "simulator", "postgres"}
    assert all(runs(pid) for pid in facts["pids"].values())
    for name in ("base_url", "simulator_url", "api_key", "full_key"):
        assert facts[name] in one.card
    for text in (f"{facts['base_url']}/docs", "nowhere yet", str(one.data_dir)):
        assert text in one.card
    assert facts["webhook_secret"] not in one.card
    assert "\x1b" not in one.card  # no colours where nobody looks


async def expect_the_card_to_work(one: Up, http: aiohttp.ClientSession) -> Answer:
    sent = await one.paste_the_curl(http)
    assert sent.status == 200, sent.body
    assert sent.json["status"] == "accepted"
    assert sent.json["brand_id"] == one.facts["brand_id"]
    assert CODE in await one.chat(http)
    return sent


async def expect_the_answer_as_a_signed_event(
    one: Up, http: aiohttp.ClientSession, url: str, got: list[tuple[dict[str, str], bytes]]
) -> None:
    """As the card says: set the endpoint from another terminal, answer on the phone."""
    said = await Shell("", one.data_dir).good("endpoint", "set", url)
    assert said.out.strip() in {"", one.facts["webhook_secret"]}
    await one.customer_says(http, "Hi there")
    await eventually(lambda: "Hi there" in str(got))

    headers, body = next(pair for pair in got if b"Hi there" in pair[1])
    secret = one.facts["webhook_secret"]
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Quixess-Signature-256"] == signature
    event = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert event["type"] == "message.received"
    assert event["brand_id"] == one.facts["brand_id"]


async def expect_the_same_installation(
    second: Up, first: Up, http: aiohttp.ClientSession, sent: Answer, url: str
) -> None:
    kept = ("api_key", "full_key", "brand_id", "webhook_secret")
    assert {name: second.facts[name] for name in kept} == {name: first.facts[name] for name in kept}
    assert second.facts["webhook_url"] == url
    assert url in second.card
    again = await second.paste_the_curl(http)  # the same Idempotency-Key: the answer of the first start
    assert (again.status, again.json) == (200, sent.json)
    assert {name.lower(): value for name, value in again.headers.items()}["idempotent-replayed"] == "true"


async def test_a_port_that_is_taken_is_one_line_and_who_has_it_goes_on(data_dir: Path) -> None:
    async with up(data_dir) as one, aiohttp.ClientSession() as http:
        taken = one.facts["base_url"].rpartition(":")[2]
        refused = await Shell("", one.data_dir).refused("serve", port=taken)
        assert "is another Quixess running on this port?" in refused
        assert (await one.paste_the_curl(http)).status == 200
