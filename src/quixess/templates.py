"""Templates: the cache of what Meta has approved, by connection, name and language.

A send is checked against the cache before Meta is asked. One that is missing or not approved there is looked up at
Meta once, so that a template approved a minute ago can be sent without anybody pressing a button.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from quixess.connections import Connection, Lines
from quixess.database import ids
from quixess.database.core import Database, Row, Tx, columns
from quixess.errors import QuixessError
from quixess.meta.graph import Outcome, RemoteTemplate

HIDDEN = "••••••"
_PARAMETER = re.compile(r"\{\{[a-z0-9_]+\}\}")
_REFRESH_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class Template:
    """One template in one language, as Meta listed it last."""

    id: UUID
    name: str
    language: str
    category: str
    status: str
    rejected_reason: str | None
    components: list[dict[str, Any]]

    @property
    def approved(self) -> bool:
        """Whether it can be sent."""
        return self.status == "APPROVED"


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
        found.setdefault((row["brand_id"], row["connection_id"], row["name"]), []).append(_template(row))
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
        raise QuixessError(
            "template_not_found", f"The template is not there in this language: {fix}", extra={"languages": there}
        )
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


async def keep(tx: Tx, connection: Connection, listed: Sequence[RemoteTemplate]) -> None:
    """Make the cache of a connection say exactly what Meta listed."""
    ordered = sorted({(one.name, one.language): one for one in listed}.values(), key=lambda t: (t.name, t.language))
    await tx.execute(
        """INSERT INTO template AS t (brand_id, id, connection_id, meta_id, name, language, category, status,
                                      rejected_reason, parameter_format, components)
           SELECT $1, new.id, $2, new.meta_id, new.name, new.language, new.category, new.status, new.rejected_reason,
                  new.parameter_format, new.components
           FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                       $11::json[])
                AS new(id, meta_id, name, language, category, status, rejected_reason, parameter_format, components)
           ON CONFLICT (brand_id, connection_id, name, language) DO UPDATE
             SET meta_id = excluded.meta_id, category = excluded.category, status = excluded.status,
                 rejected_reason = excluded.rejected_reason, parameter_format = excluded.parameter_format,
                 components = excluded.components, updated_at = now()""",
        connection.brand_id,
        connection.id,
        [ids.new() for _ in ordered],
        *columns(ordered, "id", "name", "language"),
        [one.category.upper() for one in ordered],
        [one.status.upper() for one in ordered],
        [one.raw.get("rejected_reason") for one in ordered],
        [one.raw.get("parameter_format") or "POSITIONAL" for one in ordered],
        [msgspec.json.encode(one.components).decode() for one in ordered],
    )
    await tx.execute(
        """DELETE FROM template WHERE brand_id = $1 AND connection_id = $2
             AND (name, language) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))""",
        connection.brand_id,
        connection.id,
        [one.name for one in ordered],
        [one.language for one in ordered],
    )


class Sync:
    """Refreshes the cache from Meta: one call at a time for a connection, on a miss at most every 30 s."""

    def __init__(self, db: Database, lines: Lines) -> None:
        self._db = db
        self._lines = lines
        self._last: dict[UUID, float] = {}
        self._running: dict[UUID, asyncio.Task[None]] = {}

    async def on_miss(self, connection: Connection) -> bool:
        """Refresh because a template is missing or not approved.

        False when the cache is too fresh for that, or Meta does not answer.
        """
        task = self._running.get(connection.id)
        if task is None:
            if time.monotonic() - self._last.get(connection.id, -_REFRESH_EVERY_S) < _REFRESH_EVERY_S:
                return False
            task = asyncio.create_task(self.run(connection))
            self._running[connection.id] = task
            task.add_done_callback(lambda _: self._running.pop(connection.id, None))
        try:
            await asyncio.shield(task)
        except Outcome:
            return False
        return True

    async def run(self, connection: Connection) -> None:
        """Fetch every template of the WABA and keep the list. Raises Meta's Outcome when the list is not to be had."""
        self._last[connection.id] = time.monotonic()
        graph = await self._lines.to(connection.graph_url)
        listed = await graph.templates(connection.credentials)
        async with self._db.transaction() as tx:
            await keep(tx, connection, listed)


def _template(row: Row) -> Template:
    return Template(
        id=row["id"],
        name=row["name"],
        language=row["language"],
        category=row["category"],
        status=row["status"],
        rejected_reason=row["rejected_reason"],
        components=msgspec.json.decode(row["components"], type=list[dict[str, Any]]),
    )
