"""What operators say of connections over the management API, and what they are told: bodies and answers."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quixess.api.answers import Moment
from quixess.meta.graph import META

MetaId = Annotated[str, Meta(pattern=r"^[0-9]{1,32}$", description="Meta's id, digits.")]
Secret = Annotated[str, Meta(pattern=r"^[!-~]{8,256}$", description="From the app's settings, page Basic.")]
Token = Annotated[str, Meta(pattern=r"^[!-~]{8,4096}$", description="Of a system user, with both permissions.")]
VerifyToken = Annotated[str, Meta(pattern=r"^[!-~]{8,256}$", description="8 to 256 printable ASCII characters.")]
Pin = Annotated[str, Meta(pattern=r"^[0-9]{6}$", description="Six digits: the number's two-step PIN.")]
ConnectionId = Annotated[str, Meta(description="The connection's `con_…` id.")]
VerifiedName = Annotated[str, Meta(description="The name that people see.")]
GraphUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[!-~]{1,200}$",
        description="Meta's API; that of a simulator only where the setting `QUIXESS_GRAPH_URLS` names it.",
    ),
]


class AskedWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the brand's events go."""

    url: Annotated[str, Meta(max_length=2048, description="An https URL that takes POST.")]
    event_types: (
        Annotated[list[str], Meta(max_length=50, description="Event types; null: the six of version 1.")] | None
    ) = None


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator pastes to connect a number."""

    app_id: MetaId
    app_secret: Secret
    waba_id: MetaId
    phone_number_id: MetaId
    access_token: Token
    verify_token: VerifyToken | None = None
    pin: Pin | None = None
    graph_url: GraphUrl = META
    webhook: AskedWebhook | None = None


class SignUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser has after Embedded Signup."""

    app_id: MetaId
    code: Annotated[str, Meta(pattern=r"^[!-~]{8,4096}$", description="The code of FB.login; it lives 30 s.")]
    waba_id: MetaId
    phone_number_id: MetaId
    pin: Pin | None = None
    on_phone: Annotated[bool, Meta(description="The number stays on the WhatsApp Business app too.")] = False
    webhook: AskedWebhook | None = None


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reconnection may need."""

    access_token: Token | None = None
    pin: Pin | None = None


class NewPin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number's new two-step PIN."""

    pin: Pin


class NewSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An app's new secret."""

    app_secret: Secret
    overlap_hours: Annotated[float, Meta(ge=0, le=720, description="How long the old one verifies webhooks.")] = 24


class Made(msgspec.Struct, frozen=True):
    """A connection that was made."""

    id: ConnectionId
    display_phone: Annotated[str, Meta(description="The number, as Meta writes it.")]
    verified_name: VerifiedName | None
    registered: Annotated[bool, Meta(description="Whether it was registered just now, with the PIN.")]
    callback_url: Annotated[str, Meta(description="Where Meta sends the app's webhooks; a path without a public URL.")]
    verify_token: Annotated[
        str | None, Meta(description="To be entered in the app by hand; null: Meta was told already.")
    ]
    endpoint_id: Annotated[str | None, Meta(description="The `end_…` id of the webhook; null: none was named.")]
    endpoint_secret: Annotated[
        str | None, Meta(description="Signs every event, shown this once; null: the endpoint was there.")
    ]
    templates: Annotated[
        int | None, Meta(description="How many the account has; null: Meta did not list them, they come later.")
    ]


class Shown(msgspec.Struct, frozen=True):
    """A connection. What Meta says of the number stands in Meta's words; null: it did not say."""

    id: ConnectionId
    app_id: Annotated[str, Meta(description="The Meta app whose token and webhooks it uses.")]
    waba_id: Annotated[str, Meta(description="The WhatsApp Business account.")]
    phone_number_id: Annotated[str, Meta(description="Meta's id of the number.")]
    display_phone: Annotated[str, Meta(description="The number, `+` and digits.")]
    verified_name: VerifiedName | None
    state: Annotated[str, Meta(description="`active`, `unauthorized` (Meta refuses the token) or `disconnected`.")]
    state_reason: Annotated[str | None, Meta(description="Why it is not active; null: it is, or nobody said.")]
    sends: Annotated[
        bool, Meta(description="Whether codes and templates go out by it: one number of a brand does that.")
    ]
    token_last4: Annotated[str, Meta(description="The last four characters of the access token.")]
    token_expires_at: Annotated[
        Moment | None, Meta(description="When the token ends, RFC 3339; null: never, or not known.")
    ]
    quality: Annotated[str | None, Meta(description="The number's quality: `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.")]
    number_status: Annotated[str | None, Meta(description="The number's status, such as `CONNECTED`.")]
    name_status: Annotated[str | None, Meta(description="What became of the display name, such as `APPROVED`.")]
    throughput: Annotated[str | None, Meta(description="How fast it may send: `STANDARD` or `HIGH`.")]
    messaging_limit: Annotated[
        str | None, Meta(description="How many people it may write to in 24 hours, such as `TIER_2K`.")
    ]
    webhook_seen_at: Annotated[
        Moment | None, Meta(description="When a signed webhook of it came last, to 5 s; null: never.")
    ]
    templates_synced_at: Annotated[
        Moment | None, Meta(description="When its templates were last compared with Meta's.")
    ]
    created_at: Moment
    updated_at: Moment


class List(msgspec.Struct, frozen=True):
    """All connections of a brand, oldest first."""

    data: Annotated[list[Shown], Meta(description="Those that ended, too.")]


class Parted(msgspec.Struct, frozen=True):
    """A connection that ended."""

    id: ConnectionId
    state: Annotated[Literal["disconnected"], Meta(description="Its sends are refused.")]
    unsubscribed: Annotated[
        bool | None, Meta(description="Whether Meta took the app off the account; null: other numbers need it.")
    ]


class Changed(msgspec.Struct, frozen=True):
    """Whether the secret is another one than before."""

    app_id: Annotated[str, Meta(description="The Meta app.")]
    changed: Annotated[bool, Meta(description="false: it was the app's secret already.")]
