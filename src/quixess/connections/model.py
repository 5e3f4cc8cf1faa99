"""What connections are made of: a number with its token, a Meta app with its secrets, and what an operator pastes."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from quixess.errors import QuixessError
from quixess.meta.graph import Credentials

META = "https://graph.facebook.com"


class NotConnectable(QuixessError):  # noqa: N818 - says what it is
    """A connection cannot be made as asked: `step` names where it ended, the text names the fix."""

    def __init__(self, step: str, fix: str, *, meta_code: int | None = None, meta_subcode: int | None = None) -> None:
        extra = {"step": step, "meta": None if meta_code is None else {"code": meta_code, "subcode": meta_subcode}}
        super().__init__("not_connectable", fix, extra=extra)
        self.step = step


@dataclass(frozen=True, slots=True)
class Claim:
    """What an operator pastes or a browser says of a number. Nothing of it is believed until Meta says so too.

    Ids are Meta's, as digits. `verify_token` None leaves the app's as it is, or lets us make one. `pin` of six digits
    registers a number that is not registered yet; `on_phone` is a number that stays on the phone app too: it never is.
    """

    app_id: str
    app_secret: str = field(repr=False)
    waba_id: str
    phone_number_id: str
    token: str = field(repr=False)
    graph_url: str
    verify_token: str | None = field(default=None, repr=False)
    pin: str | None = field(default=None, repr=False)
    on_phone: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a connection is made of, once it is known to be true. Ids are Meta's, as digits; states in Meta's words."""

    app_id: str
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    waba_id: str
    phone_number_id: str
    display_phone: str
    token: str = field(repr=False)
    graph_url: str
    verified_name: str | None = None
    token_expires_at: datetime | None = None
    pin: str | None = field(default=None, repr=False)
    quality: str | None = None
    number_status: str | None = None
    name_status: str | None = None
    throughput: str | None = None
    messaging_limit: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """One phone number of one brand, ready to send. `display_phone` is digits."""

    id: UUID
    brand_id: UUID
    app_id: str
    waba_id: str
    phone_number_id: str
    display_phone: str
    graph_url: str
    state: str
    credentials: Credentials = field(repr=False)
    messages_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class App:
    """A Meta app's secrets: `secrets` are all that sign webhooks now, two during a rotation."""

    id: str
    secrets: tuple[bytes, ...] = field(repr=False)
    verify_token: str = field(repr=False)
    graph_url: str = META


class Number(msgspec.Struct, frozen=True):
    """Whose number a webhook item is about."""

    phone_number_id: str
    app_id: str
    waba_id: str
    brand_id: UUID
    connection_id: UUID
    display: str


class Stray(msgspec.Struct, frozen=True):
    """An item of Meta's that belongs to nobody here. `about` is the phone number id or the WABA it was about."""

    app_id: str
    about: str
    reason: str
    intake_id: UUID


@dataclass(frozen=True, slots=True)
class Entry:
    """A connection as it is listed: all but its secrets, of which the last four characters of the token are told.

    `sends` tells whether codes and templates go out by it.
    """

    id: UUID
    brand_id: UUID
    app_id: str
    waba_id: str
    phone_number_id: str
    display_phone: str
    verified_name: str | None
    state: str
    state_reason: str | None
    closed_by: str | None
    token_last4: str
    token_expires_at: datetime | None
    quality: str | None
    number_status: str | None
    name_status: str | None
    throughput: str | None
    messaging_limit: str | None
    webhook_seen_at: datetime | None
    templates_synced_at: datetime | None
    created_at: datetime
    updated_at: datetime
    graph_url: str
    sends: bool

    @property
    def simulated(self) -> bool:
        """Whether the number is not at Meta: the simulator's, or that of another stand-in."""
        return self.graph_url != META
