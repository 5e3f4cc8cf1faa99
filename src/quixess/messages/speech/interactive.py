"""Interactive messages, as a caller writes them under `interactive`: Meta's shapes and Meta's limits.

Five kinds: reply buttons, a list, a link button, a flow, and the question where somebody is.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from quixess.errors import QuixessError, invalid
from quixess.messages.speech.plain import Filename, Link, MediaRef

_MOST_ROWS = 10
_ACTION = "/interactive/action"

HeaderText = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"\S", description="Not only white space.")]
ButtonText = Annotated[str, Meta(min_length=1, max_length=20, pattern=r"\S", description="What the button says.")]
SectionTitle = Annotated[
    str, Meta(min_length=1, max_length=24, pattern=r"\S", description="Needed when there is more than one section.")
]
RowText = Annotated[str, Meta(min_length=1, max_length=72, pattern=r"\S", description="A line under the title.")]


class MediaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file in a header: either its `id` or a `link`. A document may have a `filename`."""

    id: MediaRef | None = None
    link: Link | None = None
    filename: Filename | None = None


class TextHeader(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="text"
):
    """A header of words."""

    text: HeaderText


class ImageHeader(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="image"
):
    """A header with an image."""

    image: Annotated[MediaFile, Meta(description="JPEG or PNG, up to 5 MB.")]


class VideoHeader(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="video"
):
    """A header with a video."""

    video: Annotated[MediaFile, Meta(description="MP4 or 3GPP, up to 16 MB.")]


class DocumentHeader(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="document"
):
    """A header with a document."""

    document: Annotated[MediaFile, Meta(description="A document, up to 100 MB.")]


Header = TextHeader | ImageHeader | VideoHeader | DocumentHeader


class InteractiveText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words of an interactive message."""

    text: Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"\S", description="Not only white space.")]


class LongText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The words above a list."""

    text: Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"\S", description="Not only white space.")]


class Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Small print."""

    text: HeaderText


class ReplyChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a button says, and the id that comes back when it is pressed."""

    id: Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S", description="Unique in the message.")]
    title: ButtonText


class ReplyButton(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One button."""

    reply: Annotated[ReplyChoice, Meta(description="What it says, and what comes back.")]
    type: Annotated[Literal["reply"], Meta(description="Always reply; may be left out.")] = "reply"


class ButtonsAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One to three buttons."""

    buttons: Annotated[tuple[ReplyButton, ...], Meta(min_length=1, max_length=3, description="1 to 3 buttons.")]

    def __post_init__(self) -> None:
        _refuse_twins([(f"{_ACTION}/buttons/{n}/reply/id", one.reply.id) for n, one in enumerate(self.buttons)])


class ListRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row of a list, and the id that comes back when it is chosen."""

    id: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", description="Unique in the message.")]
    title: Annotated[str, Meta(min_length=1, max_length=24, pattern=r"\S", description="What the row says.")]
    description: RowText | None = None


class ListSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Rows under a title."""

    rows: Annotated[tuple[ListRow, ...], Meta(min_length=1, max_length=_MOST_ROWS, description="1 to 10 rows.")]
    title: SectionTitle | None = None


class ListAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The button that opens the list, and the list: ten rows at most in all sections together."""

    button: ButtonText
    sections: Annotated[tuple[ListSection, ...], Meta(min_length=1, max_length=10, description="1 to 10 sections.")]

    def __post_init__(self) -> None:
        rows = [
            (f"{_ACTION}/sections/{n}/rows/{m}/id", row.id)
            for n, section in enumerate(self.sections)
            for m, row in enumerate(section.rows)
        ]
        if len(rows) > _MOST_ROWS:
            detail = f"A list has at most {_MOST_ROWS} rows in all sections together."
            raise invalid(f"{_ACTION}/sections", "too_long", detail)
        untitled = [n for n, section in enumerate(self.sections) if section.title is None]
        if len(self.sections) > 1 and untitled:
            detail = "Each section needs a `title` when there is more than one."
            raise invalid(f"{_ACTION}/sections/{untitled[0]}/title", "required", detail)
        _refuse_twins(rows)


class LinkButton(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the button says, and the page it opens."""

    display_text: ButtonText
    url: Link


class LinkAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A button that opens a page."""

    parameters: Annotated[LinkButton, Meta(description="The button.")]
    name: Annotated[Literal["cta_url"], Meta(description="Always cta_url; may be left out.")] = "cta_url"


class FlowStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The screen a flow begins with, and the data it is given."""

    screen: Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S", description="The first screen's id.")]
    data: (
        Annotated[dict[str, Any], Meta(min_length=1, description="Whatever the screen wants; not an empty object.")]
        | None
    ) = None


class FlowButton(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which flow to open, by `flow_id` or by `flow_name`, and how."""

    flow_cta: Annotated[str, Meta(min_length=1, max_length=30, pattern=r"\S", description="What the button says.")]
    flow_id: Annotated[str, Meta(pattern=r"^[0-9]{1,32}\Z", description="The flow's id at Meta, digits.")] | None = None
    flow_name: (
        Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\S", description="The flow's name.")] | None
    ) = None
    flow_token: (
        Annotated[str, Meta(min_length=1, max_length=1024, description="Comes back with the answer.")] | None
    ) = None
    mode: Annotated[Literal["draft", "published"], Meta(description="A draft opens for testers only.")] = "published"
    flow_action: Annotated[
        Literal["navigate", "data_exchange"], Meta(description="Begin with a screen, or ask the flow's endpoint which.")
    ] = "navigate"
    flow_action_payload: Annotated[FlowStart | None, Meta(description="Where to begin; with navigate only.")] = None
    flow_message_version: Annotated[Literal["3"], Meta(description="Always 3; may be left out.")] = "3"

    def __post_init__(self) -> None:
        if (self.flow_id is None) == (self.flow_name is None):
            raise _choose_one(f"{_ACTION}/parameters", "flow_id", "flow_name", given=self.flow_id is not None)
        if self.flow_action_payload is not None and self.flow_action != "navigate":
            detail = "`flow_action_payload` goes with `flow_action` navigate only: leave it out."
            raise invalid(f"{_ACTION}/parameters/flow_action_payload", "not_allowed", detail)


class FlowAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A button that opens a flow."""

    parameters: Annotated[FlowButton, Meta(description="The button, and the flow it opens.")]
    name: Annotated[Literal["flow"], Meta(description="Always flow; may be left out.")] = "flow"


class LocationAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A button that sends a location."""

    name: Annotated[Literal["send_location"], Meta(description="Always send_location; may be left out.")] = (
        "send_location"
    )


_Words = Annotated[InteractiveText, Meta(description="The words, up to 1,024 characters.")]
_Header = Annotated[Header | None, Meta(description="Above the words: a text, or a file. A list takes a text only.")]
_Footer = Annotated[Footer | None, Meta(description="Small print below the words.")]


class _Interactive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    """What all kinds have in common: the tag."""

    kinds_of_header: ClassVar[tuple[str, ...]] = ("image", "video", "document")

    def __post_init__(self) -> None:
        """Raise `invalid_request` for a header with a file that is no file."""
        for kind in self.kinds_of_header:
            file: MediaFile | None = getattr(getattr(self, "header", None), kind, None)
            if file is not None:
                check_file(f"/interactive/header/{kind}", kind, file)


class ButtonsMessage(_Interactive, frozen=True, tag="button"):
    """A text with reply buttons."""

    body: _Words
    action: Annotated[ButtonsAction, Meta(description="1 to 3 reply buttons.")]
    header: _Header = None
    footer: _Footer = None


class ListMessage(_Interactive, frozen=True, tag="list"):
    """A text with a list to choose from."""

    body: Annotated[LongText, Meta(description="The words, up to 4,096 characters.")]
    action: Annotated[ListAction, Meta(description="The list.")]
    header: _Header = None
    footer: _Footer = None

    def __post_init__(self) -> None:
        """Raise `invalid_request` for a header that is not of words."""
        if self.header is not None and not isinstance(self.header, TextHeader):
            raise invalid("/interactive/header/type", "not_allowed", "A list has a header of type text, or none.")


class LinkMessage(_Interactive, frozen=True, tag="cta_url"):
    """A text with a button that opens a page."""

    body: _Words
    action: Annotated[LinkAction, Meta(description="The link button.")]
    header: _Header = None
    footer: _Footer = None


class FlowMessage(_Interactive, frozen=True, tag="flow"):
    """A text with a button that opens a flow."""

    body: _Words
    action: Annotated[FlowAction, Meta(description="The flow.")]
    header: _Header = None
    footer: _Footer = None


class LocationRequest(_Interactive, frozen=True, tag="location_request_message"):
    """A text with a button that sends the person's location."""

    body: _Words
    action: Annotated[LocationAction, Meta(description="The question; may be {}.")]


Interactive = ButtonsMessage | ListMessage | LinkMessage | FlowMessage | LocationRequest


def check_file(pointer: str, kind: str, file: Any) -> None:
    """Check that a file is given by `id` or by `link`, and that only a document has a name.

    `file` has `id`, `link` and `filename`. Raises `invalid_request`.
    """
    if (file.id is None) == (file.link is None):
        raise _choose_one(pointer, "id", "link", given=file.id is not None)
    if file.filename is not None and kind != "document":
        raise invalid(f"{pointer}/filename", "not_allowed", "`filename` belongs to a document: leave it out.")


def _choose_one(pointer: str, one: str, other: str, *, given: bool) -> QuixessError:
    if given:
        return invalid(f"{pointer}/{other}", "not_allowed", f"Give either `{one}` or `{other}`, not both.")
    return invalid(f"{pointer}/{one}", "required", f"Give either `{one}` or `{other}`.")


def _refuse_twins(ids: list[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for pointer, text in ids:
        if text in seen:
            raise invalid(pointer, "repeated", "Each `id` must be another one: it tells what was chosen.")
        seen.add(text)
