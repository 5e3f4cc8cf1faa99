"""What an operator sees of Meta's notices: of templates, accounts and numbers."""

from typing import Annotated

import msgspec
import typer

from quixess import notices
from quixess.cli import ground, paint
from quixess.cli.ground import BrandOption, Ground
from quixess.database.core import Row
from quixess.events.envelope import moment

told = typer.Typer(help="What Meta said of templates, accounts and numbers.", no_args_is_help=True)


@told.callback()
def group() -> None:
    """Name the group, which typer drops while it has a single command."""


@told.command("list")
def list_notices(
    brand: BrandOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 25,
    values: Annotated[bool, typer.Option("--values", help="Show what Meta sent instead of our words for it.")] = False,
) -> None:
    """List what Meta said last of a brand's templates, accounts and numbers."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
        async with on.db.reading(owner.id) as tx:
            found = await notices.list_notices(tx, owner.id, limit=limit)
        heads = ("told", "about", "field", "event", "value" if values else "means")
        paint.table(heads, [_line(row, values=values) for row in found])

    ground.run(work)


def _line(row: Row, *, values: bool) -> tuple[str, ...]:
    value = row["value"] if values else _meaning(row)
    about = row["phone_number_id"] or row["waba_id"]
    return (moment(row["occurred_at"]), about, row["field"] or "-", row["event"] or "-", value)


def _meaning(row: Row) -> str:
    words = notices.describe(row["field"], msgspec.json.decode(row["value"]))
    return f"{words.severity}: {words.summary}"
