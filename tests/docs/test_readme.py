"""The README's first message, run as it stands against a real `quixess up`: its curl, its receiver, its commands.

Only what the page tells the reader to put in is put in: the key, the secret, and the ports of this run.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.docs import pages

PATIENCE_S = 30.0
COMMAND = [sys.executable, "-m", "quixess"]
curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not installed: the README's first step needs it"
)


@dataclass
class Home:
    """A running `quixess up`: what it wrote down, and the environment in which commands find it."""

    facts: dict[str, Any]
    env: dict[str, str]
    card: str

    def sh(self, script: str) -> str:
        """Run a block of the README in a shell and return what it printed."""
        done = subprocess.run(
            ["sh", "-ec", script], env=self.env, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def adapt(self, text: str, **more: str) -> str:
        """Put in what the reader puts in, and where this run listens."""
        put = {
            "http://127.0.0.1:8800": self.facts["base_url"],
            "http://127.0.0.1:8801": self.facts["simulator_url"],
            "qxs_YOUR_KEY": self.facts["api_key"],
            "qxs_YOUR_FULL_KEY": self.facts["full_key"],
            ".venv/bin/quixess": f"{sys.executable} -m quixess",
        } | more
        for old, new in put.items():
            text = text.replace(old, new)
        return text


@dataclass
class Program:
    """A program that runs beside the test; its lines are read as they come."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            self.lines.extend(self.process.stdout)

    @property
    def printed(self) -> str:
        return "".join(self.lines)


def until(question: Callable[[], Any]) -> Any:
    """Ask until the answer is true and return it."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := question()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return answer


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """`quixess up` in a folder of its own, on free ports, as a reader starts it."""
    folder = Path(tempfile.mkdtemp(prefix="quixess-readme-"))
    folder.chmod(0o711)
    env = {name: value for name, value in os.environ.items() if not name.startswith("QUIXESS_")}
    env |= {"QUIXESS_DATA_DIR": str(folder / "data"), "QUIXESS_PORT": "0", "QUIXESS_SIMULATOR_PORT": "0"}
    env |= {"PYTHONPATH": str(pages.ROOT / "src")}
    ready, card = folder / "ready.json", folder / "card"
    with card.open("w") as out:
        up = subprocess.Popen([*COMMAND, "up", "--ready-file", str(ready)], env=env, stdout=out, stderr=out)
    try:
        until(lambda: "Ctrl-C" in card.read_text() or up.poll() is not None)
        assert up.poll() is None, card.read_text()
        yield Home(json.loads(ready.read_text()), env, card.read_text())
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(PATIENCE_S)
        shutil.rmtree(folder)
    assert up.returncode == 0


@pytest.fixture
def running(tmp_path: Path, home: Home) -> Iterator[Callable[[str, dict[str, str]], Program]]:
    """Start a Python program of the README, and end it with the test."""
    begun: list[tuple[Program, threading.Thread]] = []

    def start(code: str, env: dict[str, str]) -> Program:
        path = tmp_path / "receiver.py"
        path.write_text(code, encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(path)],
            env=home.env | env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        program = Program(process)
        reading = threading.Thread(target=program.read)
        reading.start()
        begun.append((program, reading))
        return program

    yield start
    for program, reading in begun:
        program.process.kill()
        program.process.wait()
        reading.join()


def events(printed: str) -> list[dict[str, Any]]:
    """Read the JSON texts that a receiver printed one after the other; a half one at the end is left out."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while (at := printed.find("{", at)) >= 0:
        try:
            event, at = decoder.raw_decode(printed, at)
        except ValueError:
            break
        found.append(event)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@curl
def test_the_first_message_goes_as_the_readme_tells(home: Home, running: Callable[..., Program]) -> None:
    send = home.adapt(pages.block("README.md", "sh", "send/otp"))
    answer = json.loads(home.sh(send))
    assert answer["status"] == "accepted"
    assert home.sh(send) == json.dumps(answer, separators=(",", ":"), ensure_ascii=False)

    port = str(free_port())
    secret = home.sh(
        home.adapt(pages.block("README.md", "sh", "endpoint set"), **{"127.0.0.1:9000": f"127.0.0.1:{port}"})
    )
    assert secret.strip() == home.facts["webhook_secret"]
    receiver = running(
        pages.block("README.md", "python", "BaseHTTPRequestHandler").replace("9000", port),
        {"WEBHOOK_SECRET": secret.strip()},
    )
    home.sh(home.adapt(pages.block("README.md", "sh", "/_sim/phones/")))

    (received,) = until(lambda: [one for one in events(receiver.printed) if one["type"] == "message.received"])
    assert received["data"]["content"] == {"body": "Hi there"}
    assert received["data"]["from"]["name"] == "Frank"
    assert received["data"]["conversation_id"] == answer["conversation_id"]

    reply = json.loads(home.sh(home.adapt(pages.block("README.md", "sh", "send/reply"))))
    assert (reply["status"], reply["type"]) == ("accepted", "text")
    assert reply["conversation_id"] == answer["conversation_id"]

    listed = home.sh(f"{sys.executable} -m quixess events list")
    assert received["id"] in listed
    home.sh(f"{sys.executable} -m quixess events replay {received['id']}")
    until(lambda: [one["id"] for one in events(receiver.printed)].count(received["id"]) == 2)


def test_the_receiver_prints_nothing_that_is_not_signed(home: Home, running: Callable[..., Program]) -> None:
    port = free_port()
    receiver = running(
        pages.block("README.md", "python", "BaseHTTPRequestHandler").replace("9000", str(port)),
        {"WEBHOOK_SECRET": home.facts["webhook_secret"]},
    )

    def post(signature: str) -> bytes:
        body = b'{"type": "message.received"}'
        head = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\nX-Quixess-Signature-256: {signature}\r\n\r\n"
        try:
            with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as wire:
                wire.sendall(head.encode("latin-1") + body)
                return wire.recv(4096)
        except ConnectionRefusedError:
            return b""

    assert b" 401 " in until(lambda: post("sha256=" + "0" * 64))
    assert b" 401 " in post("é")
    assert receiver.printed == ""


def test_up_prints_the_call_of_the_readme_with_its_key(home: Home) -> None:
    assert home.adapt(pages.block("README.md", "sh", "send/otp")).strip() in home.card
    assert f"{home.facts['simulator_url']}/" in home.card
    assert f"{home.facts['base_url']}/docs" in home.card
    assert home.facts["full_key"] in home.card


def test_the_numbers_that_the_readme_names_have_the_fate_that_it_tells() -> None:
    simulator = pages.read("docs/simulator.md")
    step = pages.section("README.md", "## The first message")

    for number, fate in (("0001", "undeliverable"), ("0005", "throughput reached"), ("0007", "connection is reset")):
        assert f"`+1 555 010 {number}`" in step
        assert any(f"555 010 {number}" in line and fate in line for line in simulator.splitlines())


def test_make_runs_the_two_commands_that_the_readme_promises() -> None:
    makefile = pages.read("Makefile")

    assert "quixess up $(ARGS)" in makefile.partition("\nup:")[2].partition("\n\n")[0]
    assert "$(call tests," in makefile.partition("\ntest:")[2].partition("\n\n")[0]
