"""Kinds of files: how large one may be, and whether the bytes can be what Meta says they are.

Meta's list of types is on its page "Media" (Supported media types). Text and office formats, and whatever else a
customer sends as a document, have no signature that every such file bears: their hash alone speaks for them.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import puremagic

# Meta's "Media" page gives smaller limits by type; they hold for what a business uploads. What a customer sends
# reaches us up to 100 MB, as their WhatsApp allows; above, Meta sends error 131052 in place of the message.
LARGEST = 100 * 1024 * 1024

_IMAGE = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif"})
_FILM = frozenset({".mp4", ".mov", ".3ga", ".3gpp2"})
_SOUND = frozenset({".ogg", ".opus", ".amr", ".mp3", ".mpga", ".aac", ".m4a", ".f4a", ".f4b"}) | _FILM
_FAMILIES: Mapping[str, frozenset[str]] = {
    "image/jpeg": _IMAGE,
    "image/png": _IMAGE,
    "image/webp": _IMAGE,
    "audio/aac": _SOUND,
    "audio/amr": _SOUND,
    "audio/mpeg": _SOUND,
    "audio/mp4": _SOUND,
    "audio/ogg": _SOUND,
    "video/mp4": _FILM,
    "video/3gpp": _FILM,
    "application/pdf": frozenset({".pdf"}),
}
_EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}
_HEAD = 4096
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_PARAMETER = re.compile(r";[ \t]*[a-z0-9-]{1,32}=[A-Za-z0-9_.+-]{1,64}")


def essence(mime_type: str) -> str:
    """Give a type without its parameters, in lower case: `audio/ogg` for `audio/ogg; codecs=opus`."""
    return mime_type.partition(";")[0].strip().lower()


def shown(mime_type: str) -> str:
    """Write a type that may stand in a header (RFC 9110 §8.3.1), `application/octet-stream` for one that may not."""
    kind = essence(mime_type)
    if _TYPE.fullmatch(kind) is None:
        return "application/octet-stream"
    parameter = _PARAMETER.match(mime_type.strip()[len(kind) :])
    return kind + (parameter[0] if parameter else "")


def extension(mime_type: str) -> str:
    """Give the ending that a file of this type usually has, with its dot; empty when there is no telling."""
    return _EXTENSIONS.get(essence(mime_type), "")


def objection(mime_type: str, path: Path) -> str | None:
    """Say why the bytes at `path` cannot be of the family of `mime_type`; None when they can."""
    family = _FAMILIES.get(essence(mime_type))
    if family is None:
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _extensions(head) & family:
        return None
    return f"Meta says {shown(mime_type)}, and the bytes are something else."


def _extensions(head: bytes) -> set[str]:
    """Name the endings that files beginning like this have."""
    try:
        matches = puremagic.magic_string(head) if head else []
    except puremagic.PureError:
        matches = []
    # An offset below zero counts from the end of the file, which is not in `head`. RIFF alone is only a container.
    sure = (match for match in matches if match.offset >= 0 and match.byte_match != b"RIFF")
    return {f".{match.extension.lstrip('.')}" for match in sure} | _missed(head)


def _missed(head: bytes) -> set[str]:
    """Name what puremagic does not know: younger brands of MP4, the other MPEG layers, a PDF after some bytes."""
    found = set()
    if head[4:8] == b"ftyp":  # ISO 14496-12 §4.3, whatever the brand
        found.add(".mp4")
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0":  # the eleven bits every MPEG and ADTS frame begins with
        found.add(".mp3")
    if b"%PDF-" in head[:1024]:  # ISO 32000-1, annex H.3.4.1
        found.add(".pdf")
    return found
