"""The frame around every page: what the side bar says beside its links."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from quixess import connections
from quixess.database.core import Database
from quixess.messages.reading import glances

_INBOX = "/app/whatsapp/inbox"


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame shows beside its links.

    `phone` are the digits of the number that the brand sends from, None without one; `simulated` says that it is one
    of the simulator's. `badges` are counts by the path of their link.
    """

    phone: str | None = None
    simulated: bool = False
    badges: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


async def look(db: Database, brand_id: UUID, *, inbox: bool) -> Shell:
    """Read what the frame shows; what is unread only to who may read it."""
    async with db.reading(brand_id) as tx:
        known = await connections.list_connections(tx, brand_id)
        unread = await glances.unread(tx, brand_id) if inbox else 0
    sends = next((one for one in known if one.state == "active"), None)
    return Shell(
        phone=None if sends is None else sends.display_phone,
        simulated=sends is not None and sends.simulated,
        badges=MappingProxyType({_INBOX: unread}),
    )
