"""What Meta takes from a business: which types, told by their bytes, and how large each may be.

Types and sizes are those of Meta's page "Media", Supported media types. Here a file must be one of them and nothing
else, so each is told by the signature of its own specification; `kinds` only asks whether bytes can be what Meta says.
"""

import codecs
import mmap
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from quixess.errors import QuixessError
from quixess.media import kinds

_KB, _MB = 1024, 1024 * 1024
_STILL_STICKER = 100 * _KB
_MOVING_STICKER = 500 * _KB
_OFFICE = "application/vnd.openxmlformats-officedocument."
_DOCX, _XLSX, _PPTX = (
    f"{_OFFICE}{part}" for part in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
_LIMITS: Mapping[str, int] = {
    "image/jpeg": 5 * _MB,
    "image/png": 5 * _MB,
    "image/webp": _MOVING_STICKER,
    "audio/aac": 16 * _MB,
    "audio/amr": 16 * _MB,
    "audio/mpeg": 16 * _MB,
    "audio/mp4": 16 * _MB,
    "audio/ogg": 16 * _MB,
    "video/mp4": 16 * _MB,
    "video/3gpp": 16 * _MB,
    "text/plain": kinds.LARGEST,
    "application/pdf": kinds.LARGEST,
    "application/msword": kinds.LARGEST,
    "application/vnd.ms-excel": kinds.LARGEST,
    "application/vnd.ms-powerpoint": kinds.LARGEST,
    _DOCX: kinds.LARGEST,
    _XLSX: kinds.LARGEST,
    _PPTX: kinds.LARGEST,
}
# Other names that browsers and operating systems have for the same types.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "audio/x-aac": "audio/aac",
    "audio/mp3": "audio/mpeg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "video/3gp": "video/3gpp",
}
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_OPUS = "audio/ogg; codecs=opus"  # Meta takes Ogg with Opus only

_HEAD = 4096
_PIECE = 1 << 20
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B "})
_FILM_BRANDS = frozenset(
    {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"dash", b"M4V ", b"M4VH", b"MSNV"}
)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!|\?xml|(?:html|head|body|script|svg)\b)", re.IGNORECASE)
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# From RFC 9649 (WebP), ISO 32000-1 (PDF), RFC 4867 (AMR), RFC 7845 (Opus), ISO 13818-7 (ADTS: a layer of 00) and
# ISO 11172-3 (MPEG audio, layers II and III).
_SIGNATURES = tuple(
    (re.compile(signature, re.DOTALL), kind)
    for signature, kind in (
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"RIFF.{4}WEBP", "image/webp"),
        (rb"(?:\xef\xbb\xbf)?%PDF-", "application/pdf"),
        (rb"OggS.{,500}OpusHead", "audio/ogg"),
        (rb"#!AMR\n", "audio/amr"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"ID3|\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd][\x00-\xef]", "audio/mpeg"),
    )
)
# An office document is told by the name of its main part, which stands uncompressed somewhere in the file.
_CONTAINERS: tuple[tuple[bytes, Mapping[str, bytes]], ...] = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        {
            "application/msword": "WordDocument".encode("utf-16-le"),
            "application/vnd.ms-excel": "Workbook".encode("utf-16-le"),
            "application/vnd.ms-powerpoint": "PowerPoint Document".encode("utf-16-le"),
        },
    ),
    (b"PK\x03\x04", {_DOCX: b"word/document", _XLSX: b"xl/workbook", _PPTX: b"ppt/presentation"}),
)


def recognise(path: Path, claimed: str | None) -> str:
    """Tell the type of a file by its bytes, and refuse what Meta does not take or takes only smaller.

    `claimed` is the type that the sender names: it has to be of the same family, and decides only where a container
    can be several. Raises `media_type_not_supported`, `media_type_mismatch` or `media_too_large`. Blocks.
    """
    said = _said(claimed)
    with path.open("rb") as file:
        found = _candidates(file, file.read(_HEAD))
        if not found:
            raise unsupported("The bytes are of no type that WhatsApp takes.")
        if said not in _UNTOLD and _family(said) not in {_family(kind) for kind in found}:
            raise QuixessError(
                "media_type_mismatch",
                f"The bytes are {found[0]}: send them as that, or leave the type of the part out.",
            )
        kind = said if said in found else found[0]
        file.seek(0, 2)
        check(file, kind, file.tell())
    return _OPUS if kind == "audio/ogg" else kind


def check(file: BinaryIO, mime_type: str, size: int) -> None:
    """Refuse a file that Meta would not take, by its type and its size in bytes; read it again from the beginning.

    Raises `media_type_not_supported` or `media_too_large`. Blocks.
    """
    kind = kinds.essence(mime_type)
    file.seek(0)
    limit = _LIMITS.get(kind)
    if limit is None:
        raise unsupported("WhatsApp does not take files of this type.")
    if kind == "image/webp" and not _moves(file.read(_HEAD)):
        limit = _STILL_STICKER
    file.seek(0)
    if size > limit:
        raise too_large(f"{kind} files", limit)


def too_large(what: str, limit: int) -> QuixessError:
    """Build the 400 of a file with more than `limit` bytes."""
    size = f"{limit // _MB} MB" if limit >= _MB else f"{limit // _KB} KB"
    return QuixessError("media_too_large", f"WhatsApp takes {what} up to {size} ({limit:,} bytes).")


def unsupported(reason: str) -> QuixessError:
    """Build the 400 of a file whose type Meta does not take."""
    return QuixessError("media_type_not_supported", f"{reason} Send one of: {', '.join(_LIMITS)}.")


def _said(claimed: str | None) -> str:
    said = kinds.essence(claimed or "")
    said = _ALIASES.get(said, said)
    if said not in _LIMITS and said not in _UNTOLD:
        raise unsupported("WhatsApp does not take files of the type that the part names.")
    return said


def _family(kind: str) -> str:
    return kind.partition("/")[0]


def _candidates(file: BinaryIO, head: bytes) -> tuple[str, ...]:
    """Name the types that the bytes can be, the likeliest first; none for anything that Meta does not take."""
    for signature, kind in _SIGNATURES:
        if signature.match(head):
            return (kind,)
    if head[4:8] == b"ftyp":
        return _of_brands(head)
    for start, parts in _CONTAINERS:
        if head.startswith(start):
            return _holding(file, parts)
    return _texts(file, head)


def _of_brands(head: bytes) -> tuple[str, ...]:
    """Read the brands of an MP4 file (ISO 14496-12 §4.3); QuickTime, HEIC and AVIF have the same box."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    major = head[8:12]
    brands = {major, *(head[at : at + 4] for at in range(16, end - 3, 4))}
    if major.startswith((b"3gp", b"3g2")):
        return ("video/3gpp", "video/mp4", "audio/mp4")
    if major in _SOUND_BRANDS:
        return ("audio/mp4",)
    if major in _FILM_BRANDS or (brands & _FILM_BRANDS and not major.startswith((b"qt", b"he", b"mif", b"msf", b"av"))):
        return ("video/mp4", "audio/mp4")
    return ()


def _holding(file: BinaryIO, names: Mapping[str, bytes]) -> tuple[str, ...]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        places = {kind: whole.find(name) for kind, name in names.items()}
    return tuple(sorted((kind for kind, place in places.items() if place >= 0), key=lambda kind: places[kind]))


def _texts(file: BinaryIO, head: bytes) -> tuple[str, ...]:
    """Take for text what is UTF-8 from end to end, without control characters, and no page a browser would run."""
    if _MARKUP.match(head):
        return ()
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            if _NOT_IN_TEXT.search(decoder.decode(piece)):
                return ()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return ()
    return ("text/plain",)


def _moves(head: bytes) -> bool:
    """Tell whether a WebP is animated: a flag of its VP8X chunk (RFC 9649 §2.7)."""
    return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)
