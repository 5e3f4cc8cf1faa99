"""A shell for `quixess`: runs one command in a process of its own and says what came back."""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from quixess import cli

# Commands are forked from a process that has imported the program already: starting Python anew costs half a second.
_FORGE = multiprocessing.get_context("forkserver")
_FORGE.set_forkserver_preload(["quixess.cli"])


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def words(self) -> list[list[str]]:
        """The rows of a table, split into words, without its heads."""
        return [line.split() for line in self.lines[1:]]


@dataclass(frozen=True)
class Shell:
    """Runs commands over one database and one data directory."""

    dsn: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    async def __call__(self, *command: str, **settings: str) -> Said:
        known = {"database_url": self.dsn, "data_dir": str(self.folder)} | self.settings | settings
        with tempfile.TemporaryDirectory() as streams:
            out, err = Path(streams) / "out", Path(streams) / "err"
            process = _FORGE.Process(target=_be_quixess, args=(command, environ(**known), out, err))
            process.start()
            await asyncio.to_thread(process.join)
            status = process.exitcode
            process.close()
            assert status is not None
            return Said(status, out.read_text(), err.read_text())

    async def good(self, *command: str, **settings: str) -> Said:
        """Run a command that must work."""
        said = await self(*command, **settings)
        assert said.status == 0, (command, said)
        return said

    async def refused(self, *command: str, **settings: str) -> str:
        """Run a command that must be refused in one clear line; gives the line."""
        said = await self(*command, **settings)
        assert said.out == "", (command, said)
        assert "Traceback" not in said.err, said.err
        assert said.status in {1, 2}, (command, said)
        if said.status == 1:
            assert said.err.startswith("error: "), (command, said.err)
            assert said.err.count("\n") == 1, (command, said.err)
        return said.err.splitlines()[-1]


def environ(**settings: str) -> dict[str, str]:
    """This process's environment with these QUIXESS_ settings and no others."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("QUIXESS_")}
    return mine | {f"QUIXESS_{name.upper()}": value for name, value in settings.items()}


def _be_quixess(command: tuple[str, ...], env: dict[str, str], out: Path, err: Path) -> None:
    """Run the command line here, in the new process, as if it had been started from a shell."""
    for stream, path in ((sys.stdout, out), (sys.stderr, err)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["quixess", *command]
    cli.main()
