"""What the simulated Meta knows, as plain records. Ids are text, times are Unix seconds (float)."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

Json = dict[str, Any]

Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=86_400_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
INBOUND_FILE_LIVES_S = 7 * 86_400
UPLOADED_FILE_LIVES_S = 30 * 86_400
Tier = Literal["TIER_250", "TIER_2K", "TIER_10K", "TIER_100K", "TIER_UNLIMITED"]


RejectedReason = Literal[
    "ABUSIVE_CONTENT", "INCORRECT_CATEGORY", "INVALID_FORMAT", "PROMOTIONAL", "SCAM", "TAG_CONTENT_MISMATCH"
]


class Direction(StrEnum):
    """Seen from the business: a send is outbound, what the phone types is inbound."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Tick(StrEnum):
    """How far a message has come. An inbound one is `received`, then `read` once the business marks it."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
    RECEIVED = "received"


class Category(StrEnum):
    AUTHENTICATION = "AUTHENTICATION"
    MARKETING = "MARKETING"
    UTILITY = "UTILITY"


class TemplateStatus(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"
    IN_APPEAL = "IN_APPEAL"
    PENDING_DELETION = "PENDING_DELETION"
    DELETED = "DELETED"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    ARCHIVED = "ARCHIVED"


class Identity(msgspec.Struct, frozen=True):
    """One Meta app, its system user, one WABA and one business phone number."""

    app_id: str
    app_secret: str
    verify_token: str
    access_token: str
    system_user_id: str
    business_id: str
    waba_id: str
    phone_number_id: str
    display_phone_number: str
    verified_name: str

    @property
    def app_access_token(self) -> str:
        return f"{self.app_id}|{self.app_secret}"


class Template(msgspec.Struct, kw_only=True):
    """One template of a WABA in one language. `components` is what Meta's listing shows."""

    id: str
    waba_id: str = ""
    name: str
    language: str
    category: Category
    status: TemplateStatus
    components: list[Json]
    parameter_format: str = "POSITIONAL"
    rejected_reason: str = "NONE"
    quality: str = "UNKNOWN"
    quality_at: int = 0
    correct_category: Category | None = None
    message_send_ttl_seconds: int | None = None
    previous_category: Category | None = None
    pauses: int = 0
    paused_until: float | None = None
    category_due: float | None = None
    edits: list[float] = []


class Block(msgspec.Struct, frozen=True):
    """A name that its WABA may not use again in that language until `until` (Unix seconds): it was deleted."""

    name: str
    language: str
    until: float
    waba_id: str = ""


class Due(msgspec.Struct, frozen=True):
    """A status still to be told, at that time of the real clock; `error` is the code of a failure."""

    tick: Tick
    at: float
    error: int | None = None


class Change(msgspec.Struct, frozen=True):
    """One `changes[]` item of a webhook. `at` (Unix seconds) becomes `entry.time`, which fields about chats have not.

    `account` is the entry's id: the WABA, or a business whose partner we are.
    """

    field: str
    value: Json
    at: int
    account: str


class Unsent(msgspec.Struct, frozen=True):
    """A change that this address has not taken yet; `app_id` says whose secret signs it."""

    url: str
    change: Change
    app_id: str


class Button(msgspec.Struct):
    """A button under a bubble. `type` is Meta's, in lower case; a one-time-code button is `copy_code`."""

    type: str
    text: str
    url: str | None = None


class StatusEvent(msgspec.Struct):
    """A status of a send, and what became of its webhook (Meta's `webhook_update_state`; None: nobody wanted it)."""

    tick: Tick
    at: float
    webhook: Literal["PENDING", "DELIVERED", "FAILED", "RETRYING"] | None = None
    url: str | None = None
    app_id: str | None = None


class Message(msgspec.Struct, kw_only=True):
    """One bubble. `secret` marks an authentication send: its words live in memory only.

    `content` is Meta's object of a free-form send, `quoted` the wamid it answers. `number_id` is the number of the
    business (None: the first), `events` what `message_history` tells.
    """

    wamid: str
    direction: Direction
    phone: str
    type: str
    at: float
    status: Tick
    text: str
    to: str | None = None
    header: str | None = None
    footer: str | None = None
    buttons: list[Button] = []
    code: str | None = None
    template: str | None = None
    category: Category | None = None
    opaque: str | None = None
    content: Any = None
    quoted: str | None = None
    error: int | None = None
    due: list[Due] = []
    in_window: bool = False
    secret: bool = False
    forgotten: bool = False
    number_id: str | None = None
    events: list[StatusEvent] = []


class Phone(msgspec.Struct):
    """A customer's phone. `number` is digits; `last_inbound_at` opened the 24 h window with the first number.

    `heard_by` is the same for every other number of the business, by its id.

    With `hide_phone` Meta tells the business the `user_id` only, as it does of people with a username.
    """

    number: str
    name: str = "Test phone"
    last_inbound_at: float | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    username: str | None = None
    hide_phone: bool = False
    heard_by: dict[str, float] = {}


class Subscription(msgspec.Struct):
    """The app's webhook: where to, and which fields."""

    callback_url: str
    verify_token: str
    fields: list[str]


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The levers. Status delays count from acceptance; a limit of 0 is none."""

    sent_ms: Milliseconds = 150
    delivered_ms: Milliseconds = 600
    read_ms: Milliseconds = 1500
    auto_read: bool = True
    review_delay_ms: Milliseconds = 3000
    review_rejects: RejectedReason | None = None
    review_category: Category | None = None
    ring_ms: Milliseconds = 2000
    held_ms: Milliseconds = 3000
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    batch_wait_ms: Milliseconds = 50
    slow_answer_s: Seconds = 30.0
    retry_first_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 1000
    retry_for_s: Annotated[float, msgspec.Meta(ge=0, le=604_800)] = 900.0
    rebatch_retries: bool = False
    duplicate_share: Share = 0.0
    reorder: bool = False
    chances: dict[str, Share] = {}
    messages_per_second: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 80
    pair_limit: bool = True
    messaging_limit: Tier = "TIER_250"
    allowed_recipients: list[str] | None = None
    management_calls_per_hour: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 5000
    templates_per_hour: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 100
    template_limit: Annotated[int, msgspec.Meta(ge=0, le=6000)] = 250
    webhook_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=120)] = 10.0
    clock_offset_s: Annotated[float, msgspec.Meta(ge=-3_000_000_000, le=3_000_000_000)] = 0.0


class SignupCode(msgspec.Struct, kw_only=True):
    """What the browser gets at the end of Embedded Signup: 30 seconds long, once, worth a token."""

    app_id: str
    business_id: str
    waba_ids: list[str]
    scopes: list[str]
    lives_s: float
    ends_at: float
    used: bool = False


class Verification(msgspec.Struct):
    """The six digits that were sent to a number, and until when they are good."""

    code: str
    ends_at: float


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """A scripted outcome for the next `count` sends, to one phone or to any."""

    outcome: str
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    to: str | None = None


class File(msgspec.Struct, kw_only=True):
    """A file that Meta keeps: a customer's, or one that the business uploaded. `base_url` is where its bytes are.

    `number_id` is the number that uploaded it, for which alone it can be used; None: any.
    """

    id: str
    data: bytes
    mime_type: str
    filename: str | None
    inbound: bool
    at: float
    base_url: str
    number_id: str | None = None

    @property
    def ends_at(self) -> float:
        """When Meta forgets it, and its id with it."""
        return self.at + (INBOUND_FILE_LIVES_S if self.inbound else UPLOADED_FILE_LIVES_S)


class Sample(msgspec.Struct, kw_only=True):
    """A sample for a template's header, by the Resumable Upload API: `taken` of `length` bytes are here.

    The bytes are counted and not kept. With the last one comes `handle`, which names it in a template.
    """

    id: str
    app_id: str
    mime_type: str
    length: int
    taken: int = 0
    handle: str | None = None


class MediaFault(msgspec.Struct, forbid_unknown_fields=True):
    """A scripted outcome for the next `count` downloads, of one file or of any. `to` is where `redirect` leads."""

    fault: Literal["wrong_bytes", "short", "cut", "redirect", "not_found", "error", "html"]
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    id: str | None = None
    to: str | None = None
