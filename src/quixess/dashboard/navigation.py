"""The side bar: which pages it names, in four groups. Who may not open a page does not see its link."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from quixess.dashboard.page import Page, Visit


class Item(NamedTuple):
    """A link of the side bar. `key` is what one types after `g` to go there."""

    path: str
    label: str
    icon: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Links that belong together; the first group has no name."""

    name: str
    items: tuple[Item, ...]


GROUPS = (
    Group("", (Item("/app", "Overview", "home", "o"), Item("/app/sandbox", "Sandbox phone", "phone", "s"))),
    Group(
        "WhatsApp",
        (
            Item("/app/whatsapp/inbox", "Inbox", "inbox", "i"),
            Item("/app/whatsapp/messages", "Messages", "list", "m"),
            Item("/app/whatsapp/templates", "Templates", "template", "t"),
            Item("/app/whatsapp/connection", "Connection", "plug", "c"),
        ),
    ),
    Group(
        "Developers",
        (
            Item("/app/settings/api-keys", "API keys", "key", "k"),
            Item("/app/webhooks/deliveries", "Events", "webhook", "e"),
            Item("/app/webhooks/endpoint", "Webhook endpoints", "target", "w"),
            Item("/app/requests", "Request log", "terminal", "r"),
            Item("/app/metrics", "Metrics", "chart", "x"),
            Item("/docs", "API reference", "book", "d"),
        ),
    ),
    Group(
        "Settings",
        (
            Item("/app/settings/brands", "Brands", "store", "b"),
            Item("/app/settings/people", "People", "people", "p"),
            Item("/app/settings/audit", "Audit", "history", "a"),
        ),
    ),
)
_OPEN_TO_ALL = frozenset({"/docs"})


def groups(visit: Visit, pages: Sequence[Page]) -> list[Group]:
    """Give the groups with the links that lead somewhere for this visitor."""
    there = {page.path: page for page in pages if page.method == "GET"}
    found = []
    for group in GROUPS:
        items = tuple(item for item in group.items if item.path in _OPEN_TO_ALL or _leads(item, visit, there))
        if items:
            found.append(Group(group.name, items))
    return found


def _leads(item: Item, visit: Visit, there: dict[str, Page]) -> bool:
    page = there.get(item.path)
    return page is not None and visit.admitted(page.permission)


def current(path: str, shown: Sequence[Group]) -> str:
    """Tell which link of the side bar a path belongs to: the longest that it begins with."""
    paths = [item.path for group in shown for item in group.items]
    return max(
        (one for one in paths if path == one or (one != "/app" and path.startswith(one + "/"))), key=len, default=""
    )
