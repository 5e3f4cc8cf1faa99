"""The gate of the management API: an operator token opens it, an API key never does."""

from dataclasses import dataclass

from starlette.requests import Request

from quixess import access, limits
from quixess.access import AccessError, Brand, Operator
from quixess.api.peers import Peers, Strikes
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.vault import Keyring


@dataclass(frozen=True, slots=True)
class Admitted:
    """An operator, and the brand of the path that the request is about."""

    operator: Operator
    brand: Brand

    @property
    def actor(self) -> str:
        """Who the audit says it was."""
        return self.operator.actor


class Gate:
    """The one way in to every management endpoint."""

    def __init__(self, db: Database, keyring: Keyring, peers: Peers, strikes: Strikes) -> None:
        self._db = db
        self._keyring = keyring
        self._peers = peers
        self._strikes = strikes

    async def admit(self, request: Request) -> Admitted:
        """Let an operator in, and find the brand that the path names by its id or its name.

        Raises `missing_operator_token`, `invalid_operator_token` (`rate_limited` for too many of them from one
        address) and `brand_not_found`, also for a brand that the token is not for: it learns of no other.
        """
        operator = await self._recognise(request)
        try:
            async with self._db.statement() as tx:
                brand = await access.find_brand(tx, request.path_params["brand"])
        except AccessError:
            raise _no_brand() from None
        if not operator.may_manage(brand.id):
            raise _no_brand()
        return Admitted(operator, brand)

    async def _recognise(self, request: Request) -> Operator:
        scheme, _, token = (request.state.headers.get(b"authorization") or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not token.strip():
            text = "Send your qxo_… token as Authorization: Bearer …; `quixess operator token create` makes one."
            raise QuixessError("missing_operator_token", text)
        try:
            return await access.find_operator(self._db, self._keyring, token.strip())
        except QuixessError as error:
            if error.code == "invalid_operator_token" and (
                wait_s := self._strikes.count(self._peers.address(request.scope))
            ):
                raise QuixessError(
                    "rate_limited",
                    "Too many bad tokens came from this address: check the token, and wait as Retry-After says.",
                    retry_after_s=limits.spread(wait_s),
                ) from None
            raise


def _no_brand() -> QuixessError:
    text = "Name a brand that the token is for, by its brd_… id or its name: `quixess brand list` shows them."
    return QuixessError("brand_not_found", text)
