"""`/app/metrics`: how much was sent, how it arrived, how fast, what went wrong, and what it costs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access, metrics
from quixess.dashboard import charts
from quixess.dashboard.charts import Drawn, Series
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.rendering import took
from quixess.dashboard.sheets import sheet
from quixess.errors import QuixessError
from quixess.events import directory
from quixess.metrics import RANGES, Counts, Price, Report
from quixess.metrics.prices import CATEGORIES
from quixess.people import Permission, audit

_HOME = "/app/metrics"
_PRICES = f"{_HOME}/prices"
_FORM = "pages/metrics_prices.html"
_LABELS = {"1h": "%H:%M", "24h": "%H:%M", "7d": "%a %H:%M", "30d": "%d %b"}
_MOST_ROWS = 50

Amount = Annotated[
    str,
    Meta(
        max_length=13,
        pattern=r"^[0-9]{1,6}([.,][0-9]{1,6})?\Z",
        extra={"fix": "Write an amount such as 0.0135, or nothing."},
    ),
]


class Filters(msgspec.Struct):
    """How far to look back; `of` is the table that a file holds."""

    range: Literal["1h", "24h", "7d", "30d"] = "24h"
    of: Literal["time", "failures", "templates", "keys", "endpoints", "prices"] = "time"


class Prices(msgspec.Struct):
    """What one message of each of Meta's pricing categories costs, in one currency."""

    currency: Annotated[str, Meta(pattern=r"^[A-Za-z]{3}\Z", extra={"fix": "Write three letters, such as EUR."})] = (
        "USD"
    )
    authentication: Amount = ""
    authentication_international: Amount = ""
    marketing: Amount = ""
    marketing_lite: Amount = ""
    utility: Amount = ""
    service: Amount = ""


async def show(visit: Visit) -> Response:
    """Show the report of a range."""
    filters = visit.query(Filters)
    report = await _report(visit, filters)
    return visit.render(
        "pages/metrics.html",
        report=report,
        ranges=[(one.name, f"{_HOME}?range={one.name}", one.name == filters.range) for one in RANGES.values()],
        file=f"{_HOME}.csv?range={filters.range}",
        messages=_draw_messages(report),
        codes=_draw_codes(report),
        attempts=_draw_attempts(report),
        latency=_draw_latency(report),
        key_names=await _key_names(visit),
        urls=await _urls(visit),
        most=_MOST_ROWS,
        money=money,
    )


async def download(visit: Visit) -> Response:
    """Give one table of a report as a file."""
    filters = visit.query(Filters)
    report = await _report(visit, filters)
    heads, rows = await _TABLES[filters.of](visit, report)
    return sheet(f"metrics-{filters.of}-{filters.range}.csv", heads, rows)


async def show_prices(visit: Visit) -> Response:
    """Show the form of prices."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        known = await metrics.list_prices(tx, visit.brand_id)
    return _ask_prices(visit, known)


async def set_prices(visit: Visit) -> Response:
    """Put new prices in the place of the old ones."""
    try:
        prices = _read_prices(await visit.form(Prices))
    except QuixessError as error:
        return visit.refuse(_FORM, error, known={}, categories=CATEGORIES, currency="", money=money)
    async with visit.desk.db.transaction() as tx:
        await metrics.set_prices(tx, visit.brand_id, prices)
        told = {one.category: f"{one.amount} {one.currency}" for one in prices}
        await audit.note(tx, visit.brand_id, actor=visit.actor, action="prices.set", about="prices", detail=told)
    return visit.go(_HOME, toast="Prices saved")


def _ask_prices(visit: Visit, known: Mapping[str, Price]) -> Response:
    currency = next((one.currency for one in known.values()), "USD")
    return visit.render(_FORM, known=known, categories=CATEGORIES, currency=currency, money=money)


def _read_prices(asked: Prices) -> list[Price]:
    amounts = {name: getattr(asked, name) for name in CATEGORIES}
    return [
        Price(name, Decimal(amount.replace(",", ".")), asked.currency.upper())
        for name, amount in amounts.items()
        if amount
    ]


def money(amount: Decimal) -> str:
    """Write an amount with two decimals, and with as many as it has below a hundredth."""
    if amount != amount.quantize(Decimal("0.01")) and amount < 10:
        return f"{amount.normalize():f}"
    return f"{amount:,.2f}"


async def _report(visit: Visit, filters: Filters) -> Report:
    window = RANGES[filters.range].until(datetime.now(UTC))
    return await metrics.report(visit.desk.db, visit.brand_id, window)


async def _key_names(visit: Visit) -> dict[UUID, str]:
    async with visit.desk.db.statement() as tx:
        return {key.id: key.name for key in await access.list_keys(tx, visit.brand_id)}


async def _urls(visit: Visit) -> dict[UUID, str]:
    async with visit.desk.db.reading(visit.brand_id) as tx:
        listed = await directory.list_endpoints(tx, visit.desk.keyring, visit.brand_id)
    return {one.endpoint.id: one.endpoint.name or one.endpoint.url or "" for one in listed}


# The charts -------------------------------------------------------------------------------------------------------


def _labels(report: Report) -> list[str]:
    return [moment.strftime(_LABELS[report.window.range.name]) for moment in report.window.moments]


def _counts(report: Report, read: Callable[[Counts], int]) -> list[float | None]:
    return [read(report.steps[moment]) for moment in report.window.moments]


def _draw_messages(report: Report) -> Drawn:
    return charts.bars(
        "Messages by what became of them",
        _labels(report),
        [
            Series("Read", _counts(report, lambda one: one.read), 1),
            Series("Delivered, not read", _counts(report, lambda one: one.delivered - one.read), 5),
            Series("On the way", _counts(report, lambda one: one.sent - one.delivered + one.doubtful), 3),
            Series("Failed", _counts(report, lambda one: one.failed), 4),
        ],
        first="Time (UTC)",
    )


def _draw_codes(report: Report) -> Drawn:
    waits = [report.code_steps[moment] for moment in report.window.moments]
    return charts.lines(
        "Time until a code is on the phone",
        _labels(report),
        [Series("Half of them", [one.p50 for one in waits], 1), Series("95 of 100", [one.p95 for one in waits], 2)],
        first="Time (UTC)",
        write=took,
    )


def _draw_attempts(report: Report) -> Drawn:
    steps = [report.attempt_steps[moment] for moment in report.window.moments]
    return charts.bars(
        "Attempts at your webhook endpoints",
        _labels(report),
        [
            Series("Answered 2xx", [one.good for one in steps], 1),
            Series("Failed", [one.attempts - one.good for one in steps], 4),
        ],
        first="Time (UTC)",
    )


def _draw_latency(report: Report) -> Drawn:
    waits = [report.attempt_steps[moment].waits for moment in report.window.moments]
    return charts.lines(
        "Time until your endpoints answer",
        _labels(report),
        [Series("Half of them", [one.p50 for one in waits], 1), Series("95 of 100", [one.p95 for one in waits], 2)],
        first="Time (UTC)",
        write=took,
    )


# The files --------------------------------------------------------------------------------------------------------

_Table = tuple[Sequence[str], list[tuple[Any, ...]]]
_COUNTED = ("messages", "sent", "delivered", "read", "failed", "in_doubt")


def _counted(one: Counts) -> tuple[int, ...]:
    return (one.asked, one.sent, one.delivered, one.read, one.failed, one.doubtful)


def _ms(value: float | None) -> int | None:
    return None if value is None else round(value)


async def _by_time(_visit: Visit, report: Report) -> _Table:
    heads = (
        *("from", *_COUNTED, "received", "codes", "codes_p50_ms", "codes_p95_ms"),
        *("attempts", "attempts_2xx", "attempts_p50_ms", "attempts_p95_ms"),
    )
    rows: list[tuple[Any, ...]] = []
    for moment in report.window.moments:
        counts, codes, tried = report.steps[moment], report.code_steps[moment], report.attempt_steps[moment]
        told = (counts.received, codes.times, _ms(codes.p50), _ms(codes.p95))
        rows.append(
            (moment, *_counted(counts), *told, tried.attempts, tried.good, _ms(tried.waits.p50), _ms(tried.waits.p95))
        )
    return heads, rows


async def _by_failure(_visit: Visit, report: Report) -> _Table:
    rows: list[tuple[Any, ...]] = [(one.code or None, one.messages, one.meaning, one.fix) for one in report.failures]
    return ("code", "messages", "meaning", "fix"), rows


async def _by_template(_visit: Visit, report: Report) -> _Table:
    rows: list[tuple[Any, ...]] = [(name, category, *_counted(one)) for name, category, one in report.templates]
    return ("template", "category", *_COUNTED), rows


async def _by_key(visit: Visit, report: Report) -> _Table:
    names = await _key_names(visit)
    rows: list[tuple[Any, ...]] = [
        ("" if key_id is None else names.get(key_id, str(key_id)), *_counted(one)) for key_id, one in report.keys
    ]
    return ("key", *_COUNTED), rows


async def _by_endpoint(visit: Visit, report: Report) -> _Table:
    urls = await _urls(visit)
    rows: list[tuple[Any, ...]] = [
        (urls.get(one.endpoint_id, str(one.endpoint_id)), one.attempts, one.good, _ms(one.waits.p50),
         _ms(one.waits.p95), one.outcomes["delivered"], one.outcomes.total() - one.outcomes["delivered"])
        for one in report.endpoints
    ]  # fmt: skip
    return ("endpoint", "attempts", "attempts_2xx", "p50_ms", "p95_ms", "delivered", "given_up"), rows


async def _by_price(_visit: Visit, report: Report) -> _Table:
    rows: list[tuple[Any, ...]] = [
        (one.category, one.type, one.billable, one.messages, one.cost, one.price.currency if one.price else "")
        for one in report.priced
    ]
    return ("category", "type", "billable", "messages", "cost", "currency"), rows


_TABLES = {
    "time": _by_time,
    "failures": _by_failure,
    "templates": _by_template,
    "keys": _by_key,
    "endpoints": _by_endpoint,
    "prices": _by_price,
}

PAGES = (
    Page("GET", _HOME, Permission.READ_METRICS, show, title="Metrics"),
    Page("GET", f"{_HOME}.csv", Permission.READ_METRICS, download),
    Page("GET", _PRICES, Permission.MANAGE_CONNECTION, show_prices, title="Prices"),
    Page("POST", _PRICES, Permission.MANAGE_CONNECTION, set_prices, title="Prices"),
)
