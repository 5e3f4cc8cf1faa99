"""What an operator does by hand: brands, keys, and Meta's bodies that need a look."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from quixess import access
from quixess.access import Key
from quixess.cli import ground, paint
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.messages import todos

brands = typer.Typer(help="Brands: the tenants of this installation.", no_args_is_help=True)
keys = typer.Typer(help="API keys: each is one brand and a set of scopes.", no_args_is_help=True)
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


@keys.command("create")
def create_key(
    scope: Annotated[list[str], typer.Option("--scope", help="A scope, such as whatsapp:send_otp; may be repeated.")],
    brand: BrandOption = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    days: Annotated[int | None, typer.Option(help="Expire after so many days.", min=1, max=36_500)] = None,
    test: Annotated[bool, typer.Option("--test", help="Make a qxt_ key.")] = False,
) -> None:
    """Mint a key. Its secret is shown this once."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
            expires_in = timedelta(days=days) if days else None
            secret, key = await access.mint_key(
                tx, on.keyring, owner.id, name=name, scopes=scope, actor=ACTOR, expires_in=expires_in, test=test
            )
        paint.say(secret)
        paint.step(f"{ids.show('key', key.id)} for {owner.name}: keep the secret now, it is not shown again.")

    ground.run(work)


@keys.command("list")
def list_keys(brand: BrandOption = None) -> None:
    """List keys, without their secrets."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = (await access.find_brand(tx, brand)).id if brand else None
            found = await access.list_keys(tx, owner)
        rows = [(ids.show("key", key.id), key.hint, key.name, _state(key), ",".join(key.scopes)) for key in found]
        paint.table(("id", "key", "name", "state", "scopes"), rows)

    ground.run(work)


@keys.command("scope")
def extend_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key_… id.")],
    add: Annotated[list[str], typer.Option("--add", help="A scope to add; may be repeated.")],
) -> None:
    """Add scopes to a key. Its brand never changes, and scopes are never taken away: revoke the key instead."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            key = await access.extend_scopes(tx, _key_id(key_id), add, actor=ACTOR)
        paint.say(", ".join(key.scopes))

    ground.run(work)


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key_… id.")]) -> None:
    """Revoke a key for good. The next request with it is refused."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            await access.revoke_key(tx, _key_id(key_id), actor=ACTOR)
        paint.say("revoked")

    ground.run(work)


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


def _key_id(text: str) -> UUID:
    key_id = ids.parse("key", text)
    if key_id is None:
        paint.fail("Name the key by its key_… id: `quixess key list` shows them.")
    return key_id


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return f"until {moment(key.expires_at)}" if key.expires_at is not None else "active"
