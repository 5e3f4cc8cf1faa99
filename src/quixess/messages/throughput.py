"""Throughput: how many messages a second Meta takes from each number, asked for once a day.

80 a second as a rule, 1,000 for numbers that reach many people, 20 for a number that the WhatsApp Business app shares
(Cloud API overview, "Throughput"). A level that is not known leaves the number unpaced: then only
Meta's own refusals pace it.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from quixess import connections
from quixess.connections import Connection, Due, Lines
from quixess.database.core import Database
from quixess.meta.graph import Outcome, Rejected
from quixess.vault import Keyring

_OF_LEVEL = {"STANDARD": 80, "HIGH": 1000}
_SHARED = 20
_DAY_S = 86_400
_RETRY_S = 3600
_log = structlog.get_logger()


class Throughput:
    """Keeps what is known of the numbers' throughput in step with Meta."""

    def __init__(self, db: Database, keyring: Keyring, lines: Lines) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines

    async def run_once(self) -> None:
        """Ask for the numbers that are due, a few at once. Any number of processes may: one takes a number."""
        async with self._db.transaction() as tx:
            found = await connections.claim(tx, self._keyring, Due.THROUGHPUT, again_s=_RETRY_S)
        for line in found:
            try:
                allowed = await self._ask(line)
            except Outcome as refused:
                _log.info("a number's throughput cannot be read", number=line.phone_number_id, error=str(refused))
                continue
            async with self._db.transaction() as tx:
                await connections.keep_throughput(tx, line.brand_id, line.id, allowed, again_s=_DAY_S)

    async def _ask(self, line: Connection) -> int | None:
        graph = await self._lines.to(line.graph_url)
        fields = {"fields": "throughput"}
        number = await graph.get(line.credentials, line.phone_number_id, fields)
        if (allowed := _read(number)) is None:
            return None
        with suppress(Rejected):  # a Graph version that does not know the field has no shared numbers
            shared = await graph.get(line.credentials, line.phone_number_id, {"fields": "is_on_biz_app"})
            if shared.get("is_on_biz_app") is True:
                return _SHARED
        return allowed


def _read(number: Mapping[str, Any]) -> int | None:
    throughput = number.get("throughput")
    level = throughput.get("level") if isinstance(throughput, dict) else None
    return _OF_LEVEL.get(level) if isinstance(level, str) else None
