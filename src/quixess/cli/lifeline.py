"""What ties a process to whoever started it: it says when it is ready, ends with its parent, and fails in one line."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
import uvloop

from quixess.cli import paint
from quixess.database import migrate
from quixess.errors import QuixessError
from quixess.traces import TracesError
from quixess.vault import VaultError

ReadyFd = Annotated[int | None, typer.Option(hidden=True)]
Parent = Annotated[int | None, typer.Option(hidden=True)]
_PARENT_EVERY_S = 0.5


def guard(work: Coroutine[Any, Any, None]) -> None:
    """Run a process to its end; what it fails of becomes one line and an exit code that is not 0."""
    try:
        uvloop.run(work)
    except (QuixessError, VaultError, migrate.MigrationError, TracesError) as error:
        paint.fail(str(error))
    except OSError as error:
        paint.fail(f"{error.strerror or error}: is another Quixess running on this port?")


def report(ready_fd: int | None, url: str) -> None:
    """Tell a parent that waits at `ready_fd` where we listen; a worker listens nowhere and has no URL."""
    if ready_fd is not None:
        os.write(ready_fd, url.encode() + b"\n")
        os.close(ready_fd)
    sys.stdout.flush()


@asynccontextmanager
async def following(parent: int | None) -> AsyncIterator[None]:
    """End with the parent, if one is named, for the length of a block."""
    task = asyncio.create_task(_follow(parent)) if parent is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _follow(parent: int) -> None:
    """Send ourselves SIGTERM when `parent` is no longer our parent: it was killed and we are on our own."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of a parent's end
        await asyncio.sleep(_PARENT_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
