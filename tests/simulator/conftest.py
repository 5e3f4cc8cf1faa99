from collections.abc import AsyncIterator

import pytest

from quixess import simulator as simulators
from tests.simulator import driving


@pytest.fixture
async def receiver() -> AsyncIterator[driving.Receiver]:
    async with driving.receiving() as one:
        yield one


@pytest.fixture
async def simulator(receiver: driving.Receiver) -> AsyncIterator[driving.Simulator]:
    """A quick simulator whose webhooks go to `receiver`."""
    async with driving.running(simulators.Options(settings=driving.QUICK)) as one:
        await one.subscribe(receiver)
        yield one
