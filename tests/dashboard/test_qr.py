"""QR codes, read back the way a reader does it: patterns, format, mask, blocks, correction, bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quixess.dashboard import qr

# For error correction M by version (ISO/IEC 18004, table 9): (codewords in all, blocks, of correction in each).
SHAPES = (
    (26, 1, 10), (44, 1, 16), (70, 1, 26), (100, 2, 18), (134, 2, 24), (172, 4, 16), (196, 4, 18), (242, 4, 22),
    (292, 5, 22), (346, 5, 26), (404, 5, 30), (466, 8, 22), (532, 9, 22), (581, 9, 24), (655, 10, 24),
)  # fmt: skip
ALIGNED = {
    2: [6, 18], 3: [6, 22], 4: [6, 26], 5: [6, 30], 6: [6, 34], 7: [6, 22, 38], 8: [6, 24, 42], 9: [6, 26, 46],
    10: [6, 28, 50], 11: [6, 30, 54], 12: [6, 32, 58], 13: [6, 34, 62], 14: [6, 26, 46, 66], 15: [6, 26, 48, 70],
}  # fmt: skip
FINDER = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
EXP = [1]
while len(EXP) < 255:
    EXP.append(EXP[-1] << 1 ^ (0x11D if EXP[-1] & 0x80 else 0))
LOG = {value: power for power, value in enumerate(EXP)}


def read(code: qr.Matrix) -> bytes:
    """Read a code with mask 0 and correction M; every check of the standard is made."""
    size = len(code)
    version = (size - 17) // 4
    for x, y in ((0, 0), (size - 7, 0), (0, size - 7)):
        assert ["".join(str(int(code[y + dy][x + dx])) for dx in range(7)) for dy in range(7)] == FINDER
    assert [code[6][x] for x in range(8, size - 8)] == [x % 2 == 0 for x in range(8, size - 8)]
    assert read_format(code) == "101010000010010"  # M and mask 0, with their BCH code and the standard's XOR
    bits = [code[y][x] ^ ((x + y) % 2 == 0) for x, y in data_modules(size, version)]
    total, blocks, checks = SHAPES[version - 1]
    words = [int("".join(str(int(bit)) for bit in bits[8 * at : 8 * at + 8]), 2) for at in range(total)]
    short = total // blocks - checks
    sizes = [short + (number >= blocks - total % blocks) for number in range(blocks)]
    parts: list[list[int]] = [[] for _ in range(blocks)]
    rest = iter(words)
    for at in range(max(sizes)):
        for number in range(blocks):
            if at < sizes[number]:
                parts[number].append(next(rest))
    for _ in range(checks):
        for number in range(blocks):
            parts[number].append(next(rest))
    assert all(syndrome(part, root) == 0 for part in parts for root in range(checks))
    text = "".join(f"{word:08b}" for number, part in enumerate(parts) for word in part[: sizes[number]])
    assert text[:4] == "0100"
    width = 8 if version < 10 else 16
    length = int(text[4 : 4 + width], 2)
    return bytes(int(text[4 + width + 8 * at :][:8], 2) for at in range(length))


def read_format(code: qr.Matrix) -> str:
    size = len(code)
    first = [code[8][x] for x in (0, 1, 2, 3, 4, 5, 7, 8)] + [code[y][8] for y in (7, 5, 4, 3, 2, 1, 0)]
    second = [code[y][8] for y in range(size - 1, size - 8, -1)] + [code[8][x] for x in range(size - 8, size)]
    assert first == second
    assert code[size - 8][8]
    return "".join(str(int(bit)) for bit in first)


def data_modules(size: int, version: int) -> list[tuple[int, int]]:
    taken = {(x, y) for x in range(9) for y in range(9)} | {(x, 6) for x in range(size)} | {(6, y) for y in range(size)}
    taken |= {(x, y) for x in range(size - 8, size) for y in range(9)}
    taken |= {(x, y) for x in range(9) for y in range(size - 8, size)}
    places = ALIGNED.get(version, [])
    corners = {(6, 6), (6, places[-1]), (places[-1], 6)} if places else set()
    for x in places:
        for y in places:
            if (x, y) not in corners:
                taken |= {(x + dx, y + dy) for dx in range(-2, 3) for dy in range(-2, 3)}
    if version >= 7:
        taken |= {(x, y) for x in range(6) for y in range(size - 11, size - 8)}
        taken |= {(y, x) for x in range(6) for y in range(size - 11, size - 8)}
    found, upward = [], True
    for right in [*range(size - 1, 6, -2), 5, 3, 1]:
        for y in range(size - 1, -1, -1) if upward else range(size):
            found += [(x, y) for x in (right, right - 1) if (x, y) not in taken]
        upward = not upward
    return found


def syndrome(part: list[int], root: int) -> int:
    found = 0
    for word in part:
        found = word ^ (EXP[(LOG[found] + root) % 255] if found else 0)
    return found


@pytest.mark.parametrize("length", [1, 14, 15, 26, 42, 62, 84, 106, 122, 152, 180, 181, 213, 251, 287, 331, 362, 412])
def test_what_is_written_is_read_in_every_version(length):
    data = bytes(at * 7 % 256 for at in range(length))
    assert read(qr.encode(data)) == data


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=120))
def test_any_bytes_come_back(data):
    assert read(qr.encode(data)) == data


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="more than"):
        qr.encode(bytes(413))


def test_the_picture_is_dark_on_light_in_every_scheme_and_carries_no_text():
    drawn = qr.svg("otpauth://totp/Quixess:<anna>?secret=JBSWY3DPEHPK3PXP")
    assert drawn.startswith("<svg ")
    assert 'fill="#fff"' in drawn
    assert 'fill="#000"' in drawn
    assert "style=" not in drawn
    assert "anna" not in drawn
