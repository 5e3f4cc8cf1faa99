"""Texts, files, places, contact cards and reactions, as a caller writes them: Meta's shapes and Meta's limits.

The limits are those of Meta's pages on each type of message; where Meta names none, ours keeps a message readable.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from quixess.errors import invalid

_ID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_WAMID = r"wamid\.[!-~]{1,500}"
# One emoji (Unicode TS #51): a symbol with its variants, or a keycap, joined to more of them; or a flag.
_SYMBOL = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_PART = f"(?:{_SYMBOL}\ufe0f?[\U0001f3fb-\U0001f3ff]?|[0-9#*]\ufe0f?\u20e3)[\U000e0020-\U000e007f]*"
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{2}}|{_PART}(?:\u200d{_PART})*")

MessageRef = Annotated[
    str,
    Meta(
        max_length=512,
        pattern=rf"^(msg_{_ID}|{_WAMID})\Z",
        description="A message of the same conversation: our `msg_…`, or Meta's `wamid.…`.",
    ),
]
MediaRef = Annotated[
    str,
    Meta(
        max_length=64,
        pattern=rf"^(med_{_ID}|[0-9]{{1,32}})\Z",
        description="A file: our `med_…` (uploaded, or sent by a customer), or Meta's media id, digits.",
    ),
]
Link = Annotated[
    str,
    Meta(
        max_length=2048,
        pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[A-Za-z0-9\[][!-~]*\Z",
        description="An http or https URL in printable ASCII, everything else percent-encoded.",
    ),
]
# A name that could lead out of a folder, break a header or read backwards is no name for a file.
Filename = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=240,
        pattern=r"^[^\x00-\x1f\x7f-\x9f/\\\u2028-\u202e\u2066-\u2069]+\Z",
        description="A file's name without a path, such as invoice.pdf; its ending chooses the icon.",
    ),
]
Caption = Annotated[str, Meta(min_length=1, max_length=1024, description="The text under the file.")]
Word = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S", description="Not only white space.")]
Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S", description="Such as HOME or WORK.")]


class TextContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A text."""

    body: Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"\S", description="Not only white space.")]
    preview_url: Annotated[bool, Meta(description="Show a preview of the first link.")] = False


class MediaContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file: either its `id` or a `link` that Meta fetches it from."""

    id: MediaRef | None = None
    link: Link | None = None
    caption: Caption | None = None
    filename: Filename | None = None
    voice: Annotated[bool, Meta(description="Play it as a voice note: OGG with OPUS, mono.")] = False


class ReactionContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An emoji on a message."""

    message_id: MessageRef
    emoji: Annotated[str, Meta(max_length=32, description="One emoji; empty takes the reaction back.")]

    def __post_init__(self) -> None:
        if self.emoji and not _EMOJI.fullmatch(self.emoji):
            raise invalid(
                "/reaction/emoji", "not_allowed", "`emoji` must be one emoji, or empty to take the reaction back."
            )


class LocationContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place on the map."""

    latitude: Annotated[float, Meta(ge=-90, le=90, description="Degrees, north is positive.")]
    longitude: Annotated[float, Meta(ge=-180, le=180, description="Degrees, east is positive.")]
    name: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"\S", description="What is there.")] | None = None
    address: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"\S", description="Where it is.")] | None = (
        None
    )


class ContactName(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A name: as it is shown, and at least one of its parts."""

    formatted_name: Word
    first_name: Word | None = None
    last_name: Word | None = None
    middle_name: Word | None = None
    suffix: Word | None = None
    prefix: Word | None = None

    @property
    def has_parts(self) -> bool:
        """Whether a part is given beside the whole: Meta wants one."""
        return any((self.first_name, self.last_name, self.middle_name, self.suffix, self.prefix))


class ContactPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A phone number. With `wa_id` the card has a button to write there."""

    phone: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\S", description="As it is shown.")]
    type: Label | None = None
    wa_id: (
        Annotated[str, Meta(pattern=r"^[0-9]{1,20}\Z", description="The number on WhatsApp, digits only.")] | None
    ) = None


class ContactEmail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An e-mail address."""

    email: Annotated[str, Meta(min_length=3, max_length=320, pattern=r"^[^\s@]+@[^\s@]+\Z", description="With its @.")]
    type: Label | None = None


class ContactAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address."""

    street: Word | None = None
    city: Word | None = None
    state: Word | None = None
    zip: Word | None = None
    country: Word | None = None
    country_code: Annotated[str, Meta(pattern=r"^[A-Za-z]{2}\Z", description="Two letters, such as US.")] | None = None
    type: Label | None = None


class ContactUrl(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A page on the web."""

    url: Annotated[str, Meta(min_length=1, max_length=2048, pattern=r"^[!-~]+\Z", description="Printable ASCII.")]
    type: Label | None = None


class ContactOrg(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where somebody works."""

    company: Word | None = None
    department: Word | None = None
    title: Word | None = None


class ContactCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One contact card."""

    name: Annotated[ContactName, Meta(description="Who it is.")]
    phones: Annotated[tuple[ContactPhone, ...], Meta(description="Phone numbers.")] = ()
    emails: Annotated[tuple[ContactEmail, ...], Meta(description="E-mail addresses.")] = ()
    addresses: Annotated[tuple[ContactAddress, ...], Meta(description="Postal addresses.")] = ()
    urls: Annotated[tuple[ContactUrl, ...], Meta(description="Pages on the web.")] = ()
    org: Annotated[ContactOrg | None, Meta(description="Where they work.")] = None
    birthday: (
        Annotated[
            str,
            Meta(
                pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z",
                description="A date, YYYY-MM-DD.",
            ),
        ]
        | None
    ) = None
