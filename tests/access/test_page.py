"""The page about keys names every scope, every constraint and every limit, and shows a refusal as it is."""

import json
from pathlib import Path

from quixess.access import Constraints, Scope
from quixess.messages import permits
from quixess.settings import Rate, Settings
from tests.docs import pages
from tests.world import building

PAGE = "docs/keys.md"


def test_every_scope_and_every_constraint_is_told() -> None:
    scopes = pages.rows(pages.section(PAGE, "## Scopes"))
    constraints = pages.rows(pages.section(PAGE, "## Constraints"))
    assert [row[0].strip("`") for row in scopes] == list(Scope)
    assert [row[0].strip("`") for row in constraints] == [*Constraints.__struct_fields__, "expiry"]


def test_every_limit_is_told_with_what_an_installation_has_by_itself() -> None:
    limits = pages.section(PAGE, "## Quotas and limits")
    for name in ("requests", "messages_per_minute", "messages_per_day", permits.CODES):
        assert f"`{name}`" in limits
    assert Settings().otp_per_recipient == (Rate(5, 600), Rate(20, 86_400))
    assert "5 in 10 minutes and 20 a day" in limits
    assert "5 in 10 minutes, 20 a day" in pages.read("docs/errors.md")


async def test_one_code_too_many_is_answered_as_on_the_page(dsn: str, tmp_path: Path) -> None:
    page = json.loads(pages.block(PAGE, "json", "violated_policies"))
    async with building(dsn, tmp_path, otp_per_recipient=Settings().otp_per_recipient) as world:
        answers = [await world.send_otp() for _ in range(6)]
    assert answers[-1].json | {"request_id": ""} == page | {"request_id": ""}
    assert list(answers[-1].json) == list(page)
