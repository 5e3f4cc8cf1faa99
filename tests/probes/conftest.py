"""A world that shows its numbers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quixess.settings import Address
from tests.world import World, building


@pytest.fixture
async def watched(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose process shows its numbers on a port of its own, and knows itself by one name only."""
    async with building(dsn, tmp_path, metrics_address=Address("127.0.0.1", 0), allowed_hosts=("127.0.0.1",)) as one:
        yield one
