"""People of the dashboard: let in, helped, shut out, from the server. Quixess sends no mail: links are handed over."""

import json
from typing import Annotated

import typer

from quixess.cli import ground, paint
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.database.core import Database
from quixess.events.envelope import moment
from quixess.people import Person, Role, accounts, first_run, invitations, members, sessions
from quixess.people.members import Hand
from quixess.settings import Settings

admin = typer.Typer(help="People who sign in to the dashboard.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="What the person signs in with.")]
_OWNER = Hand(ACTOR, Role.OWNER)


@admin.command("link")
def print_link() -> None:
    """Print the link that lets the first owner in. It opens once, within an hour, while nobody has an account."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            token = await first_run.offer(tx, on.keyring, actor=ACTOR)
        if token is None:
            paint.fail("Somebody has an account: sign in, or `quixess admin invite EMAIL` for somebody else.")
        paint.say(f"{base_url(on.settings)}/setup/{token}")

    ground.run(work)


@admin.command("create")
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="What others see.")],
    brand: BrandOption = None,
    role: Annotated[Role, typer.Option(help="What the person is for the brand.")] = Role.OWNER,
    password_file: Annotated[
        typer.FileText | None, typer.Option(help="Read the password from this file; - is standard input.")
    ] = None,
) -> None:
    """Make an account with a role for a brand. It asks for the password, which the person should change."""
    if password_file is not None:
        password = password_file.readline().rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True)

    async def work(on: Ground) -> None:
        address, shown = accounts.read_email(email), accounts.read_name(name)
        password_hash = await accounts.hash_checked(password, email=address)
        async with on.db.transaction() as tx:
            chosen = await ground.pick_brand(tx, brand)
            person = await accounts.create(tx, email=address, name=shown, password_hash=password_hash)
            await members.add(tx, chosen.id, person, role, inbox=False, hand=_OWNER)
        paint.say(f"{person.shown_id}  {person.email}  {role} of {chosen.name}")

    ground.run(work)


@admin.command("invite")
def invite(
    email: Email,
    brand: BrandOption = None,
    role: Annotated[Role, typer.Option(help="What the person will be for the brand.")] = Role.OWNER,
) -> None:
    """Print a link by which somebody joins a brand, with a new account or with theirs. It opens once, within a week."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            chosen = await ground.pick_brand(tx, brand)
            token, link = await invitations.invite(
                tx, on.keyring, chosen.id, email=email, role=role, inbox=False, hand=_OWNER
            )
        paint.say(f"{base_url(on.settings)}/join/{token}")
        paint.step(f"Hand it to {link.email}: it is not shown again.")

    ground.run(work)


@admin.command("reset-password")
def reset_password(
    email: Email,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Switch the second factor off as well: phone and codes are lost.")
    ] = False,
) -> None:
    """Print a link by which somebody chooses a new password. It opens once, within half an hour."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            person = await accounts.pick(tx, email)
            token = await invitations.offer_reset(tx, on.keyring, person, actor=ACTOR, forget_phone=second_factor)
        paint.say(f"{base_url(on.settings)}/reset/{token}")
        paint.step(f"Hand it to {person.email}: it is not shown again, and signs them out everywhere.")

    ground.run(work)


@admin.command("disable")
def disable(email: Email) -> None:
    """Shut somebody out of everything, at once."""
    _switch(email, disabled=True)


@admin.command("enable")
def enable(email: Email) -> None:
    """Let somebody who was shut out sign in again."""
    _switch(email, disabled=False)


@admin.command("list")
def list_people() -> None:
    """List everybody who has an account, and what they are for which brand."""

    async def work(on: Ground) -> None:
        rows = [await _line(on.db, one) for one in await _everybody(on.db)]
        paint.table(("id", "email", "name", "second factor", "state", "since", "roles"), rows)

    ground.run(work)


def base_url(settings: Settings) -> str:
    """Tell where the dashboard is: of a `quixess up` over this data directory, else as the settings say."""
    try:
        return str(json.loads((settings.data_dir / ground.RUNNING).read_text())["base_url"])
    except (OSError, ValueError, KeyError, TypeError):
        return settings.public_url or f"http://{settings.host}:{settings.port}"


async def _everybody(db: Database) -> list[Person]:
    async with db.statement() as tx:
        return await accounts.list_all(tx)


async def _line(db: Database, person: Person) -> tuple[str, ...]:
    async with db.statement() as tx:
        roles = [f"{one.role} of {one.brand.name}" for one in await sessions.memberships_of(tx, person.id)]
    return (
        person.shown_id,
        person.email,
        person.name,
        "on" if person.second_factor else "off",
        "active" if person.disabled_at is None else "disabled",
        moment(person.created_at),
        ", ".join(roles) or "-",
    )


def _switch(email: str, *, disabled: bool) -> None:
    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            person = await accounts.pick(tx, email)
            await accounts.disable(tx, person, disabled=disabled, actor=ACTOR)
        paint.say("disabled" if disabled else "active")

    ground.run(work)
