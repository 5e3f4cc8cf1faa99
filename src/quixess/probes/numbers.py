"""Numbers: what each metric is called, and what it means. docs/operations.md lists them, tests hold the two together.

Labels are words of ours, and few: no brand, no number, no key, nothing that a caller sent. How single brands fare is
shown on their pages and written in the database; a time series for each would be the tenants' to multiply.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a metric is to Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name as it is exposed, its labels, and what it means."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    means: str


def _count(name: str, means: str, *labels: str) -> Metric:
    return Metric(f"quixess_{name}_total", Kind.COUNTER, labels, means)


def _now(name: str, means: str, *labels: str) -> Metric:
    return Metric(f"quixess_{name}", Kind.GAUGE, labels, means)


def _spread(name: str, means: str, *labels: str) -> Metric:
    return Metric(f"quixess_{name}", Kind.HISTOGRAM, labels, means)


BUILD = _now("build_info", "always 1; which version runs, as what (`gateway`, `worker`, `both`)", "version", "role")
DRAINING = _now("draining", "1 from the moment the process was told to stop")
LAG = _spread("loop_lag_seconds", "how late the event loop comes to what is due; looked at four times a second")
LINES = _count("log_lines", "lines written to the log, by level", "level")

REQUESTS = _count(
    "http_requests",
    "requests answered; `route` is the path of the table of routes, `none` what no route took, `status` the class of "
    "the answer, `none` for a caller who hung up first",
    "route",
    "method",
    "status",
)
REQUEST_S = _spread("http_request_seconds", "from a request's head until its answer begins", "route")
REQUESTS_OPEN = _now("http_requests_open", "requests under way, live pages included")

SENDS = _count("meta_sends", "messages given to Meta: `accepted`, `rejected`, `not_sent`, `unknown`", "outcome")
SEND_S = _spread("meta_send_seconds", "how long Meta took to answer a send")

INTAKE_S = _spread("intake_seconds", "from Meta's body at the door until messages and events were made of it")
FIRST_ATTEMPT_S = _spread("first_attempt_seconds", "from an event until the first attempt to deliver it")
ATTEMPTS = _count(
    "delivery_attempts", "attempts to deliver: `2xx` to `5xx`, or the fault where no answer came", "answer"
)
ATTEMPT_S = _spread("delivery_attempt_seconds", "how long endpoints took to answer")
IN_FLIGHT = _now("deliveries_in_flight", "attempts under way in this process, those about to start included")
WINDOW = _now("delivery_window", "how many attempts the windows of the endpoints at work would let be under way")
PLACES = _now("delivery_places", "how many attempts may be under way in this process: fewer while it is busy")

BATCH_ROWS = _spread("batch_rows", "rows of each batch that went to PostgreSQL", "batch")
BATCH_WAITING = _now("batch_waiting", "rows that no batch has taken yet; at 10,000 callers are told 503", "batch")
POOL_OPEN = _now("database_connections", "connections to PostgreSQL", "pool")
POOL_IDLE = _now("database_connections_idle", "connections to PostgreSQL that nobody uses at the moment", "pool")
POOL_MOST = _now("database_connections_most", "how many connections there may be", "pool")
LOST = _count("database_lost", "how often PostgreSQL could not be reached, or was lost in the middle")

UP = _now("database_up", "1 if PostgreSQL answered when the numbers below were asked for; they are left out at 0")
DUE_S = _now(
    "delivery_oldest_due_seconds",
    "how long the oldest delivery is due, by the state of its endpoint; one that was removed counts as disabled",
    "state",
)
ENDPOINTS = _now("endpoints_with_due", "endpoints that have a delivery due, by their state", "state")
INTAKE_DUE_S = _now("intake_oldest_due_seconds", "how long the oldest body of Meta waits that nobody works on")
INTAKE_BROKEN = _now("intake_broken", "bodies of Meta that cannot be worked off, 10,000 at most")
UNSETTLED_S = _now("send_oldest_unsettled_seconds", "age of the oldest send whose end is not known")
UNCONFIRMED = _now("sends_unconfirmed", "sends whose end is not known after a minute, 10,000 at most")
TOKEN_ENDS_S = _now("token_expires_seconds", "until the next token of a connected number ends; left out if none does")
TOKENS_ENDING = _now("tokens_expiring", "connected numbers whose token ends within seven days, 10,000 at most")
TOKENS_AT_FAULT = _now("tokens_at_fault", "connected numbers whose token could not be checked or rotated")
WORKERS = _now("workers_alive", "workers that were heard in the last minute")
CLOCK_S = _now("clock_ahead_seconds", "by how much this machine's clock is ahead of PostgreSQL's")
LIVE_ROWS = _now("table_rows", "rows of the tables that are queues, as PostgreSQL estimates them", "table")
DEAD_ROWS = _now("table_dead_rows", "their dead rows, which autovacuum has to clear", "table")

OF_PROCESS = (BUILD, DRAINING, LAG, LINES)
OF_GATEWAY = (REQUESTS, REQUEST_S, REQUESTS_OPEN, SENDS, SEND_S)
OF_WORKER = (INTAKE_S, FIRST_ATTEMPT_S, ATTEMPTS, ATTEMPT_S, IN_FLIGHT, WINDOW, PLACES)
OF_DATABASE = (BATCH_ROWS, BATCH_WAITING, POOL_OPEN, POOL_IDLE, POOL_MOST, LOST)
OF_BACKLOG = (
    UP, DUE_S, ENDPOINTS, INTAKE_DUE_S, INTAKE_BROKEN, UNSETTLED_S, UNCONFIRMED, TOKEN_ENDS_S, TOKENS_ENDING,
    TOKENS_AT_FAULT, WORKERS, CLOCK_S, LIVE_ROWS, DEAD_ROWS,
)  # fmt: skip
METRICS = (*OF_PROCESS, *OF_GATEWAY, *OF_WORKER, *OF_DATABASE, *OF_BACKLOG)
OF_LIBRARY = (
    Metric("process_cpu_seconds_total", Kind.COUNTER, (), "CPU time, user and system"),
    Metric("process_resident_memory_bytes", Kind.GAUGE, (), "memory in use"),
    Metric("process_virtual_memory_bytes", Kind.GAUGE, (), "memory asked for; says little"),
    Metric("process_start_time_seconds", Kind.GAUGE, (), "when the process started, in Unix time"),
    Metric("process_open_fds", Kind.GAUGE, (), "sockets and files that are open"),
    Metric("process_max_fds", Kind.GAUGE, (), "how many may be open"),
)
"""What prometheus-client reads of the process itself, from /proc."""
