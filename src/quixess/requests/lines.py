"""Lines: one request of a key, and its answer, in the columns of the table `request`."""

from uuid import UUID

import msgspec


class Line(msgspec.Struct, frozen=True, gc=False):
    """One request. A msgspec Struct because every request makes one: a dataclass takes seven times as long.

    `id` is made when it was answered. `path` is that of the endpoint, `{id}` and all. `code` and `problem` (JSON text
    of detail and errors) are those of an error, `message_id` is of the message that was sent, `replayed` says that
    the answer is an earlier request's. `asked` is JSON text, see `redact`.
    """

    brand_id: UUID
    id: UUID
    request_id: str
    key_id: UUID
    method: str
    path: str
    status: int
    duration_ms: float
    address: str | None
    code: str | None
    problem: str | None
    message_id: UUID | None
    replayed: bool
    asked: str | None
