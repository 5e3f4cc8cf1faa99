"""Metrics: how much was sent, how much of it arrived, how long that took, what went wrong, and what it costs.

Inside: `cells` (what is counted, as SQL), `counting` (each hour counted by the worker), `waits` (times as steps),
`ranges` (what a page looks back over), `reports` and `reading` (what happened in it), `prices` (what a brand says that
a message costs).
"""

from quixess.metrics.counting import Counting
from quixess.metrics.prices import Price, list_prices, set_prices
from quixess.metrics.ranges import RANGES, Range, Window
from quixess.metrics.reading import deliveries, report
from quixess.metrics.reports import Counts, Deliveries, Report
from quixess.metrics.waits import Waits

__all__ = [
    "RANGES",
    "Counting",
    "Counts",
    "Deliveries",
    "Price",
    "Range",
    "Report",
    "Waits",
    "Window",
    "deliveries",
    "list_prices",
    "report",
    "set_prices",
]
