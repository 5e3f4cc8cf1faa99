"""Connections to whichever host is the primary now: a DSN may name several, and some of them may be dead or frozen.

asyncpg has one timeout for all hosts of a DSN, so one that swallows packets would use up the time of those behind it.
Here each has its own, and the one that answered last is asked first.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

HOST_S = 3.0
ALL_S = 5.0
_NEXT = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InvalidCatalogNameError,  # a standby that has not heard of it yet
    asyncpg.exceptions.TargetServerAttributeNotMatched,
)
_good: dict[str, str] = {}
"""The address of the host that answered last, by DSN: of this process, for all its pools."""


async def reach(dsn: str, **options: Any) -> asyncpg.Connection:
    """Connect to the first host of a DSN that answers and is what `target_session_attrs` asks for.

    `options` are those of `asyncpg.connect`. Raises what it raises, for the last host that was asked.
    """
    places = apart(dsn)
    if len(places) == 1:
        only: asyncpg.Connection = await asyncpg.connect(dsn, **{"timeout": ALL_S} | _fitting(dsn, options))
        return only
    failure: Exception = OSError("no host is named")
    for place in sorted(places, key=lambda one: one != _good.get(dsn)):
        try:
            found: asyncpg.Connection = await asyncpg.connect(place, **_fitting(dsn, options) | {"timeout": HOST_S})
        except _NEXT as error:
            failure = error
        else:
            _good[dsn] = place
            return found
    raise failure


def apart(dsn: str) -> list[str]:
    """Turn a DSN with several hosts (`user@one:5432,two:5432`) into one DSN for each."""
    parts = urlsplit(dsn)
    user, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")]


def _fitting(dsn: str, options: dict[str, Any]) -> dict[str, Any]:
    """Ask for the primary where a session that only reads would never be the `read-write` that the DSN asks for."""
    session = options.get("server_settings") or {}
    if session.get("default_transaction_read_only") == "on" and "target_session_attrs=read-write" in dsn:
        return options | {"target_session_attrs": "primary"}
    return options
