"""What an endpoint is: one declaration, from which routing, scope matrix, OpenAPI and the reference page come."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Keys, Scope
from quixess.api.gate import AnyKey, Gate, Pass
from quixess.api.pages import Cursors
from quixess.database.core import Database
from quixess.limits import Limits
from quixess.media.shelf import Shelf
from quixess.media.uploading import Uploads
from quixess.messages.sending import Sending
from quixess.templates import Sync
from quixess.vault import Keyring

EXTERNAL = "/api/v1/whatsapp/external"


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the endpoints work with."""

    db: Database
    keyring: Keyring
    keys: Keys
    limits: Limits
    gate: Gate
    sending: Sending
    sync: Sync
    shelf: Shelf
    uploads: Uploads
    cursors: Cursors


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint. `errors` are the codes of its own, beside those that every endpoint can answer.

    `request` is the struct of a JSON body, `query` that of the query, None where there is none; `upload` names the
    part of a multipart body that is a file. `response` is a struct, or bytes for a file; `statuses` are those of
    success. `examples` are bodies that are asked with, by name, `answer` is what comes back. `counted` are the 12.
    With `whole_path` the `{id}` may hold slashes, as a wamid does.
    """

    id: str
    method: str
    path: str
    scope: Scope | AnyKey
    summary: str
    handler: Callable[[Request, Pass, Rooms], Awaitable[Response]]
    response: type
    description: str = ""
    prefix: str = EXTERNAL
    request: type | None = None
    query: type | None = None
    upload: str | None = None
    statuses: tuple[int, ...] = (200,)
    errors: tuple[str, ...] = ()
    idempotent: bool = False
    counted: bool = True
    examples: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    whole_path: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.scope, (Scope, AnyKey)):
            raise TypeError(f"{self.method} {self.path} declares no scope")

    @property
    def route(self) -> str:
        """The whole path, such as `/api/v1/whatsapp/external/messages/{id}`."""
        return self.prefix + self.path

    @property
    def shown(self) -> str:
        """The path as pages name it: without the prefix that nearly all share."""
        return self.path if self.prefix == EXTERNAL else self.route

    @property
    def pattern(self) -> str:
        """The whole path as the router matches it."""
        return self.route.replace("{id}", "{id:path}") if self.whole_path else self.route
