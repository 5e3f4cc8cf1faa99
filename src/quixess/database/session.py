"""Session: a connection that does not ask PostgreSQL what it has told this process before."""

from collections.abc import Iterable
from typing import Any

import asyncpg
from asyncpg.protocol import protocol

# Types below this number are PostgreSQL's own, the same in every database of every version (its access/transam.h).
_OWN_TYPES = 10_000
_known: dict[frozenset[int], Any] = {}

# asyncpg asks ABCs whether each element of an array is an array itself, at 4-5 % of the CPU of a send. Only lists and
# tuples are given as arrays here; `tests/database/test_session.py` tells when a new asyncpg asks in another way.
_CONTAINERS = {"IterableABC": (list, tuple), "SizedABC": (list, tuple), "MappingABC": dict}
vars(protocol).update(_CONTAINERS)


class Session(asyncpg.Connection):
    """A connection that shares what it learns of PostgreSQL's own types with all others of the process.

    asyncpg asks the catalogue about `uuid[]`, `int[]` and so on anew on every connection: 7 ms of PostgreSQL's time for
    the first, 2 for each more, and a slow first statement. It offers no seam for it, so this overrides a private
    method; `tests/database/test_session.py` tells when a new asyncpg has moved it.
    """

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's own
        wanted = frozenset(typeoids)
        if (answer := _known.get(wanted)) is None:
            answer = await super()._introspect_types(wanted, timeout)  # type: ignore[misc]
            if max(wanted) < _OWN_TYPES:
                _known[wanted] = answer
        return answer
