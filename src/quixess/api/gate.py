"""The gate: who is calling, for which brand, and whether the key may do this. Nothing passes without a scope."""

from collections.abc import Mapping
from enum import Enum
from typing import Final
from uuid import UUID

import msgspec
from starlette.requests import Request

from quixess import access, limits
from quixess.access import Address, Caller, Keys, Scope
from quixess.api.peers import Peers, Strikes
from quixess.errors import QuixessError
from quixess.limits import Limits, Want

_MINUTE = 60
_NO_HEADERS: Mapping[str, str] = {}


class AnyKey(Enum):
    """Instead of a scope: any valid key that is bound to a brand."""

    ANY_KEY = "any valid key"


ANY_KEY: Final = AnyKey.ANY_KEY


class Pass(msgspec.Struct, frozen=True):
    """A caller that may do what it asks, and the brand it does it for. The brand comes from the key alone.

    `headers` are those of every answer to it: how much of the key's quota is left.
    """

    caller: Caller
    brand_id: UUID
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


class Gate:
    """The one way in to every endpoint."""

    def __init__(self, keys: Keys, buckets: Limits, peers: Peers, strikes: Strikes) -> None:
        self._keys = keys
        self._buckets = buckets
        self._peers = peers
        self._strikes = strikes

    async def admit(self, request: Request, scope: Scope | AnyKey) -> Pass:
        """Let a caller in: key, then brand, scope, address and quota.

        Raises `missing_api_key`, `conflicting_credentials`, `invalid_api_key` (`rate_limited` for too many of them
        from one address), `brand_not_bound`, `brand_suspended`, `insufficient_scope`, `ip_not_allowed` or
        `rate_limited`, in this order.
        """
        caller = await self._recognise(request)
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
        if caller.constraints.ip_allow is not None:
            access.check_address(caller.constraints, self._peers.address(request.scope))
        return Pass(caller, caller.brand_id, await self._count(caller))

    async def _recognise(self, request: Request) -> Caller:
        presented = _presented(request.state.headers)
        try:
            caller = await self._keys.authenticate(presented)
        except QuixessError as error:
            if error.code == "invalid_api_key":
                self._strike(self._peers.address(request.scope))
            raise
        self._keys.note_use(caller)
        request.state.caller = caller  # for the journal, whatever the rest of the gate says
        return caller

    def _strike(self, address: Address | None) -> None:
        # A good key from the same address still works: behind it may be a whole office.
        if wait_s := self._strikes.count(address):
            raise QuixessError(
                "rate_limited",
                "Too many bad keys came from this address: check the key, and wait as Retry-After says.",
                retry_after_s=limits.spread(wait_s),
            )

    async def _count(self, caller: Caller) -> Mapping[str, str]:
        quota = request_quota(caller)
        if quota is None:
            return _NO_HEADERS
        verdict = await self._buckets.take([quota])
        if verdict.denied:
            raise limits.refuse(
                verdict, "rate_limited", "The key has made all the requests it may for now: wait as Retry-After says."
            )
        return limits.describe(verdict.levels)


def request_quota(caller: Caller) -> Want | None:
    """Give the quota of requests that a key has, None without one; keys of one lineage share it."""
    count = caller.constraints.requests_per_minute
    if count is None:
        return None
    return Want(f"requests:{caller.lineage_id.hex}:{count}/{_MINUTE}", "requests", count, _MINUTE)


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
