"""GET /me: what a key is, what it may do, and how much of it is left."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess import connections
from quixess.api.answers import Moment, as_json
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import ANY_KEY, Pass, request_quota
from quixess.connections import Entry
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.limits import Level
from quixess.messages import permits


class Brand(msgspec.Struct, frozen=True):
    """The brand that a key speaks for."""

    id: Annotated[str, Meta(description="The brand's id, `brd_…`.")]
    name: Annotated[str, Meta(description="What the operator calls it.")]


class Narrowed(msgspec.Struct, frozen=True):
    """What narrows a key beside its scopes; null where nothing does."""

    templates: Annotated[list[str] | None, Meta(description="The templates it may send by.")] = None
    destinations: Annotated[
        list[str] | None, Meta(description="Where it may send: countries (`DE`) and beginnings of numbers (`49`).")
    ] = None
    ip_allow: Annotated[list[str] | None, Meta(description="The networks it may be used from, as CIDRs.")] = None
    requests_per_minute: Annotated[int | None, Meta(description="How many requests it may make.")] = None
    messages_per_minute: Annotated[int | None, Meta(description="How many messages it may send.")] = None
    messages_per_day: Annotated[int | None, Meta(description="How many messages it may send.")] = None


class Quota(msgspec.Struct, frozen=True):
    """One quota of a key and what is left of it; keys of one rotation share it."""

    policy: Annotated[str, Meta(description="Its name, as in the `RateLimit` headers.")]
    quota: Annotated[int, Meta(description="How many in a window.")]
    window_s: Annotated[int, Meta(description="The window, in seconds.")]
    left: Annotated[int, Meta(description="How many are left now.")]
    reset_s: Annotated[int, Meta(description="In how many seconds all of them are there again.")]


class Line(msgspec.Struct, frozen=True):
    """The WhatsApp number that the key's messages go out from."""

    phone_number_id: Annotated[str, Meta(description="Meta's id of the number.")]
    display_phone: Annotated[str, Meta(description="The number, E.164.")]
    waba_id: Annotated[str, Meta(description="Meta's id of the WhatsApp Business account.")]
    state: Annotated[
        str, Meta(description="`active`, `unauthorized` (Meta no longer takes its token) or `disconnected`.")
    ]


class Me(msgspec.Struct, frozen=True):
    """A key as its holder sees it."""

    id: Annotated[str, Meta(description="The key's id, `key_…`.")]
    name: Annotated[str, Meta(description="What the operator calls it.")]
    brand: Annotated[Brand, Meta(description="The brand it speaks for.")]
    scopes: Annotated[list[str], Meta(description="What it may do.")]
    constraints: Annotated[Narrowed, Meta(description="What narrows it beside its scopes.")]
    expires_at: Annotated[Moment | None, Meta(description="When it ends by itself; null: never.")]
    last_used_at: Annotated[Moment | None, Meta(description="When it was last used, to the minute.")]
    limits: Annotated[list[Quota], Meta(description="Its quotas.")]
    connection: Annotated[Line | None, Meta(description="Null while the brand has no WhatsApp number.")]


async def _get_me(_request: Request, passed: Pass, rooms: Rooms) -> Response:
    caller = passed.caller
    known = await rooms.keys.introduce(caller)
    async with rooms.db.reading(passed.brand_id) as tx:
        line = await connections.find_sender(tx, passed.brand_id)
    quota = request_quota(caller)
    wants = [*([quota] if quota is not None else []), *permits.message_quotas(caller)]
    return as_json(
        Me(
            id=ids.show("key", caller.key_id),
            name=known.name,
            brand=Brand(ids.show("brd", passed.brand_id), known.brand_name or ""),
            scopes=sorted(caller.scopes),
            constraints=msgspec.convert(msgspec.to_builtins(caller.constraints), Narrowed),
            expires_at=None if known.expires_at is None else moment(known.expires_at),
            last_used_at=None if known.last_used_at is None else moment(known.last_used_at),
            limits=[_quota(level) for level in await rooms.limits.levels(wants)],
            connection=None if line is None else _line(line),
        )
    )


def _line(one: Entry) -> Line:
    return Line(
        phone_number_id=one.phone_number_id,
        display_phone=f"+{one.display_phone}",
        waba_id=one.waba_id,
        state=one.state,
    )


def _quota(level: Level) -> Quota:
    want = level.want
    return Quota(want.policy, want.quota, want.window_s, level.left, level.reset_s)


GET_ME = Endpoint(
    id="get_me",
    method="GET",
    path="/me",
    scope=ANY_KEY,
    summary="Tell what this key is and may do.",
    description="Any valid key may ask. `limits` has the quotas of the key with what is left of them.",
    handler=_get_me,
    response=Me,
    counted=False,
    answer={
        "id": "key_01KAR3TZW4F3N9R5V8X0Z2C4E6",
        "name": "signup",
        "brand": {"id": "brd_01KAR3TZW4D1K7P3S6V8X0A2C4", "name": "Bordercart"},
        "scopes": ["whatsapp:send_otp"],
        "constraints": {
            "templates": ["signup_otp"],
            "destinations": ["DE", "1"],
            "ip_allow": None,
            "requests_per_minute": 60,
            "messages_per_minute": None,
            "messages_per_day": 5000,
        },
        "expires_at": None,
        "last_used_at": "2026-05-15T10:30:00.120Z",
        "limits": [
            {"policy": "requests", "quota": 60, "window_s": 60, "left": 59, "reset_s": 1},
            {"policy": "messages_per_day", "quota": 5000, "window_s": 86400, "left": 4988, "reset_s": 208},
        ],
        "connection": {
            "phone_number_id": "106540352242922",
            "display_phone": "+15550783881",
            "waba_id": "102290129340398",
            "state": "active",
        },
    },
)
