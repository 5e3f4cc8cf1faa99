"""Real processes of Quixess, for what one process cannot show: started, stopped, killed, started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

READY_S = 60.0


@dataclass
class Program:
    """One `python -m quixess …`. It keeps its port from the first start on; what it prints goes to `log`."""

    command: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    url: str = ""
    process: asyncio.subprocess.Process | None = None

    async def start(self, *, fail_at: str | None = None) -> None:
        """Start it and wait until it answers; `fail_at` arms a failpoint."""
        assert await self.launch(fail_at=fail_at), self.log.read_text()

    async def launch(self, *, fail_at: str | None = None) -> bool:
        """Start it and tell whether it became ready; when it did not, it has ended or is about to."""
        reader, writer = os.pipe()
        env = dict(self.env) | ({"QUIXESS_FAIL_AT": fail_at} if fail_at else {})
        if self.url:
            env["QUIXESS_PORT"] = self.url.rpartition(":")[2]
        try:
            with self.log.open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "quixess", *self.command, "--ready-fd", str(writer),
                    pass_fds=(writer,), env=env, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                )  # fmt: skip
        finally:
            os.close(writer)
        with os.fdopen(reader) as said:
            reading = asyncio.create_task(asyncio.to_thread(said.readline))
            if not (await asyncio.wait({reading}, timeout=READY_S))[0]:
                self.process.kill()  # only its end ends the reading
            told = await reading
        self.url = told.strip() or self.url
        return told.endswith("\n")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def lines(self) -> list[str]:
        """All it wrote so far, in every life."""
        return self.log.read_text().splitlines()

    async def falls(self, name: str) -> None:
        """Wait until the process has killed itself at this failpoint."""
        assert self.process is not None
        async with asyncio.timeout(READY_S):
            assert await self.process.wait() == -signal.SIGKILL, self.log.read_text()
        assert f"failpoint {name}: killed" in self.log.read_text()

    async def kill(self) -> None:
        """Send SIGKILL, if it still runs, and wait for its end."""
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """End it in order, by SIGTERM, and give its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()


@asynccontextmanager
async def running(dsn: str, folder: Path, *command: str, **settings: str) -> AsyncIterator[Program]:
    """Run `quixess serve …` or `quixess work` over a test's database until the block is left, then stop it orderly."""
    environ = {
        "QUIXESS_DATABASE_URL": dsn,
        "QUIXESS_DATA_DIR": str(folder),
        "QUIXESS_PORT": "0",
        "QUIXESS_WEBHOOK_HTTP": "1",
        "QUIXESS_WEBHOOK_PORTS": "any",
        "QUIXESS_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "QUIXESS_OTP_PER_RECIPIENT": "1000000/1m",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environ |= {f"QUIXESS_{name.upper()}": value for name, value in settings.items()}
    program = Program(command, os.environ | environ, folder / f"{'-'.join(command)}.log")
    try:
        await program.start()
        yield program
        await program.stop()
    finally:
        await program.kill()
