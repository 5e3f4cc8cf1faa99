from collections.abc import AsyncIterator

import pytest

from quixess import simulator as simulators
from tests.conformance import openapi
from tests.conformance.openapi import OpenApi
from tests.conformance.recording import Heard, recording
from tests.simulator import driving
from tests.simulator.conftest import receiver, simulator

__all__ = ["heard", "meta_file", "receiver", "simulator"]


@pytest.fixture
def meta_file() -> OpenApi:
    """Meta's OpenAPI file as mended; a test that needs it says aloud that it was skipped where there is none."""
    found = openapi.load()
    if found is None:
        pytest.skip(openapi.MISSING)
    return found


@pytest.fixture
async def heard() -> AsyncIterator[Heard]:
    """A simulator that is listened to."""
    async with driving.running(simulators.Options(settings=driving.QUICK)) as meta, recording(meta) as (recorder, seen):
        yield seen, recorder
