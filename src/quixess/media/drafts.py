"""Drafts: a file that is coming in, hashed as it comes, and never whole in memory."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import BinaryIO


class Unwritable(Exception):  # noqa: N818 - says what is wrong
    """The media folder does not take the bytes; not to be mistaken for a fault of the connection they come by."""


@dataclass(slots=True)
class Draft:
    """A file being written. `size` is in bytes."""

    file: BinaryIO = field(repr=False)
    size: int = 0
    hash: "hashlib._Hash" = field(default_factory=hashlib.sha256, repr=False)

    @property
    def sha256(self) -> str:
        """The digest of what has come so far, in lower-case hex."""
        return self.hash.hexdigest()

    async def take(self, piece: bytes) -> None:
        """Write the next piece. Raises `Unwritable`."""
        try:
            await asyncio.to_thread(self._write, piece)
        except OSError as error:
            raise Unwritable(error.strerror) from error

    def _write(self, piece: bytes) -> None:
        self.file.write(piece)
        self.hash.update(piece)
        self.size += len(piece)
