"""What an operator does by hand: brands, keys, the endpoint, events, and Meta's bodies that need a look."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from quixess import access
from quixess.access import Brand, Key
from quixess.cli import ground, paint, process
from quixess.cli.ground import Ground
from quixess.database import ids
from quixess.database.core import Tx
from quixess.events import endpoints, outbox, outward
from quixess.events.envelope import moment
from quixess.messages import todos

brands = typer.Typer(help="Brands: the tenants of this installation.", no_args_is_help=True)
keys = typer.Typer(help="API keys: each is one brand and a set of scopes.", no_args_is_help=True)
endpoint = typer.Typer(help="Where a brand's events go.", no_args_is_help=True)
events = typer.Typer(help="Events: what was told to whom.", no_args_is_help=True)
bodies = typer.Typer(help="Meta's bodies that could not be worked off.", no_args_is_help=True)

BrandOption = Annotated[
    str | None, typer.Option("--brand", help="The brand's name or brd_… id; not needed while there is only one.")
]
_ACTOR = "cli"


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
            owner = await _brand(tx, brand)
            expires_in = timedelta(days=days) if days else None
            secret, key = await access.mint_key(
                tx, on.keyring, owner.id, name=name, scopes=scope, actor=_ACTOR, expires_in=expires_in, test=test
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
            key = await access.extend_scopes(tx, _key_id(key_id), add, actor=_ACTOR)
        paint.say(", ".join(key.scopes))

    ground.run(work)


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key_… id.")]) -> None:
    """Revoke a key for good. The next request with it is refused."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            await access.revoke_key(tx, _key_id(key_id), actor=_ACTOR)
        paint.say("revoked")

    ground.run(work)


@endpoint.command("set")
def set_endpoint(url: str, brand: BrandOption = None) -> None:
    """Send a brand's events to a URL. The signing secret is shown when the first URL is set."""

    async def work(on: Ground) -> None:
        outward.check_url(url, process.outward_policy(on.settings))
        async with on.db.transaction() as tx:
            owner = await _brand(tx, brand)
            found, first = await endpoints.set_url(tx, on.keyring, owner.id, url)
        if first:
            paint.say(found.secrets[0])
            paint.step("This secret signs every event: keep it now, it is not shown again.")
        paint.step(f"Events of {owner.name} go to {url}")

    ground.run(work)


@events.command("list")
def list_events(
    brand: BrandOption = None, limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 25
) -> None:
    """List a brand's latest events and what became of them."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await _brand(tx, brand)
        async with on.db.reading(owner.id) as tx:
            found = await outbox.list_events(tx, owner.id, limit=limit)
        rows = [
            (ids.show("evt", row["id"]), row["type"], moment(row["occurred_at"]), row["state"], str(row["attempts"]))
            for row in found
        ]
        paint.table(("id", "type", "occurred", "state", "attempts"), rows)

    ground.run(work)


@events.command("replay")
def replay_event(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The evt_… id.")], brand: BrandOption = None
) -> None:
    """Deliver an event again, with the same id."""

    async def work(on: Ground) -> None:
        wanted = ids.parse("evt", event_id)
        async with on.db.transaction() as tx:
            owner = await _brand(tx, brand)
            made = await outbox.replay(tx, on.keyring, owner.id, wanted) if wanted else None
        if made is None:
            paint.fail(f"There is no event {event_id} of {owner.name}: `quixess events list` shows the latest.")
        if not made:
            paint.fail("Nobody to tell: the brand has no endpoint for this event, or one still waits for it.")
        paint.say(f"queued {len(made)}")

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


async def _brand(tx: Tx, brand: str | None) -> Brand:
    if brand is not None:
        return await access.find_brand(tx, brand)
    found = await access.list_brands(tx)
    if len(found) != 1:
        missing = "There is no brand yet: `quixess brand create NAME` makes one."
        paint.fail(missing if not found else "There are several brands: say which one with --brand.")
    return found[0]


def _key_id(text: str) -> UUID:
    key_id = ids.parse("key", text)
    if key_id is None:
        paint.fail("Name the key by its key_… id: `quixess key list` shows them.")
    return key_id


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return f"until {moment(key.expires_at)}" if key.expires_at is not None else "active"
