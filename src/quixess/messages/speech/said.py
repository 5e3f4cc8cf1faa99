"""Speech: one message in free form, its type and the one object that belongs to the type."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from quixess.errors import invalid
from quixess.messages.speech import interactive
from quixess.messages.speech.interactive import Interactive
from quixess.messages.speech.plain import ContactCard, LocationContent, MediaContent, ReactionContent, TextContent

Kind = Literal[
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "reaction",
    "location",
    "contacts",
    "interactive",
]
# Meta's pages say up to 257 cards, its API description 5: where they differ, Meta has the last word.
_Cards = Annotated[
    tuple[ContactCard, ...], Meta(min_length=1, max_length=257, description="With type contacts: 1 to 257 cards.")
]
_CAPTIONED = frozenset({"image", "video", "document"})
_FILES = frozenset({"image", "video", "audio", "document", "sticker"})
_OBJECTS = ("text", "media", "reaction", "location", "contacts", "interactive")


class Speech(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to say. The object of its `type` stands beside it, and no other: `media` for the five types of files."""

    type: Annotated[Kind, Meta(description="What kind of message it is.")]
    text: Annotated[TextContent | None, Meta(description="With type text.")] = None
    media: Annotated[
        MediaContent | None,
        Meta(
            description=(
                "With type image, video, audio, document and sticker. A `caption` goes with image, video and document, "
                "a `filename` with document, `voice` with audio."
            )
        ),
    ] = None
    reaction: Annotated[ReactionContent | None, Meta(description="With type reaction.")] = None
    location: Annotated[LocationContent | None, Meta(description="With type location.")] = None
    contacts: _Cards | None = None
    interactive: Annotated[Interactive | None, Meta(description="With type interactive.")] = None

    def __post_init__(self) -> None:
        """Raise `invalid_request` unless exactly the object of the type is there, and fits."""
        wanted = self.object_name
        for name in _OBJECTS:
            if (getattr(self, name) is None) is (name == wanted):
                raise self._misplaced(name, wanted)
        if self.media is not None:
            self._check_media(self.media)
        for place, card in enumerate(self.contacts or ()):
            if not card.name.has_parts:
                detail = "`name` needs a part beside `formatted_name`, such as `first_name`."
                raise invalid(f"/contacts/{place}/name", "required", detail)

    @property
    def object_name(self) -> str:
        """The name of the object that belongs to the type."""
        return "media" if self.type in _FILES else self.type

    def _misplaced(self, name: str, wanted: str) -> Exception:
        if name == wanted:
            return invalid(f"/{name}", "required", f"A message of type {self.type} needs `{name}`.")
        detail = f"`{name}` does not belong to a message of type {self.type}: leave it out."
        return invalid(f"/{name}", "not_allowed", detail)

    def _check_media(self, media: MediaContent) -> None:
        interactive.check_file("/media", self.type, media)
        if media.caption is not None and self.type not in _CAPTIONED:
            detail = "`caption` belongs to image, video and document: leave it out, or send a text of its own."
            raise invalid("/media/caption", "not_allowed", detail)
        if media.voice and self.type != "audio":
            raise invalid("/media/voice", "not_allowed", "`voice` belongs to audio: leave it out.")
