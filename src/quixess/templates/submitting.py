"""Submitting: templates made, changed, unpaused and deleted at Meta, and in the cache at once.

A draft is held against Meta's rules and against what is known here before Meta is asked. What Meta takes stands in
the cache when the verb returns; what becomes of it in review is told by webhook as `template.status_changed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from quixess import connections
from quixess.connections import Connection, Lines
from quixess.database import ids
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.events import outbox
from quixess.events.outbox import Draft
from quixess.meta import templates as remote
from quixess.meta.graph import Graph
from quixess.meta.outcomes import Outcome, Unknown
from quixess.meta.templates import RemoteTemplate
from quixess.templates import catalogue, history, listing, previewing, refusing, telling
from quixess.templates.catalogue import Entry, Filter
from quixess.templates.drafts import TemplateDraft, TemplateEdit, part
from quixess.templates.linting import Finding, Findings, as_errors, lint
from quixess.templates.telling import Subject
from quixess.vault import Keyring

_MOST_LANGUAGES = 200


@dataclass(frozen=True, slots=True)
class Submitted:
    """A template as Meta took it. `asked_category` is the one asked for: Meta may have chosen another."""

    entry: Entry
    asked_category: str
    warnings: tuple[Finding, ...]


class Submissions:
    """What is asked of Meta with templates, by the brand's active connection.

    Every verb may raise `no_active_connection`, and what `refusing` makes of Meta's answer.
    """

    def __init__(
        self, db: Database, keyring: Keyring, lines: Lines, dispatcher: outbox.Dispatcher | None = None
    ) -> None:
        self._db = db
        self._keyring = keyring
        self._lines = lines
        self._dispatcher = dispatcher

    async def review(self, brand_id: UUID, draft: TemplateDraft) -> list[Finding]:
        """Find everything in a draft that Meta would refuse or doubt. Meta is not asked."""
        found = lint(draft)
        async with self._db.transaction() as tx:
            connection = (await connections.active(tx, self._keyring, [brand_id])).get(brand_id)
            clashes = [] if connection is None else await history.find_clashes(tx, connection, draft)
        return found + clashes

    async def preview(self, brand_id: UUID, draft: TemplateDraft) -> dict[str, Any]:
        """Show what people will see. Meta is asked for the words of a one-time code. Raises `template_rules`."""
        _refuse(lint(draft), "template_rules")
        if draft.category.upper() != "AUTHENTICATION":
            return previewing.preview(draft)
        async with self._db.transaction() as tx:
            connection = await self._connection(tx, brand_id)
        graph = await self._lines.to(connection.graph_url)
        warned = bool(part(draft, "BODY").get("add_security_recommendation"))
        minutes = part(draft, "FOOTER").get("code_expiration_minutes")
        try:
            listed = await remote.preview_codes(
                graph, connection.credentials, [draft.language], warned=warned, minutes=minutes
            )
        except Outcome as outcome:
            raise refusing.explain(outcome) from None
        return previewing.read_code(draft, listed[0] if listed else {})

    async def create(self, brand_id: UUID, draft: TemplateDraft, *, actor: str) -> Submitted:
        """Submit a template. Raises `template_rules` (400) and `template_conflict` (409) before Meta is asked."""
        found = lint(draft)
        _refuse(found, "template_rules")
        async with self._db.transaction() as tx:
            connection = await self._connection(tx, brand_id)
            _refuse(await history.find_clashes(tx, connection, draft), "template_conflict")
        graph = await self._lines.to(connection.graph_url)
        try:
            made = await remote.create(graph, connection.credentials, draft.as_meta())
        except Outcome as outcome:
            raise await self._refused(connection, outcome) from None
        written = RemoteTemplate(
            made.id, draft.name, draft.language, made.status, made.category or draft.category.upper(),
            draft.components, {"parameter_format": draft.parameter_format.upper()},
        )  # fmt: skip
        entry = await self._keep(graph, connection, written, ("template.created", actor, None))
        return Submitted(entry, draft.category.upper(), tuple(found))

    async def edit(self, brand_id: UUID, name: str, language: str, edit: TemplateEdit, *, actor: str) -> Submitted:
        """Change a template. Raises `template_not_found`, and what `create` raises."""
        async with self._db.transaction() as tx:
            connection = await self._connection(tx, brand_id)
            entry = (await _find(tx, connection, name, language))[0]
            draft = _apply(entry, edit)
            changed = edit.as_meta().keys()
            found = [one for one in lint(draft) if one.pointer.split("/")[1] in changed]
            _refuse(found, "template_rules")
            limits = await history.find_edit_limits(tx, brand_id, entry.template, edit)
            if edit.components is not None:
                limits += await history.find_repetition(tx, connection, draft, entry.template.id)
            _refuse(limits, "template_conflict")
        graph = await self._lines.to(connection.graph_url)
        try:
            await remote.edit(graph, connection.credentials, entry.meta_id, edit.as_meta())
        except Outcome as outcome:
            raise await self._refused(connection, outcome) from None
        written = RemoteTemplate(
            entry.meta_id, entry.template.name, entry.template.language, "PENDING", draft.category.upper(),
            draft.components, {"parameter_format": entry.parameter_format},
        )  # fmt: skip
        done = history.EDITED, actor, entry.template.status
        after = await self._keep(graph, connection, written, done)
        return Submitted(after, draft.category.upper(), tuple(found))

    async def unpause(self, brand_id: UUID, name: str, language: str, *, actor: str) -> Entry:
        """End a pause that Meta made for a template's pace. Raises `template_not_found` and `template_conflict`."""
        async with self._db.transaction() as tx:
            connection = await self._connection(tx, brand_id)
            entry = (await _find(tx, connection, name, language))[0]
            findings = Findings()
            findings.hold(entry.template.status == "PAUSED", "", "unpause_state")
            _refuse(findings.listed, "template_conflict")
        graph = await self._lines.to(connection.graph_url)
        try:
            await remote.unpause(graph, connection.credentials, entry.meta_id)
        except Outcome as outcome:
            raise await self._refused(connection, outcome) from None
        written = RemoteTemplate(
            entry.meta_id, entry.template.name, entry.template.language, "APPROVED", entry.template.category,
            entry.template.components, {"parameter_format": entry.parameter_format},
        )  # fmt: skip
        return await self._keep(graph, connection, written, ("template.unpaused", actor, entry.template.status))

    async def delete(self, brand_id: UUID, name: str, language: str | None, *, actor: str) -> list[str]:
        """Delete a template in one language, or in all; gives those languages. The name is blocked for 30 days."""
        async with self._db.transaction() as tx:
            connection = await self._connection(tx, brand_id)
            entries = await _find(tx, connection, name, language)
            disabled = [one for one in entries if one.template.status == "DISABLED"]
            _refuse([Finding("", "delete_state", _DISABLED)] if disabled else [], "template_conflict")
        graph = await self._lines.to(connection.graph_url)
        try:
            one = None if language is None else entries[0].meta_id
            await remote.delete(graph, connection.credentials, name, one)
        except Outcome as outcome:
            raise await self._refused(connection, outcome) from None
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                drafts = await listing.keep_deleted(tx, connection, [one.template.id for one in entries])
                for entry in entries:
                    subject = ids.show("tpl", entry.template.id)
                    await history.note(tx, brand_id, actor, "template.deleted", subject, entry.template.status)
                await _mark_account_stale(tx, connection, itself=True)
                await outbox.record(tx, self._keyring, drafts, hand_off)
        return [entry.template.language for entry in entries]

    async def _connection(self, tx: Tx, brand_id: UUID) -> Connection:
        connection = (await connections.active(tx, self._keyring, [brand_id])).get(brand_id)
        if connection is None:
            raise connections.none_active()
        return connection

    async def _keep(
        self,
        graph: Graph,
        connection: Connection,
        written: RemoteTemplate,
        done: tuple[str, str, str | None],
    ) -> Entry:
        """Put into the cache what Meta made of it: Meta changes words, buttons and the category on its own."""
        async with self._db.statement() as tx:
            asked_at = await _clock(tx)
        surely = True
        try:
            listed = await remote.read(graph, connection.credentials, written.id)
        except Outcome:
            listed, surely = written, False
        with outbox.handing_to(self._dispatcher) as hand_off:
            async with self._db.transaction() as tx:
                drafts = await listing.keep_one(tx, connection, listed, asked_at)
                entry = (await _find(tx, connection, written.name, written.language))[0]
                action, actor, status = done
                await history.note(tx, connection.brand_id, actor, action, ids.show("tpl", entry.template.id), status)
                if drafts == [] and action == "template.created":
                    drafts = _reviewed(entry, connection, written.status, asked_at)
                await _mark_account_stale(tx, connection, itself=drafts is None or not surely)
                await outbox.record(tx, self._keyring, drafts or [], hand_off)
        return entry

    async def _refused(self, connection: Connection, outcome: Outcome) -> QuixessError:
        """Give the error of an outcome. After a doubt, Meta's list is fetched: it has the truth."""
        if isinstance(outcome, Unknown):
            async with self._db.transaction() as tx:
                await _mark_account_stale(tx, connection, itself=True)
        return refusing.explain(outcome)


_DISABLED = "Meta disabled this template: a disabled one cannot be deleted."


async def _find(tx: Tx, connection: Connection, name: str, language: str | None) -> list[Entry]:
    """Find a template in one language or in all. Raises `template_not_found`."""
    wanted = Filter(name=name)
    there = await catalogue.list_templates(tx, connection.brand_id, connection.id, wanted, limit=_MOST_LANGUAGES)
    found = [
        one for one in there
        if language is None or one.template.language.replace("-", "_") == language.replace("-", "_")
    ]  # fmt: skip
    if not found:
        languages = sorted(one.template.language for one in there)
        fix = f"name a language it has: {', '.join(languages)}." if there else "check its name, or sync."
        detail = f"There is no such template here: {fix}"
        raise QuixessError("template_not_found", detail, extra={"languages": languages})
    return found


def _reviewed(entry: Entry, connection: Connection, was: str, at: datetime) -> list[Draft]:
    """Tell of a review that was over before the template stood in the cache: its webhook will find nothing new."""
    template = entry.template
    if template.status == was:
        return []
    subject = Subject(
        connection.brand_id, template.id, entry.meta_id, template.name, template.language, template.category
    )
    return [telling.status_changed(subject, at, old=was, new=template.status, reason=entry.reason)]


def _apply(entry: Entry, edit: TemplateEdit) -> TemplateDraft:
    template = entry.template
    return TemplateDraft(
        name=template.name,
        language=template.language,
        category=edit.category or template.category,
        components=template.components if edit.components is None else edit.components,
        parameter_format=entry.parameter_format,
        message_send_ttl_seconds=edit.message_send_ttl_seconds,
    )


def _refuse(found: Sequence[Finding], code: str) -> None:
    """Raise an error with everything that was found, if anything of it blocks."""
    blocking = [one for one in found if one.blocks]
    if blocking:
        more = f" And {len(blocking) - 1} more: see `errors`." if len(blocking) > 1 else ""
        raise QuixessError(code, f"{blocking[0].detail}{more}", errors=as_errors(found))


async def _mark_account_stale(tx: Tx, connection: Connection, *, itself: bool) -> None:
    """Have the list fetched for every number of the WABA, for templates belong to it; `itself`: this one too."""
    there = (await connections.find_accounts(tx, [connection.waba_id])).get(connection.waba_id, [])
    stale = {(one.brand_id, one.connection_id) for one in there}
    this = connection.brand_id, connection.id
    await listing.mark_stale(tx, sorted(stale | {this} if itself else stale - {this}))


async def _clock(tx: Tx) -> datetime:
    row = await tx.row("SELECT clock_timestamp() AS now")
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    now: datetime = row["now"]
    return now
