"""The worker's own upkeep."""

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from quixess import worker
from quixess.database.core import Database


async def test_a_clock_that_is_off_is_said_and_one_that_is_right_is_not(db: Database) -> None:
    with capture_logs() as logs:
        await worker.check_clock(db, datetime.now(UTC))
        assert logs == []
        ahead = await worker.check_clock(db, datetime.now(UTC) + timedelta(hours=1))
        behind = await worker.check_clock(db, datetime.now(UTC) - timedelta(hours=1))
    assert (round(ahead / 60), round(behind / 60)) == (60, -60)
    assert [line["log_level"] for line in logs] == ["warning", "warning"]
    assert {line["event"] for line in logs} == {"this machine's clock is off"}
