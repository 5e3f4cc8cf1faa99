"""Readiness: whether work may be given to this process.

Not while it starts or PostgreSQL cannot be reached, not before the database is migrated, and not from the moment the
process was told to stop. Balancers ask several times a second, so an answer is good for one.
"""

import asyncio
import time

import structlog
from starlette.responses import JSONResponse, PlainTextResponse, Response

from quixess.database import migrate
from quixess.database.core import Database
from quixess.errors import QuixessError

LIVE, READY = "/livez", "/readyz"
_GOOD_S = 1.0
_PATIENCE_S = 2.0
_HEADERS = {"Cache-Control": "no-store"}
_log = structlog.get_logger()


class Readiness:
    """The readiness of one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._asked_at = -_GOOD_S
        self._faults: list[str] = []
        self._asking = asyncio.Lock()
        self._shut: str | None = "starting"

    @property
    def draining(self) -> bool:
        """Whether the process was told to stop."""
        return self._shut == "draining"

    def open(self) -> None:
        """Take work from now on."""
        self._shut = None

    def drain(self) -> None:
        """Take no more work from now on: whoever asks is told so at once."""
        self._shut = "draining"

    async def faults(self) -> list[str]:
        """Name what is in the way: `starting`, `draining`, `database`, `migrations`. An empty list is ready."""
        if self._shut is not None:
            return [self._shut]
        async with self._asking:
            if time.monotonic() - self._asked_at >= _GOOD_S:
                self._faults = await self._look()
                self._asked_at = time.monotonic()
        return self._faults if self._shut is None else [self._shut]

    async def answer(self, path: str) -> Response | None:
        """Answer one of the two addresses; None for any other. That it is answered at all is what `/livez` tells."""
        if path == LIVE:
            return PlainTextResponse("ok", headers=_HEADERS)
        if path != READY:
            return None
        faults = await self.faults()
        if faults:
            return JSONResponse({"status": "not ready", "because": faults}, 503, headers=_HEADERS)
        return JSONResponse({"status": "ready"}, headers=_HEADERS)

    async def _look(self) -> list[str]:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._db.statement() as tx:
                return ["migrations"] if await migrate.lacking(tx) else []
        except (QuixessError, TimeoutError):
            return ["database"]
        except Exception:  # noqa: BLE001 - a database that answers nonsense is no database
            _log.exception("the database cannot be judged")
            return ["database"]
