"""The vault: secrets that must be readable again are sealed, secrets that must only be compared are hashed.

Sealed: AES-256-GCM in an envelope. Each value has a data key of its own, wrapped by a key of the keyring; table,
column, row and brand are the associated data, so a blob copied to another row does not open. Hashed: HMAC-SHA256
with a pepper. Keyring and pepper live outside the database: a dump alone opens nothing.

A keyring may hold several keys: the first seals, all of them open. To rotate, a key is added, every sealed value is
wrapped anew (`quixess.database.sealed`), and the old key is dropped. A process that read its keyring from a file
follows the file meanwhile.
"""

import fcntl
import hmac
import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"\x01"
_NONCE = 12
_WRAPPED = 32 + 16
_KEY_ID = 8
_WRAP_AT = len(_FORMAT) + _KEY_ID
_WRAPPED_AT = _WRAP_AT + _NONCE
_NONCE_AT = _WRAPPED_AT + _WRAPPED
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
    """The master keys of an installation. New values are sealed under the first key, old ones open under any.

    `standby` names a key that waits to become the first; `file` is where the keyring came from, None when it came as
    text.
    """

    keys: dict[bytes, bytes]
    peppers: dict[int, bytes]
    standby: bytes | None = None
    file: Path | None = None
    _mark: tuple[int, int, int] | None = None
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
            standby = bytes.fromhex(raw["standby"]) if "standby" in raw else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VaultError("The keyring is not valid: restore keyring.json from your backup.") from error
        if not keys or not peppers or any(len(key) != 32 for key in (*keys.values(), *peppers.values())):
            raise VaultError("The keyring holds no usable key: restore keyring.json from your backup.")
        return cls(keys, peppers, standby if standby in keys else None)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a keyring file and follow it from then on. Raises VaultError when it is none, OSError without it."""
        mark = _mark_of(path)
        found = cls.loads(path.read_text())
        return replace(found, file=path, _mark=mark)

    def dumps(self) -> str:
        """Write the keyring as JSON text. It is the secret that opens all others."""
        keys = {name.hex(): b64encode(key).decode() for name, key in self.keys.items()}
        peppers = {str(name): b64encode(pepper).decode() for name, pepper in self.peppers.items()}
        standby = {} if self.standby is None else {"standby": self.standby.hex()}
        return json.dumps({"keys": keys, "peppers": peppers} | standby, indent=1)

    @property
    def leading(self) -> bytes:
        """The id of the key that seals."""
        self._follow()
        return next(iter(self.keys))

    @property
    def pepper_version(self) -> int:
        """The pepper new hashes are made with."""
        return max(self.peppers)

    def hash(self, value: bytes, *, purpose: bytes, version: int | None = None) -> bytes:
        """HMAC-SHA256 of a value under the pepper: 32 bytes. `purpose` keeps hashes of different kinds apart."""
        return hmac.digest(self.peppers[version or self.pepper_version], purpose + b"\x00" + value, "sha256")

    def seal(self, value: bytes, place: Place) -> bytes:
        """Seal a value for one place."""
        data_key, bound, nonce = secrets.token_bytes(32), bytes(place), secrets.token_bytes(_NONCE)
        return self._wrap(data_key, bound) + nonce + AESGCM(data_key).encrypt(nonce, value, bound)

    def rewrap(self, sealed: bytes, place: Place) -> bytes:
        """Wrap the data key of a sealed value anew, under the first key. Raises VaultError when it does not open."""
        bound = bytes(place)
        self._open(sealed, bound)
        return self._wrap(self._unwrap(sealed, bound), bound) + sealed[_NONCE_AT:]

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
        data_key = self._unwrap(sealed, bound)
        nonce, body = sealed[_NONCE_AT : _NONCE_AT + _NONCE], sealed[_NONCE_AT + _NONCE :]
        return _decrypt(data_key, nonce, body, bound)

    def _wrap(self, data_key: bytes, bound: bytes) -> bytes:
        key_id, nonce = self.leading, secrets.token_bytes(_NONCE)
        return _FORMAT + key_id + nonce + AESGCM(self.keys[key_id]).encrypt(nonce, data_key, key_id + bound)

    def _unwrap(self, sealed: bytes, bound: bytes) -> bytes:
        key_id = key_of(sealed)
        if key_id not in self.keys:
            self._follow()
        key = self.keys.get(key_id)
        if not sealed.startswith(_FORMAT) or key is None:
            raise VaultError(
                "A secret was sealed under a key that this keyring does not hold: give every process the keyring.json "
                "that belongs to this database."
            )
        return _decrypt(key, sealed[_WRAP_AT:_WRAPPED_AT], sealed[_WRAPPED_AT:_NONCE_AT], key_id + bound)

    def _follow(self) -> None:
        """Take over what a rotation changed in the file. One that is away, broken or another's changes nothing.

        The peppers tell whose it is: they stay while keys come and go.
        """
        if self.file is None:
            return
        try:
            mark = _mark_of(self.file)
            if mark == self._mark:
                return
            found = Keyring.loads(self.file.read_text())
        except (OSError, VaultError):
            return
        if found.peppers.items() >= self.peppers.items():
            self.keys, self.peppers, self.standby, self._mark = found.keys, found.peppers, found.standby, mark


def key_of(sealed: bytes) -> bytes:
    """Tell the id of the key that a value is sealed under."""
    return sealed[len(_FORMAT) : _WRAP_AT]


def _decrypt(key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, data, bound)
    except (InvalidTag, ValueError) as error:  # ValueError: too short to hold its nonces
        raise VaultError("A secret does not open here: it was altered or copied from another row.") from error


def read_or_make(path: Path) -> Keyring:
    """Read the keyring file, or make it (mode 600) where there is none."""
    try:
        return Keyring.read(path)
    except FileNotFoundError:
        pass
    with suppress(FileExistsError):  # two processes make one at once: both use the first
        create(path)
    return Keyring.read(path)


def create(path: Path) -> None:
    """Make a keyring file (mode 600). Raises FileExistsError where there is one: nothing opens what that one sealed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path, Keyring.make()) as draft:
        try:
            path.hardlink_to(draft)
        finally:
            _sync_folder(path)


def add_standby(path: Path) -> Keyring:
    """Add a new key to the file that opens and does not seal yet. Raises VaultError in the middle of a rotation."""

    def add(keyring: Keyring) -> Keyring:
        if len(keyring.keys) > 1:
            raise VaultError(_UNFINISHED)
        name, key = secrets.token_bytes(_KEY_ID), secrets.token_bytes(32)
        return replace(keyring, keys=keyring.keys | {name: key}, standby=name)

    return _change(path, add)


def promote(path: Path) -> Keyring:
    """Let the key that stands by seal from now on. Raises VaultError when there is none."""

    def lead(keyring: Keyring) -> Keyring:
        if keyring.standby is None:
            raise VaultError(_UNFINISHED)
        first = {keyring.standby: keyring.keys[keyring.standby]}
        return replace(keyring, keys=first | keyring.keys, standby=None)

    return _change(path, lead)


def drop(path: Path, keys: Collection[bytes]) -> Keyring:
    """Take keys out of the file, by their ids. Raises VaultError rather than drop the key that seals."""

    def without(keyring: Keyring) -> Keyring:
        if keyring.leading in keys:
            raise VaultError("The key that seals cannot be dropped: `quixess vault rotate` makes another one first.")
        left = {name: key for name, key in keyring.keys.items() if name not in keys}
        return replace(keyring, keys=left, standby=None if keyring.standby in keys else keyring.standby)

    return _change(path, without)


_UNFINISHED = "The last rotation is not finished: `quixess vault reseal`, then `quixess vault drop`."


def _change(path: Path, edit: Callable[[Keyring], Keyring]) -> Keyring:
    """Replace the file whole, one process at a time: a key must not get lost once something is sealed under it."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with _draft(path, edit(Keyring.read(path))) as draft:
            draft.replace(path)
        os.fsync(folder)
        return Keyring.read(path)
    finally:
        os.close(folder)


@contextmanager
def _draft(path: Path, keyring: Keyring) -> Iterator[Path]:
    """Write a keyring to a file beside its own, on disk and for its owner only; gone after the block."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(keyring.dumps())
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _mark_of(path: Path) -> tuple[int, int, int]:
    """Tell a version of a file from another one."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size
