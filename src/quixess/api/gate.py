"""The gate: who is calling, for which brand, and whether the key may do this. Nothing passes without a scope."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final
from uuid import UUID

from quixess.access import Caller, Keys, Scope
from quixess.errors import QuixessError


class AnyKey(Enum):
    """Instead of a scope: any valid key that is bound to a brand."""

    ANY_KEY = "any valid key"


ANY_KEY: Final = AnyKey.ANY_KEY


@dataclass(frozen=True, slots=True)
class Pass:
    """A caller that may do what it asks, and the brand it does it for. The brand comes from the key alone."""

    caller: Caller
    brand_id: UUID


async def admit(keys: Keys, headers: Mapping[bytes, bytes], scope: Scope | AnyKey) -> Pass:
    """Let a caller in: key, then brand, then scope.

    Raises `missing_api_key`, `conflicting_credentials`, `invalid_api_key`, `brand_not_bound`, `brand_suspended` or
    `insufficient_scope`, in this order.
    """
    caller = await keys.authenticate(_presented(headers))
    if caller.brand_id is None:
        raise QuixessError("brand_not_bound", "WhatsApp needs a key bound to a brand: mint one with a brand.")
    if caller.brand_state != "active":
        raise QuixessError("brand_suspended", "The brand is suspended: ask the operator of this installation.")
    if scope is not ANY_KEY and scope not in caller.scopes:
        raise QuixessError(
            "insufficient_scope",
            f"The key lacks the scope {scope}: extend the key, or mint one that has it.",
            extra={"required_scope": scope},
        )
    return Pass(caller, caller.brand_id)


def _presented(headers: Mapping[bytes, bytes]) -> bytes:
    key, bearer = headers.get(b"x-api-key"), _bearer(headers.get(b"authorization"))
    if key is not None and bearer is not None and key != bearer:
        raise QuixessError("conflicting_credentials", "X-API-Key and Authorization differ: send one of them.")
    presented = key or bearer
    if not presented:
        raise QuixessError("missing_api_key", "Send your qxs_… key in the X-API-Key header.")
    return presented


def _bearer(value: bytes | None) -> bytes | None:
    if value is None or value[:7].lower() != b"bearer ":
        return None
    return value[7:].strip()
