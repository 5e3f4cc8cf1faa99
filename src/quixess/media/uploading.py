"""Uploading: files of the brand, stored and given to Meta; and any stored file given to Meta when it is to be sent.

The bytes are safe before Meta is asked, in a row that nobody can use. Meta's yes makes it a file like any other, its
no takes it away again; a crash in between leaves a row that the sweep takes. An upload reaches no user, so it may be
repeated.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

import structlog

from quixess import connections, failpoints
from quixess.connections import Connection, Lines
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError, invalid
from quixess.media import accepted, catalogue, handles, kinds, refusing, samples, sweeping
from quixess.media.drafts import Draft, Unwritable
from quixess.media.handles import Upload
from quixess.media.samples import Sample
from quixess.media.shelf import Copy, Shelf
from quixess.media.store import Store
from quixess.meta import media as remote
from quixess.meta.graph import Outcome
from quixess.vault import Keyring

_FRESH = timedelta(days=25)  # Meta keeps an upload for 30 days (its page "Media")
_AT_ONCE = 64
_OF_ONE_BRAND = 8
_RETRY_AFTER_S = 5
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Claim:
    """What the sender of a file says of it: a type, which the bytes must not contradict, and a harmless name."""

    mime_type: str | None
    filename: str | None


@dataclass(frozen=True, slots=True)
class Handle:
    """A file as Meta knows it, for one connection. `mime_type` may have parameters; `size` is in bytes."""

    meta_id: str
    mime_type: str
    filename: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file of the brand that Meta has. It is kept until `expires_at`."""

    id: UUID
    handle: Handle
    sha256: str
    created_at: datetime
    expires_at: datetime


class Uploads:
    """Takes files of brands and gives files to Meta, for one process. `keep_days` is how long files stay."""

    def __init__(
        self, db: Database, keyring: Keyring, lines: Lines, store: Store, shelf: Shelf, *, keep_days: float
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._store = store
        self._shelf = shelf
        self._keep = timedelta(days=keep_days)
        self._coming: Counter[UUID] = Counter()
        self._going: dict[tuple[UUID, UUID, UUID], asyncio.Task[Handle]] = {}

    async def take(self, brand_id: UUID, bring: Callable[[Draft], Awaitable[Claim]]) -> Uploaded:
        """Store a file of the brand and give it to Meta. `bring` writes its bytes into the draft it is handed.

        Raises `no_active_connection`, `overloaded`, `invalid_request` for no bytes, `media_too_large`,
        `media_type_not_supported`, `media_type_mismatch`, what `bring` raises, and Meta's refusal as `handle` does.
        """
        connection = await self._active(brand_id)
        with self._place(brand_id):
            async with self._written() as path:
                draft, claim = await _bring(path, bring)
                kind = await asyncio.to_thread(accepted.recognise, path, claim.mime_type)
                upload = Upload(brand_id, ids.new(), connection.id, kind, claim.filename, draft.sha256, draft.size)
                created_at = await self._store_draft(upload, path)
            failpoints.reach("media.after_store")
            meta_id = await self._publish(upload, connection)
        handle = Handle(meta_id, kind, claim.filename, draft.size)
        return Uploaded(upload.id, handle, upload.sha256, created_at, created_at + self._keep)

    async def sample(self, brand_id: UUID, bring: Callable[[Draft], Awaitable[Claim]]) -> Sample:
        """Give Meta a file of the brand to look at, for the header of a template; nothing of it is kept here.

        Raises what `take` raises.
        """
        connection = await self._active(brand_id)
        with self._place(brand_id):
            async with self._written() as path:
                _, claim = await _bring(path, bring)
                return await samples.give(self._db, self._lines, connection, path, claim.mime_type)

    async def handle(self, brand_id: UUID, media_id: UUID, connection: Connection) -> Handle:
        """Give Meta's id of a stored file of the brand, its own or a customer's, for a message of this connection.

        The file is uploaded when Meta never had it for this number, or may soon forget it; calls at the same time share
        one upload. Raises what `Shelf.take` raises; `media_type_not_supported` or `media_too_large` for a customer's
        file that a business may not send; and Meta's refusal: `whatsapp_error`, `whatsapp_connection_unauthorized`,
        `whatsapp_rate_limited` or `upstream_unavailable`.
        """
        if (known := await self._known(brand_id, media_id, connection)) is not None:
            return known
        key = (brand_id, media_id, connection.id)
        if (task := self._going.get(key)) is None:
            task = asyncio.create_task(self._upload_again(brand_id, media_id, connection))
            self._going[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Return when what is on its way to Meta has arrived or failed."""
        await asyncio.gather(*self._going.values(), return_exceptions=True)

    def _ended(self, key: tuple[UUID, UUID, UUID], task: asyncio.Task[Handle]) -> None:
        del self._going[key]
        if not task.cancelled():
            task.exception()  # every caller may have gone: then nobody else looks at it

    async def _active(self, brand_id: UUID) -> Connection:
        async with self._db.statement() as tx:
            found = await connections.active(tx, self._keyring, [brand_id])
            if brand_id not in found:
                raise (await connections.why_none(tx, [brand_id]))[brand_id]
        return found[brand_id]

    @contextmanager
    def _place(self, brand_id: UUID) -> Iterator[None]:
        """Hold one of the places for files that come in: each may fill the disk and wait for a slow sender."""
        if self._coming[brand_id] >= _OF_ONE_BRAND or self._coming.total() >= _AT_ONCE:
            raise QuixessError(
                "overloaded", "Too many files are coming in at once: try again.", retry_after_s=_RETRY_AFTER_S
            )
        self._coming[brand_id] += 1
        try:
            yield
        finally:
            self._coming[brand_id] -= 1
            if not self._coming[brand_id]:
                del self._coming[brand_id]

    @asynccontextmanager
    async def _written(self) -> AsyncIterator[Path]:
        """Lend a draft; a folder that takes no bytes is the operator's to hear of."""
        try:
            with self._store.draft() as path:
                yield path
        except (Unwritable, OSError) as error:
            _log.error("the media folder cannot be written", error=str(error))
            raise QuixessError("internal_error", "The file could not be stored: ask the operator.") from None

    async def _store_draft(self, upload: Upload, path: Path) -> datetime:
        async with self._db.transaction() as tx:
            await catalogue.lock(tx, upload.sha256)
            created_at = await handles.begin(tx, upload)
            try:  # within the block, where an OSError would be taken for the database's
                await asyncio.to_thread(self._store.put, path, upload.sha256)
            except OSError as error:
                raise Unwritable(error.strerror) from error
        return created_at

    async def _publish(self, upload: Upload, connection: Connection) -> str:
        """Give Meta a new file; what it does not take is forgotten."""
        try:
            file = await self._opened(upload.sha256)
            meta_id = await self._send(connection, file, upload.mime_type, upload.size)
        except BaseException:
            await asyncio.shield(self._drop(upload))
            raise
        failpoints.reach("media.after_upload")
        async with self._db.transaction() as tx:
            await handles.finish(tx, upload, meta_id)
            failpoints.reach("media.in_finish")
        return meta_id

    async def _opened(self, sha256: str) -> BinaryIO:
        file = await asyncio.to_thread(self._store.open, sha256)
        if file is None:
            raise QuixessError("internal_error", "The file is no longer on disk: ask the operator.")
        return file

    async def _drop(self, upload: Upload) -> None:
        with suppress(QuixessError):  # without the database the sweep does it
            async with self._db.transaction() as tx:
                await handles.drop(tx, upload.brand_id, upload.id)
            await sweeping.clear(self._db, self._store, [upload.sha256])

    async def _known(self, brand_id: UUID, media_id: UUID, connection: Connection) -> Handle | None:
        """Find the handle that Meta gave for this connection, unless it may soon forget it."""
        async with self._db.reading(brand_id) as tx:
            row = await handles.find(tx, brand_id, media_id, connection.id, fresh=_FRESH)
        if row is None:
            return None
        return Handle(row["meta_id"], kinds.shown(row["mime_type"]), row["filename"], row["size"])

    async def _upload_again(self, brand_id: UUID, media_id: UUID, connection: Connection) -> Handle:
        """Give Meta a stored file; one that came since the caller looked is used."""
        if (known := await self._known(brand_id, media_id, connection)) is not None:
            return known
        copy = await self._shelf.take(brand_id, media_id)
        with copy.file:
            await asyncio.to_thread(accepted.check, copy.file, copy.mime_type, copy.size)
            meta_id = await self._send(connection, copy.file, copy.mime_type, copy.size)
        async with self._db.transaction() as tx:
            await handles.keep(tx, brand_id, media_id, connection.id, meta_id)
        return _as_handle(meta_id, copy)

    async def _send(self, connection: Connection, file: BinaryIO, mime_type: str, size: int) -> str:
        graph = await self._lines.to(connection.graph_url)
        name = f"file{kinds.extension(mime_type)}"
        try:
            return await remote.upload(
                graph, connection.credentials, file, mime_type=mime_type, filename=name, size=size
            )
        except Outcome as outcome:
            raise await refusing.explain(self._db, connection, outcome) from None


class _Bounded(Draft):
    """A draft that takes no more than the largest file that Meta takes."""

    async def take(self, piece: bytes) -> None:
        if self.size + len(piece) > kinds.LARGEST:
            raise accepted.too_large("files", kinds.LARGEST)
        await super().take(piece)


async def _bring(path: Path, bring: Callable[[Draft], Awaitable[Claim]]) -> tuple[Draft, Claim]:
    """Have a file written to `path`. Raises `invalid_request` when there are no bytes, and `media_too_large`."""
    with path.open("wb") as file:
        draft = _Bounded(file)
        claim = await bring(draft)
    if draft.size == 0:
        raise invalid("/file", "too_short", "The file is empty: send at least one byte.")
    return draft, claim


def _as_handle(meta_id: str, copy: Copy) -> Handle:
    return Handle(meta_id, copy.mime_type, copy.filename, copy.size)
