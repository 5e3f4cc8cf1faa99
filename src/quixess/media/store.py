"""Where the bytes lie: one file for each hash, whoever sent it.

`Disk` is a folder that all processes of an installation see; an object store can stand in its place behind `Store`.
"""

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

_DRAFTS = "incoming"
_OLD_DRAFT_S = 3600.0  # longer than any download may take
_HEX = frozenset("0123456789abcdef")


class Store(Protocol):
    """Files by the SHA-256 of their bytes, in lower-case hex. Every verb blocks: call it in a thread."""

    def draft(self) -> AbstractContextManager[Path]:
        """Lend an empty file to write to, mode 600; what is left of it goes away at the end of the block."""

    def put(self, path: Path, sha256: str) -> None:
        """Keep a draft for good under its hash. When this returns it is on disk; a hash is written once."""

    def open(self, sha256: str) -> BinaryIO | None:
        """Open a file to read; None when there is none."""

    def shelves(self) -> list[str]:
        """Name the parts of the store, to be walked one by one."""

    def hashes(self, shelf: str) -> list[str]:
        """Name the files of one part."""

    def remove(self, sha256: str) -> None:
        """Delete a file, if it is there."""

    def tidy(self) -> None:
        """Delete the drafts of processes that died with them."""


class Disk:
    """Files in a folder: `ab/cd/abcd…`, written beside it and moved into place, so that none is ever half."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Lend an empty file to write to."""
        folder = self._root / _DRAFTS
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / uuid4().hex
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def put(self, path: Path, sha256: str) -> None:
        """Keep a draft for good: its bytes, then its name, then the folders that hold the name."""
        place = self._place(sha256)
        if not place.exists():
            _sync(path)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.replace(place)
        for folder in (place.parent, place.parent.parent, self._root):
            _sync(folder)

    def open(self, sha256: str) -> BinaryIO | None:
        """Open a file to read."""
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError:
            return None

    def shelves(self) -> list[str]:
        """Name the folders of the first level."""
        return sorted(path.name for path in self._root.glob("??") if _HEX.issuperset(path.name))

    def hashes(self, shelf: str) -> list[str]:
        """Name the files below one of them."""
        return [path.name for path in self._root.glob(f"{shelf}/??/*")]

    def remove(self, sha256: str) -> None:
        """Delete a file and, with the last of them, its folder."""
        place = self._place(sha256)
        place.unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or gone already
            place.parent.rmdir()

    def tidy(self) -> None:
        """Delete drafts that nobody has written to for an hour."""
        for path in self._root.glob(f"{_DRAFTS}/*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _OLD_DRAFT_S:
                    path.unlink()

    def _place(self, sha256: str) -> Path:
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            raise ValueError("not a SHA-256 in lower-case hex")
        return self._root / sha256[:2] / sha256[2:4] / sha256


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
