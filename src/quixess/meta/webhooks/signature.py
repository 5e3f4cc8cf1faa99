"""Is it really Meta: the signature of a POST, and the handshake of a GET, which carries none."""

import hmac
import re
from collections.abc import Sequence

_SIGNATURE = re.compile(rb"sha256=[0-9a-f]{64}")
_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,128}")


def verify(secrets: Sequence[bytes], header: bytes | str | None, raw: bytes) -> bool:
    """Check `X-Hub-Signature-256` over the raw body against every active app secret, in constant time.

    Meta signs its own escaping, so only the bytes from the wire will do. Never raises; without a header or a
    secret the answer is False.
    """
    if isinstance(header, str):
        header = header.encode("utf-8", "replace")
    if header is None or _SIGNATURE.fullmatch(header) is None:
        return False
    given = header[7:]
    matches = [
        hmac.compare_digest(hmac.digest(secret, raw, "sha256").hex().encode(), given) for secret in secrets if secret
    ]
    return any(matches)


def challenge(mode: str | None, token: str | None, challenge: str | None, expected_token: str) -> str | None:
    """Answer Meta's GET handshake: the text to echo as text/plain, or None for a 403."""
    same = hmac.compare_digest(_as_bytes(token or ""), _as_bytes(expected_token))
    if mode != "subscribe" or not (same and expected_token) or challenge is None:
        return None
    return challenge if _CHALLENGE.fullmatch(challenge) else None


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
