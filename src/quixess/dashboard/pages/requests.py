"""`/app/requests`: what the keys of the brand asked, and what they were told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access, requests
from quixess.access import Key
from quixess.dashboard import address
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.sheets import sheet
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import CATALOGUE, QuixessError
from quixess.people import Permission
from quixess.requests import Filter, Listed

_HOME = "/app/requests"
_AT_ONCE = 50
_IN_A_FILE = 10_000
_PREFIX = "/api/v1/whatsapp"
_TONES = {2: "ok", 4: "warn", 5: "bad"}


class Filters(msgspec.Struct):
    """What is asked for: `q` is a request id, `status` a class of them, `endpoint` method and path with a space.

    `request` is the one that is looked at beside the list.
    """

    q: Annotated[str, Meta(max_length=100)] = ""
    status: Literal["", "2", "4", "5", "failed"] = ""
    key: Annotated[str, Meta(max_length=40)] = ""
    endpoint: Annotated[str, Meta(max_length=200)] = ""
    code: Annotated[str, Meta(max_length=60)] = ""
    since: datetime | None = None
    before: Annotated[str, Meta(max_length=40)] = ""
    request: Annotated[str, Meta(max_length=100)] = ""


async def show(visit: Visit) -> Response:
    """List the newest that fit, with one of them beside the list."""
    filters = visit.query(Filters)
    keys = await _keys(visit)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        endpoints = await requests.endpoints_asked(tx, visit.brand_id)
        page = await _look_up(tx, visit.brand_id, filters)
        chosen = await requests.find_request(tx, visit.brand_id, filters.request) if filters.request else None
    if filters.request and chosen is None:
        raise QuixessError("not_found", "No request of this brand has this id, or the log no longer keeps it.")
    return visit.render(
        "pages/requests.html",
        filters=filters,
        requests=page.requests,
        chosen=chosen,
        keys=keys,
        endpoints=[(f"{method} {path}", f"{method} {short(path)}") for method, path in endpoints],
        titles={code: title for code, (_, title) in CATALOGUE.items()},
        narrowed=bool(_query(filters)),
        here=_address(filters),
        older=_address(filters, before=ids.show("req", page.next)) if page.next else None,
        newest=_address(filters) if filters.before else None,
        file=f"{_HOME}.csv?{_query(filters)}",
        lines_kept=visit.desk.requests.lines,
        bodies_kept=visit.desk.requests.bodies,
        first_request=_first_request(visit),
        opened=lambda one: _address(filters, before=filters.before, request=_name(one)),
        short=short,
        tone=tone,
    )


async def download(visit: Visit) -> Response:
    """Give what fits as a file, the newest ten thousand."""
    filters = visit.query(Filters)
    keys = await _keys(visit)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        page = await requests.list_requests(tx, visit.brand_id, _wanted(filters), limit=_IN_A_FILE)
    heads = ("at", "request_id", "method", "path", "status", "code", "ms", "key", "address", "message_id", "replayed")
    return sheet("requests.csv", heads, [_row(one, keys) for one in page.requests])


def short(path: str) -> str:
    """Leave out what all paths of the API begin with."""
    return path.removeprefix(_PREFIX).removeprefix("/external")


def tone(one: Listed) -> str:
    """Say by which colour a status is shown beside its number."""
    return _TONES.get(one.status // 100, "")


async def _look_up(tx: Tx, brand_id: UUID, filters: Filters) -> requests.Page:
    if filters.q:
        found = await requests.find_request(tx, brand_id, filters.q)
        return requests.Page(() if found is None else (found,), None)
    return await requests.list_requests(tx, brand_id, _wanted(filters), limit=_AT_ONCE, before=_before(filters))


async def _keys(visit: Visit) -> Mapping[UUID, Key]:
    async with visit.desk.db.statement() as tx:
        return {key.id: key for key in await access.list_keys(tx, visit.brand_id)}


def _wanted(filters: Filters) -> Filter:
    method, _, path = filters.endpoint.partition(" ")
    key_id = ids.parse("key", filters.key) if filters.key else None
    if filters.key and key_id is None:
        raise QuixessError("not_found", "There is no such key: choose one from the list.")
    return Filter(
        status=int(filters.status) if filters.status.isdigit() else None,
        failed=filters.status == "failed",
        key_id=key_id,
        method=method or None,
        path=path or None,
        code=filters.code or None,
        since=filters.since,
    )


def _before(filters: Filters) -> UUID | None:
    before = ids.parse("req", filters.before) if filters.before else None
    if filters.before and before is None:
        raise QuixessError("invalid_cursor", "This page of the list is none: begin with the newest.")
    return before


def _query(filters: Filters, **more: str) -> str:
    kept = {name: value for name, value in msgspec.structs.asdict(filters).items() if value}
    kept = {name: value for name, value in kept.items() if name not in {"before", "request"}}
    if filters.since is not None:
        kept["since"] = filters.since.isoformat()
    return urlencode(kept | {name: value for name, value in more.items() if value})


def _address(filters: Filters, **more: str) -> str:
    query = _query(filters, **more)
    return f"{_HOME}?{query}" if query else _HOME


def _first_request(visit: Visit) -> str:
    base = address.base_url(visit.request, visit.desk.public_url)
    return f'curl {base}{_PREFIX}/external/me \\\n  -H "X-API-Key: $QUIXESS_KEY"'


def _name(one: Listed) -> str:
    """Name a request in an address: by its request id when that is ours, for a caller may use one of its own twice."""
    return one.request_id if ids.parse("req", one.request_id) else ids.show("req", one.id)


def _row(one: Listed, keys: Mapping[UUID, Key]) -> tuple[Any, ...]:
    key = keys.get(one.key_id)
    return (
        *(one.at, one.request_id, one.method, one.path, one.status, one.code, round(one.duration_ms, 1)),
        *(
            key.name if key else "",
            one.address,
            ids.show("msg", one.message_id) if one.message_id else "",
            one.replayed,
        ),
    )


PAGES = (
    Page("GET", _HOME, Permission.READ_REQUESTS, show, title="Request log"),
    Page("GET", f"{_HOME}.csv", Permission.READ_REQUESTS, download),
)
