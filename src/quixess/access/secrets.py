"""The secret of a key, and of an operator token: how it is made, what it looks like, and what is kept of it."""

import re
import secrets
import zlib

from quixess.vault import Keyring

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(rb"qx[st]_[0-9A-Za-z]{46}")
_OPERATOR_SHAPE = re.compile(rb"qxo_[0-9A-Za-z]{46}")
_RANDOM, _CHECK = 40, 6


def make_secret(*, test: bool = False) -> str:
    """Make a key's secret: `qxs_` (or `qxt_`), 40 random letters and digits (238 bits), 6 of their CRC-32."""
    return _make("qxt_" if test else "qxs_")


def make_operator_secret() -> str:
    """Make the secret of an operator token: as a key's, but `qxo_`."""
    return _make("qxo_")


def well_formed(presented: bytes) -> bool:
    """Tell whether this could be a key at all: shape and checksum, so that typing errors never reach the database."""
    return bool(_SHAPE.fullmatch(presented)) and _sums_up(presented)


def well_formed_operator(presented: bytes) -> bool:
    """Tell whether this could be an operator token at all."""
    return bool(_OPERATOR_SHAPE.fullmatch(presented)) and _sums_up(presented)


def hash_secret(keyring: Keyring, secret: bytes, version: int) -> bytes:
    """Hash a secret under a pepper, 32 bytes: the only form in which the database knows it."""
    return keyring.hash(secret, purpose=b"api key", version=version)


def hash_operator_secret(keyring: Keyring, secret: bytes, version: int) -> bytes:
    """Hash the secret of an operator token under a pepper, 32 bytes."""
    return keyring.hash(secret, purpose=b"operator token", version=version)


def _make(prefix: str) -> str:
    body = prefix + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM))
    return body + _checksum(body.encode())


def _sums_up(presented: bytes) -> bool:
    return presented[-_CHECK:] == _checksum(presented[:-_CHECK]).encode()


def _checksum(body: bytes) -> str:
    number, letters = zlib.crc32(body), []
    for _ in range(_CHECK):
        number, digit = divmod(number, 62)
        letters.append(_LETTERS[digit])
    return "".join(reversed(letters))
