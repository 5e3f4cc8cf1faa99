"""What an operator does with connections: made, looked at, parted with, taken up again; new secrets and PINs.

Secrets come from files, from standard input (`-`) or from a prompt, never as arguments: those stand in shell histories
and in the list of processes.
"""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from quixess import connections
from quixess.access import Brand
from quixess.cli import ground, meaning, paint
from quixess.cli.connections import telling
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.connections import Claim, Entry, Lines
from quixess.database import ids
from quixess.database.core import Tx
from quixess.onboarding import Onboarding, Parting, Webhook
from quixess.templates import Sync

connection = typer.Typer(help="A brand's WhatsApp numbers.", no_args_is_help=True)

_META = "https://graph.facebook.com"
OneConnection = Annotated[str, typer.Argument(metavar="CONNECTION", help="Its con_… id or phone number id.")]
ConnectionArgument = Annotated[
    str | None,
    typer.Argument(metavar="CONNECTION", help="Its con_… id or phone number id; not needed while there is only one."),
]
AppOption = Annotated[str, typer.Option("--app", metavar="ID", help="The Meta app's id.")]
WabaOption = Annotated[str, typer.Option("--waba", metavar="ID", help="The WhatsApp Business account's id.")]
NumberOption = Annotated[str, typer.Option("--number", metavar="ID", help="The phone number id, not the number.")]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="A file with the app secret, - for standard input; else asked for.")
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="A file with the access token, - for standard input.")
]
PinFile = Annotated[
    Path | None,
    typer.Option("--pin-file", help="A file with the six-digit PIN, for a number that is not registered yet."),
]
VerifyFile = Annotated[
    Path | None, typer.Option("--verify-token-file", help="A file with a verify token of yours; else one is made.")
]
WebhookOption = Annotated[str | None, typer.Option("--webhook", metavar="URL", help="Where the brand's events go.")]
TypesOption = Annotated[str | None, typer.Option(help="Event types for --webhook, comma-separated.")]
GraphOption = Annotated[str, typer.Option("--graph-url", help="Meta's API, or that of a simulator.")]


@connection.command("add")
def add(
    app: AppOption,
    waba: WabaOption,
    number: NumberOption,
    brand: BrandOption = None,
    secret_file: SecretFile = None,
    token_file: TokenFile = None,
    pin_file: PinFile = None,
    verify_token_file: VerifyFile = None,
    webhook: WebhookOption = None,
    types: TypesOption = None,
    graph_url: GraphOption = _META,
) -> None:
    """Connect a number by pasted credentials. All is checked at Meta before anything is kept."""
    claim = Claim(
        app_id=app,
        app_secret=_secret(secret_file, "App secret"),
        waba_id=waba,
        phone_number_id=number,
        token=_secret(token_file, "Access token"),
        graph_url=graph_url,
        verify_token=_read(verify_token_file) if verify_token_file else None,
        pin=_read(pin_file) if pin_file else None,
    )

    async def work(on: Ground) -> None:
        owner = await _owner(on, brand)
        async with _open(on) as (onboarding, _):
            made = await onboarding.connect_by_credentials(owner.id, claim, _webhook(webhook, types), actor=ACTOR)
        telling.tell(owner, made)

    ground.run(work)


@connection.command("signup")
def sign_up(
    app: AppOption,
    waba: WabaOption,
    number: NumberOption,
    brand: BrandOption = None,
    code_file: Annotated[
        Path | None, typer.Option("--code-file", help="A file with the code, - for standard input; else asked for.")
    ] = None,
    pin_file: PinFile = None,
    on_phone: Annotated[bool, typer.Option("--on-phone", help="The number stays on the phone app too.")] = False,
    webhook: WebhookOption = None,
    types: TypesOption = None,
) -> None:
    """Connect a number by the code of Embedded Signup, which lives 30 seconds. The app must be known."""
    code = _secret(code_file, "Code")
    pin = _read(pin_file) if pin_file else None
    said = Claim(app, "", waba, number, "", "", pin=pin, on_phone=on_phone)

    async def work(on: Ground) -> None:
        owner = await _owner(on, brand)
        async with _open(on) as (onboarding, _):
            made = await onboarding.sign_up(owner.id, app, code, said, _webhook(webhook, types), actor=ACTOR)
        telling.tell(owner, made)

    ground.run(work)


@connection.command("app")
def know_app(
    app: AppOption,
    secret_file: SecretFile = None,
    verify_token_file: VerifyFile = None,
    graph_url: GraphOption = _META,
) -> None:
    """Make a Meta app known before its first number: Embedded Signup needs it."""
    secret = _secret(secret_file, "App secret")
    chosen = _read(verify_token_file) if verify_token_file else None

    async def work(on: Ground) -> None:
        async with _open(on) as (onboarding, _):
            verify_token = await onboarding.know_app(app, secret, chosen, graph_url, actor=ACTOR)
        paint.say(verify_token)
        paint.step("The app is known. This is its verify token, for the page Webhooks of the app.")

    ground.run(work)


@connection.command("list")
def list_connections(brand: BrandOption = None) -> None:
    """List a brand's connections."""

    async def work(on: Ground) -> None:
        owner = await _owner(on, brand)
        async with on.db.reading(owner.id) as tx:
            found = await connections.list_connections(tx, owner.id)
        rows = [
            (
                ids.show("con", one.id),
                f"+{one.display_phone}",
                one.verified_name or "-",
                one.state,
                "yes" if one.sends else "-",
                f"…{one.token_last4}",
            )
            for one in found
        ]
        paint.table(("id", "number", "name", "state", "sends", "token"), rows)

    ground.run(work)


@connection.command("show")
def show(which: ConnectionArgument = None, brand: BrandOption = None) -> None:
    """Show a connection: what Meta says of its number, and the last 4 of its token."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            _, entry = await _pick(tx, brand, which)
        paint.table(("of it", "value"), telling.facts(entry))

    ground.run(work)


@connection.command("disconnect")
def disconnect(
    which: OneConnection,
    brand: BrandOption = None,
) -> None:
    """Disconnect a number: its sends fail at once, its history stays."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(tx, brand, which)
        async with _open(on) as (_, parting):
            ended = await parting.disconnect(owner.id, entry.id, actor=ACTOR)
        paint.say("disconnected")
        paint.step(telling.webhooks_after(ended.unsubscribed))

    ground.run(work)


@connection.command("reconnect")
def reconnect(
    which: ConnectionArgument = None,
    brand: BrandOption = None,
    token_file: TokenFile = None,
    pin_file: PinFile = None,
) -> None:
    """Connect a number again, by the token it has or by a new one from --token-file."""
    token = _read(token_file) if token_file else None
    pin = _read(pin_file) if pin_file else None

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(tx, brand, which)
        async with _open(on) as (onboarding, _):
            made = await onboarding.reconnect(owner.id, entry.id, token=token, pin=pin, actor=ACTOR)
        telling.tell(owner, made)

    ground.run(work)


@connection.command("send-from")
def send_from(
    which: OneConnection,
    brand: BrandOption = None,
) -> None:
    """Have codes and templates go out by this number of the brand, from the next message on."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(tx, brand, which)
            await connections.send_from(tx, owner.id, entry.id, actor=ACTOR)
        paint.say(f"+{entry.display_phone}")
        paint.step(
            f"Codes and templates of {owner.name} go out by it. Answers go out by the number that was written to."
        )

    ground.run(work)


@connection.command("pin")
def change_pin(
    which: ConnectionArgument = None,
    brand: BrandOption = None,
    pin_file: Annotated[
        Path | None, typer.Option("--pin-file", help="A file with the new PIN, - for standard input; else asked for.")
    ] = None,
) -> None:
    """Change a number's two-step PIN at Meta. It is kept sealed here, for when the number is registered again."""
    pin = _secret(pin_file, "New PIN")
    if not re.fullmatch(r"[0-9]{6}", pin):
        paint.fail("A PIN has six digits.")

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(tx, brand, which)
        async with _open(on) as (_, parting):
            await parting.change_pin(owner.id, entry.id, pin, actor=ACTOR)
        paint.say("changed")

    ground.run(work)


@connection.command("secret")
def change_secret(
    app: AppOption,
    secret_file: SecretFile = None,
    overlap_hours: Annotated[
        float, typer.Option(help="How long webhooks signed by the old one are taken.", min=0, max=720)
    ] = 24,
    end_overlap: Annotated[bool, typer.Option("--end-overlap", help="Let the old one count no more.")] = False,
) -> None:
    """Store an app's new secret, once it was reset at Meta. The old one verifies webhooks for the overlap."""
    secret = None if end_overlap else _secret(secret_file, "New app secret")

    async def work(on: Ground) -> None:
        async with _open(on) as (_, parting):
            if secret is None:
                ended = await parting.end_overlap(app, actor=ACTOR)
                paint.say("ended" if ended else "unchanged")
                return
            overlap = timedelta(hours=overlap_hours)
            changed = await parting.rotate_secret(app, secret, overlap=overlap, actor=ACTOR)
        paint.say("changed" if changed else "unchanged")

    ground.run(work)


@asynccontextmanager
async def _open(on: Ground) -> AsyncIterator[tuple[Onboarding, Parting]]:
    """Give the verbs, with lines to Meta for the length of a block."""
    lines = Lines(version=on.settings.graph_version, timeout_s=on.settings.send_timeout)
    sync, policy = Sync(on.db, on.keyring, lines, None), meaning.outward_policy(on.settings)
    try:
        yield (
            Onboarding(on.db, on.keyring, lines, sync, None, policy, on.settings.public_url, None),
            Parting(on.db, on.keyring, lines, None),
        )
    finally:
        await lines.close()


async def _owner(on: Ground, brand: str | None) -> Brand:
    async with on.db.transaction() as tx:
        return await ground.pick_brand(tx, brand)


async def _pick(tx: Tx, brand: str | None, which: str | None) -> tuple[Brand, Entry]:
    """Find the brand and its connection that a command is about, or end with what there is to choose from."""
    owner = await ground.pick_brand(tx, brand)
    known = await connections.list_connections(tx, owner.id)
    wanted = ids.parse("con", which) if which else None
    fits = [one for one in known if which is None or one.id == wanted or one.phone_number_id == which]
    if len(fits) != 1:
        choice = "no such connection" if known and not fits else "several connections" if fits else "no connection yet"
        paint.fail(f"{owner.name} has {choice}: `quixess connection list` shows them, `add` makes one.")
    return owner, fits[0]


def _secret(path: Path | None, what: str) -> str:
    if path is not None:
        return _read(path)
    if not sys.stdin.isatty():
        paint.fail(f"{what}: name a file that holds it, or - for standard input; it is no argument.")
    entered: str = typer.prompt(what, hide_input=True, err=True)
    return entered.strip()


def _read(path: Path) -> str:
    """Read a secret from a file or, for `-`, the next line of standard input."""
    try:
        text = (sys.stdin.readline() if str(path) == "-" else path.read_text()).strip()
    except (OSError, UnicodeDecodeError) as error:
        paint.fail(f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else 'it is no text'}.")
    if not text:
        paint.fail("A secret is empty: look at the file, or at what is piped in.")
    return text


def _webhook(url: str | None, types: str | None) -> Webhook | None:
    if url is None:
        return None
    return Webhook(url, None if types is None else [one.strip() for one in types.split(",") if one.strip()])
