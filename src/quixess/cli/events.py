"""What an operator does with events: look at them and at what became of each, and have them delivered again."""

import asyncio
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from quixess.access import Brand
from quixess.cli import ground, paint
from quixess.cli.ground import ACTOR, BrandOption, Ground
from quixess.database import ids
from quixess.events import listing, replays
from quixess.events.envelope import moment
from quixess.events.listing import Filter, Story
from quixess.events.replays import Progress, Replay, State, Verdict, Wanted

events = typer.Typer(help="Events: what was told to whom.", no_args_is_help=True)

_AGE = re.compile(r"(\d{1,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LOOK_EVERY_S = 0.5
_EXCERPT = 80
SinceOption = Annotated[
    str | None, typer.Option(help="Recorded since: an age such as 30m, 2h or 7d, or a time such as 2026-08-01T12:00Z.")
]
EndpointOption = Annotated[str | None, typer.Option(help="Only what went to this end_… endpoint.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Only events of this type, such as message.received.")]


@events.command("list")
def list_events(
    brand: BrandOption = None,
    state: Annotated[
        str | None, typer.Option(help=f"{', '.join(listing.STATES)}; or failed, for all but the first three.")
    ] = None,
    kind: TypeOption = None,
    since: SinceOption = None,
    endpoint: EndpointOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 25,
) -> None:
    """List a brand's latest events and what became of them."""

    async def work(on: Ground) -> None:
        wanted = Filter(states=_states(state), type=kind, since=_since(since), endpoint_id=_endpoint_id(endpoint))
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
        async with on.db.reading(owner.id) as tx:
            found = await listing.list_events(tx, owner.id, wanted, limit=limit)
        rows = [
            (ids.show("evt", one.id), one.type, moment(one.occurred_at), one.state, str(one.attempts)) for one in found
        ]
        paint.table(("id", "type", "occurred", "state", "attempts"), rows)

    ground.run(work)


@events.command("show")
def show_event(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The evt_… id.")], brand: BrandOption = None
) -> None:
    """Show an event: its deliveries, every attempt with the answer's first words, and its data."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
        wanted = _event_id(event_id, owner)
        async with on.db.reading(owner.id) as tx:
            story = await listing.get_event(tx, owner.id, wanted)
        if story is None:
            paint.fail(_unknown(event_id, owner))
        _show(wanted, story)

    ground.run(work)


@events.command("replay")
def replay_events(
    event_ids: Annotated[list[str] | None, typer.Argument(metavar="[EVENT_ID]...", help="The evt_… ids.")] = None,
    brand: BrandOption = None,
    failed_since: Annotated[
        str | None, typer.Option(help="All that failed, recorded since: 30m, 2h, 7d or 2026-08-01T12:00Z.")
    ] = None,
    kind: TypeOption = None,
    endpoint: EndpointOption = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until all is delivered.")] = False,
) -> None:
    """Deliver events again, with the same ids: the named ones, or all that failed since a time.

    One event is queued at once. More are a job, which goes on by itself when this command is interrupted.
    """

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
            named, only = [_event_id(one, owner) for one in event_ids or ()], _endpoint_id(endpoint)
            if len(named) == 1 and failed_since is None and kind is None:
                verdict, made = await replays.replay_event(tx, on.keyring, owner.id, named[0], only)
                _tell(verdict, len(made), (event_ids or [""])[0], owner)
                return
            wish = Wanted(named or None, _since(failed_since), None, [kind] if kind else None, only)
            job = await replays.start(tx, owner.id, wish, actor=ACTOR)
        if no_wait:
            paint.say(ids.show("rpl", job.id))
            return
        await _follow(on, job)

    ground.run(work)


@events.command("replays")
def list_replays(
    brand: BrandOption = None, limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 25
) -> None:
    """List a brand's latest replay jobs and how far each is."""

    async def work(on: Ground) -> None:
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
        async with on.db.reading(owner.id) as tx:
            found = await replays.list_replays(tx, owner.id, limit=limit)
        rows = [
            (
                ids.show("rpl", one.id), moment(one.created_at), one.state, _subject(one),
                *map(str, (one.seen, one.queued, one.skipped, one.gone)),
            )
            for one in found
        ]  # fmt: skip
        paint.table(("id", "started", "state", "of", "seen", "queued", "skipped", "gone"), rows)

    ground.run(work)


@events.command("cancel")
def cancel_replay(
    replay_id: Annotated[str, typer.Argument(metavar="REPLAY_ID", help="The rpl_… id.")], brand: BrandOption = None
) -> None:
    """Stop a replay job. What it has queued already is still delivered."""

    async def work(on: Ground) -> None:
        wanted = ids.parse("rpl", replay_id)
        async with on.db.transaction() as tx:
            owner = await ground.pick_brand(tx, brand)
            job = await replays.cancel(tx, owner.id, wanted, actor=ACTOR) if wanted else None
        if job is None:
            paint.fail(f"There is no replay {replay_id} of {owner.name}: `quixess events replays` shows the latest.")
        paint.say(job.state)

    ground.run(work)


async def _follow(on: Ground, job: Replay) -> None:
    """Show how far a job is until all that it queued has ended."""
    paint.step(f"{ids.show('rpl', job.id)} runs in the worker, and goes on when you interrupt this command.")
    while True:
        async with on.db.reading(job.brand_id) as tx:
            now = await replays.progress(tx, job.brand_id, job.id)
        if now is None or (now.replay.state != State.RUNNING and not now.pending):
            break
        _draw(f"  {_words(now)}, {now.pending} on the way")
        await asyncio.sleep(_LOOK_EVERY_S)
    _draw("")
    if now is not None:
        paint.say(f"{now.replay.state}: {_words(now)}")


def _draw(text: str) -> None:
    """Write a line of a terminal anew."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


def _words(now: Progress) -> str:
    one = now.replay
    counts = {"queued": one.queued, "delivered": now.delivered, "failed": now.failed}
    return ", ".join(f"{count} {word}" for word, count in (counts | {"skipped": one.skipped, "gone": one.gone}).items())


def _tell(verdict: Verdict, queued: int, event_id: str, owner: Brand) -> None:
    refusals = {
        Verdict.UNKNOWN: _unknown(event_id, owner),
        Verdict.GONE: f"The payload of {event_id} is gone: it was older than what is kept.",
        Verdict.NOBODY: f"Nobody to tell: no endpoint of {owner.name} wants this event.",
        Verdict.WAITING: "It is on its way already: `quixess events show` tells when the next attempt is due.",
    }
    if verdict in refusals:
        paint.fail(refusals[verdict])
    paint.say(f"queued {queued}")


def _subject(one: Replay) -> str:
    if one.selected is not None:
        return f"{one.selected} events"
    return f"failed since {moment(one.failed_since)}" if one.failed_since else "-"


def _show(event_id: UUID, story: Story) -> None:
    event = story.event
    facts = [("id", ids.show("evt", event_id)), ("state", event.state if event else "payload gone")]
    if event is not None:
        facts += [("type", event.type), ("occurred", moment(event.occurred_at)), ("replays", str(event.replays))]
        facts += [("message", ids.show("msg", event.message_id))] if event.message_id else []
    paint.table(("of it", "value"), facts)
    paint.say()
    ways = [
        (
            one.url or ids.show("end", one.endpoint_id), one.state, str(one.attempts), "yes" if one.replay else "no",
            moment(one.next_at) if one.next_at else "-", moment(one.ended_at) if one.ended_at else "-",
        )
        for one in story.ways
    ]  # fmt: skip
    paint.table(("delivery to", "state", "attempts", "replay", "next", "ended"), ways)
    paint.say()
    attempts = [
        (
            moment(one.started_at), str(one.number) + (" probe" if one.probe else ""), str(one.status or "-"),
            one.fault or "-", f"{one.duration_ms} ms", one.url or "-", _printable(one.excerpt or b""),
        )
        for one in story.attempts
    ]  # fmt: skip
    paint.table(("attempt at", "number", "status", "fault", "took", "to", "answer"), attempts)
    if story.data is not None:
        paint.say()
        paint.say("".join(one if one.isprintable() else "·" for one in story.data))


def _printable(excerpt: bytes) -> str:
    """Show a stranger's bytes: nothing in them may steer the terminal."""
    text = excerpt[: _EXCERPT * 4].decode(errors="replace")[:_EXCERPT]
    return "".join(one if one.isprintable() else "·" for one in text)


def _event_id(text: str, owner: Brand) -> UUID:
    event_id = ids.parse("evt", text)
    if event_id is None:
        paint.fail(_unknown(text, owner))
    return event_id


def _unknown(event_id: str, owner: Brand) -> str:
    return f"There is no event {event_id} of {owner.name}: `quixess events list` shows the latest."


def _endpoint_id(text: str | None) -> UUID | None:
    endpoint_id = ids.parse("end", text) if text else None
    if text and endpoint_id is None:
        paint.fail("Name the endpoint by its end_… id: `quixess endpoint list` shows them.")
    return endpoint_id


def _states(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    if text == "failed":
        return listing.FAILURES
    if text not in listing.STATES:
        paint.fail(f"There is no state {text}: use one of {', '.join(listing.STATES)}, or failed.")
    return (text,)


def _since(text: str | None) -> datetime | None:
    """Read a time. An age begins with its minute, so that asking twice is asking for the same."""
    if text is None:
        return None
    if age := _AGE.fullmatch(text):
        begin = datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        return begin.replace(second=0, microsecond=0)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        paint.fail("Write an age such as 30m, 2h or 7d, or a time with its zone such as 2026-08-01T12:00:00Z.")
    return at
