"""The envelope of an event, version 1, and how its bytes are signed.

`delivered_at` is inside the body, so the bytes differ from attempt to attempt and every attempt is signed anew.
Receivers dedupe on `id`, which stays the same over attempts and replays.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from quixess.database import ids

VERSION = "1"
SECRET_PREFIX = "whsec_"  # noqa: S105 - Standard Webhooks' prefix, no secret


def moment(at: datetime) -> str:
    """Write a time as RFC 3339 in UTC with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


def write(
    event_id: UUID, kind: str, brand_id: UUID, data: str, *, occurred_at: datetime, delivered_at: datetime
) -> bytes:
    """Write the body to deliver. `data` is the JSON text that was stored with the event."""
    return (
        f'{{"id":"{ids.show("evt", event_id)}","type":"{kind}","version":"{VERSION}",'
        f'"occurred_at":"{moment(occurred_at)}","delivered_at":"{moment(delivered_at)}",'
        f'"brand_id":"{ids.show("brd", brand_id)}","data":{data}}}'
    ).encode()


def sign(body: bytes, *, event_id: UUID, kind: str, at: datetime, secrets: Sequence[str]) -> dict[str, str]:
    """Write the headers of one attempt: the three of Quixess and those of Standard Webhooks 1.0.0.

    `secrets` are `whsec_…` texts, the current one first; with two, during a rotation, the Standard Webhooks header
    carries both signatures and ours that of the current secret. Ours is keyed with the secret's text as it was shown.
    """
    name, seconds = ids.show("evt", event_id), str(int(at.timestamp()))
    signed = f"{name}.{seconds}.".encode() + body
    marks = [b64encode(hmac.digest(_key(secret), signed, "sha256")).decode() for secret in secrets]
    return {
        "Content-Type": "application/json",
        "X-Quixess-Event-Id": name,
        "X-Quixess-Event-Type": kind,
        "X-Quixess-Signature-256": "sha256=" + hmac.digest(secrets[0].encode(), body, "sha256").hex(),
        "webhook-id": name,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(SECRET_PREFIX))
