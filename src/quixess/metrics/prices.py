"""Prices: what a brand says it pays for a message of each of Meta's categories.

Meta's prices differ by the recipient's country, by volume and by contract. So the estimate is the brand's own average,
times what Meta marked as billable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from quixess.database.core import Tx

CATEGORIES = ("authentication", "authentication_international", "marketing", "marketing_lite", "utility", "service")
"""Meta's pricing categories that a brand can name a price for."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one message of a category costs, in a currency (ISO 4217)."""

    category: str
    amount: Decimal
    currency: str


async def list_prices(tx: Tx, brand_id: UUID) -> dict[str, Price]:
    """Give the prices of a brand by category."""
    rows = await tx.rows("SELECT category, amount, currency FROM price WHERE brand_id = $1", brand_id)
    return {row["category"]: Price(**row) for row in rows}


async def set_prices(tx: Tx, brand_id: UUID, prices: Sequence[Price]) -> None:
    """Put these prices in the place of all that the brand had."""
    await tx.execute("DELETE FROM price WHERE brand_id = $1", brand_id)
    await tx.execute(
        """INSERT INTO price (brand_id, category, amount, currency)
           SELECT $1, * FROM unnest($2::text[], $3::numeric[], $4::text[])""",
        brand_id,
        [one.category for one in prices],
        [one.amount for one in prices],
        [one.currency for one in prices],
    )


def same(category: str) -> str:
    """Give the category under which a price stands: Meta writes one of them in two ways."""
    return category.replace("-", "_")
