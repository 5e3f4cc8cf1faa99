"""The processes of a measurement: how they start, say that they are ready, answer, and end."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[1]


class BenchError(Exception):
    """A measurement cannot be made or is not valid; the text says why."""


@dataclass
class Peer:
    """One of the other ends: it answers a line of JSON with a line of JSON."""

    process: "subprocess.Popen[str]"
    ports: list[int] = field(default_factory=list)

    @classmethod
    def start(cls, *words: str) -> Self:
        """Run a module with its arguments, and wait until it tells its ports."""
        command = [sys.executable, "-m", *words]
        peer = cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT))
        peer.ports = peer.hear()["ports"]
        return peer

    @property
    def pid(self) -> int:
        return self.process.pid

    def ask(self, **what: Any) -> dict[str, Any]:
        """Send a line and wait for the answer."""
        self.tell(**what)
        return self.hear()

    def tell(self, **what: Any) -> None:
        """Send a line; its answer is to be heard later."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for an answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"{self.process.args!r} ended with status {self.process.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def end(self) -> None:
        """Let it end, as its input ends."""
        self.process.communicate()


@dataclass
class Measured:
    """A process that is measured: the gateway, the worker or the limit program. `url` is empty for a worker."""

    process: "subprocess.Popen[bytes]"
    url: str

    @classmethod
    def start(cls, command: list[str], env: Mapping[str, str], within: Sequence[str] = ()) -> Self:
        """Run a module with its arguments, FD among them for the pipe to write the URL to, and wait for that.

        `within` is a command that runs another one, somewhere else.
        """
        read, write = os.pipe()
        words = [str(write) if word == "FD" else word for word in command]
        command = [*within, sys.executable, "-m", *words]
        process = subprocess.Popen(command, env=env, pass_fds=[write], cwd=_ROOT)
        os.close(write)
        with os.fdopen(read) as ready:
            url = ready.readline()
        if not url:
            raise BenchError(f"{' '.join(words[:3])} did not become ready: status {process.wait()}")
        return cls(process, url.strip())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Let it finish what is under way."""
        self.process.terminate()
        status = self.process.wait(30)
        if status not in {0, -15}:
            raise BenchError(f"{self.process.args!r} ended with status {status}")

    def kill(self) -> None:
        """Make sure that it is gone, when a measurement broke off."""
        self.process.kill()
        self.process.wait()
