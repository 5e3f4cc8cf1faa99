"""What an operator does with API keys: minted, narrowed, looked at, extended, rotated, revoked."""

import re
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
import typer

from quixess import access
from quixess.access import Constraints, Key
from quixess.cli import ground, paint
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.database import ids
from quixess.events.envelope import moment

keys = typer.Typer(help="API keys: each is one brand, a set of scopes, and what narrows it.", no_args_is_help=True)

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_UNREADABLE = "(cannot be read by this version)"
KeyArgument = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key_… id.")]


@keys.command("create")
def create_key(
    scope: Annotated[list[str], typer.Option("--scope", help="A scope, such as whatsapp:send_otp; may be repeated.")],
    brand: BrandOption = None,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "key",
    days: Annotated[int | None, typer.Option(help="Expire after so many days.", min=1, max=36_500)] = None,
    test: Annotated[bool, typer.Option("--test", help="Make a qxt_ key.")] = False,
    template: Annotated[
        list[str] | None, typer.Option("--template", help="Send only by this template; may be repeated.")
    ] = None,
    destination: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="PLACE", help="Send only to a country (DE) or prefix (49); may be repeated."),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option("--ip", metavar="CIDR", help="Take calls only from this network; may be repeated."),
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(metavar="N", help="Take at most so many requests.")] = None,
    messages_per_minute: Annotated[int | None, typer.Option(metavar="N", help="Send at most so many messages.")] = None,
    messages_per_day: Annotated[int | None, typer.Option(metavar="N", help="Send at most so many messages.")] = None,
) -> None:
    """Mint a key. Its secret is shown this once."""

    async def work(on: Ground) -> None:
        constraints = access.constrain(
            templates=template, destinations=destination, ip_allow=address, requests_per_minute=requests_per_minute,
            messages_per_minute=messages_per_minute, messages_per_day=messages_per_day,
        )  # fmt: skip
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
            secret, key = await access.mint_key(
                tx, on.keyring, owner.id, name=name, scopes=scope, actor=ACTOR, test=test, constraints=constraints,
                expires_in=timedelta(days=days) if days else None,
            )  # fmt: skip
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
        rows = [
            (
                ids.show("key", key.id), key.hint, key.name, _state(key), _when(key.last_used_at),
                ",".join(_names(key.constraints)) or "-", ",".join(key.scopes),
            )
            for key in found
        ]  # fmt: skip
        paint.table(("id", "key", "name", "state", "last used", "narrowed by", "scopes"), rows)

    ground.run(work)


@keys.command("show")
def show_key(key_id: KeyArgument) -> None:
    """Show a key: what it may do, what narrows it, when it was last used. Its secret is not shown."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            key = await access.get_key(tx, _key_id(key_id))
        paint.table(("of it", "value"), _facts(key))

    ground.run(work)


@keys.command("scope")
def extend_key(
    key_id: KeyArgument,
    add: Annotated[list[str], typer.Option("--add", help="A scope to add; may be repeated.")],
) -> None:
    """Add scopes to a key. Its brand never changes, and scopes are never taken away: revoke the key instead."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            key = await access.extend_scopes(tx, _key_id(key_id), add, actor=ACTOR)
        paint.say(", ".join(key.scopes))

    ground.run(work)


@keys.command("rotate")
def rotate_key(
    key_id: KeyArgument,
    overlap: Annotated[str, typer.Option(metavar="SPAN", help="How long the old key stays: 0s to 30d.")] = "24h",
) -> None:
    """Put a new key in the place of one: same brand, scopes, constraints, quotas and stored answers.

    The new secret is shown this once. The old key works until the overlap is over.
    """
    span = _read_span(overlap)

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            secret, key = await access.rotate_key(tx, on.keyring, _key_id(key_id), span, actor=ACTOR)
            old = await access.get_key(tx, _key_id(key_id))
        paint.say(secret)
        paint.step(f"{ids.show('key', key.id)}: keep the secret now, it is not shown again.")
        paint.step(f"The old key ends {_when(old.expires_at)}; it was last used {_when(old.last_used_at)}.")

    ground.run(work)


@keys.command("revoke")
def revoke_key(key_id: KeyArgument) -> None:
    """Revoke a key for good. The next request with it is refused."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            await access.revoke_key(tx, _key_id(key_id), actor=ACTOR)
        paint.say("revoked")

    ground.run(work)


def _read_span(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None:
        paint.fail("Write the overlap as a number and s, m, h or d, such as 24h.")
    return timedelta(seconds=int(match[1]) * _SPANS[match[2]])


def _key_id(text: str) -> UUID:
    key_id = ids.parse("key", text)
    if key_id is None:
        paint.fail("Name the key by its key_… id: `quixess key list` shows them.")
    return key_id


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return f"until {moment(key.expires_at)}" if key.expires_at is not None else "active"


def _when(at: datetime | None) -> str:
    return "never" if at is None else moment(at)


def _names(constraints: Constraints | None) -> list[str]:
    if constraints is None:
        return [_UNREADABLE]
    return list(msgspec.to_builtins(constraints))


def _facts(key: Key) -> list[tuple[str, str]]:
    """Tell all there is to tell, constraints by their names in `GET /me`."""
    narrowed = {_UNREADABLE: "-"} if key.constraints is None else msgspec.to_builtins(key.constraints)
    return [
        ("id", ids.show("key", key.id)),
        ("key", key.hint),
        ("name", key.name),
        ("brand", "-" if key.brand_id is None else ids.show("brd", key.brand_id)),
        ("state", _state(key)),
        ("scopes", ", ".join(key.scopes)),
        *(
            (name, ", ".join(value) if isinstance(value, list | tuple) else str(value))
            for name, value in narrowed.items()
        ),
        ("created", moment(key.created_at)),
        ("last used", _when(key.last_used_at)),
        ("rotated to", "-" if key.rotated_to is None else ids.show("key", key.rotated_to)),
    ]
