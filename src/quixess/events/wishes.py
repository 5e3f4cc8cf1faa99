"""What a tenant wishes of an endpoint, checked before it is written: each refusal names the field and the fix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET, UnsetType

from quixess import errors
from quixess.events import endpoints, outward
from quixess.events.outward import ForbiddenHeader, ForbiddenUrl, Policy

LONGEST_NAME = 100
MOST_STEPS, SHORTEST_STEP_S, LONGEST_STEP_S, LONGEST_SCHEDULE_S = 20, 0.01, 86_400.0, 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What an endpoint should be. What is left UNSET stays as it is, or is the default in a new one.

    `event_types` None asks for the six of version 1. `schedule_s` holds the waits between the attempts in seconds, None
    for the installation's ladder. `headers` go along with every attempt; they are kept sealed.
    """

    url: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    event_types: Sequence[str] | UnsetType | None = UNSET
    schedule_s: Sequence[float] | UnsetType | None = UNSET
    ordered: bool | UnsetType = UNSET
    headers: Mapping[str, str] | UnsetType | None = field(default=UNSET, repr=False)


def check(wish: Wish, policy: Policy) -> Wish:
    """Return the wish in canonical form. Raises `invalid_request` with a pointer to the field."""
    return Wish(
        url=UNSET if wish.url is UNSET else _check_url(wish.url, policy),
        name=UNSET if wish.name is UNSET else _check_name(wish.name),
        event_types=UNSET if wish.event_types is UNSET else _check_types(wish.event_types),
        schedule_s=UNSET if wish.schedule_s is UNSET else _check_schedule(wish.schedule_s),
        ordered=wish.ordered,
        headers=UNSET if wish.headers is UNSET else _check_headers(wish.headers),
    )


def _check_url(url: str, policy: Policy) -> str:
    try:
        return str(outward.check_url(url, policy))
    except ForbiddenUrl as error:
        raise errors.invalid("/url", "not_allowed", f"This URL cannot be called. {error.reason}") from error


def _check_name(name: str) -> str:
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise errors.invalid("/name", "too_long", f"Shorten the name to at most {LONGEST_NAME} characters.")
    if not name.isprintable():
        raise errors.invalid("/name", "control_character", "Write the name without control characters.")
    return name


def _check_types(event_types: Sequence[str] | None) -> tuple[str, ...] | None:
    if event_types is None:
        return None
    known = ", ".join(sorted(endpoints.KNOWN_TYPES))
    if not event_types:
        raise errors.invalid("/event_types", "too_short", f"Name at least one event type of: {known}.")
    for index, one in enumerate(event_types):
        if one not in endpoints.KNOWN_TYPES:
            raise errors.invalid(f"/event_types/{index}", "not_allowed", f"Use one of these event types: {known}.")
    return tuple(sorted(set(event_types)))


def _check_schedule(steps: Sequence[float] | None) -> tuple[float, ...] | None:
    if steps is None:
        return None
    if not 1 <= len(steps) <= MOST_STEPS:
        raise errors.invalid("/schedule_s", "out_of_range", f"Give the schedule 1 to {MOST_STEPS} steps.")
    for index, step in enumerate(steps):
        if not SHORTEST_STEP_S <= step <= LONGEST_STEP_S:
            text = f"Let each step of the schedule be {SHORTEST_STEP_S:g} to {LONGEST_STEP_S:.0f} seconds (24 hours)."
            raise errors.invalid(f"/schedule_s/{index}", "out_of_range", text)
    if sum(steps) > LONGEST_SCHEDULE_S:
        text = f"Let the steps of the schedule sum up to at most {LONGEST_SCHEDULE_S:.0f} seconds (7 days)."
        raise errors.invalid("/schedule_s", "too_large", text)
    return tuple(map(float, steps))


def _check_headers(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    try:
        return outward.check_headers(headers or {}) or None
    except ForbiddenHeader as error:
        raise errors.invalid("/headers", "not_allowed", error.reason) from error
