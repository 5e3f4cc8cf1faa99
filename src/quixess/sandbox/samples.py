"""Samples: a picture and a voice note that a phone can send without having any; both are made here, not carried."""

import struct
import zlib
from collections.abc import Iterator
from functools import cache

_WIDTH, _HEIGHT = 240, 160
_OGG_POLYNOMIAL = 0x04C11DB7
_SILENCE = b"\xf8\xff\xfe"  # 20 ms of Opus: one CELT frame, mono, nothing in it
_PER_FRAME, _PRE_SKIP = 960, 312  # samples at 48 kHz
_FRAMES = 100
_SERIAL = 0x51584550


@cache
def picture() -> bytes:
    """Make a PNG: a sunset over a green sea."""
    rows = b"".join(b"\0" + b"".join(_pixel(x, y) for x in range(_WIDTH)) for y in range(_HEIGHT))
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


@cache
def voice_note() -> bytes:
    """Make two silent seconds of Opus in Ogg (RFC 7845)."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, _PRE_SKIP, 48_000, 0, 0)
    vendor = b"quixess"
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
    sound = _page([_SILENCE] * _FRAMES, 2, 4, _FRAMES * _PER_FRAME)
    return _page([head], 0, 2, 0) + _page([tags], 1, 0, 0) + sound


def _pixel(x: int, y: int) -> bytes:
    horizon, sun = _HEIGHT * 2 // 3, (x - _WIDTH // 2) ** 2 + (y - _HEIGHT // 2) ** 2 < 900
    if y >= horizon:
        return bytes((20 + y % 8, 100 + (y - horizon), 90))
    if sun:
        return b"\xff\xe9\xa8"
    return bytes((250, 120 + y, 90 + y // 2))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _page(packets: list[bytes], number: int, flags: int, position: int) -> bytes:
    """Write one page of Ogg; its checksum is over the page with zeros in the checksum's place."""
    sizes = bytes(len(packet) for packet in packets)
    head = b"OggS" + struct.pack("<BBqII", 0, flags, position, _SERIAL, number)
    tail = bytes([len(sizes)]) + sizes + b"".join(packets)
    return head + struct.pack("<I", _checksum(head + bytes(4) + tail)) + tail


def _checksum(data: bytes) -> int:
    found, table = 0, _table()
    for byte in data:
        found = (found << 8 & 0xFFFFFFFF) ^ table[found >> 24 ^ byte]
    return found


@cache
def _table() -> tuple[int, ...]:
    return tuple(_entries())


def _entries() -> Iterator[int]:
    for byte in range(256):
        entry = byte << 24
        for _ in range(8):
            entry = (entry << 1 ^ (_OGG_POLYNOMIAL if entry >> 31 else 0)) & 0xFFFFFFFF
        yield entry
