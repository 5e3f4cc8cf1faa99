"""What the Graph API shows of the world: rows, pages and cursors."""

import base64
import binascii
from collections.abc import Iterable
from urllib.parse import urlencode

from quixess.simulator import errors, templates
from quixess.simulator.model import Json, Template

_PAGE = 25
_LONGEST_PAGE = 1000
_TEMPLATE_FILTERS = ("name", "status", "language", "category")
_PAGING = {"after", "before", "access_token"}


def templates_page(rows: Iterable[Template], query: dict[str, str], base_url: str) -> Json:
    """One page of templates; `query` has limit, after or before, fields and filters. Raises GraphError 100 or 131059.

    A cursor is the template that it came from: when that is gone, so is the way on from it.
    """
    wanted = [one for one in rows if _matches(one, query)]
    start, end = _span(query, [one.id for one in wanted])
    shown = wanted[start:end]
    answer: Json = {"data": [template(one, query.get("fields")) for one in shown]}
    if shown:
        ends = {"before": _cursor(shown[0].id), "after": _cursor(shown[-1].id)}
        kept = {key: value for key, value in query.items() if key not in _PAGING}
        more = {"next": ("after", end < len(wanted)), "previous": ("before", start > 0)}
        ways = {way: f"{base_url}?{urlencode(kept | {key: ends[key]})}" for way, (key, there) in more.items() if there}
        answer["paging"] = {"cursors": ends} | ways
    return answer


def page(wanted: list[Json], query: dict[str, str], base_url: str) -> Json:
    """One page of any rows; `query` has limit and after. Raises GraphError 100 or 131059."""
    limit, start = _limit(query), _position(query.get("after"))
    rows = wanted[start : start + limit]
    answer: Json = {"data": rows}
    if rows:
        end = start + len(rows)
        answer["paging"] = {"cursors": {"before": cursor(start), "after": cursor(end)}}
        if end < len(wanted):
            kept = {key: value for key, value in query.items() if key not in {"after", "access_token"}}
            answer["paging"]["next"] = f"{base_url}?{urlencode(kept | {'after': cursor(end)})}"
    return answer


def template(one: Template, fields: str | None) -> Json:
    return chosen(templates.listed(one), fields)


def _matches(one: Template, query: dict[str, str]) -> bool:
    row = templates.listed(one)
    words = query.get("name_or_content", "").lower()
    said = " ".join(str(part.get("text", "")) for part in one.components).lower()
    if words not in one.name and words not in said:
        return False
    if query.get("quality_score", one.quality).upper() != one.quality:
        return False
    return all(str(row[key]).lower() == query[key].lower() for key in _TEMPLATE_FILTERS if query.get(key))


def _limit(query: dict[str, str]) -> int:
    limit = query.get("limit", str(_PAGE))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 10 and int(limit) > 0):
        raise errors.parameter("Param limit must be an integer greater than 0.")
    return min(int(limit), _LONGEST_PAGE)


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise errors.coded(131059) from None


def cursor(position: int) -> str:
    """Write a position as Graph's cursors look."""
    return _cursor(str(position))


def _cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _span(query: dict[str, str], ids: list[str]) -> tuple[int, int]:
    """Return where the page begins and ends in `ids`."""
    limit = _limit(query)
    if query.get("before"):
        end = _place(query["before"], ids)
        return max(0, end - limit), end
    start = _place(query["after"], ids) + 1 if query.get("after") else 0
    return start, start + limit


def _place(cursor: str, ids: list[str]) -> int:
    try:
        return ids.index(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
    except (ValueError, binascii.Error):
        raise errors.coded(131059) from None


def chosen(row: Json, fields: str | None) -> Json:
    """Pick the asked fields, and the id, which Graph always adds."""
    names = [name.strip() for name in fields.split(",")] if fields else list(row)
    return {name: row[name] for name in names if name in row and name != "id"} | {"id": row["id"]}
