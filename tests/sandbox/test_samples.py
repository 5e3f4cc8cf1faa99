"""What a phone sends is what it says it is: read back by the rules of each format."""

import struct
import zlib

import puremagic

from quixess.sandbox import samples


def test_the_picture_is_a_png_whose_rows_are_whole():
    png = samples.picture()

    assert puremagic.from_string(png, mime=True) == "image/png"
    width, height = struct.unpack(">II", png[16:24])
    begin = png.index(b"IDAT")
    (size,) = struct.unpack(">I", png[begin - 4 : begin])
    body = png[begin + 4 : begin + 4 + size]
    assert zlib.crc32(b"IDAT" + body) == struct.unpack(">I", png[begin + 4 + size : begin + 8 + size])[0]
    assert len(zlib.decompress(body)) == height * (1 + 3 * width)


def test_the_voice_note_is_ogg_with_pages_in_order_and_true_checksums():
    ogg = samples.voice_note()
    pages = []
    while ogg:
        assert ogg[:4] == b"OggS"
        count = ogg[26]
        end = 27 + count + sum(ogg[27 : 27 + count])
        page, ogg = ogg[:end], ogg[end:]
        assert struct.unpack("<I", page[22:26])[0] == bitwise_checksum(page[:22] + bytes(4) + page[26:])
        pages.append(page)

    assert [page[5] for page in pages] == [2, 0, 4]
    assert [struct.unpack("<I", page[18:22])[0] for page in pages] == [0, 1, 2]
    assert pages[0][28:36] == b"OpusHead"
    assert struct.unpack("<q", pages[2][6:14])[0] == 2 * 48_000


def bitwise_checksum(data: bytes) -> int:
    """The checksum of RFC 3533, bit by bit."""
    found = 0
    for byte in data:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1 ^ (0x04C11DB7 if found >> 31 else 0)) & 0xFFFFFFFF
    return found
