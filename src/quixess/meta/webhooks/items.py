"""The things that a webhook can tell of, each as Meta tells it.

Phones are digits. A user may be known by the phone, by Meta's user id, or both; either may be absent, and a
`username` has no `@`. Times are unix seconds, 0 when Meta gave none.
"""

from typing import Any

import msgspec

Object = dict[str, Any]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What all messages have in common, whoever wrote them, with everything Meta said in `raw`.

    `content` is Meta's object under the message's type: `{"body": "…"}` for a text, `{}` where Meta sent none;
    a list (shared contacts) stands as `{"contacts": […]}`. `errors` say why a message has no content.
    """

    waba_id: str
    phone_number_id: str
    display_phone: str | None
    wamid: str
    timestamp: int
    type: str
    content: Object
    context_wamid: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False
    referred_product: Object | None = None
    referral: Object | None = None
    group_id: str | None = None
    errors: list[Object]
    username: str | None = None
    profile_name: str | None = None
    raw: Object


class InboundMessage(Said, frozen=True, kw_only=True):
    """A message from a user."""

    from_phone: str | None
    from_user_id: str | None
    parent_user_id: str | None = None


class Echo(Said, frozen=True, kw_only=True):
    """A message that the business sent to a user from its phone app."""

    to_phone: str | None
    to_user_id: str | None


class HistoryMessage(Said, frozen=True, kw_only=True):
    """A message of the past, from the phone app's history: `thread_…` is the user it was exchanged with.

    `status` is Meta's word in lower case (read, delivered, sent, pending, error, played).
    """

    thread_phone: str | None
    thread_user_id: str | None
    outbound: bool
    status: str | None


class StatusUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message sent earlier. `opaque` is the sender's `biz_opaque_callback_data`.

    `status` is Meta's word (sent, delivered, read, played, failed). In a group each participant has statuses of
    the own: `participant` is the phone or user id, and so is the recipient.
    """

    waba_id: str
    phone_number_id: str
    wamid: str
    status: str
    timestamp: int
    recipient_phone: str | None
    recipient_user_id: str | None
    participant: str | None = None
    opaque: str | None
    errors: list[Object]
    pricing: Object | None
    conversation: Object | None
    raw: Object


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a voice call. The user is `user_…`, whoever called; `raw` is without the session (SDP).

    `event` is `connect`, `terminate`, or the status of a call that the business makes (`ringing`, `accepted`,
    `rejected`); `status` is how it ended (`completed`, `failed`): words in lower case. `direction` is
    `USER_INITIATED` or `BUSINESS_INITIATED`, inferred where Meta leaves it out. `payload` is what the button or
    link that started the call carried; `duration_s` is None for a call that nobody answered.
    """

    waba_id: str
    phone_number_id: str
    display_phone: str | None
    wacid: str
    event: str
    direction: str
    timestamp: int
    user_phone: str | None
    user_id: str | None
    parent_user_id: str | None
    username: str | None
    profile_name: str | None
    status: str | None
    started: int
    ended: int
    duration_s: int | None
    payload: str | None
    errors: list[Object]
    raw: Object


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """What a user wants to get: `value` (stop, resume, signup) for a `category` such as `marketing_messages`."""

    waba_id: str
    phone_number_id: str
    user_phone: str | None
    user_id: str | None
    username: str | None
    profile_name: str | None
    category: str
    value: str
    detail: str | None
    timestamp: int


class OtherChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is none of the above: templates, accounts, account-level errors, unknown fields.

    `value` is Meta's, or what is left of it. `field` is `messages` for account-level errors, which Meta reports
    there. `time` is the entry's.
    """

    waba_id: str
    field: str
    phone_number_id: str | None
    value: Object
    time: int = 0


Item = InboundMessage | StatusUpdate | Call | Echo | HistoryMessage | Preference | OtherChange


class Parsed(msgspec.Struct):
    """The items of one body in Meta's order, and each thing not understood: the reason and its JSON."""

    items: list[Item]
    problems: list[str]


class MalformedBody(Exception):  # noqa: N818  the name says what the body is
    """The body is not JSON, or not a webhook's envelope."""
