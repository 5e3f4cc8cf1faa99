"""A shell for `quixess`: runs one command as a person would and says what came back."""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path


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


def environ(**settings: str) -> dict[str, str]:
    """This process's environment with these QUIXESS_ settings and no others."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("QUIXESS_")}
    return mine | {f"QUIXESS_{name.upper()}": value for name, value in settings.items()}


@dataclass(frozen=True)
class Shell:
    """Runs commands over one database and one data directory."""

    dsn: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    async def __call__(self, *command: str, **settings: str) -> Said:
        known = {"database_url": self.dsn, "data_dir": str(self.folder)} | self.settings | settings
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "quixess", *command),
            env=environ(**{name: value for name, value in known.items() if value}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate()
        assert child.returncode is not None
        return Said(child.returncode, out.decode(), err.decode())

    async def good(self, *command: str, **settings: str) -> Said:
        """Run a command that must work."""
        said = await self(*command, **settings)
        assert said.status == 0, (command, said)
        return said

    async def refused(self, *command: str, **settings: str) -> str:
        """Run a command that must be refused in one clear line; gives the line."""
        said = await self(*command, **settings)
        assert said.status in {1, 2}, (command, said)
        assert said.out == "", (command, said)
        assert "Traceback" not in said.err, said.err
        problem = said.err.splitlines()[-1]
        assert problem.lower().startswith("error: ") or said.status == 2, (command, said.err)
        if said.status == 1:
            assert said.err.count("\n") == 1, (command, said.err)
        return problem
