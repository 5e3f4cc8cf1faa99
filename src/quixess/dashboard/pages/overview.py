"""`/app`: how far one is, how the day went, what went wrong lately, and whether endpoints get their events."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from quixess import access, connections, metrics, requests
from quixess.dashboard import charts
from quixess.dashboard.charts import Drawn, Series
from quixess.dashboard.page import Page, Visit
from quixess.errors import CATALOGUE
from quixess.events import directory
from quixess.events import glances as events
from quixess.messages.reading import glances as messages
from quixess.metrics import RANGES, Report
from quixess.people import Permission

_MOST_TROUBLES = 5
_MOST_REFUSALS = 100


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do once. `href` is None for who may not do it."""

    done: bool
    title: str
    says: str
    href: str | None
    do: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Errors of one kind: Meta's code or ours, what it means, what to do, and where they are listed."""

    code: str
    meaning: str
    fix: str
    times: int
    href: str | None


async def show(visit: Visit) -> Response:
    """Show the overview."""
    steps = await _steps(visit)
    report = await metrics.report(visit.desk.db, visit.brand_id, RANGES["24h"].until(datetime.now(UTC)))
    troubles = [*_failures(visit, report), *await _refusals(visit)]
    return visit.render(
        "pages/overview.html",
        steps=steps,
        left=sum(not step.done for step in steps),
        report=report,
        chart=_draw(report),
        troubles=sorted(troubles, key=lambda one: -one.times)[:_MOST_TROUBLES],
        endpoints=await _endpoints(visit),
    )


async def _steps(visit: Visit) -> list[Step]:
    """List what gets a newcomer to work, each ticked by what is there."""
    desk, brand_id = visit.desk, visit.brand_id
    async with desk.db.statement() as tx:
        keys = await access.list_keys(tx, brand_id)
    async with desk.db.reading(brand_id) as tx:
        sent, heard = await messages.sent(tx, brand_id), await messages.heard(tx, brand_id)
        told = await events.delivered(tx, brand_id)
        numbers = await connections.list_connections(tx, brand_id)
    at_meta = any(one.state == "active" and not one.simulated for one in numbers)
    wanted = (
        (any(key.revoked_at is None for key in keys), "Make an API key", Permission.MANAGE_KEYS,
         "A key is bound to this brand and can do only what you tick.", "/app/settings/api-keys", "New key"),
        (sent, "Send a first message", Permission.USE_SANDBOX,
         "A one-time code to the sandbox phone: one click, no Meta account.", "/app/sandbox", "Open the phone"),
        (heard, "Get an answer", Permission.USE_SANDBOX,
         "Write back from the phone: it arrives in the inbox.", "/app/sandbox", "Open the phone"),
        (told, "Let a webhook answer 200", Permission.MANAGE_ENDPOINTS,
         "Name a URL of yours and send it a signed test event.", "/app/webhooks/endpoint", "Add a webhook"),
        (at_meta, "Connect a number at Meta", Permission.MANAGE_CONNECTION,
         "Until then everything stays in the sandbox.", "/app/whatsapp/connection", "Connect"),
    )  # fmt: skip
    return [
        Step(done, title, says, href if visit.may(permission) else None, do)
        for done, title, permission, says, href, do in wanted
    ]


def _draw(report: Report) -> Drawn:
    counts = [report.steps[moment] for moment in report.window.moments]
    return charts.bars(
        "Messages of the last 24 hours",
        [moment.strftime("%H:%M") for moment in report.window.moments],
        [
            Series("Delivered", [one.delivered for one in counts], 1),
            Series("On the way", [one.sent - one.delivered + one.doubtful for one in counts], 3),
            Series("Failed", [one.failed for one in counts], 4),
            Series("Received", [one.received for one in counts], 5),
        ],
        first="Hour (UTC)",
    )


def _failures(visit: Visit, report: Report) -> list[Trouble]:
    """Give the reasons for which messages failed, in Meta's codes."""
    listed = "/app/whatsapp/messages?state=failed" if visit.may(Permission.READ_MESSAGES) else None
    return [
        Trouble(str(one.code) if one.code else "", one.meaning, one.fix, one.messages, listed)
        for one in report.failures
    ]


async def _refusals(visit: Visit) -> Sequence[Trouble]:
    """Give the errors that the latest refused requests to the API were answered with, to who may see requests."""
    if not visit.may(Permission.READ_REQUESTS):
        return ()
    wanted = requests.Filter(failed=True)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        page = await requests.list_requests(tx, visit.brand_id, wanted, limit=_MOST_REFUSALS)
    details = {one.code: (one.problem or {}).get("detail", "") for one in reversed(page.requests) if one.code}
    times = Counter(one.code for one in page.requests if one.code)
    return [
        Trouble(code, CATALOGUE[code][1], details[code], number, f"/app/requests?code={code}")
        for code, number in times.items()
        if code in CATALOGUE
    ]


async def _endpoints(visit: Visit) -> list[directory.Entry]:
    if not visit.may(Permission.READ_EVENTS):
        return []
    async with visit.desk.db.reading(visit.brand_id) as tx:
        return await directory.list_endpoints(tx, visit.desk.keyring, visit.brand_id)


PAGES = (Page("GET", "/app", Permission.SEE_OVERVIEW, show, title="Overview"),)
