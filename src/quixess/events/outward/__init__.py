"""A POST to a stranger's URL: which URLs and addresses may be called, and a sender that keeps to it.

Two nets, one judge. `check_url` looks at the text of a URL when an endpoint is saved and again when it is
called; `forbidden` looks at each address that DNS gave and at each address that is really dialled. Nothing a
receiver does raises out of `Sender.post` or holds a connection past its deadline.
"""

from quixess.events.outward.addresses import Policy, forbidden
from quixess.events.outward.answers import OURS, Answer, Fault
from quixess.events.outward.headers import ForbiddenHeader, check_headers
from quixess.events.outward.names import Resolver, SystemResolver
from quixess.events.outward.proxies import Proxy, read_proxy
from quixess.events.outward.sender import Sender
from quixess.events.outward.urls import ForbiddenUrl, check_url

__all__ = [
    "OURS",
    "Answer",
    "Fault",
    "ForbiddenHeader",
    "ForbiddenUrl",
    "Policy",
    "Proxy",
    "Resolver",
    "Sender",
    "SystemResolver",
    "check_headers",
    "check_url",
    "forbidden",
    "read_proxy",
]
