"""Management endpoints as the document and the pages show them: the declaration, with examples of what is said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quixess.api.endpoint import Endpoint
from quixess.api.manage.endpoint import Managed
from quixess.api.openapi.examples import NOTHING, SAID

_OUR_PREFIX = "/api/v1/whatsapp"
_PARAMETERS = {
    "brand": "The brand's `brd_…` id, or its name.",
    "id": "The connection's `con_…` id.",
    "name": "The template's name.",
    "language": "The template's language, such as en_US.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operated:
    """One management endpoint, with the members of `Endpoint` that readers see. `scope` is None: no key opens it."""

    id: str
    method: str
    route: str
    summary: str
    description: str
    response: type
    request: type | None
    query: type | None
    statuses: tuple[int, ...]
    errors: tuple[str, ...]
    examples: Mapping[str, Any]
    answer: Any
    parameters: Mapping[str, str]
    upload: str | None = None
    scope: None = field(default=None, init=False)
    idempotent: bool = field(default=False, init=False)

    @property
    def path(self) -> str:
        """The path as pages name it, which begins with the brand: `/brands/{brand}/connections`."""
        return self.route.removeprefix(_OUR_PREFIX)

    @property
    def shown(self) -> str:
        """The same."""
        return self.path


Described = Endpoint | Operated
"""What the document describes: endpoints for keys, and endpoints for operators."""


def for_operators(table: Iterable[Managed]) -> list[Operated]:
    """Put the examples beside the declarations of management endpoints."""
    return [_shown(one) for one in table]


def _shown(one: Managed) -> Operated:
    said = SAID.get(one.id, NOTHING)
    return Operated(
        id=one.id,
        method=one.method,
        route=one.route,
        summary=one.summary,
        description=said.description,
        response=one.response,
        request=one.request,
        query=one.query,
        statuses=(said.status,),
        errors=one.errors,
        examples=said.examples,
        answer=said.answer,
        parameters={name: words for name, words in _PARAMETERS.items() if "{" + name + "}" in one.route},
        upload=one.upload,
    )
