"""The vault: secrets that must be readable again are sealed, secrets that must only be compared are hashed.

Sealed: AES-256-GCM in an envelope. Each value has a data key of its own, wrapped by a key of the keyring; table,
column, row and brand are the associated data, so a blob copied to another row does not open. Hashed: HMAC-SHA256
with a pepper. Keyring and pepper live outside the database: a dump alone opens nothing.
"""

import hmac
import json
import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"\x01"
_NONCE = 12
_WRAPPED = 32 + 16
_KEY_ID = 8
_OPENED_KEPT = 10_000


class VaultError(Exception):
    """A secret cannot be opened, or the keyring is not the one the database was filled with."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives. It is bound to this place and opens nowhere else. `brand` is None for global rows."""

    table: str
    column: str
    row: str
    brand: UUID | None = None

    def __bytes__(self) -> bytes:
        return "\x1f".join((self.table, self.column, self.row, str(self.brand or ""))).encode()


@dataclass(slots=True, repr=False)
class Keyring:
    """The master keys of an installation. New values are sealed under the first key, old ones open under any."""

    keys: dict[bytes, bytes]
    peppers: dict[int, bytes]
    _opened: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)

    @classmethod
    def make(cls) -> Self:
        """Make a new keyring with random keys."""
        return cls({secrets.token_bytes(_KEY_ID): secrets.token_bytes(32)}, {1: secrets.token_bytes(32)})

    @classmethod
    def loads(cls, text: str) -> Self:
        """Read a keyring from its JSON text. Raises VaultError when it is not one."""
        try:
            raw = json.loads(text)
            keys = {bytes.fromhex(name): b64decode(key, validate=True) for name, key in raw["keys"].items()}
            peppers = {int(name): b64decode(pepper, validate=True) for name, pepper in raw["peppers"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VaultError("The keyring is not valid: restore keyring.json from your backup.") from error
        if not keys or not peppers or any(len(key) != 32 for key in (*keys.values(), *peppers.values())):
            raise VaultError("The keyring holds no usable key: restore keyring.json from your backup.")
        return cls(keys, peppers)

    def dumps(self) -> str:
        """Write the keyring as JSON text. It is the secret that opens all others."""
        keys = {name.hex(): b64encode(key).decode() for name, key in self.keys.items()}
        peppers = {str(name): b64encode(pepper).decode() for name, pepper in self.peppers.items()}
        return json.dumps({"keys": keys, "peppers": peppers}, indent=1)

    @property
    def pepper_version(self) -> int:
        """The pepper new hashes are made with."""
        return max(self.peppers)

    def hash(self, value: bytes, *, purpose: bytes, version: int | None = None) -> bytes:
        """HMAC-SHA256 of a value under the pepper: 32 bytes. `purpose` keeps hashes of different kinds apart."""
        return hmac.digest(self.peppers[version or self.pepper_version], purpose + b"\x00" + value, "sha256")

    def seal(self, value: bytes, place: Place) -> bytes:
        """Seal a value for one place."""
        key_id, key = next(iter(self.keys.items()))
        data_key, bound = secrets.token_bytes(32), bytes(place)
        wrap_nonce, nonce = secrets.token_bytes(_NONCE), secrets.token_bytes(_NONCE)
        wrapped = AESGCM(key).encrypt(wrap_nonce, data_key, key_id + bound)
        return _FORMAT + key_id + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, value, bound)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Open a value sealed for this place. Raises VaultError when it was sealed for another or by another key."""
        bound = bytes(place)
        opened = self._opened.get((sealed, bound))
        if opened is None:
            opened = self._open(sealed, bound)
            if len(self._opened) >= _OPENED_KEPT:
                self._opened.clear()
            self._opened[sealed, bound] = opened
        return opened

    def _open(self, sealed: bytes, bound: bytes) -> bytes:
        head = len(_FORMAT)
        key_id, wrap_at = sealed[head : head + _KEY_ID], head + _KEY_ID
        wrapped_at = wrap_at + _NONCE
        nonce_at = wrapped_at + _WRAPPED
        key = self.keys.get(key_id)
        if sealed[:head] != _FORMAT or key is None:
            raise VaultError("A secret was sealed under a key that this keyring does not hold.")
        try:
            data_key = AESGCM(key).decrypt(sealed[wrap_at:wrapped_at], sealed[wrapped_at:nonce_at], key_id + bound)
            nonce = sealed[nonce_at : nonce_at + _NONCE]
            return AESGCM(data_key).decrypt(nonce, sealed[nonce_at + _NONCE :], bound)
        except (InvalidTag, ValueError) as error:  # ValueError: too short to hold its nonces
            raise VaultError("A secret does not open here: it was altered or copied from another row.") from error


def read_or_make(path: Path) -> Keyring:
    """Read the keyring file, or make it (mode 600) where there is none."""
    try:
        return Keyring.loads(path.read_text())
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    return _write_once(path, Keyring.make())


def _write_once(path: Path, keyring: Keyring) -> Keyring:
    """Put the file in place whole, or not at all; when two processes make one at once, both use the first."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(keyring.dumps())
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        return Keyring.loads(path.read_text())
    finally:
        draft.unlink(missing_ok=True)
    return keyring
