"""History: what is known here of a connection's templates that Meta will hold against a draft or an edit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from quixess.connections import Connection
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.templates import cache
from quixess.templates.cache import Template
from quixess.templates.drafts import TemplateDraft, TemplateEdit, part
from quixess.templates.linting.rules import Finding, Findings
from quixess.templates.parameters import component

EDITED = "template.edited"
GONE = ("DELETED", "PENDING_DELETION")
_BLOCKED_DAYS = 30
_EDITABLE = {"APPROVED", "FLAGGED", "REJECTED", "PAUSED"}
_APPROVED = {"APPROVED", "FLAGGED"}
_A_DAY, _A_MONTH = timedelta(hours=24), timedelta(days=30)
_A_MONTHS_EDITS = 10


async def find_clashes(tx: Tx, connection: Connection, draft: TemplateDraft) -> list[Finding]:
    """Find what stands in the way of a new template: its name is taken or blocked, its words are another's."""
    findings, language = Findings(), draft.language.replace("-", "_")
    named = await _same_name(tx, connection, draft.name)
    same = next((row for row in named if row["language"].replace("-", "_") == language), None)
    if same is not None and same["status"] not in GONE:
        findings.add("/name", "name_taken", "The name has this language already: edit that template, or change one.")
    elif same is not None:
        findings.add("/name", "name_blocked")
    elif (until := await _blocked_until(tx, connection, draft.name, draft.language)) is not None:
        detail = f"The name was deleted in this language: use another, or wait until {until:%Y-%m-%d %H:%M} UTC."
        findings.add("/name", "name_blocked", detail)
    return [*findings.listed, *await find_repetition(tx, connection, draft, None)]


async def find_repetition(tx: Tx, connection: Connection, draft: TemplateDraft, but: UUID | None) -> list[Finding]:
    """Find another template of the language with the same body and footer. `but` is the one that is edited."""
    body = part(draft, "BODY").get("text")
    if draft.category.upper() == "AUTHENTICATION" or not isinstance(body, str):
        return []
    findings = Findings()
    footer = part(draft, "FOOTER").get("text")
    for other in await _of_language(tx, connection, draft.language):
        texts = component(other, "BODY").get("text"), component(other, "FOOTER").get("text")
        if texts == (body, footer) and other.id != but and other.category != "AUTHENTICATION":
            findings.add("/components", "content_repeated")
            break
    return findings.listed


async def find_edit_limits(tx: Tx, brand_id: UUID, template: Template, edit: TemplateEdit) -> list[Finding]:
    """Find what stands in the way of an edit: the template's state, and how often it was edited here."""
    findings, approved = Findings(), template.status in _APPROVED
    findings.hold(edit.as_meta(), "", "edit_empty")
    findings.hold(template.status in _EDITABLE, "", "edit_state")
    another = edit.category is not None and edit.category.upper() != template.category
    findings.hold(not (approved and another), "/category", "edit_category")
    if approved:
        now = datetime.now(UTC)
        edits = await _edits(tx, brand_id, template.id, now - _A_MONTH)
        rested = not edits or edits[-1] <= now - _A_DAY
        findings.hold(rested and len(edits) < _A_MONTHS_EDITS, "", "edit_pace")
    return findings.listed


async def note(tx: Tx, brand_id: UUID, actor: str, action: str, subject: str, status: str | None = None) -> None:
    """Write into the audit who did what to a template; `status` is the one it had."""
    await tx.execute(
        """INSERT INTO audit (brand_id, id, actor, action, object, detail, at)
           VALUES ($1, $2, $3, $4, $5, $6::jsonb, statement_timestamp())""",
        brand_id,
        ids.new(),
        actor,
        action,
        subject,
        msgspec.json.encode({} if status is None else {"status": status}).decode(),
    )


async def note_gone(tx: Tx, connection: Connection, rows: Sequence[Row]) -> None:
    """Note which names are blocked; `rows` are those of `template` that leave the cache."""
    gone = sorted((row["name"], row["language"], row["status_at"]) for row in rows if row["status"] in GONE)
    if not gone:
        return
    names, languages, times = (list(column) for column in zip(*gone, strict=True))
    await tx.execute(
        """DELETE FROM template_gone WHERE brand_id = $1 AND connection_id = $2
             AND gone_at < now() - $3 * interval '1 day'""",
        connection.brand_id, connection.id, _BLOCKED_DAYS,
    )  # fmt: skip
    await tx.execute(
        """INSERT INTO template_gone (brand_id, connection_id, name, language, gone_at)
           SELECT $1, $2, g.name, g.language, coalesce(g.gone_at, statement_timestamp())
           FROM unnest($3::text[], $4::text[], $5::timestamptz[]) AS g(name, language, gone_at)
           ON CONFLICT (brand_id, connection_id, name, language) DO UPDATE SET gone_at = excluded.gone_at""",
        connection.brand_id, connection.id, names, languages, times,
    )  # fmt: skip


async def _same_name(tx: Tx, connection: Connection, name: str) -> list[Row]:
    return await tx.rows(
        "SELECT language, status FROM template WHERE brand_id = $1 AND connection_id = $2 AND name = $3",
        connection.brand_id,
        connection.id,
        name,
    )


async def _blocked_until(tx: Tx, connection: Connection, name: str, language: str) -> datetime | None:
    row = await tx.row(
        """SELECT gone_at + $5 * interval '1 day' AS until FROM template_gone
           WHERE brand_id = $1 AND connection_id = $2 AND name = $3 AND language = $4
             AND gone_at > now() - $5 * interval '1 day'""",
        connection.brand_id,
        connection.id,
        name,
        language,
        _BLOCKED_DAYS,
    )
    if row is None:
        return None
    until: datetime = row["until"]
    return until


async def _of_language(tx: Tx, connection: Connection, language: str) -> list[Template]:
    rows = await tx.rows(
        """SELECT * FROM template
           WHERE brand_id = $1 AND connection_id = $2 AND language = $3 AND status <> ALL ($4::text[])""",
        connection.brand_id,
        connection.id,
        language,
        list(GONE),
    )
    return [cache.read(row) for row in rows]


async def _edits(tx: Tx, brand_id: UUID, template_id: UUID, since: datetime) -> list[datetime]:
    """Tell when an approved template was edited here, the last at the end."""
    rows = await tx.rows(
        """SELECT at FROM audit WHERE brand_id = $1 AND id >= $2 AND action = $3 AND object = $4
             AND detail ->> 'status' = ANY ($5::text[]) ORDER BY at""",
        brand_id,
        ids.floor(since),
        EDITED,
        ids.show("tpl", template_id),
        sorted(_APPROVED),
    )
    return [row["at"] for row in rows]
