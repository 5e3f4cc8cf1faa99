"""Keys made, extended, rotated and revoked. A secret is in one answer, and never again."""

import re
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access
from quixess.access import AccessError, Constraints, Key, Scope
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages import keys
from quixess.dashboard.pages.keys import HOME, SCOPES
from quixess.database import ids
from quixess.errors import FieldError, QuixessError
from quixess.people import Permission, roles
from quixess.templates import catalogue

_FORM, _MADE = "pages/key_new.html", "pages/key_made.html"
_EXTEND, _ROTATE, _REVOKE = "pages/key_extend.html", "pages/key_rotate.html", "pages/key_revoke.html"
_SEPARATORS = re.compile(r"[\s,;]+")
_LIFETIMES = ((0, "Never"), (30, "In 30 days"), (90, "In 90 days"), (365, "In a year"))
_OVERLAPS = ((0, "Ends at once"), (1, "Ends in an hour"), (24, "Ends in a day"), (168, "Ends in a week"),
             (720, "Ends in 30 days"))  # fmt: skip
_PRESETS: dict[str, tuple[str, tuple[Scope, ...]]] = {
    "signup": ("Signup service", (Scope.SEND_OTP,)),
    "support": (
        "Support tool",
        (Scope.REPLY, Scope.READ_TEMPLATES, Scope.READ_MESSAGES, Scope.READ_CONVERSATIONS),
    ),
    "ops": ("Ops", (Scope.MANAGE_WEBHOOKS,)),
}
_WRONG = {
    "templates": "Write names of templates, such as signup_otp, with commas between them.",
    "destinations": "Write countries (DE) or beginnings of numbers (+49 30 as 4930), with commas between them.",
    "ip_allow": "Write addresses or networks, such as 203.0.113.0/24, with commas between them.",
}
Words = Annotated[str, Meta(max_length=20_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000, extra={"fix": "Write a number from 1 to 1 000 000, or nothing."})]


class NewKey(msgspec.Struct):
    """What a key shall be. Lists are typed with commas or spaces; `days` 0 is for ever."""

    name: Annotated[str, Meta(max_length=80, extra={"fix": "Give the key a name that you will know it by: 1 to 80."})]
    scopes: Annotated[list[Scope], Meta(min_length=1, extra={"fix": "Choose what the key may do: at least one."})]
    templates: Words = ""
    destinations: Words = ""
    ip_allow: Words = ""
    requests_per_minute: Count | None = None
    messages_per_minute: Count | None = None
    messages_per_day: Count | None = None
    days: Annotated[int, Meta(ge=0, le=3650)] = 0


class Asked(msgspec.Struct):
    """The preset of a new key's form, and what was typed before it was chosen."""

    preset: Annotated[str, Meta(max_length=20)] = ""
    name: Annotated[str, Meta(max_length=200)] = ""


class More(msgspec.Struct):
    """Which scopes to add."""

    scopes: Annotated[list[Scope], Meta(min_length=1, extra={"fix": "Choose what the key may do beside that."})]


class Overlap(msgspec.Struct):
    """How many hours the key before works beside the new one."""

    hours: Annotated[int, Meta(ge=0, le=720)] = 24


async def show_new(visit: Visit) -> Response:
    """Ask what a new key shall be."""
    asked = visit.query(Asked)
    name, wanted = _PRESETS.get(asked.preset, ("", ()))
    return visit.render(_FORM, **_choices(visit), preset=asked.preset, name=asked.name or name, wanted=wanted)


async def mint(visit: Visit) -> Response:
    """Make a key, and show its secret, this once."""
    try:
        wanted = await visit.form(NewKey)
        limits = _constrain(wanted)
        _check_reach(visit, wanted.scopes)
        async with visit.desk.db.transaction() as tx:
            secret, key = await access.mint_key(
                tx,
                visit.desk.keyring,
                visit.brand_id,
                name=wanted.name,
                scopes=dict.fromkeys(wanted.scopes),
                actor=visit.actor,
                expires_in=timedelta(days=wanted.days) if wanted.days else None,
                constraints=limits,
            )
    except QuixessError as error:
        return visit.refuse(_FORM, error, **_choices(visit), preset="", name="", wanted=())
    return await _show_secret(visit, secret, key, None)


async def show_extend(visit: Visit) -> Response:
    """Ask which scopes to add."""
    key = await keys.find(visit)
    return visit.render(_EXTEND, key=key, scopes=_missing(visit, key))


async def extend(visit: Visit) -> Response:
    """Add scopes to a key."""
    key = await keys.find(visit)
    try:
        more = (await visit.form(More)).scopes
        _check_reach(visit, more)
        async with visit.desk.db.transaction() as tx:
            await access.extend_scopes(tx, key.id, more, actor=visit.actor)
    except AccessError as error:
        return visit.refuse(_EXTEND, _cannot(error), key=key, scopes=_missing(visit, key))
    except QuixessError as error:
        return visit.refuse(_EXTEND, error, key=key, scopes=_missing(visit, key))
    return visit.go(_drawer(key), toast=f"{key.name} may do more from now on.")


async def show_rotate(visit: Visit) -> Response:
    """Ask how long the old secret shall work beside the new one."""
    return visit.render(_ROTATE, key=await keys.find(visit), overlaps=_OVERLAPS)


async def rotate(visit: Visit) -> Response:
    """Put a new key in the place of one, and show its secret, this once."""
    key = await keys.find(visit)
    try:
        overlap = timedelta(hours=(await visit.form(Overlap)).hours)
        _check_reach(visit, key.scopes)
        async with visit.desk.db.transaction() as tx:
            secret, child = await access.rotate_key(tx, visit.desk.keyring, key.id, overlap, actor=visit.actor)
    except AccessError as error:
        return visit.refuse(_ROTATE, _cannot(error), key=key, overlaps=_OVERLAPS)
    except QuixessError as error:
        return visit.refuse(_ROTATE, error, key=key, overlaps=_OVERLAPS)
    return await _show_secret(visit, secret, child, key)


async def show_revoke(visit: Visit) -> Response:
    """Ask whether it is this key, and say when it was used last."""
    return visit.render(_REVOKE, key=await keys.find(visit))


async def revoke(visit: Visit) -> Response:
    """Revoke a key for good."""
    key = await keys.find(visit)
    async with visit.desk.db.transaction() as tx:
        await access.revoke_key(tx, key.id, actor=visit.actor)
    return visit.go(HOME, toast=f"{key.name} is revoked: requests with it are refused from now on.")


def _choices(visit: Visit) -> dict[str, Any]:
    """Give what a new key can be made of."""
    return {
        "scopes": _named(roles.scopes(visit.role, inbox=visit.inbox)),
        "presets": [(name, words) for name, (words, _) in _PRESETS.items()],
        "lifetimes": _LIFETIMES,
    }


def _missing(visit: Visit, key: Key) -> list[tuple[str, str, str, str]]:
    there = roles.scopes(visit.role, inbox=visit.inbox)
    return _named(tuple(one for one in there if one not in key.scopes))


def _named(scopes: tuple[Scope, ...]) -> list[tuple[str, str, str, str]]:
    return [(one.value, SCOPES[one][0], one.value, SCOPES[one][1]) for one in scopes]


def _check_reach(visit: Visit, scopes: list[Scope] | tuple[str, ...]) -> None:
    """Hold scopes against the visitor's own role: no key does more than whoever made it. Raises `role_not_allowed`."""
    beyond = set(scopes) - set(roles.scopes(visit.role, inbox=visit.inbox))
    if beyond:
        named = ", ".join(SCOPES[one][0].lower() if one in SCOPES else one for one in sorted(beyond))
        text = f"A key can do no more than you may yourself, and you may not: {named}. Ask an owner or an admin."
        raise QuixessError("role_not_allowed", text)


def _constrain(wanted: NewKey) -> Constraints:
    """Read the limits, each field at fault named. Raises `invalid_request`."""
    lists = {name: [word for word in _SEPARATORS.split(getattr(wanted, name)) if word] for name in _WRONG}
    wrong = tuple(FieldError(f"/{name}", "invalid", _WRONG[name]) for name in lists if not _can_be(name, lists[name]))
    if wrong:
        raise QuixessError("invalid_request", wrong[0].detail, errors=wrong)
    return access.constrain(
        **lists,
        requests_per_minute=wanted.requests_per_minute,
        messages_per_minute=wanted.messages_per_minute,
        messages_per_day=wanted.messages_per_day,
    )


def _can_be(name: str, values: list[str]) -> bool:
    try:
        access.constrain(**{name: values})
    except AccessError:
        return False
    return True


def _cannot(error: AccessError) -> QuixessError:
    """Say above a form why a key cannot be changed like this."""
    return QuixessError("invalid_request", str(error), errors=(FieldError("", "not_allowed", str(error)),))


async def _show_secret(visit: Visit, secret: str, key: Key, before: Key | None) -> Response:
    command = await _first_request(visit, secret, key)
    return visit.render(_MADE, secret=secret, key=key, before=before, command=command, back=_drawer(key))


async def _first_request(visit: Visit, secret: str, key: Key) -> str:
    """Write the command that tries a key: a code to the sandbox phone where it may send one."""
    external = f"{visit.base_url}/api/v1/whatsapp/external"
    if Scope.SEND_OTP not in key.scopes:
        return f"curl '{external}/me' \\\n  -H 'X-API-Key: {secret}'"
    template = await _code_template(visit, key)
    return (
        f"curl -X POST '{external}/send/otp' \\\n"
        f"  -H 'X-API-Key: {secret}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -H 'Idempotency-Key: {uuid4()}' \\\n"
        f'  -d \'{{"to": "+15550100001", "code": "482913", "template_name": "{template}"}}\''
    )


async def _code_template(visit: Visit, key: Key) -> str:
    if key.constraints is not None and key.constraints.templates:
        return key.constraints.templates[0]
    wanted = catalogue.Filter(statuses=("APPROVED",), category="AUTHENTICATION")
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source = await catalogue.find_source(tx, visit.brand_id)
        found = []
        if source is not None:
            found = await catalogue.list_templates(tx, visit.brand_id, source.connection_id, wanted, limit=1)
    return found[0].template.name if found else "signup_otp"


def _drawer(key: Key) -> str:
    return f"{HOME}?key={ids.show('key', key.id)}"


_MANAGE = Permission.MANAGE_KEYS
PAGES = (
    Page("GET", f"{HOME}/new", _MANAGE, show_new, title="New API key", step_up=True),
    Page("POST", f"{HOME}/new", _MANAGE, mint, title="New API key", step_up=True),
    Page("GET", HOME + "/{key}/extend", _MANAGE, show_extend, title="More scopes", step_up=True),
    Page("POST", HOME + "/{key}/extend", _MANAGE, extend, title="More scopes", step_up=True),
    Page("GET", HOME + "/{key}/rotate", _MANAGE, show_rotate, title="Rotate the key", step_up=True),
    Page("POST", HOME + "/{key}/rotate", _MANAGE, rotate, title="Rotate the key", step_up=True),
    Page("GET", HOME + "/{key}/revoke", _MANAGE, show_revoke, title="Revoke the key", step_up=True),
    Page("POST", HOME + "/{key}/revoke", _MANAGE, revoke, title="Revoke the key", step_up=True),
)
