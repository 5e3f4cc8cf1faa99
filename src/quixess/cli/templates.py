"""What an operator does with templates: presets, checked, previewed, submitted, edited, unpaused, deleted, fetched."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
import typer

from quixess import connections
from quixess.cli import ground, paint
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.connections import Lines
from quixess.errors import QuixessError
from quixess.media import samples
from quixess.meta.outcomes import Outcome
from quixess.templates import Sync, catalogue, drafts, previewing, refusing
from quixess.templates.catalogue import Entry, Filter
from quixess.templates.drafts import TemplateDraft, TemplateEdit
from quixess.templates.linting import Finding
from quixess.templates.presets import PRESETS, App, adapt
from quixess.templates.submitting import Submissions, Submitted

templates = typer.Typer(help="Templates: made, checked, previewed, submitted to Meta.", no_args_is_help=True)

T = TypeVar("T")
_MOST_NAMES = 10_000
NameArgument = Annotated[str, typer.Argument(help="The template's name.")]
LanguageArgument = Annotated[str, typer.Argument(help="Its language, such as en_US.")]
FileOption = Annotated[
    Path | None, typer.Option("--file", metavar="JSON", help="The template as JSON, as Meta writes it; - reads stdin.")
]
PresetOption = Annotated[str | None, typer.Option(help="Start from a preset: `quixess template presets` lists them.")]
RenameOption = Annotated[str | None, typer.Option("--name", help="Another name than the one in the file or preset.")]
LanguageOption = Annotated[str | None, typer.Option("--language", help="Another language, such as de.")]
AppOption = Annotated[
    list[str] | None,
    typer.Option("--app", metavar="PACKAGE:HASH", help="An Android app that may read the code; may be repeated."),
]
ShownFile = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="JPEG, PNG, MP4 or PDF.")]
HeaderOption = Annotated[
    Path | None,
    typer.Option(
        "--header-file", metavar="FILE", exists=True, dir_okay=False,
        help="An example of the picture, video or PDF that the header shows: JPEG, PNG, MP4 or PDF.",
    ),
]  # fmt: skip
_UNSHOWN = "4::"  # stands for a handle as long as nothing was given to Meta


@templates.command("presets")
def list_presets() -> None:
    """List templates that are ready to be submitted."""
    rows = [(one.id, one.draft.category, one.draft.name, one.summary) for one in PRESETS.values()]
    paint.table(("preset", "category", "name", "what it is"), rows)


@templates.command("list")
def list_templates(
    brand: BrandOption = None,
    search: Annotated[str | None, typer.Option(help="Only names with this part.")] = None,
) -> None:
    """List a brand's templates, the languages of each name together."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
        async with on.db.reading(owner.id) as tx:
            source = await catalogue.find_source(tx, owner.id)
            found: dict[str, list[Entry]] = {}
            if source is not None:
                found = await catalogue.list_names(
                    tx, owner.id, source.connection_id, Filter(search=search), limit=_MOST_NAMES
                )
        rows = [_line(one) for languages in found.values() for one in languages]
        paint.table(("name", "language", "category", "status", "quality", "reason"), rows)

    ground.run(work)


@dataclass(frozen=True, slots=True)
class Named:
    """What a command about a draft is given: for which brand, the template, and the file that its header shows."""

    brand: str | None
    draft: TemplateDraft
    header_file: Path | None

    def whole(self, handle: str = _UNSHOWN) -> TemplateDraft:
        """Give the template with its header."""
        if self.header_file is None:
            return self.draft
        return drafts.show(self.draft, samples.recognise(self.header_file)[1], handle)


def _about_a_draft(name: str) -> Callable[[Callable[[Ground, Named], Awaitable[None]]], Callable[..., None]]:
    """Make a command that is told of a template: all of them take the same options."""

    def make(work: Callable[[Ground, Named], Awaitable[None]]) -> Callable[..., None]:
        @templates.command(name, help=work.__doc__)
        def command(
            brand: BrandOption = None, file: FileOption = None, preset: PresetOption = None,
            name: RenameOption = None, language: LanguageOption = None, app: AppOption = None,
            header_file: HeaderOption = None,
        ) -> None:  # fmt: skip
            named = Named(brand, _read_draft(file, preset, name, language, app), header_file)
            _run(lambda on: work(on, named))

        return command

    return make


@_about_a_draft("lint")
async def check_template(on: Ground, named: Named) -> None:
    """Check a template against Meta's rules, and against what the brand has. Meta is not asked."""
    async with _submissions(on) as submissions:
        found = await submissions.review(await _owner(on, named.brand), named.whole())
    _tell(found)
    if any(one.blocks for one in found):
        raise typer.Exit(1)
    paint.say("The template can be submitted.")


@_about_a_draft("preview")
async def preview_template(on: Ground, named: Named) -> None:
    """Show what people will see of a template. Meta is asked for the words of a one-time code."""
    async with _submissions(on) as submissions:
        content = await submissions.preview(await _owner(on, named.brand), named.whole())
    paint.say(previewing.in_words(content))


@_about_a_draft("create")
async def create_template(on: Ground, named: Named) -> None:
    """Submit a template for Meta's review."""
    async with _submissions(on) as submissions:
        owner, whole = await _owner(on, named.brand), named.whole()
        if named.header_file is not None:
            found = await submissions.review(owner, whole)
            if any(one.blocks for one in found):
                _tell(found)
                paint.fail("The template breaks rules: nothing was given to WhatsApp.")
            whole = named.whole(await _give(on, owner, named.header_file))
        done = await submissions.create(owner, whole, actor=ACTOR)
    _tell_taken(done)


@templates.command("sample")
def give_sample(file: ShownFile, brand: BrandOption = None) -> None:
    """Give Meta an example of the file that a header shows, and print its handle: for edits, and for cards."""

    async def work(on: Ground) -> None:
        paint.say(await _give(on, await _owner(on, brand), file))

    _run(work)


@templates.command("edit")
def edit_template(
    name: NameArgument,
    language: LanguageArgument,
    file: Annotated[Path, typer.Option("--file", metavar="JSON", help="`components`, `category` or both; - is stdin.")],
    brand: BrandOption = None,
) -> None:
    """Change a template. Meta reviews it again; an approved one once in 24 hours."""
    edit = _read(file, TemplateEdit)

    async def work(on: Ground) -> None:
        async with _submissions(on) as submissions:
            done = await submissions.edit(await _owner(on, brand), name, language, edit, actor=ACTOR)
        _tell_taken(done)

    _run(work)


@templates.command("unpause")
def unpause_template(
    name: NameArgument,
    language: LanguageArgument,
    brand: BrandOption = None,
) -> None:
    """End the pause of a template that Meta paused for its pace, not for its quality."""

    async def work(on: Ground) -> None:
        async with _submissions(on) as submissions:
            entry = await submissions.unpause(await _owner(on, brand), name, language, actor=ACTOR)
        paint.say(f"{name} {entry.template.language}: {entry.template.status}")

    _run(work)


@templates.command("delete")
def delete_template(
    name: NameArgument,
    brand: BrandOption = None,
    language: Annotated[str | None, typer.Option(help="Only this language; all of them without it.")] = None,
) -> None:
    """Delete a template. Meta blocks its name for 30 days."""

    async def work(on: Ground) -> None:
        async with _submissions(on) as submissions:
            gone = await submissions.delete(await _owner(on, brand), name, language, actor=ACTOR)
        paint.say(f"deleted: {', '.join(sorted(gone))}")

    _run(work)


@templates.command("sync")
def sync_templates(brand: BrandOption = None) -> None:
    """Fetch the templates from Meta now, and tell what changed."""

    async def work(on: Ground) -> None:
        owner = await _owner(on, brand)
        async with _lines(on) as lines:
            try:
                found = await Sync(on.db, on.keyring, lines, None).on_demand(owner, actor=ACTOR)
            except Outcome as outcome:
                raise refusing.explain(outcome) from None
        paint.table(
            ("name", "language", "was", "is"),
            [(one.name, one.language, one.old or "-", one.new or "gone") for one in found.changes],
        )
        paint.step(f"{found.total} templates: {found.added} came, {found.updated} changed, {found.removed} went.")

    ground.run(work)


def _run(work: Callable[[Ground], Awaitable[None]]) -> None:
    """Run a command; what a template breaks is listed before the error."""

    async def told(on: Ground) -> None:
        try:
            await work(on)
        except QuixessError as error:
            for fault in error.errors[1:]:
                paint.step(f"{fault.pointer or '/'}: {fault.code}: {fault.detail}")
            raise

    ground.run(told)


@asynccontextmanager
async def _submissions(on: Ground) -> AsyncIterator[Submissions]:
    async with _lines(on) as lines:
        yield Submissions(on.db, on.keyring, lines)


@asynccontextmanager
async def _lines(on: Ground) -> AsyncIterator[Lines]:
    lines = Lines(version=on.settings.graph_version, timeout_s=on.settings.send_timeout)
    try:
        yield lines
    finally:
        await lines.close()


async def _give(on: Ground, brand_id: UUID, file: Path) -> str:
    """Give Meta a file to look at, by the brand's active connection; returns Meta's handle."""
    async with on.db.transaction() as tx:
        connection = (await connections.active(tx, on.keyring, [brand_id])).get(brand_id)
        if connection is None:
            raise (await connections.why_none(tx, [brand_id]))[brand_id]
    async with _lines(on) as lines:
        return (await samples.give(on.db, lines, connection, file)).handle


async def _owner(on: Ground, brand: str | None) -> UUID:
    async with on.db.transaction() as tx:
        return (await ground.pick_brand(tx, brand)).id


def _read_draft(
    file: Path | None, preset: str | None, name: str | None, language: str | None, apps: Sequence[str] | None
) -> TemplateDraft:
    """Read the template that a command is about: from a file, or a preset made one's own."""
    if (file is None) == (preset is None):
        paint.fail("Give the template by --file or by --preset, one of them.")
    if file is not None:
        draft = _read(file, TemplateDraft)
        changes = {"name": name, "language": language}
        return msgspec.structs.replace(draft, **{key: value for key, value in changes.items() if value is not None})
    if preset is None or preset not in PRESETS:
        paint.fail("There is no such preset: `quixess template presets` lists them.")
    chosen, readers = PRESETS[preset], [_read_app(one) for one in apps or ()]
    if chosen.needs_apps and not readers:
        paint.fail("This preset needs the Android app that may read the code: --app PACKAGE:HASH.")
    return adapt(chosen, name=name, language=language, apps=readers)


def _read(file: Path, model: type[T]) -> T:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        paint.fail(f"The file cannot be read: {error.strerror}.")
    try:
        return msgspec.json.decode(raw, type=model)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        paint.fail(f"The file is no template in JSON: {error}.")


def _read_app(text: str) -> App:
    package, _, signature = text.partition(":")
    return App(package, signature)


def _tell_taken(done: Submitted) -> None:
    template = done.entry.template
    _tell(done.warnings)
    if template.category != done.asked_category:
        paint.step(f"WhatsApp made it {template.category}: prices and rules are those of this category.")
    paint.say(f"{template.name} {template.language}: {template.status}")


def _tell(found: Sequence[Finding]) -> None:
    for one in found:
        paint.step(f"{one.pointer or '/'}: {one.rule}{'' if one.blocks else ' (warning)'}: {one.detail}")


def _line(entry: Entry) -> tuple[str, ...]:
    one = entry.template
    return (one.name, one.language, one.category, one.status, entry.quality or "-", entry.reason or "-")
