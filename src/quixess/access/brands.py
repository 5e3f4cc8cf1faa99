"""Brands: the tenants of an installation, and the audit of what operators do to them and to their keys."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess import feed
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.feed import Kind

_NOBODY = UUID(int=0)


class AccessError(ValueError):
    """An operator asked for something that cannot be; the text names the fix."""


@dataclass(frozen=True, slots=True)
class Brand:
    """A tenant: one business with its own connections, keys, messages and events."""

    id: UUID
    name: str
    state: str
    created_at: datetime


async def create_brand(tx: Tx, name: str) -> Brand:
    """Make a brand. Raises AccessError when the name is empty or taken."""
    name = _check_name(name)
    row = await tx.row(
        "INSERT INTO brand (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING *", ids.new(), name
    )
    if row is None:
        raise _taken(name)
    return _brand(row)


async def rename_brand(tx: Tx, brand_id: UUID, name: str) -> Brand:
    """Call a brand something else. Raises AccessError when the name is empty or taken."""
    name = _check_name(name)
    row = await tx.row(
        """UPDATE brand SET name = $2
           WHERE id = $1 AND NOT EXISTS (SELECT FROM brand WHERE name = $2 AND id <> $1) RETURNING *""",
        brand_id, name,
    )  # fmt: skip
    if row is None:
        raise _taken(name)
    return _brand(row)


async def find_brand(tx: Tx, brand: str) -> Brand:
    """Find a brand by its `brd_…` id or its name. Raises AccessError when there is none."""
    row = await tx.row("SELECT * FROM brand WHERE id = $1 OR name = $2", ids.parse("brd", brand), brand)
    if row is None:
        raise AccessError(f"There is no brand {brand!r}: `quixess brand list` shows them all.")
    return _brand(row)


async def list_brands(tx: Tx) -> list[Brand]:
    """List all brands, oldest first."""
    return [_brand(row) for row in await tx.rows("SELECT * FROM brand ORDER BY id")]


async def suspend_brand(tx: Tx, brand_id: UUID, *, suspended: bool) -> None:
    """Stop or resume a brand: the keys of a suspended brand are refused with 403."""
    state = "suspended" if suspended else "active"
    await tx.execute("UPDATE brand SET state = $2 WHERE id = $1", brand_id, state)


async def note_in_audit(tx: Tx, brand_id: UUID | None, *, actor: str, action: str, key_id: UUID) -> None:
    """Write down what somebody did to a key; a key without a brand has a place in the audit too."""
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object) VALUES ($1, $2, $3, $4, $5)",
        brand_id or _NOBODY, ids.new(), actor, action, ids.show("key", key_id),
    )  # fmt: skip
    if brand_id is not None:
        feed.tell(tx, brand_id, Kind.KEY, key_id)


def _check_name(name: str) -> str:
    if not (name := name.strip()):
        raise AccessError("A brand needs a name.")
    if name.startswith("brd_"):
        raise AccessError("A brand's name may not look like an id: leave out brd_.")
    return name


def _taken(name: str) -> AccessError:
    return AccessError(f"There is a brand called {name!r} already: choose another name.")


def _brand(row: Row) -> Brand:
    return Brand(row["id"], row["name"], row["state"], row["created_at"])
