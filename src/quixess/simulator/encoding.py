"""JSON as Meta writes it. Its escapes are what breaks a receiver that signs a re-serialised body."""

import json
from typing import Any

from starlette.responses import Response

_IN_WEBHOOKS = str.maketrans(
    {"/": r"\/", "<": r"\u003C", ">": r"\u003E", "%": r"\u0025", "@": r"\u0040", "&": r"\u0026"}
)
_IN_ANSWERS = str.maketrans({"/": r"\/"})


def webhook(value: Any) -> bytes:
    """Encode a webhook body: compact, non-ASCII as lower-case `u` escapes, and `/ < > % @ &` escaped.

    Those six never occur outside strings, so the whole text can be translated at once.
    """
    return _compact(value).translate(_IN_WEBHOOKS).encode()


def answer(value: Any, status: int = 200) -> Response:
    """Make a Graph API answer."""
    body = _compact(value).translate(_IN_ANSWERS).encode()
    return Response(body, status, media_type="application/json; charset=UTF-8")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
