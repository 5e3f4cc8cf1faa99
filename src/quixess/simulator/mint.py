"""Makes the ids and secrets that Meta would make. They look like Meta's and mean nothing."""

import base64
import random
import secrets
import string
from datetime import UTC, datetime

from quixess.simulator import model

_ALPHANUMERIC = string.ascii_letters + string.digits


def identity(source: random.Random) -> model.Identity:
    """Draw a new app, system user, WABA and number from `source`."""
    return model.Identity(
        app_id=digits(source, 16),
        app_secret=source.randbytes(16).hex(),
        verify_token=text(source, 32),
        access_token=token(source),
        system_user_id=digits(source, 17),
        business_id=digits(source, 16),
        waba_id=digits(source, 15),
        phone_number_id=digits(source, 15),
        display_phone_number="1555078" + digits(source, 4),
        verified_name="Quixess Sandbox",
    )


def source(seed: int | None) -> random.Random:
    """Return the operating system's randomness, or a repeatable one for tests that ask for it by `seed`."""
    return secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a seed is the wish


def digits(source: random.Random, length: int) -> str:
    """Draw a numeric id without a leading zero, as Graph ids are."""
    return source.choice("123456789") + "".join(source.choices(string.digits, k=length - 1))


def token(source: random.Random) -> str:
    return "EAAJ" + text(source, 180)


def text(source: random.Random, length: int) -> str:
    """Draw letters and digits."""
    return "".join(source.choices(_ALPHANUMERIC, k=length))


def graph_time(at: float) -> str:
    """Write Unix seconds as Graph does: `2026-01-05T10:00:00+0000`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def wamid(phone: str, source: random.Random, *, inbound: bool) -> str:
    """Make a message id with the inner shape of Meta's: it carries the phone number, and a random hex id."""
    tail = source.randbytes(9).hex().upper().encode()
    number = phone.encode()
    kind = b"\x12" if inbound else b"\x11"
    raw = b"\x1c\x18" + bytes([len(number)]) + number
    raw += b"\x15\x02\x00" + kind + b"\x18" + bytes([len(tail)]) + tail + b"\x00"
    return "wamid." + base64.b64encode(raw).decode()


def wacid(source: random.Random) -> str:
    """Make the id of a call."""
    return "wacid." + base64.b64encode(source.randbytes(24)).decode()


def conversation(source: random.Random) -> str:
    return source.randbytes(16).hex()


def trace_id() -> str:
    return "A" + secrets.token_urlsafe(16)
