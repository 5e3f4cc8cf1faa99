"""Keeps the world in a JSON file of mode 600: read at start, written whole (temporary file, then rename)."""

import asyncio
import os
from pathlib import Path

import msgspec

from quixess.simulator import world as worlds

SAVE_EVERY_S = 0.5


class StateFileError(Exception):
    """The file is there and is not a simulator's state."""


def load(path: Path) -> worlds.World | None:
    """Read the world in the file, or None if there is no file; raises StateFileError."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state = msgspec.json.decode(raw, type=worlds.State)
    except msgspec.MsgspecError as wrong:
        raise StateFileError(f"{path} is not a simulator state file ({wrong}); move it away") from wrong
    if state.format != worlds.STATE_FORMAT:
        raise StateFileError(f"{path} has format {state.format}, which this version does not know")
    return worlds.World.restore(state)


def save(path: Path, world: worlds.World) -> None:
    """Write the file so that a reader finds the old state or the new one, never half of one."""
    content = msgspec.json.encode(world.snapshot())
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


async def keep(path: Path, world: worlds.World) -> None:
    """Save whenever the world has changed, at most twice a second, until cancelled."""
    saved = world.version
    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        if world.version != saved:
            saved = world.version
            save(path, world)
