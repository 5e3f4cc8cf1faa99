"""What an operator does by hand: brands, and Meta's bodies that need a look."""

from typing import Annotated

import typer

from quixess import access
from quixess.cli import ground, paint
from quixess.cli.ground import Ground
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.messages import todos

brands = typer.Typer(help="Brands: the tenants of this installation.", no_args_is_help=True)
bodies = typer.Typer(help="Meta's bodies that could not be worked off.", no_args_is_help=True)


@brands.command("create")
def create_brand(name: str) -> None:
    """Make a brand."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            brand = await access.create_brand(tx, name)
        paint.say(f"{ids.show('brd', brand.id)}  {brand.name}")

    ground.run(work)


@brands.command("list")
def list_brands() -> None:
    """List all brands."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            found = await access.list_brands(tx)
        rows = [(ids.show("brd", brand.id), brand.name, brand.state, moment(brand.created_at)) for brand in found]
        paint.table(("id", "name", "state", "created"), rows)

    ground.run(work)


@brands.command("suspend")
def suspend_brand(name: Annotated[str, typer.Argument(metavar="BRAND", help="The brand's name or brd_… id.")]) -> None:
    """Refuse every key of a brand with 403, from the next request on. Meta's webhooks are still taken in."""
    _set_suspended(name, suspended=True)


@brands.command("resume")
def resume_brand(name: Annotated[str, typer.Argument(metavar="BRAND", help="The brand's name or brd_… id.")]) -> None:
    """Let the keys of a suspended brand work again."""
    _set_suspended(name, suspended=False)


@bodies.command("list")
def list_bodies() -> None:
    """List the bodies of Meta that could not be worked off, with the error."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            found = await todos.list_broken(tx)
        rows = [
            (ids.show("int", row["id"]), row["app_id"], moment(row["received_at"]), str(row["size"]), row["error"])
            for row in found
        ]
        paint.table(("id", "app", "received", "bytes", "error"), rows)

    ground.run(work)


@bodies.command("rerun")
def rerun_bodies(
    intake_id: Annotated[str | None, typer.Argument(metavar="[INT_ID]", help="One of them; without it all.")] = None,
) -> None:
    """Put broken bodies back to work: after an upgrade that understands them."""

    async def work(on: Ground) -> None:
        wanted = ids.parse("int", intake_id) if intake_id else None
        if intake_id and wanted is None:
            paint.fail(f"{intake_id} is no int_… id: `quixess intake list` shows them.")
        async with on.db.transaction() as tx:
            again = await todos.run_again(tx, wanted)
        paint.say(f"queued {again}")

    ground.run(work)


def _set_suspended(name: str, *, suspended: bool) -> None:
    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            brand = await access.find_brand(tx, name)
            await access.suspend_brand(tx, brand.id, suspended=suspended)
        paint.say("suspended" if suspended else "active")

    ground.run(work)
