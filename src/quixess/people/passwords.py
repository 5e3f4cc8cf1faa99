"""Passwords: argon2id, a few at a time; long ones, and none that everybody uses.

The costs are OWASP's for argon2id: 19 MiB, two passes, one lane. A hash made with other costs is made anew when its
password is next given.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.resources import files
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from quixess.errors import invalid

SHORTEST, LONGEST = 12, 128

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_THREADS = ThreadPoolExecutor(2, "argon2")  # each takes 19 MiB and a core for tens of milliseconds; the rest waits
_ENDINGS = "0123456789!.?#*_- "
_FEWEST_LETTERS = 5


def check(password: str, *, email: str = "", field: str = "password") -> None:
    """Refuse a password that is too short, too long, one that everybody uses, or no more than the e-mail address.

    Raises `invalid_request` for the field named.
    """
    plain = _normal(password)
    if not SHORTEST <= len(plain) <= LONGEST:
        raise invalid(
            f"/{field}", "length", f"Choose {SHORTEST} to {LONGEST} characters: a few words in a row do well."
        )
    folded = plain.casefold()
    guesses = {folded, folded.strip(_ENDINGS), folded[: len(folded) // 2] if _is_twice(folded) else folded}
    if len(set(folded)) < _FEWEST_LETTERS or not guesses.isdisjoint(_common()):
        raise invalid(f"/{field}", "too_common", "This password stands in every list of guesses: choose another one.")
    if email and not guesses.isdisjoint({email.casefold(), email.casefold().partition("@")[0]}):
        raise invalid(f"/{field}", "too_common", "The password is made of the e-mail address: choose another one.")


async def make(password: str) -> str:
    """Hash a password, in a thread. Takes tens of milliseconds; a few run at once, the others wait."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, _normal(password))


async def matches(password: str, stored: str | None) -> bool:
    """Tell whether a password is the one that was hashed. Without a hash it takes as long, and tells no."""
    loop = asyncio.get_running_loop()
    right = await loop.run_in_executor(_THREADS, _verify, stored, _normal(password[: 4 * LONGEST]))
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with other costs than today's."""
    return _HASHER.check_needs_rehash(stored)


def _verify(stored: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(stored or _dummy(), password)
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """Write a password in one way: keyboards write é in two (NIST SP 800-63B-4 §3.1.1.2)."""
    return normalize("NFKC", password)


def _is_twice(text: str) -> bool:
    half = len(text) // 2
    return text[:half] == text[half:]


@lru_cache(1)
def _dummy() -> str:
    return _HASHER.hash("nobody has this password")


@lru_cache(1)
def _common() -> frozenset[str]:
    """Read what everybody uses; a word here is also refused twice in a row, and with digits around it."""
    text = (files("quixess.people") / "common.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())
