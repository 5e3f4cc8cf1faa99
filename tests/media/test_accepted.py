"""What Meta takes from a business, told by the bytes: every type in, everything else refused by name."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quixess.errors import QuixessError
from quixess.media import accepted, names
from tests.media import files, uploads

MB = 1024 * 1024
OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX, XLSX, PPTX = (
    OFFICE + part for part in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
HTML = b"\xef\xbb\xbf\n <!DOCTYPE html><html><script>alert(1)</script></html>"
SCRIPT = b"alert(document.cookie) // a script"
GIF_AND_SCRIPT = b"GIF89a/*" + bytes(4) + b"*/=1;alert(1)"


def recognise(folder: Path, data: bytes, claimed: str | None = None) -> str:
    path = folder / "file"
    path.write_bytes(data)
    return accepted.recognise(path, claimed)


def refusal(folder: Path, data: bytes, claimed: str | None = None) -> QuixessError:
    with pytest.raises(QuixessError) as refused:
        recognise(folder, data, claimed)
    return refused.value


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (files.JPEG, "image/jpeg"),
        (files.PNG, "image/png"),
        (uploads.webp(), "image/webp"),
        (files.OPUS, "audio/ogg; codecs=opus"),
        (b"#!AMR\n" + bytes(30), "audio/amr"),
        (b"ID3\x03\x00" + bytes(30), "audio/mpeg"),
        (b"\xff\xfb\x90\x64" + bytes(30), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(30), "audio/aac"),
        (uploads.iso(b"M4A "), "audio/mp4"),
        (uploads.iso(b"isom"), "video/mp4"),
        (uploads.iso(b"mp42"), "video/mp4"),
        (uploads.iso(b"3gp4"), "video/3gpp"),
        (files.PDF, "application/pdf"),
        (files.TEXT, "text/plain"),
        (SCRIPT, "text/plain"),
        (uploads.ole("WordDocument"), "application/msword"),
        (uploads.ole("Workbook"), "application/vnd.ms-excel"),
        (uploads.ole("PowerPoint Document"), "application/vnd.ms-powerpoint"),
        (uploads.office("word/document.xml"), DOCX),
        (uploads.office("xl/workbook.xml"), XLSX),
        (uploads.office("ppt/presentation.xml"), PPTX),
    ],
)
def test_every_type_of_metas_list_is_told_by_its_bytes(tmp_path: Path, data: bytes, mime_type: str) -> None:
    assert recognise(tmp_path, data) == mime_type
    assert recognise(tmp_path, data, mime_type) == mime_type
    assert recognise(tmp_path, data, "application/octet-stream") == mime_type


@pytest.mark.parametrize(
    ("data", "claimed", "mime_type"),
    [
        (files.JPEG, "image/png", "image/jpeg"),
        (files.JPEG, "IMAGE/JPG", "image/jpeg"),
        (uploads.iso(b"isom"), "audio/mp4", "audio/mp4"),
        (uploads.iso(b"M4A "), "audio/x-m4a", "audio/mp4"),
        (uploads.iso(b"3gp4"), "video/mp4", "video/mp4"),
        (files.OPUS, "audio/opus", "audio/ogg; codecs=opus"),
        (files.TEXT, "text/plain; charset=utf-8", "text/plain"),
        (files.PDF, "application/msword", "application/pdf"),
    ],
)
def test_the_bytes_decide_and_a_claim_chooses_only_where_a_container_can_be_several(
    tmp_path: Path, data: bytes, claimed: str, mime_type: str
) -> None:
    assert recognise(tmp_path, data, claimed) == mime_type


@pytest.mark.parametrize("data", [SVG, HTML, SCRIPT, files.PDF, uploads.iso(b"isom")])
def test_nothing_becomes_a_photo_by_being_called_one(tmp_path: Path, data: bytes) -> None:
    # 53
    assert refusal(tmp_path, data, "image/jpeg").code in {"media_type_mismatch", "media_type_not_supported"}


@pytest.mark.parametrize(
    "data",
    [
        SVG,
        HTML,
        b"<?xml version='1.0'?><x/>",
        GIF_AND_SCRIPT,
        b"GIF89a" + bytes(30),
        uploads.iso(b"qt  "),
        uploads.iso(b"heic"),
        uploads.iso(b"avif"),
        b"OggS\x00\x02" + bytes(20) + b"\x01\x1e\x01vorbis" + bytes(100),
        b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(30),
        uploads.office("evil/bomb.bin"),
        uploads.ole("Contents"),
        b"MZ\x90\x00\x03" + bytes(100),
        b"\xff\xfeh\x00i\x00",
        b"caf\xe9",
        b"a text with a NUL\x00",
        b"\x00",
    ],
)
def test_what_meta_does_not_take_is_refused_whatever_it_is_called(tmp_path: Path, data: bytes) -> None:
    # 53: markup, polyglots, bombs
    for claimed in (None, "application/octet-stream"):
        found = refusal(tmp_path, data, claimed)
        assert (found.status, found.code) == (400, "media_type_not_supported")
        assert "image/jpeg" in found.detail


@pytest.mark.parametrize("claimed", ["text/html", "image/gif", "image/svg+xml", "nonsense", "a/b\r\nX-Evil: 1", "é"])
def test_a_type_that_meta_does_not_know_is_refused_without_being_repeated(tmp_path: Path, claimed: str) -> None:
    found = refusal(tmp_path, files.JPEG, claimed)
    assert found.code == "media_type_not_supported"
    assert claimed not in found.detail


@pytest.mark.parametrize(
    ("head", "limit"),
    [
        (files.JPEG, 5 * MB),
        (files.PNG, 5 * MB),
        (files.OPUS, 16 * MB),
        (uploads.iso(b"isom"), 16 * MB),
        (uploads.webp(), 100 * 1024),
        (uploads.webp(animated=True), 500 * 1024),
        (files.PDF, 100 * MB),
    ],
)
def test_each_type_has_its_own_limit(tmp_path: Path, head: bytes, limit: int) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(limit)
    accepted.recognise(path, None)
    with path.open("ab") as file:
        file.truncate(limit + 1)
    with pytest.raises(QuixessError) as refused:
        accepted.recognise(path, None)
    assert refused.value.code == "media_too_large"
    assert f"{limit:,} bytes" in refused.value.detail


def test_a_text_is_read_to_its_end_in_pieces_that_cut_its_letters(tmp_path: Path) -> None:
    long = b"x" + "ü".encode() * MB
    assert recognise(tmp_path, long) == "text/plain"
    assert refusal(tmp_path, long + b"\xc3").code == "media_type_not_supported"


@given(data=st.binary(min_size=1, max_size=600), claimed=st.none() | st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_type_of_the_list_or_refused_with_a_code_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, claimed: str | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(data)
    try:
        found = accepted.recognise(path, claimed)
    except QuixessError as error:
        found = error.code
    assert found.startswith(("image/", "audio/", "video/", "text/", "application/", "media_"))


@given(name=st.text(max_size=400), longest=st.integers(min_value=20, max_value=240))
def test_any_name_is_harmless_afterwards(name: str, longest: int) -> None:
    found = names.harmless(name, longest=longest)
    assert len(found) <= longest
    assert not set(found) & {"/", "\\", "\x00", "\r", "\n", "\u202e"}
    assert not found.startswith(".")
