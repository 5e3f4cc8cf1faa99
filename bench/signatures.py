"""Checks of sampled deliveries: that what was fast was also signed."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from bench.processes import BenchError


def check(samples: Sequence[Mapping[str, Any]], secrets: Mapping[str, str]) -> None:
    """Check both signatures of each sample; `secrets` are by path. Raises BenchError, also without any sample."""
    if not samples:
        raise BenchError("No delivery was sampled")
    for sample in samples:
        secret, headers, body = secrets[sample["path"]], sample["headers"], sample["body"].encode()
        ours = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = b64decode(secret.removeprefix("whsec_"))
        theirs = "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()
        if headers["x-quixess-signature-256"] != ours or headers["webhook-signature"] != theirs:
            raise BenchError(f"A delivery was not signed as it should be: {headers}")
