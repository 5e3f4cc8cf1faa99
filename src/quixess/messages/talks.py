"""Talks: the conversations that answers go to, looked up for many answers of a brand at once.

Each brand's in a transaction that sees no other's rows: a conversation's id comes from outside.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from quixess.database.batching import Batcher
from quixess.database.core import Database
from quixess.messages import windows
from quixess.messages.model import Recipient
from quixess.messages.windows import Talk

_Asked = tuple[UUID, Recipient]


class Talks:
    """Finds conversations for one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.batcher: Batcher[_Asked, Talk | None] = Batcher(self._find)

    async def find(self, brand_id: UUID, recipient: Recipient) -> Talk | None:
        """Find the conversation of a recipient, as `windows.find_talks` does."""
        return await self.batcher.submit((brand_id, recipient))

    async def _find(self, asked: Sequence[_Asked]) -> list[Talk | None]:
        places: dict[UUID, list[int]] = {}
        for place, (brand_id, _) in enumerate(asked):
            places.setdefault(brand_id, []).append(place)
        of_brands = (self._find_of(brand_id, [asked[place][1] for place in own]) for brand_id, own in places.items())
        found: list[Talk | None] = [None] * len(asked)
        for own, talks in zip(places.values(), await asyncio.gather(*of_brands), strict=True):
            for place, talk in zip(own, talks, strict=True):
                found[place] = talk
        return found

    async def _find_of(self, brand_id: UUID, asked: Sequence[Recipient]) -> list[Talk | None]:
        async with self._db.reading(brand_id) as tx:
            return await windows.find_talks(tx, brand_id, asked)
