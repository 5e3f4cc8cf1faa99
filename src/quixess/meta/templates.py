"""Templates at Meta: listed, made, changed, unpaused, deleted, and the fixed words of codes read beforehand.

Each function makes one call (a list as many as it has pages) and raises an `Outcome` when Meta does not do it.
Reference: Meta's pages on the edges `message_templates`, `upsert_message_templates` and `message_template_previews`
of a WABA.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from quixess.meta import outcomes
from quixess.meta.graph import Credentials, Graph
from quixess.meta.outcomes import Unknown

_A_PAGE = 50
_MOST_PAGES = 200  # Meta allows 6000 templates in a WABA: 120 pages
_FIELDS = (
    "id,name,language,status,category,previous_category,components,parameter_format,rejected_reason,"
    "quality_score,message_send_ttl_seconds"
)


@dataclass(frozen=True, slots=True)
class RemoteTemplate:
    """One template in one language as Meta lists it; `raw` is the whole object."""

    id: str
    name: str
    language: str
    status: str
    category: str
    components: list[dict[str, Any]]
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """What Meta says of a template that it took: `category` is the one Meta chose, not always the one asked for."""

    id: str
    status: str
    category: str


async def list_all(graph: Graph, credentials: Credentials) -> list[RemoteTemplate]:
    """List every template of the WABA, page by page. Raises an `Outcome` rather than return a part."""
    found: list[RemoteTemplate] = []
    query = {"fields": _FIELDS, "limit": str(_A_PAGE)}
    for _ in range(_MOST_PAGES):
        page = await graph.get(credentials, _edge(credentials), query)
        found += _read_page(page)
        cursor = _next_cursor(page)
        if cursor is None:
            return found
        if cursor == query.get("after"):
            raise Unknown("the list of templates repeats its cursor")
        query["after"] = cursor
    raise Unknown(f"the list of templates has more than {_MOST_PAGES} pages")


async def read(graph: Graph, credentials: Credentials, template_id: str) -> RemoteTemplate:
    """Read one template by Meta's id."""
    found = _read_template(await graph.get(credentials, _id(template_id), {"fields": _FIELDS}))
    if not (found.id and found.name and found.language and found.status):
        raise Unknown("the answer about the template lacks a field")
    return found


async def create(graph: Graph, credentials: Credentials, body: Mapping[str, Any]) -> Made:
    """Submit a template for review. One-time codes are often approved in the answer itself."""
    answer = await _post(graph, credentials, _edge(credentials), body)
    id_, status, category = (answer.get(key) for key in ("id", "status", "category"))
    if not isinstance(id_, str | int) or not isinstance(status, str):
        raise Unknown("the answer to a new template has no id or status")
    return Made(str(id_), status.upper(), category.upper() if isinstance(category, str) else "")


async def edit(graph: Graph, credentials: Credentials, template_id: str, changes: Mapping[str, Any]) -> None:
    """Change a template: `components` replace all that it had. Meta reviews it again."""
    outcomes.require_success(await _post(graph, credentials, _id(template_id), changes))


async def delete(graph: Graph, credentials: Credentials, name: str, template_id: str | None = None) -> None:
    """Delete a template in all its languages, or with Meta's id in one. The name is then blocked for 30 days."""
    query = {"name": name} | ({} if template_id is None else {"hsm_id": _id(template_id)})
    token, secret = credentials.token, credentials.app_secret
    answer = await graph.ask("DELETE", _edge(credentials), token=token, app_secret=secret, query=query)
    outcomes.require_success(answer)


async def unpause(graph: Graph, credentials: Credentials, template_id: str) -> None:
    """End the pause of a template that Meta paused for its pace, five minutes after it at the earliest.

    A pause for bad quality ends by its time alone: Meta refuses to end it sooner.
    """
    path, token, secret = f"{_id(template_id)}/unpause", credentials.token, credentials.app_secret
    outcomes.require_success(await graph.ask("POST", path, token=token, app_secret=secret))


async def preview_codes(
    graph: Graph, credentials: Credentials, languages: Sequence[str], *, warned: bool, minutes: int | None
) -> list[dict[str, Any]]:
    """Read Meta's fixed words of one-time codes: `language`, `body`, `footer`, `buttons` for each language.

    `warned` adds the sentence not to share the code, `minutes` the footer that tells when it expires.
    """
    query = {
        "category": "AUTHENTICATION",
        "languages": ",".join(languages),
        "add_security_recommendation": "true" if warned else "false",
        "button_types": "OTP",
    }
    if minutes is not None:
        query["code_expiration_minutes"] = str(minutes)
    answer = await graph.get(credentials, f"{credentials.waba_id}/message_template_previews", query)
    data = answer.get("data")
    if not isinstance(data, list):
        raise Unknown("the answer about previews has no data")
    return [one for one in data if isinstance(one, dict)]


async def _post(graph: Graph, credentials: Credentials, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    token, secret = credentials.token, credentials.app_secret
    return await graph.ask("POST", path, token=token, app_secret=secret, content=msgspec.json.encode(body))


def _edge(credentials: Credentials) -> str:
    return f"{credentials.waba_id}/message_templates"


def _id(template_id: str) -> str:
    if not re.fullmatch(r"[0-9]{1,32}", template_id):
        raise ValueError("a template's id at Meta must be digits")
    return template_id


def _read_page(page: Mapping[str, Any]) -> list[RemoteTemplate]:
    data = page.get("data")
    if not isinstance(data, list):
        raise Unknown("the list of templates has no data")
    return [_read_template(one) for one in data if isinstance(one, dict)]


def _read_template(raw: dict[str, Any]) -> RemoteTemplate:
    components = raw.get("components")
    id_, name, language, status, category = (
        str(raw.get(key, "")) for key in ("id", "name", "language", "status", "category")
    )
    listed = [one for one in components if isinstance(one, dict)] if isinstance(components, list) else []
    return RemoteTemplate(id_, name, language, status, category, listed, raw)


def _next_cursor(page: Mapping[str, Any]) -> str | None:
    """Find where the next page starts. Meta's `next` link is not followed: it could name any host."""
    paging = page.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    if not isinstance(after, str) or not after:
        raise Unknown("the list of templates goes on without a cursor")
    return after
