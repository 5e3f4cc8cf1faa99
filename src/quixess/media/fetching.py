"""Fetching: from the id in a webhook to verified bytes on disk, in the background and in several processes at once.

A file is held by a lease that is renewed while its bytes come; a process that dies lets go of it by dying. Bytes go to
a draft first and become a file only in the transaction that says so, so a crash leaves the todo and at most a draft or
a file without a row, which the sweep finds.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from yarl import URL

from quixess import connections, failpoints
from quixess.connections import Connection, Lines
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.media import catalogue, kinds, sweeping, troubles
from quixess.media.catalogue import TakenOver, Todo
from quixess.media.drafts import Draft, Unwritable
from quixess.media.store import Store
from quixess.media.troubles import Kind, Trouble
from quixess.meta import media as remote
from quixess.meta.graph import Graph, Outcome, Rejected
from quixess.meta.media import RemoteMedia
from quixess.vault import Keyring

_AT_ONCE = 8
_OF_ONE_BRAND = 4
_IDLE_S = 0.25
_DEADLINE_S = 600.0
_PARKED_S = 60.0
_log = structlog.get_logger()


class Fetching:
    """Fetches what is due, for one process.

    `ladder` has the waits between tries in seconds, its last step is repeated; `keep_days` is how long files stay.
    `origins` are where files may lie beside Meta's own hosts and wherever the Graph API itself is.
    """

    def __init__(
        self,
        db: Database,
        keyring: Keyring,
        lines: Lines,
        store: Store,
        *,
        lease_s: float,
        ladder: Sequence[float],
        keep_days: float,
        origins: Sequence[str] = (),
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._store = store
        self._lease_s = lease_s
        self._ladder = tuple(ladder)
        self._keep_days = keep_days
        self._origins = frozenset(URL(one).origin() for one in origins)
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], Todo] = {}

    def wake(self) -> None:
        """Look for work now: some was just committed, or a place became free."""
        self._woken.set()

    async def run(self) -> None:
        """Fetch what is due, whoever put it there, until cancelled."""
        while True:
            claimed = await self._claim(_AT_ONCE - len(self._running))
            for todo in claimed:
                self._start(todo)
            if not claimed or len(self._running) == _AT_ONCE:
                await self._rest()

    async def stop(self) -> None:
        """End the downloads under way and give the files back for another process."""
        held = dict(self._running)
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        with suppress(QuixessError):
            async with self._db.transaction() as tx:
                for todo in sorted(held.values(), key=lambda one: one.id):
                    await catalogue.postpone(tx, todo, pause_s=0.0, reason=None, counts=False)

    async def sweep(self) -> None:
        """Delete what is older than `keep_days` or belongs to nobody."""
        rows, files = await sweeping.sweep(self._db, self._store, keep_days=self._keep_days)
        if rows or files:
            _log.info("media swept", rows=rows, files=files)

    async def _claim(self, room: int) -> list[Todo]:
        if room <= 0:
            return []
        busy = [todo.brand_id for todo in self._running.values()]
        try:
            async with self._db.transaction() as tx:
                return await catalogue.claim(
                    tx, ids.new(), lease_s=self._lease_s, limit=room, of_one_brand=_OF_ONE_BRAND, busy=busy
                )
        except QuixessError as error:
            _log.warning("media cannot be claimed", error=error.code)
            return []

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_S):
                await self._woken.wait()
        self._woken.clear()

    def _start(self, todo: Todo) -> None:
        task = asyncio.create_task(self._work(todo))
        self._running[task] = todo
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self.wake()

    async def _work(self, todo: Todo) -> None:
        """Fetch one file. Whatever goes wrong is written down; where that fails too, the lease ends by itself."""
        try:
            if (trouble := await self._try(todo)) is not None:
                await self._note(todo, trouble)
        except (QuixessError, TakenOver) as error:
            _log.warning("a file of Meta waits", media=str(todo.id), error=type(error).__name__)

    async def _try(self, todo: Todo) -> Trouble | None:
        try:
            await self._fetch(todo)
        except Trouble as trouble:
            return trouble
        except (QuixessError, TakenOver):
            raise
        except (OSError, Unwritable) as error:
            _log.error("the media folder cannot be written", media=str(todo.id), error=str(error))
            return Trouble(Kind.AGAIN, "The file could not be written to disk here.")
        except Exception as error:  # noqa: BLE001 - a fault of ours is told like any other and tried again
            _log.exception("a file of Meta cannot be fetched", media=str(todo.id))
            return Trouble(Kind.AGAIN, f"A fault of ours: {type(error).__name__}.")
        return None

    async def _fetch(self, todo: Todo) -> None:
        connection = await self._connection(todo)
        try:
            async with asyncio.timeout(_DEADLINE_S), self._held(todo):
                with self._store.draft() as path:
                    await self._bring(todo, connection, path)
        except TimeoutError:
            raise Trouble(Kind.AGAIN, f"The download took longer than {_DEADLINE_S:.0f} seconds.") from None

    async def _connection(self, todo: Todo) -> Connection:
        async with self._db.statement() as tx:
            (found,) = await connections.load(tx, self._keyring, [(todo.brand_id, todo.connection_id)])
        if found.state != "active":
            raise Trouble(Kind.PARKED, f"The WhatsApp connection is {found.state}: reconnect it.")
        return found

    async def _bring(self, todo: Todo, connection: Connection, path: Path) -> None:
        """Download, verify, and keep the file in the transaction that says so."""
        graph = await self._lines.to(connection.graph_url)
        told, draft = await self._download(graph, connection, todo, path)
        failpoints.reach("media.after_download")
        sha256 = draft.sha256
        _verify(todo, told, sha256, draft.size)
        if reason := await asyncio.to_thread(kinds.objection, todo.mime_type, path):
            raise Trouble(Kind.FAILED, reason)
        async with self._db.transaction() as tx:
            await catalogue.lock(tx, sha256)
            await catalogue.finish(tx, todo, sha256=sha256, size=draft.size)
            await asyncio.to_thread(self._store.put, path, sha256)
            failpoints.reach("media.before_commit")

    async def _download(
        self, graph: Graph, connection: Connection, todo: Todo, path: Path
    ) -> tuple[RemoteMedia, Draft]:
        """Ask where the file lies and get it; a URL that has died meanwhile is asked for once more."""
        for last in (False, True):
            told = await self._locate(graph, connection, todo)
            with path.open("wb") as file:
                draft = Draft(file)
                try:
                    await remote.download(
                        graph,
                        connection.credentials,
                        told.url,
                        draft.take,
                        most=kinds.LARGEST,
                        trusted=remote.Trusted(self._origins | {graph.origin}),
                    )
                except remote.Expired:
                    if last:
                        raise Trouble(Kind.AGAIN, "Meta gave two addresses for the file and knows neither.") from None
                    continue
                except remote.NotFetched as error:
                    raise troubles.with_bytes(error) from None
            return told, draft
        raise AssertionError  # the second round returns or raises

    async def _locate(self, graph: Graph, connection: Connection, todo: Todo) -> RemoteMedia:
        try:
            return await remote.locate(graph, connection.credentials, todo.meta_id)
        except ValueError:
            raise Trouble(Kind.FAILED, "Meta's id of the file is none.") from None
        except Rejected as refusal:
            if refusal.error.code == troubles.DEAD_TOKEN:
                async with self._db.transaction() as tx:
                    token = connection.credentials.token
                    await connections.flag_unauthorized(tx, todo.brand_id, todo.connection_id, token)
            raise troubles.with_graph(refusal) from None
        except Outcome as outcome:
            raise troubles.with_graph(outcome) from None

    @asynccontextmanager
    async def _held(self, todo: Todo) -> AsyncIterator[None]:
        """Renew the lease for the length of a block."""
        keeper = asyncio.create_task(self._renew(todo))
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _renew(self, todo: Todo) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            with suppress(QuixessError):
                async with self._db.statement() as tx:
                    await catalogue.renew(tx, todo, lease_s=self._lease_s)

    async def _note(self, todo: Todo, trouble: Trouble) -> None:
        """Write down what went wrong: for another try, or for good."""
        state = troubles.end(todo, trouble)
        pause_s = max(trouble.pause_s, self._ladder[min(todo.tries, len(self._ladder)) - 1])
        async with self._db.transaction() as tx:
            if state is not None:
                await catalogue.give_up(tx, todo, state, trouble.reason)
            elif trouble.kind is Kind.PARKED:
                await catalogue.postpone(tx, todo, pause_s=_PARKED_S, reason=trouble.reason, counts=False)
            else:
                doubtful = trouble.kind is Kind.DOUBTFUL
                await catalogue.postpone(
                    tx, todo, pause_s=pause_s, reason=trouble.reason, counts=True, doubtful=doubtful
                )
        if state is not None:
            _log.warning("a file of Meta is given up", media=str(todo.id), state=state.value, reason=trouble.reason)


def _verify(todo: Todo, told: RemoteMedia, sha256: str, size: int) -> None:
    """Compare the bytes with everything Meta said of them."""
    if told.size is not None and told.size != size:
        raise Trouble(Kind.DOUBTFUL, f"Meta says {told.size:,} bytes, and {size:,} came.")
    if any(promised not in (None, sha256) for promised in (todo.told_sha256, told.sha256)):
        raise Trouble(Kind.DOUBTFUL, "The bytes are not those whose SHA-256 Meta told.")
