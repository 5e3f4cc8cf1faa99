"""Pages of a list: `limit`, an opaque signed `cursor`, and how an answer goes on.

A cursor is good for one brand, one route and one set of filters, for seven days. It names nothing that its holder
could not see, and authorises nothing: each page asks again for the brand of the key.
"""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from quixess.errors import FieldError, QuixessError
from quixess.vault import Keyring

_VERSION = 1
_DAYS = 7
_MAC = 16
_PURPOSE = b"cursor"
_DAY_S = 86_400


class Paged(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The query of a list: subclass it with its filters."""

    limit: Annotated[int, Meta(ge=1, le=100, description="How many to list, 1 to 100.")] = 25
    cursor: Annotated[str, Meta(max_length=400, description="`next_cursor` of the page before.")] | None = None


class Cursors:
    """Writes and reads cursors. `route` is the operation's id, `query` the request's, filters and all."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def write(self, brand_id: UUID, route: str, query: Paged, position: Sequence[Any]) -> str:
        """Write where the next page starts. `position` is made of texts, whole numbers and UUIDs."""
        plain = msgspec.msgpack.encode((_VERSION, self._keyring.pepper_version, _today(), tuple(position)))
        signed = plain + self._sign(plain, brand_id, route, query, self._keyring.pepper_version)
        return _as_text(signed)

    def read(self, brand_id: UUID, route: str, query: Paged) -> list[Any] | None:
        """Read the position of `query.cursor`, with UUIDs as text; None on the first page.

        Raises `invalid_cursor` for any that was not written for this brand, route and filters in the last 7 days.
        """
        if query.cursor is None:
            return None
        try:
            raw = urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
            if _as_text(raw) != query.cursor:  # the decoder passes over what is not base64, and over the last bits
                raise _invalid()
            plain, mac = raw[:-_MAC], raw[-_MAC:]
            version, pepper, day, position = msgspec.msgpack.decode(plain, type=tuple[int, int, int, list[Any]])
            expected = self._sign(plain, brand_id, route, query, pepper)
        except (ValueError, KeyError):  # not base64, not ours, or of a pepper that is gone
            raise _invalid() from None
        if not hmac.compare_digest(mac, expected) or version != _VERSION or not 0 <= _today() - day <= _DAYS:
            raise _invalid()
        return position

    def _sign(self, plain: bytes, brand_id: UUID, route: str, query: Paged, pepper: int) -> bytes:
        filters = msgspec.json.encode(msgspec.structs.replace(query, limit=1, cursor=None), order="deterministic")
        about = b"\x00".join((brand_id.bytes.hex().encode(), route.encode(), filters, plain))
        return self._keyring.hash(about, purpose=_PURPOSE, version=pepper)[:_MAC]


def _as_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _today() -> int:
    return int(time.time()) // _DAY_S


def _invalid() -> QuixessError:
    detail = "Take `next_cursor` of a page as it is, with the same filters, within 7 days; or start without a cursor."
    return QuixessError("invalid_cursor", detail, errors=(FieldError(None, "invalid", detail, parameter="cursor"),))
