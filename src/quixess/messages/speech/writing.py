"""Speech written down: as Meta's object, as history shows it, and as search finds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.errors import FieldError, QuixessError
from quixess.media.uploading import Handle
from quixess.messages.contents import MEDIA_PATH
from quixess.messages.speech.interactive import MediaFile
from quixess.messages.speech.plain import MediaContent
from quixess.messages.speech.said import Speech

_MB = 1024 * 1024
_SOUNDS = frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"})
# Meta's page "Media", Supported media types. A document may be of any type that Meta took.
_TYPES: Mapping[str, frozenset[str]] = {
    "image": frozenset({"image/jpeg", "image/png"}),
    "video": frozenset({"video/mp4", "video/3gpp"}),
    "audio": _SOUNDS,
    "voice": frozenset({"audio/ogg"}),
    "sticker": frozenset({"image/webp"}),
}
_SIZES = {
    "image": 5 * _MB,
    "video": 16 * _MB,
    "audio": 16 * _MB,
    "voice": 16 * _MB,
    "sticker": 500 * 1024,
    "document": 100 * _MB,
}
_FLOW_VERSION = "3"


@dataclass(frozen=True, slots=True)
class File:
    """The file of a speech: where it stands (a JSON Pointer), what it is sent as, and what the caller wrote."""

    pointer: str
    kind: str
    said: MediaContent | MediaFile

    @property
    def id(self) -> UUID | None:
        """Our id of the file; None when it is Meta's, or a link."""
        return None if self.said.id is None else ids.parse("med", self.said.id)


@dataclass(frozen=True, slots=True)
class Written:
    """A speech for Meta (`object`), for history (`shown`) and for search (`text`, None when it has no words)."""

    object: Any
    shown: dict[str, Any]
    text: str | None


def file_of(speech: Speech) -> File | None:
    """Find the file of a speech: there is one at most."""
    if speech.media is not None:
        kind = "voice" if speech.media.voice else str(speech.type)
        return File("/media", kind, speech.media)
    header = getattr(speech.interactive, "header", None)
    for kind in ("image", "video", "document"):
        if (said := getattr(header, kind, None)) is not None:
            return File(f"/interactive/header/{kind}", kind, said)
    return None


def check_fit(file: File, handle: Handle) -> None:
    """Check that a file may be sent as what it is to be. Raises `media_type_mismatch` or `media_too_large`."""
    types = _TYPES.get(file.kind)
    if types is not None and handle.mime_type.partition(";")[0].strip().lower() not in types:
        detail = f"To be sent as {file.kind} a file must be {' or '.join(sorted(types))}. Send it as document instead."
        raise _unfit("media_type_mismatch", file, detail)
    if handle.size > _SIZES[file.kind]:
        limit = f"{_SIZES[file.kind] // _MB} MB" if _SIZES[file.kind] >= _MB else "500 KB"
        raise _unfit("media_too_large", file, f"Sent as {file.kind} a file has at most {limit}: make it smaller.")


def write(speech: Speech, handle: Handle | None) -> Written:
    """Write a speech. `handle` is that of its file, None when it has none of ours."""
    match speech.object_name:
        case "text":
            content = msgspec.to_builtins(speech.text)
            return Written(content, {"body": content["body"]}, content["body"])
        case "media":
            return _write_media(speech, handle)
        case "location":
            content = msgspec.to_builtins(speech.location)
            shown = {member: content.get(member) for member in ("latitude", "longitude", "name", "address", "url")}
            return Written(content, shown, _joined(shown["name"], shown["address"]))
        case "contacts":
            cards = msgspec.to_builtins(speech.contacts)
            names = [card["name"]["formatted_name"] for card in cards]
            return Written(cards, {"contacts": cards, "origin": None}, _joined(*names))
        case _:
            return _write_interactive(speech, handle)


def write_reaction(emoji: str, wamid: str) -> Written:
    """Write a reaction to the message that Meta calls `wamid`; an empty emoji takes it back."""
    content = {"message_id": wamid, "emoji": emoji}
    return Written(content, dict(reversed(content.items())), None)


def _write_media(speech: Speech, handle: Handle | None) -> Written:
    said = speech.media or MediaContent()
    content = _object(said, handle, named=speech.type == "document")
    shown = _shown(said, handle)
    if speech.type in {"image", "video", "document"}:
        shown["caption"] = said.caption
    if speech.type == "document":
        shown["filename"] = content.get("filename")
    if speech.type == "audio":
        shown["voice"] = said.voice
    return Written(content, shown, _joined(said.caption, shown.get("filename")))


def _write_interactive(speech: Speech, handle: Handle | None) -> Written:
    content: dict[str, Any] = msgspec.to_builtins(speech.interactive)
    if content["type"] == "flow":
        content["action"]["parameters"]["flow_message_version"] = _FLOW_VERSION
    header = content.get("header")
    shown_header = None if header is None else dict(header)
    if (file := file_of(speech)) is not None and header is not None:
        header[file.kind] = _object(file.said, handle, named=file.kind == "document")
        shown_header = {"type": file.kind, **_shown(file.said, handle), "filename": header[file.kind].get("filename")}
    footer = content.get("footer", {}).get("text")
    shown = {
        "kind": content["type"],
        "header": shown_header,
        "body": content["body"]["text"],
        "footer": footer,
        "action": content["action"],
    }
    words = [(header or {}).get("text"), shown["body"], footer, *_labels(content["action"])]
    return Written(content, shown, _joined(*words))


def _labels(action: Mapping[str, Any]) -> list[str | None]:
    """Give what the buttons and rows say."""
    parameters = action.get("parameters", {})
    labels = [one["reply"]["title"] for one in action.get("buttons", ())]
    labels += [action.get("button"), parameters.get("display_text"), parameters.get("flow_cta")]
    for section in action.get("sections", ()):
        labels.append(section.get("title"))
        for row in section["rows"]:
            labels += [row["title"], row.get("description")]
    return labels


def _object(said: MediaContent | MediaFile, handle: Handle | None, *, named: bool) -> dict[str, Any]:
    """Write a file for Meta: by Meta's id or by a link. A document has the name that was given, else its own."""
    content: dict[str, Any] = msgspec.to_builtins(said)
    if handle is not None:
        content["id"] = handle.meta_id
        if named and handle.filename is not None:
            content.setdefault("filename", handle.filename)
    return content


def _shown(said: MediaContent | MediaFile, handle: Handle | None) -> dict[str, Any]:
    """Show a file as events show those of customers, and beside that where Meta got it from."""
    ours = handle is not None
    return {
        "media_id": said.id if ours else None,
        "mime_type": handle.mime_type if handle is not None else None,
        "sha256": None,
        "url": f"{MEDIA_PATH}{said.id}" if ours else None,
        "wa_media_id": said.id if not ours else None,
        "link": said.link,
    }


def _joined(*words: str | None) -> str | None:
    return "\n".join(word for word in words if word) or None


def _unfit(code: str, file: File, detail: str) -> QuixessError:
    return QuixessError(code, detail, errors=(FieldError(f"{file.pointer}/id", code, detail),))
