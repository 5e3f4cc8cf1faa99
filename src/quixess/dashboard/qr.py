"""QR codes (ISO/IEC 18004), drawn by the server as SVG: what an authenticator app reads off the screen.

Bytes only, error correction M, versions 1 to 15 (412 bytes): enough for an `otpauth:` address. A module is `True`
where it is dark.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from markupsafe import Markup

Matrix = list[list[bool]]

_QUIET = 4  # light modules around the code
# For error correction M, by version: codewords of correction in each block, and blocks (table 9 of the standard).
_CORRECTION = (10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24)
_BLOCKS = (1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10)
_LEVEL_M = 0b00
_MASK = 0b000  # a chequerboard: each of the eight is valid, and looking for the best would take eight drawings


def svg(text: str) -> Markup:
    """Draw a text, black on white whatever the colours of the page are. Raises ValueError for more than 412 bytes."""
    code = encode(text.encode())
    whole = len(code) + 2 * _QUIET
    path = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z" for y, row in enumerate(code) for x, dark in enumerate(row) if dark
    )
    return Markup(
        '<svg viewBox="0 0 {0} {0}" role="img" aria-label="QR code" shape-rendering="crispEdges">'
        '<path fill="#fff" d="M0 0h{0}v{0}H0z"/><path fill="#000" d="{1}"/></svg>'
    ).format(whole, path)


def encode(data: bytes) -> Matrix:
    """Make the modules of a code, row by row. Raises ValueError for more than 412 bytes."""
    version = next((one for one in range(1, len(_BLOCKS) + 1) if _room(one) >= len(data)), None)
    if version is None:
        raise ValueError("more than a QR code of version 15 can hold")
    stream = _interleave(_codewords(data, version), version)
    return _Drawing(version, stream).modules


def _room(version: int) -> int:
    """Count the bytes that a version takes, without mode and length."""
    return _data_codewords(version) - (2 if version < 10 else 3)


def _data_codewords(version: int) -> int:
    return _modules_for_data(version) // 8 - _CORRECTION[version - 1] * _BLOCKS[version - 1]


def _modules_for_data(version: int) -> int:
    """Count the modules that carry neither a pattern nor the format or the version."""
    count = (16 * version + 128) * version + 64
    if version >= 2:
        patterns = version // 7 + 2
        count -= (25 * patterns - 10) * patterns - 55
    return count - 36 if version >= 7 else count


def _codewords(data: bytes, version: int) -> bytes:
    """Write mode, length and data, filled up with the padding of the standard."""
    bits = f"0100{len(data):0{8 if version < 10 else 16}b}" + "".join(f"{byte:08b}" for byte in data)
    room = _data_codewords(version) * 8
    bits += "0" * min(4, room - len(bits))
    bits += "0" * (-len(bits) % 8)
    found = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    padding = bytes((0xEC, 0x11)) * room
    return found + padding[: room // 8 - len(found)]


def _interleave(data: bytes, version: int) -> bytes:
    """Cut the data into blocks, correct each, and deal them out byte by byte."""
    blocks, length = _BLOCKS[version - 1], _CORRECTION[version - 1]
    short, longer = divmod(len(data), blocks)
    parts, at = [], 0
    for number in range(blocks):
        size = short + (number >= blocks - longer)
        parts.append(data[at : at + size])
        at += size
    checks = [_correct(part, length) for part in parts]
    return bytes([*_dealt(parts), *_dealt(checks)])


def _dealt(parts: list[bytes]) -> Iterator[int]:
    for at in range(max(map(len, parts))):
        yield from (part[at] for part in parts if at < len(part))


def _correct(data: bytes, length: int) -> bytes:
    """Give the Reed-Solomon codewords of a block: the remainder by the generator polynomial."""
    generator, rest = _generator(length), bytearray(length)
    for byte in data:
        factor = byte ^ rest.pop(0)
        rest.append(0)
        for at, coefficient in enumerate(generator):
            rest[at] ^= _times(coefficient, factor)
    return bytes(rest)


@lru_cache
def _generator(length: int) -> bytes:
    """Multiply (x - 2⁰)(x - 2¹)…, without the leading one."""
    found, root = bytearray([0] * (length - 1) + [1]), 1
    for _ in range(length):
        for at in range(length):
            found[at] = _times(found[at], root) ^ (found[at + 1] if at + 1 < length else 0)
        root = _times(root, 2)
    return bytes(found)


def _times(one: int, other: int) -> int:
    """Multiply in GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1."""
    found = 0
    for bit in range(7, -1, -1):
        found = (found << 1) ^ ((found >> 7) * 0x11D) ^ ((other >> bit & 1) * one)
    return found


class _Drawing:
    """The modules of one code."""

    def __init__(self, version: int, stream: bytes) -> None:
        self.size = 17 + 4 * version
        self.modules: Matrix = [[False] * self.size for _ in range(self.size)]
        self._taken: Matrix = [[False] * self.size for _ in range(self.size)]
        self._draw_patterns(version)
        self._draw_format()
        self._draw_data(stream)

    def _set(self, x: int, y: int, dark: bool) -> None:
        self.modules[y][x], self._taken[y][x] = dark, True

    def _draw_patterns(self, version: int) -> None:
        for at in range(self.size):
            self._set(6, at, at % 2 == 0)
            self._set(at, 6, at % 2 == 0)
        for x, y in ((3, 3), (self.size - 4, 3), (3, self.size - 4)):
            self._draw_rings(x, y, 4, (2, 4))
        places = _alignment(version)
        corners = {(places[0], places[0]), (places[0], places[-1]), (places[-1], places[0])} if places else set()
        for x in places:
            for y in places:
                if (x, y) not in corners:
                    self._draw_rings(x, y, 2, (1,))
        if version >= 7:
            self._draw_version(version)

    def _draw_rings(self, x: int, y: int, reach: int, light: Iterable[int]) -> None:
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                if 0 <= x + dx < self.size and 0 <= y + dy < self.size:
                    self._set(x + dx, y + dy, max(abs(dx), abs(dy)) not in set(light))

    def _draw_version(self, version: int) -> None:
        bits = version << 12 | _remainder(version, 12, 0x1F25)
        for at in range(18):
            far, near = self.size - 11 + at % 3, at // 3
            self._set(far, near, bool(bits >> at & 1))
            self._set(near, far, bool(bits >> at & 1))

    def _draw_format(self) -> None:
        data = _LEVEL_M << 3 | _MASK
        bits = (data << 10 | _remainder(data, 10, 0x537)) ^ 0x5412
        end = self.size - 1
        first = [(8, y) for y in (0, 1, 2, 3, 4, 5, 7, 8)] + [(x, 8) for x in (7, 5, 4, 3, 2, 1, 0)]
        second = [(end - at, 8) for at in range(8)] + [(8, end - 6 + at) for at in range(7)]
        for at in range(15):
            for x, y in (first[at], second[at]):
                self._set(x, y, bool(bits >> at & 1))
        self._set(8, end - 7, True)

    def _draw_data(self, stream: bytes) -> None:
        """Fill the free modules in pairs of columns, from the right, up and down."""
        bits = iter("".join(f"{byte:08b}" for byte in stream))
        for x, y in self._free():
            self.modules[y][x] = (next(bits, "0") == "1") ^ ((x + y) % 2 == 0)

    def _free(self) -> Iterator[tuple[int, int]]:
        upward = True
        for right in (*range(self.size - 1, 6, -2), 5, 3, 1):
            for at in range(self.size):
                y = self.size - 1 - at if upward else at
                yield from ((x, y) for x in (right, right - 1) if not self._taken[y][x])
            upward = not upward


def _alignment(version: int) -> list[int]:
    """List the places of the alignment patterns along one side."""
    if version == 1:
        return []
    count, end = version // 7 + 2, 4 * version + 10
    step = (version * 4 + count * 2 + 1) // (count * 2 - 2) * 2
    return [6, *reversed([end - at * step for at in range(count - 1)])]


def _remainder(data: int, bits: int, generator: int) -> int:
    """Give the BCH code of format and version."""
    found = data
    for _ in range(bits):
        found = found << 1 ^ (found >> (bits - 1)) * generator
    return found
