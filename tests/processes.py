"""Real processes of Quixess, for what one process cannot show."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Process:
    """A running command. `url` is the gateway's, empty without one; `lines` are all it wrote so far."""

    url: str = ""
    lines: list[str] = field(default_factory=list)


@asynccontextmanager
async def running(dsn: str, folder: Path, *command: str, **settings: str) -> AsyncIterator[Process]:
    """Run `quixess serve …` or `quixess work` over a test's database until the block is left, then stop it orderly."""
    read_end, write_end = os.pipe()
    environ = {
        "QUIXESS_DATABASE_URL": dsn,
        "QUIXESS_DATA_DIR": str(folder),
        "QUIXESS_PORT": "0",
        "QUIXESS_WEBHOOK_HTTP": "1",
        "QUIXESS_WEBHOOK_PORTS": "any",
        "QUIXESS_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environ |= {f"QUIXESS_{name.upper()}": value for name, value in settings.items()}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quixess", *command, "--ready-fd", str(write_end)),
        env=os.environ | environ,
        pass_fds=[write_end],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    os.close(write_end)
    process = Process()
    reading = asyncio.create_task(_read_lines(child, process))
    try:
        with os.fdopen(read_end) as ready:
            told = await asyncio.to_thread(ready.readline)
        assert told.endswith("\n"), process.lines
        process.url = told.strip()
        yield process
    finally:
        child.terminate()
        await child.wait()
        await reading


async def _read_lines(child: asyncio.subprocess.Process, process: Process) -> None:
    assert child.stdout is not None
    async for line in child.stdout:
        process.lines.append(line.decode())
