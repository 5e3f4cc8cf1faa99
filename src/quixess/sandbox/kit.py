"""The kit: what the sandbox page has for a brand. Above all a key that works, shown on every visit.

Keys are hashed and shown once, so that a look at the database gives none away. This one is different on purpose: the
curl on the page must work whenever somebody looks, also in a week and on another machine. So its secret is kept, sealed
like a token, and it is worth next to nothing: it sends codes only, and only to numbers that nobody has or ever will
have (+1 555 010 0xxx). It stays that harmless on the day the brand gets a real number, because the constraint is the
key's.
"""

from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from quixess import access, connections
from quixess.access import Scope
from quixess.connections import Entry
from quixess.database.core import Row, Tx
from quixess.events import directory
from quixess.sandbox.handset import Handset, State
from quixess.vault import Keyring, Place

_NAME = "Sandbox phone"
_NOBODYS = "1555010"


class Phone(NamedTuple):
    """A simulated phone: its digits, and who holds it. Numbers up to …0025 are magic (docs/simulator.md)."""

    digits: str
    name: str


PHONES = (Phone("15550100042", "Maya"), Phone("15550100043", "Jonas"))


@dataclass(frozen=True, slots=True)
class Kit:
    """What a brand has. `usable` says whether the key still works; `endpoint_id` is the catcher's, if there was one.

    The catcher answers its next `refusals` deliveries with 503.
    """

    key_id: UUID
    secret: str = field(repr=False)
    usable: bool
    endpoint_id: UUID | None
    refusals: int
    state: State


async def find_line(tx: Tx, brand_id: UUID, handset: Handset) -> Entry | None:
    """Find the number of a brand that is the simulator's; None for a brand without one."""
    known = await connections.list_connections(tx, brand_id)
    return next((one for one in known if one.state == "active" and handset.serves(one.graph_url)), None)


async def find(tx: Tx, keyring: Keyring, brand_id: UUID) -> Kit | None:
    """Find the kit of a brand."""
    row = await tx.row(
        """SELECT s.*, k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) AS usable
           FROM sandbox s JOIN api_key k ON k.id = s.key_id WHERE s.brand_id = $1""",
        brand_id,
    )
    return None if row is None else _kit(keyring, brand_id, row)


async def prepare(tx: Tx, keyring: Keyring, brand_id: UUID, *, actor: str) -> Kit:
    """Give the kit of a brand, made with a new key where there is none yet."""
    await directory.lock(tx, brand_id)
    if (known := await find(tx, keyring, brand_id)) is not None:
        return known
    secret, key_id = await _mint(tx, keyring, brand_id, actor)
    await tx.execute(
        "INSERT INTO sandbox (brand_id, key_id, secret) VALUES ($1, $2, $3)",
        brand_id,
        key_id,
        keyring.seal(secret.encode(), _place(brand_id)),
    )
    return Kit(key_id, secret, True, None, 0, State.ON)


async def renew_key(tx: Tx, keyring: Keyring, brand_id: UUID, *, actor: str) -> None:
    """Put a new key in the place of the one there is, which is revoked."""
    await directory.lock(tx, brand_id)
    known = await find(tx, keyring, brand_id)
    if known is None:
        return
    await access.revoke_key(tx, known.key_id, actor=actor)
    secret, key_id = await _mint(tx, keyring, brand_id, actor)
    await tx.execute(
        "UPDATE sandbox SET key_id = $2, secret = $3 WHERE brand_id = $1",
        brand_id,
        key_id,
        keyring.seal(secret.encode(), _place(brand_id)),
    )


async def note_state(tx: Tx, brand_id: UUID, state: State) -> None:
    """Note how the phones are now."""
    await tx.execute("UPDATE sandbox SET phone_state = $2 WHERE brand_id = $1", brand_id, state.value)


async def _mint(tx: Tx, keyring: Keyring, brand_id: UUID, actor: str) -> tuple[str, UUID]:
    nowhere_real = access.constrain(destinations=[_NOBODYS])
    secret, key = await access.mint_key(
        tx,
        keyring,
        brand_id,
        name=_NAME,
        scopes=(Scope.SEND_OTP,),
        actor=actor,
        test=True,
        constraints=nowhere_real,
    )
    return secret, key.id


def _kit(keyring: Keyring, brand_id: UUID, row: Row) -> Kit:
    return Kit(
        row["key_id"],
        keyring.open(row["secret"], _place(brand_id)).decode(),
        row["usable"],
        row["endpoint_id"],
        row["refusals"],
        State(row["phone_state"]),
    )


def _place(brand_id: UUID) -> Place:
    return Place("sandbox", "secret", str(brand_id), brand_id)
