"""Several hosts on one machine: network namespaces on a bridge, each with an address and a loopback of its own.

PostgreSQL is reached over that network, through a relay (`python -m bench.hosts SOCKET ADDRESS` is it), for the
embedded server listens on its socket only. Where there are no namespaces to be had (root and iproute2 are needed) the
hosts are addresses of the loopback, and that is said.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

import uvloop

from bench import peers

_BRIDGE, _NETWORK = "qxbench", "10.213.0"
_POSTGRES = 5432


@dataclass(frozen=True)
class Host:
    """A host: its address, and the command that runs another one there."""

    address: str
    within: tuple[str, ...] = ()


class Hosts:
    """So many hosts for the length of a block. `middle` is where all of them reach what runs outside of them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.apart = os.geteuid() == 0 and shutil.which("ip") is not None and _can()
        self.middle = f"{_NETWORK}.1" if self.apart else "127.0.0.1"
        self.network = f"{_NETWORK}.0/24" if self.apart else "127.0.0.0/8"
        self.all: list[Host] = []

    def __enter__(self) -> Self:
        if not self.apart:
            self.all = [Host(f"127.0.0.{number + 11}") for number in range(self._count)]
            return self
        self._clear()
        _ip(f"link add {_BRIDGE} type bridge", f"addr add {self.middle}/24 dev {_BRIDGE}", f"link set {_BRIDGE} up")
        self.all = [self._make(number) for number in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        if self.apart:
            self._clear()

    def dsn(self, dsn: str) -> str:
        """Write the address of a database as hosts reach it."""
        if not self.apart:
            return dsn
        there = urlsplit(dsn)
        return f"postgresql://{there.username}@{self.middle}:{_POSTGRES}{there.path}"

    def relay(self, dsn: str) -> list[str]:
        """Give the words that start the relay to PostgreSQL; none where no relay is needed."""
        folder = parse_qs(urlsplit(dsn).query).get("host", [""])[0]
        return ["bench.hosts", f"{folder}/.s.PGSQL.{_POSTGRES}", self.middle] if self.apart else []

    def _make(self, number: int) -> Host:
        name, address = f"{_BRIDGE}{number}", f"{_NETWORK}.{number + 11}"
        inside, outside = f"{_BRIDGE}i{number}"[:15], f"{_BRIDGE}o{number}"[:15]
        _ip(
            f"netns add {name}",
            f"link add {outside} type veth peer name {inside} netns {name}",
            f"link set {outside} master {_BRIDGE} up",
            f"-n {name} addr add {address}/24 dev {inside}",
            f"-n {name} link set {inside} up",
            f"-n {name} link set lo up",
        )
        return Host(address, ("ip", "netns", "exec", name))

    def _clear(self) -> None:
        """Take away what this run made, or one that was killed left."""
        for number in range(self._count):
            subprocess.run(["ip", "netns", "del", f"{_BRIDGE}{number}"], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", _BRIDGE], check=False, capture_output=True)


def _can() -> bool:
    """Ask whether namespaces may be made here: in many containers root may not."""
    made = subprocess.run(["ip", "netns", "add", f"{_BRIDGE}try"], check=False, capture_output=True)
    subprocess.run(["ip", "netns", "del", f"{_BRIDGE}try"], check=False, capture_output=True)
    return made.returncode == 0


def _ip(*commands: str) -> None:
    for words in commands:
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)


async def _relay(socket: str, address: str) -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(socket)
        await asyncio.gather(_pass_on(reader, to_server), _pass_on(from_server, writer))

    server = await asyncio.start_server(take, address, _POSTGRES)
    peers.say({"ports": [_POSTGRES]})
    asked = await peers.orders()
    while await asked.readline():
        peers.say({})
    server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def words(found: Sequence[str]) -> tuple[str, str]:
    """Read the command line of the relay."""
    socket, address = found
    return socket, address


if __name__ == "__main__":
    uvloop.run(_relay(*words(sys.argv[1:])))
