"""Operator tokens: what opens the management API."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from quixess import access
from quixess.access import OperatorToken
from quixess.cli import ground, paint
from quixess.cli.ground import ACTOR, Ground
from quixess.database import ids
from quixess.events.envelope import moment

operator = typer.Typer(help="Operators, and how their programs come in.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens for the management API.", no_args_is_help=True)
operator.add_typer(tokens, name="token")


@tokens.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="Who or what uses it, such as backoffice.")],
    days: Annotated[int | None, typer.Option(help="Expire after so many days.", min=1, max=36_500)] = None,
    brand: Annotated[
        list[str] | None,
        typer.Option("--brand", help="A brand it is for, by name or brd_… id; again for one more. Else for all."),
    ] = None,
) -> None:
    """Make an operator token. It is shown this once, and may do everything for all brands, or for those named."""

    async def work(on: Ground) -> None:
        span = timedelta(days=days) if days else None
        async with on.db.transaction() as tx:
            brand_ids = [(await access.find_brand(tx, one)).id for one in brand] if brand else None
            secret, made = await access.mint_operator_token(
                tx, on.keyring, name=name, actor=ACTOR, expires_in=span, brand_ids=brand_ids
            )
        paint.say(secret)
        paint.step(f"{ids.show('opt', made.id)} {made.name}: keep it now, it is not shown again.")

    ground.run(work)


@tokens.command("list")
def list_tokens() -> None:
    """List operator tokens, without their secrets."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            found = await access.list_operator_tokens(tx)
            names = {brand.id: brand.name for brand in await access.list_brands(tx)}
        rows = [
            (
                ids.show("opt", one.id),
                one.hint,
                one.name,
                _state(one),
                _when(one.last_used_at),
                _when(one.expires_at),
                "all" if one.brand_ids is None else ", ".join(sorted(names[brand] for brand in one.brand_ids)),
            )
            for one in found
        ]
        paint.table(("id", "token", "name", "state", "last used", "expires", "brands"), rows)

    ground.run(work)


@tokens.command("revoke")
def revoke_token(token_id: Annotated[str, typer.Argument(metavar="OPT_ID", help="The opt_… id.")]) -> None:
    """Revoke an operator token for good, from the next request on."""

    async def work(on: Ground) -> None:
        found = ids.parse("opt", token_id)
        if found is None:
            paint.fail("Name the token by its opt_… id: `quixess operator token list` shows them.")
        async with on.db.transaction() as tx:
            await access.revoke_operator_token(tx, found, actor=ACTOR)
        paint.say("revoked")

    ground.run(work)


def _state(one: OperatorToken) -> str:
    if one.revoked_at is not None:
        return "revoked"
    return "active" if one.expires_at is None or one.expires_at > datetime.now(one.expires_at.tzinfo) else "expired"


def _when(at: datetime | None) -> str:
    return moment(at) if at else "-"
