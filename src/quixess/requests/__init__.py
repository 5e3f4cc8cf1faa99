"""The request log: what the API was asked by whom, how it answered, and how long that took.

Inside: `lines` (what a line holds), `keeping` (written beside the requests), `redacting` (how much of what was asked
may be kept), `listing` (found again).
"""

from quixess.requests.keeping import RequestLog
from quixess.requests.lines import Line
from quixess.requests.listing import (
    Filter,
    Listed,
    Page,
    count_by_key,
    endpoints_asked,
    find_request,
    last_of_key,
    list_requests,
)
from quixess.requests.redacting import redact

__all__ = [
    "Filter",
    "Line",
    "Listed",
    "Page",
    "RequestLog",
    "count_by_key",
    "endpoints_asked",
    "find_request",
    "last_of_key",
    "list_requests",
    "redact",
]
