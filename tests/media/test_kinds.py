"""What the first bytes say, against what Meta says."""

from pathlib import Path

import pytest

from quixess.media import kinds
from tests.media import files


def iso(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(40)


WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(30)
ZIP = b"PK\x03\x04\x14\x00\x06\x00" + bytes(60)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
HTML = b"<!DOCTYPE html><html></html>"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def write(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("mime_type", "data"),
    [
        ("image/jpeg", files.JPEG),
        ("image/jpeg", b"\xff\xd8\xff\xe1\x00\x10Exif" + bytes(50)),
        ("image/jpeg", files.PNG),
        ("IMAGE/PNG", files.PNG),
        ("image/webp", WEBP),
        ("audio/ogg; codecs=opus", files.OPUS),
        ("audio/amr", b"#!AMR\n" + bytes(30)),
        ("audio/mpeg", b"ID3\x03\x00" + bytes(30)),
        ("audio/mpeg", b"\xff\xf3\x90\x64" + bytes(30)),
        ("audio/aac", b"\xff\xf1\x50\x80" + bytes(30)),
        ("audio/aac", iso(b"M4A ")),
        ("audio/mp4", iso(b"M4A ")),
        ("video/mp4", iso(b"isom")),
        ("video/mp4", iso(b"iso5")),
        ("video/mp4", iso(b"qt  ")),
        ("video/3gpp", iso(b"3gp6")),
        ("application/pdf", files.PDF),
        ("application/pdf", b"\xef\xbb\xbf" + files.PDF),
        ("text/plain", files.TEXT),
        ("text/csv", b"a,b\n1,2\n"),
        ("application/msword", OLE),
        (DOCX, ZIP),
        (DOCX, OLE),
        ("application/x-of-tomorrow", b"\x00\x01"),
        ("text/plain", b""),
    ],
)
def test_bytes_of_the_family_pass(tmp_path: Path, mime_type: str, data: bytes) -> None:
    assert kinds.objection(mime_type, write(tmp_path, data)) is None


@pytest.mark.parametrize(
    ("mime_type", "data"),
    [
        ("image/jpeg", HTML),
        ("image/jpeg", b""),
        ("image/png", files.PDF),
        ("image/webp", b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(30)),
        ("image/jpeg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"),
        ("audio/ogg", HTML),
        ("audio/mpeg", b"MZ\x90\x00\x03" + bytes(100)),
        ("video/mp4", ZIP),
        ("video/mp4", files.JPEG),
        ("application/pdf", HTML),
    ],
)
def test_bytes_of_another_family_are_objected_to(tmp_path: Path, mime_type: str, data: bytes) -> None:
    assert kinds.objection(mime_type, write(tmp_path, data)) == (
        f"Meta says {mime_type}, and the bytes are something else."
    )
