"""The cache: the templates of a connection by name and language, and which of them a send may use."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from quixess import errors
from quixess.database.core import Row, Tx
from quixess.errors import QuixessError

HIDDEN = "••••••"
_PARAMETER = re.compile(r"\{\{[a-z0-9_]+\}\}")
# Meta lists a flagged template as approved: it may be sent until it is disabled.
_SENDABLE = {"APPROVED", "FLAGGED"}


class Template(msgspec.Struct, frozen=True):
    """One template in one language, as Meta listed or told of it last."""

    id: UUID
    name: str
    language: str
    category: str
    status: str
    rejected_reason: str | None
    components: list[dict[str, Any]]
    parameter_format: str = "POSITIONAL"

    @property
    def approved(self) -> bool:
        """Whether it can be sent."""
        return self.status in _SENDABLE


async def find(tx: Tx, wanted: Sequence[tuple[UUID, UUID, str]]) -> dict[tuple[UUID, UUID, str], list[Template]]:
    """Find all languages of these templates, each given as (brand, connection, name)."""
    brands, connections, names = zip(*sorted(set(wanted)), strict=True)
    rows = await tx.rows(
        """SELECT t.* FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS wanted(brand_id, connection_id, name)
           JOIN template t ON t.brand_id = wanted.brand_id AND t.connection_id = wanted.connection_id
                          AND t.name = wanted.name
           ORDER BY t.language""",
        list(brands),
        list(connections),
        list(names),
    )
    found: dict[tuple[UUID, UUID, str], list[Template]] = {}
    for row in rows:
        found.setdefault((row["brand_id"], row["connection_id"], row["name"]), []).append(read(row))
    return found


def choose(languages: Sequence[Template], language: str | None) -> Template | None:
    """Choose the language to send in: the one asked for, else the only approved one, else en_US.

    Meta writes `en-US` in some places and `en_US` in others; both mean the same here.
    """
    if language is not None:
        same = [one for one in languages if one.language.replace("-", "_") == language.replace("-", "_")]
        return same[0] if same else None
    approved = [one for one in languages if one.approved] or list(languages)
    if len(approved) == 1:
        return approved[0]
    return next((one for one in approved if one.language == "en_US"), None)


def require_approved(template: Template | None, languages: Sequence[Template]) -> Template:
    """Return the chosen template if it is approved; `languages` are all it could have been chosen from.

    Raises `template_not_found`, which names the languages there are, or `template_not_approved`.
    """
    if template is None:
        there = [one.language for one in languages]
        fix = f"name a language it has: {', '.join(there)}." if there else "check its name; Meta was asked just now."
        detail = f"The template is not there in this language: {fix}"
        pointer = "/language" if there else "/template_name"
        raise errors.at(pointer, "template_not_found", detail, {"languages": there})
    if not template.approved:
        raise QuixessError(
            "template_not_approved",
            "Wait for Meta's approval (about an hour for AUTHENTICATION): a send asks Meta again every 30 seconds.",
            extra={"template_status": template.status, "rejected_reason": template.rejected_reason},
        )
    return template


def render_hidden(template: Template) -> str:
    """Render the body as it is kept for history, with every parameter hidden: it is or may be a one-time code."""
    bodies = [part.get("text") for part in template.components if str(part.get("type")).upper() == "BODY"]
    text = bodies[0] if bodies and isinstance(bodies[0], str) else "{{1}}"
    return _PARAMETER.sub(HIDDEN, text)


def read(row: Row) -> Template:
    """Read a row of `template`."""
    return Template(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        category=row["category"],
        status=row["status"],
        rejected_reason=row["rejected_reason"],
        components=msgspec.json.decode(row["components"], type=list[dict[str, Any]]),
        parameter_format=row["parameter_format"],
    )
