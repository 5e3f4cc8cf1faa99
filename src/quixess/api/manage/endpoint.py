"""What a management endpoint is: one declaration, beside its handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from quixess.api import body
from quixess.api.manage.gate import Admitted, Gate
from quixess.connections import Lines
from quixess.database.core import Database
from quixess.health import Examination
from quixess.media.uploading import Uploads
from quixess.onboarding import Onboarding, Parting
from quixess.templates import Sync
from quixess.vault import Keyring

PREFIX = "/api/v1/whatsapp/brands/{brand}"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the management endpoints work with."""

    db: Database
    keyring: Keyring
    gate: Gate
    lines: Lines
    sync: Sync
    uploads: Uploads
    onboarding: Onboarding
    parting: Parting
    examination: Examination


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """One management endpoint: `path` stands below `/api/v1/whatsapp/brands/{brand}`.

    `request` is the struct of a JSON body and `query` that of the query, None where there is none; the handler reads
    both. `upload` names the part of a form that is a file, where that is the body. `errors` are the codes of its own,
    beside those that every management endpoint can answer.
    """

    id: str
    method: str
    path: str
    summary: str
    handler: Callable[[Request, Admitted, Desk], Awaitable[Response]]
    response: type
    request: type | None = None
    query: type | None = None
    upload: str | None = None
    errors: tuple[str, ...] = ()

    @property
    def route(self) -> str:
        """The whole path."""
        return PREFIX + self.path


async def read_body(request: Request, model: type[T]) -> T:
    """Read a JSON body strictly. Raises as `body.read` does."""
    return await body.read(request, model)
