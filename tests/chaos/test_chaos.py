"""Chaos for twenty seconds, as `python -m tests.chaos` plays it for as long as you like."""

import random

import pytest

from tests.chaos import play
from tests.chaos.play import Plan

pytestmark = pytest.mark.crash


@pytest.mark.slow
async def test_whoever_dies_under_load_nothing_is_lost_and_no_more_repeated_than_was_on_its_way() -> None:
    seed = random.randrange(1_000_000)
    plan = Plan(20, seed, operations=30, pause_s=(1.0, 3.0), kill_postgres=True, reform=False)

    verdict = await play.run(plan)

    assert not verdict.evidence, "\n".join((str(plan), *verdict.evidence))
    assert verdict.lost == 0
    assert verdict.repeats <= verdict.bound + verdict.refused
    assert verdict.accepted
    assert verdict.inbound
    assert verdict.kills.total()
