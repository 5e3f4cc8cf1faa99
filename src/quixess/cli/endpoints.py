"""What an operator does with endpoints: where a brand's events go, in which manner, and with which secret."""

from datetime import timedelta
from typing import Annotated

import typer
from msgspec import UNSET, UnsetType

from quixess.access import Brand
from quixess.cli import ground, meaning, paint
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.database import ids
from quixess.database.core import Tx
from quixess.events import directory, outward, trials
from quixess.events.directory import Entry
from quixess.events.endpoints import Endpoint, State
from quixess.events.envelope import moment
from quixess.events.outbox import HandOff
from quixess.events.wishes import Wish

endpoint = typer.Typer(help="Where a brand's events go.", no_args_is_help=True)

_DEFAULT = "default"
EndpointArgument = Annotated[
    str | None,
    typer.Argument(metavar="ENDPOINT", help="Its end_… id or its name; not needed while the brand has only one."),
]
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="An https URL that takes POST.")]
NameOption = Annotated[str | None, typer.Option(help="What it is for, such as shop.")]
TypesOption = Annotated[
    str | None, typer.Option(help="Event types, comma-separated; `default` is the six of version 1.")
]
ScheduleOption = Annotated[
    str | None,
    typer.Option(help="Seconds between the attempts, such as 1,5,30; `default` is that of the installation."),
]
HeaderOption = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="NAME=VALUE", help="Goes along with every attempt; may be repeated."),
]


@endpoint.command("set")
def set_endpoint(url: UrlArgument, brand: BrandOption = None) -> None:
    """Send a brand's events to a URL: that of its first endpoint. The signing secret is shown the first time."""

    async def work(on: Ground) -> None:
        target = str(outward.check_url(url, meaning.outward_policy(on.settings)))
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
            found, first = await directory.set_url(tx, on.keyring, owner.id, target, actor=ACTOR)
        if first:
            _show_secret(found)
        paint.step(f"Events of {owner.name} go to {url}")

    ground.run(work)


@endpoint.command("add")
def add_endpoint(
    url: UrlArgument,
    brand: BrandOption = None,
    name: NameOption = None,
    types: TypesOption = None,
    schedule: ScheduleOption = None,
    ordered: Annotated[bool, typer.Option("--ordered", help="Keep the order within each conversation.")] = False,
    header: HeaderOption = None,
) -> None:
    """Send a brand's events to one more URL, with a secret of its own. It is shown this once."""

    async def work(on: Ground) -> None:
        wish = _wish(url, name, types, schedule, header, ordered=ordered)
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
            policy = meaning.outward_policy(on.settings)
            made = await directory.add(tx, on.keyring, owner.id, wish, policy, actor=ACTOR)
        _show_secret(made)
        paint.step(f"{_called(made)}: events of {owner.name} go to {url}")

    ground.run(work)


@endpoint.command("list")
def list_endpoints(brand: BrandOption = None) -> None:
    """List a brand's endpoints, without their secrets."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
        async with on.db.reading(owner.id) as tx:
            found = await directory.list_endpoints(tx, on.keyring, owner.id)
        rows = [
            (
                ids.show("end", entry.endpoint.id), entry.endpoint.name or "-", entry.endpoint.state,
                "yes" if entry.due_at else "no", _types(entry.endpoint), entry.endpoint.url or "-",
            )
            for entry in found
        ]  # fmt: skip
        paint.table(("id", "name", "state", "waiting", "types", "url"), rows)

    ground.run(work)


@endpoint.command("show")
def show_endpoint(which: EndpointArgument = None, brand: BrandOption = None) -> None:
    """Show an endpoint: how it is doing and how it is served. Secrets and header values are not shown."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            _, entry = await _pick(on, tx, brand, which)
        paint.table(("of it", "value"), _facts(entry))

    ground.run(work)


@endpoint.command("change")
def change_endpoint(
    which: EndpointArgument = None,
    brand: BrandOption = None,
    url: Annotated[str | None, typer.Option(help="Where its events go from the next attempt on.")] = None,
    name: NameOption = None,
    types: TypesOption = None,
    schedule: ScheduleOption = None,
    ordered: Annotated[
        bool | None, typer.Option("--ordered/--unordered", help="Keep the order within each conversation, or not.")
    ] = None,
    header: HeaderOption = None,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Send no headers of its own any more.")] = False,
) -> None:
    """Change what is named, from the next attempt on. Headers replace all that were there."""

    async def work(on: Ground) -> None:
        wish = _wish(url, name, types, schedule, [] if no_headers else header, ordered=ordered)
        if wish == Wish():
            paint.fail("Name what to change: `quixess endpoint change --help` lists it.")
        async with on.db.transaction() as tx:
            owner, entry = await _pick(on, tx, brand, which)
            policy, endpoint_id = meaning.outward_policy(on.settings), entry.endpoint.id
            changed = await directory.change(tx, on.keyring, owner.id, endpoint_id, wish, policy, actor=ACTOR)
        paint.step(f"{_called(changed)} is changed; its next attempt is made the new way.")

    ground.run(work)


@endpoint.command("rotate")
def rotate_secret(
    which: EndpointArgument = None,
    brand: BrandOption = None,
    overlap_hours: Annotated[
        float,
        typer.Option(help="How long the old secret signs as well.", min=0, max=directory.LONGEST_OVERLAP.days * 24),
    ] = 24,
    end_overlap: Annotated[
        bool, typer.Option("--end-overlap", help="Make no new secret: let the old one sign no more.")
    ] = False,
) -> None:
    """Make a new signing secret, shown this once. The old one signs beside it for the overlap."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(on, tx, brand, which)
            of, overlap = entry.endpoint.id, timedelta(hours=overlap_hours)
            if end_overlap:
                found = await directory.end_overlap(tx, on.keyring, owner.id, of, actor=ACTOR)
            else:
                found = await directory.rotate_secret(tx, on.keyring, owner.id, of, actor=ACTOR, overlap=overlap)
        if end_overlap:
            paint.step(f"{_called(found)}: only the current secret signs.")
            return
        _show_secret(found)
        paint.step(
            f"{_called(found)}: webhook-signature carries the old one's signature too for {overlap_hours:g} hours."
            if overlap
            else f"{_called(found)}: the old one signs no more."
        )

    ground.run(work)


@endpoint.command("disable")
def disable_endpoint(
    which: EndpointArgument = None,
    brand: BrandOption = None,
    reason: Annotated[str, typer.Option(help="Why; shown with the endpoint.")] = directory.SWITCHED_OFF,
) -> None:
    """Switch an endpoint off. Its events are kept until it is enabled, or until retention."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(on, tx, brand, which)
            await directory.disable(tx, on.keyring, owner.id, entry.endpoint.id, actor=ACTOR, reason=reason)
        paint.say("disabled")
        paint.step(f"{_called(entry.endpoint)} gets nothing more; `quixess endpoint enable` delivers what waits.")

    ground.run(work)


@endpoint.command("enable")
def enable_endpoint(which: EndpointArgument = None, brand: BrandOption = None) -> None:
    """Let a disabled or failing endpoint go on. What waits for it is delivered at once."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(on, tx, brand, which)
            await directory.enable(tx, on.keyring, owner.id, entry.endpoint.id, actor=ACTOR)
        paint.say("healthy")
        paint.step(f"{_called(entry.endpoint)} gets its events{', what waited first' if entry.due_at else ''}.")

    ground.run(work)


@endpoint.command("remove")
def remove_endpoint(
    which: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Its end_… id or its name.")],
    brand: BrandOption = None,
) -> None:
    """Remove an endpoint for good. What waits for it is discarded; the events stay and can be replayed to others."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(on, tx, brand, which)
            ended = await directory.remove(tx, owner.id, entry.endpoint.id, actor=ACTOR)
        paint.say("removed")
        paint.step(f"{_called(entry.endpoint)} is gone, and with it {ended} waiting deliveries.")

    ground.run(work)


@endpoint.command("test")
def try_endpoint(which: EndpointArgument = None, brand: BrandOption = None) -> None:
    """Send a test event to an endpoint, five a minute at most. It goes the way of every event."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner, entry = await _pick(on, tx, brand, which)
            event_id = await trials.record(tx, on.keyring, owner.id, entry.endpoint.id, HandOff(None))
        paint.say(ids.show("evt", event_id))
        paint.step(_prospect(entry.endpoint))

    ground.run(work)


async def _pick(on: Ground, tx: Tx, brand: str | None, which: str | None) -> tuple[Brand, Entry]:
    """Find the brand and its endpoint that a command is about, or end with what there is to choose from."""
    owner = await ground.pick_brand(tx, brand)
    known = await directory.list_endpoints(tx, on.keyring, owner.id)
    endpoint_id = ids.parse("end", which) if which else None
    fits = [one for one in known if which is None or one.endpoint.id == endpoint_id or one.endpoint.name == which]
    if len(fits) != 1:
        paint.fail(_choice(owner, len(known), len(fits), which))
    return owner, fits[0]


def _choice(owner: Brand, known: int, fits: int, which: str | None) -> str:
    if not known:
        return f"{owner.name} has no endpoint yet: `quixess endpoint add URL` makes one."
    several = "several endpoints" + (f" called {which}" if which else "")
    choice = several if fits else f"no endpoint {which}"
    return f"{owner.name} has {choice}: name one by its end_… id, `quixess endpoint list` shows them."


def _wish(
    url: str | None, name: str | None, types: str | None, schedule: str | None, header: list[str] | None,
    *, ordered: bool | None,
) -> Wish:  # fmt: skip
    return Wish(
        url=UNSET if url is None else url,
        name=UNSET if name is None else name,
        event_types=_listed(types),
        schedule_s=_seconds(schedule),
        ordered=UNSET if ordered is None else ordered,
        headers=_headers(header),
    )


def _listed(text: str | None) -> list[str] | UnsetType | None:
    if text is None:
        return UNSET
    return None if text == _DEFAULT else [one.strip() for one in text.split(",") if one.strip()]


def _seconds(text: str | None) -> list[float] | UnsetType | None:
    steps = _listed(text)
    if isinstance(steps, UnsetType) or steps is None:
        return steps
    try:
        return [float(step) for step in steps]
    except ValueError:
        paint.fail("Write the schedule as seconds between commas, such as 1,5,30.")


def _headers(texts: list[str] | None) -> dict[str, str] | UnsetType:
    if texts is None:
        return UNSET
    headers: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name in headers:
            paint.fail("Write each header once, as NAME=VALUE, such as X-Shop=7.")
        headers[name] = value
    return headers


def _show_secret(made: Endpoint) -> None:
    paint.say(made.secrets[0])
    paint.step("This secret signs every event: keep it now, it is not shown again.")


def _called(one: Endpoint) -> str:
    return f"{ids.show('end', one.id)} {one.name}".rstrip()


def _types(one: Endpoint) -> str:
    return _DEFAULT if one.event_types is None else ",".join(sorted(one.event_types))


def _facts(entry: Entry) -> list[tuple[str, str]]:
    one = entry.endpoint
    schedule = _DEFAULT if one.schedule is None else ",".join(f"{step:g}" for step in one.schedule)
    return [
        ("id", ids.show("end", one.id)),
        ("name", one.name or "-"),
        ("url", one.url or "-"),
        ("state", one.state),
        ("reason", one.state_reason or "-"),
        ("since", moment(one.state_since) if one.state_since else "-"),
        ("next due", moment(entry.due_at) if entry.due_at else "-"),
        ("types", _types(one)),
        ("schedule", schedule),
        ("ordered", "yes" if one.ordered else "no"),
        ("headers", ",".join(sorted(one.headers)) or "-"),
        ("old secret until", moment(entry.overlap_until) if entry.overlap_until else "-"),
        ("created", moment(one.created_at)),
    ]


def _prospect(one: Endpoint) -> str:
    waits = {
        State.FAILING: "It is failing: the event waits, as all others do, until it answers again.",
        State.DISABLED: "It is disabled: the event waits, as all others do, until `quixess endpoint enable`.",
    }
    return waits.get(State(one.state), "Queued; `quixess events list` shows what became of it.")
