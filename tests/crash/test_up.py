"""`quixess up` as a whole: what dies is started again, and when the whole is ended no process is left."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.crash import processes
from tests.database.embedded import servers
from tests.world import CODE, OTP, PHONE, Answer, Receiver, eventually, listening

pytestmark = pytest.mark.crash


@dataclass
class Up:
    """A running `quixess up`: its process, its ready file, and the pids that it told."""

    process: asyncio.subprocess.Process
    ready_file: Path
    data_dir: Path

    @property
    def facts(self) -> dict[str, Any]:
        return processes.read_ready(self.ready_file)

    async def send(self, http: aiohttp.ClientSession, key: str) -> Answer | None:
        headers = {"X-API-Key": self.facts["api_key"], "Idempotency-Key": key}
        body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}
        try:
            async with http.post(self.facts["base_url"] + OTP, json=body, headers=headers) as got:
                return Answer(got.status, dict(got.headers), await got.read())
        except (aiohttp.ClientError, OSError):
            return None

    async def says(self, http: aiohttp.ClientSession, text: str) -> None:
        url = f"{self.facts['simulator_url']}/_sim/phones/{PHONE[1:]}/messages"
        async with http.post(url, json={"text": text}) as got:
            assert got.status == 201

    async def sends(self, http: aiohttp.ClientSession) -> int:
        async with http.get(f"{self.facts['simulator_url']}/_sim/sends") as got:
            return len((await got.json())["data"])

    def left(self, pids: set[int]) -> list[int]:
        """Every process that belongs to this `up` and still runs: of these pids, its children, its PostgreSQL."""
        own = {self.process.pid, *servers.processes(self.data_dir)}
        return sorted(pid for pid in pids | own | _children(self.process.pid) if processes.alive(pid))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


@pytest.fixture
async def tenant() -> AsyncIterator[Receiver]:
    async with listening() as receiver:
        yield receiver


async def test_a_killed_gateway_is_started_again_on_its_port_and_work_goes_on(
    home: Path, http: aiohttp.ClientSession, tenant: Receiver
) -> None:
    async with _up(home, QUIXESS_FAIL_AT="send.after_settle:2") as up:
        await _run(home, "endpoint", "set", tenant.url)
        first, before = await up.send(http, "one"), up.facts
        assert first is not None
        assert first.status == 200
        assert await up.send(http, "two") is None
        await eventually(lambda: up.facts["pids"]["gateway"] != before["pids"]["gateway"])
        assert up.facts["base_url"] == before["base_url"]
        await _both_replay_and_the_tenant_hears(up, http, tenant, first)

        os.kill(up.facts["pids"]["gateway"], signal.SIGKILL)
        await up.says(http, "Still there?")
        await eventually(lambda: tenant.of_type("message.received"))
        pids = set(up.facts["pids"].values())
        assert await _end(up, signal.SIGTERM) == 0
        assert up.left(pids) == []
        assert not up.ready_file.exists()


async def test_a_killed_supervisor_takes_all_with_it_and_the_next_start_finds_everything(
    home: Path, http: aiohttp.ClientSession, tenant: Receiver
) -> None:
    async with _up(home) as up:
        await _run(home, "endpoint", "set", tenant.url)
        first = await up.send(http, "one")
        assert first is not None
        assert first.status == 200
        facts = up.facts
        assert set(facts["pids"]) == {"supervisor", "simulator", "gateway", "worker", "postgres"}
        assert await _end(up, signal.SIGKILL) == -signal.SIGKILL
        await eventually(lambda: not up.left(set(facts["pids"].values())))

    async with _up(home) as up:
        for name in ("api_key", "full_key", "brand_id", "webhook_secret"):
            assert up.facts[name] == facts[name]
        assert up.facts["webhook_url"] == tenant.url
        again = await up.send(http, "one")
        assert again is not None
        assert (again.status, again.body) == (200, first.body)
        await up.says(http, "Welcome back")
        await eventually(lambda: tenant.of_type("message.received"))
        pids = set(up.facts["pids"].values())
        assert await _end(up, signal.SIGINT) == 0
        assert up.left(pids) == []


async def _both_replay_and_the_tenant_hears(
    up: Up, http: aiohttp.ClientSession, tenant: Receiver, first: Answer
) -> None:
    one, two = await up.send(http, "one"), await up.send(http, "two")
    assert one is not None
    assert two is not None
    assert (one.status, one.body, two.status) == (200, first.body, 200)
    assert await up.sends(http) == 2
    await eventually(lambda: len(tenant.of_type("message.read")) == 2)


@asynccontextmanager
async def _up(home: Path, **more: str) -> AsyncIterator[Up]:
    """Run `quixess up` over a data directory until it says that it is ready."""
    ready_file, log = home.with_name("ready.json"), home.with_name("up.log")
    env = processes.environment(home, QUIXESS_SIMULATOR_PORT="0", **more)
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "quixess", "up", "--ready-file", str(ready_file),
            env=env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    up = Up(process, ready_file, home)
    try:
        await eventually(
            lambda: up.facts.get("pids", {}).get("supervisor") == process.pid or _gone(process, log), within_s=60
        )
        yield up
    finally:
        children = _children(process.pid)
        if process.returncode is None:
            process.kill()
        await process.wait()
        for pid in filter(processes.alive, children):
            os.kill(pid, signal.SIGKILL)


def _gone(process: asyncio.subprocess.Process, log: Path) -> bool:
    assert process.returncode is None, log.read_text()
    return False


async def _end(up: Up, number: signal.Signals) -> int:
    """Send a signal and wait for the end: ten seconds are plenty when hardly anything is under way."""
    up.process.send_signal(number)
    async with asyncio.timeout(10):
        return await up.process.wait()


async def _run(home: Path, *command: str) -> None:
    """Run one command of the command line over the same data directory."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quixess", *command, env=processes.environment(home),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


def _children(supervisor: int) -> set[int]:
    """The processes that were told to follow this supervisor, wherever they hang in the tree by now."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"quixess" in words and (b"--parent", b"%d" % supervisor) in pairwise(words):
                found.add(int(entry.name))
    return found
