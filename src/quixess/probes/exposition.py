"""Exposition: the numbers of a process in the text that Prometheus reads.

The backlog is asked of PostgreSQL by processes with a worker only, at most every ten seconds. When PostgreSQL is away
or slow the other numbers come all the same: that is the hour they are for.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from quixess import health
from quixess.errors import QuixessError
from quixess.health import Backlog
from quixess.probes import readings
from quixess.probes.numbers import Kind
from quixess.probes.readings import Labels, Reading, Sources
from quixess.tallies import Spread

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_GOOD_S = 10.0
_PATIENCE_S = 3.0
_log = structlog.get_logger()


class Exposition:
    """What one process shows of itself."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._backlog: Backlog | None = None
        self._asked_at = -_GOOD_S
        self._asking = asyncio.Lock()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    async def write(self) -> bytes:
        """Write every number as it is now."""
        if self._sources.deliveries is not None:
            async with self._asking:
                if time.monotonic() - self._asked_at >= _GOOD_S:
                    self._backlog = await self._ask()
                    self._asked_at = time.monotonic()
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Give every number to prometheus-client."""
        for reading in readings.read(self._sources):
            yield _family(reading)
        if self._sources.deliveries is not None:
            for reading in readings.read_backlog(self._backlog):
                yield _family(reading)

    async def _ask(self) -> Backlog | None:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._sources.db.statement() as tx:
                return await health.measure(tx, datetime.now(UTC))
        except (QuixessError, TimeoutError):
            return None
        except Exception:  # noqa: BLE001 - what cannot be measured must not take the other numbers along
            _log.exception("the backlog cannot be measured")
            return None


def _family(reading: Reading) -> Metric:
    metric, values = reading
    if metric.kind is Kind.HISTOGRAM:
        spreads = HistogramMetricFamily(metric.name, metric.means, labels=metric.labels)
        for labels, spread in values.items():
            assert isinstance(spread, Spread)  # noqa: S101 - a histogram is read from nothing else
            _add_spread(spreads, labels, spread)
        return spreads
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.means, labels=metric.labels)
    for labels, value in values.items():
        assert not isinstance(value, Spread)  # noqa: S101 - the same
        family.add_metric(labels, value)
    return family


def _add_spread(family: HistogramMetricFamily, labels: Labels, spread: Spread) -> None:
    bounds = [*(f"{step:g}" for step in spread.steps), "+Inf"]
    family.add_metric(labels, list(zip(bounds, accumulate(spread.counts), strict=True)), spread.total)
