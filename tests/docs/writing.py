"""Writes what is made from the pages and from the tables of routes: `make docs`.

Two things: `told.json`, which the gateway shows at /docs, from docs/errors.md and docs/events.md; and the parts of
docs/api.md and docs/dashboard.md between `<!-- made: … -->` and `<!-- end -->`, from the tables of routes and of pages.
Tests compare all of them with the files.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quixess import api, dashboard
from quixess.access import Scope
from quixess.api import openapi
from quixess.api.manage import MANAGEMENT
from quixess.api.openapi import Described, problems
from quixess.api.openapi.fields import Field
from quixess.api.reference import page
from quixess.dashboard.page import Public
from quixess.errors import CATALOGUE
from quixess.people import Role, may
from tests.docs import pages
from tests.house.source import PACKAGE

TOLD = PACKAGE / "api" / "told.json"
CHECKS = {
    "Python": ("python", "def verify("),
    "Node.js": ("js", "function verify("),
    "PHP": ("php", "function verify("),
    "Go": ("go", "func verify("),
    "Shell": ("sh", "verify() {"),
}
SERVER = "http://127.0.0.1:8800"
_MARKED = re.compile(r"(<!-- made: (\w+) -->)\n.*?(<!-- end -->)", re.DOTALL)
_SENT = {
    "idempotency_in_progress": "by this request, right",
    "idempotency_key_reused": "by this request, right",
    "internal_error": "not known: try again with the same key",
    "outcome_unknown": "most likely",
}
_ERROR = re.compile(
    r"^### (\w+)\n\n\d+ · .+\n\n- \*Cause\*: (.+)\n- \*Fix\*: (.+)\n- \*Again\*: (.+)$",
    re.MULTILINE,
)


def told() -> str:
    """Write told.json."""
    return (
        json.dumps(
            {"errors": errors(), "fields": fields(), "events": dict(events()), "signatures": signatures()},
            ensure_ascii=False,
            indent=1,
        )
        + "\n"
    )


def errors() -> dict[str, dict[str, str]]:
    found = _ERROR.findall(pages.read("docs/errors.md"))
    return {code: {"cause": cause, "fix": fix, "again": again} for code, cause, fix, again in found}


def fields() -> dict[str, str]:
    rows = pages.rows(pages.section("docs/errors.md", "## Codes of fields"))
    return {row[0]: row[1] for row in rows}


def events() -> Iterator[tuple[str, Any]]:
    """Give one whole event of each type: the page shows one, and of the others only their data."""
    whole = json.loads(pages.block("docs/events.md", "json", '"type": "message.received"'))
    for kind in re.findall(r"^### ([a-z]+\.[a-z_]+)$", pages.read("docs/events.md"), re.MULTILINE):
        section = pages.section("docs/events.md", f"### {kind}")
        shown = json.loads(re.findall(r"^```json\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[0])
        yield kind, shown if shown.get("type") == kind else whole | {"type": kind, "data": shown}


def signatures() -> dict[str, str]:
    return {name: pages.block("docs/events.md", *found) for name, found in CHECKS.items()}


def api_page() -> str:
    """Write docs/api.md: what people wrote, with the parts that are made between their marks."""
    parts = {"endpoints": listed(), "scopes": scopes(), "errors": statuses(), "reference": reference()}
    parts |= {"management": management()}
    return _fill("docs/api.md", parts)


def dashboard_page() -> str:
    """Write docs/dashboard.md in the same way."""
    return _fill("docs/dashboard.md", {"roles": roles()})


def _fill(name: str, parts: Mapping[str, str]) -> str:
    return _MARKED.sub(lambda found: f"{found[1]}\n\n{parts[found[2]]}\n\n{found[3]}", pages.read(name))


def roles() -> str:
    """List the pages, and which roles they let in."""
    rows = []
    for one in sorted(dashboard.PAGES, key=lambda page: (page.path, page.method)):
        if isinstance(one.permission, Public):
            marks = ["everybody", *["–"] * (len(Role) - 1)]
        else:
            marks = ["×" if may(role, one.permission) else "–" for role in Role]
        rows.append((f"`{one.method} {one.path}`", one.title, *marks))
    return table(("page", "", *(role.value for role in Role)), rows)


def listed() -> str:
    """List the endpoints: the twelve, and those beside them."""
    tables = []
    for title, counted in (("endpoint", True), ("beside these", False)):
        rows = [
            (f"[`{shown(one)}`](#{anchor(shown(one))})", needs(one), one.summary.rstrip("."))
            for one in openapi.in_order(api.ENDPOINTS)
            if one.counted is counted
        ]
        tables.append(table((title, "scope", ""), rows))
    return "\n\n".join(tables)


def scopes() -> str:
    rows = [
        (f"`{scope}`", words, " · ".join(f"`{shown(one)}`" for one in needing))
        for scope, words, needing in page.scopes(api.ENDPOINTS)
    ]
    return table(("scope", "for", "endpoints"), rows)


def statuses() -> str:
    """List what all endpoints together can answer as an error."""
    found = {code for endpoint in api.ENDPOINTS for code in problems.codes(endpoint)} | {"method_not_allowed"}
    rows: dict[tuple[int, str], list[str]] = {}
    for code, (status, _) in CATALOGUE.items():
        if code in found:
            rows.setdefault((status, _SENT.get(code, "right")), []).append(f"[`{code}`](errors.md#{code})")
    listed = [(str(status), " · ".join(found), sent) for (status, sent), found in rows.items()]
    return table(("status", "codes", "nothing was sent?"), listed)


def reference() -> str:
    document = openapi.document(api.ENDPOINTS, SERVER)
    return "\n\n".join(part for group in page.groups(api.ENDPOINTS, document) for part in _group(group))


def management() -> str:
    """List the endpoints for operators, and lay each of them out."""
    endpoints = openapi.for_operators(MANAGEMENT)
    document = openapi.document(endpoints, SERVER)
    rows = [(f"[`{shown(one)}`](#{anchor(shown(one))})", one.summary.rstrip(".")) for one in endpoints]
    parts = [part for group in page.groups(endpoints, document) for part in _group(group)]
    return "\n\n".join([table(("for operators", ""), rows), *parts])


def _group(group: page.Group) -> Iterator[str]:
    for one in group.entries:
        yield from _entry(one)


def _entry(one: page.Entry) -> Iterator[str]:
    endpoint = one.endpoint
    yield f"### {shown(endpoint)}"
    key = " Takes an [`Idempotency-Key`](#idempotency)." if endpoint.idempotent else ""
    yield f"{endpoint.summary.rstrip('.')}. {endpoint.description}".strip()
    yield f"Operation `{endpoint.id}`, {_opened_by(endpoint)}.{key}"
    for title, fields in (("parameter", one.parameters), ("field", one.request)):
        if fields:
            yield table((title, "type", "needed", "what it is"), [_row(field) for field in fields])
    for name, text in one.examples.items():
        yield _folded(f"Example: {name.replace('-', ' ')}", f"```json\n{text}\n```")
    for answer in one.answers:
        if answer.fields and answer.example:
            told = table(
                ("field", "type", "what it is"), [(row[0], row[1], row[3]) for row in map(_row, answer.fields)]
            )
            yield _folded(f"Answer {answer.status}", f"```json\n{answer.example}\n```\n\n{told}")
    own = " · ".join(f"[`{code}`](errors.md#{code})" for code in sorted({*endpoint.errors}, key=list(CATALOGUE).index))
    yield f"Errors of its own: {own}." if own else "It has no errors of its own."


def _row(field: Field) -> tuple[str, str, str, str]:
    said = " ".join(part for part in (field.text, field.limits) if part)
    return f"`{field.name}`", field.kind, "yes" if field.needed else "no", said


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(line.replace("|  |", "| |") for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def shown(endpoint: Described) -> str:
    """Name an endpoint as the pages do: without the address that all share."""
    return f"{endpoint.method} {endpoint.shown}"


def _opened_by(endpoint: Described) -> str:
    return f"scope {needs(endpoint)}" if isinstance(endpoint, api.Endpoint) else "operator token"


def needs(endpoint: api.Endpoint) -> str:
    return f"`{endpoint.scope}`" if isinstance(endpoint.scope, Scope) else endpoint.scope.value


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def main() -> None:
    """Write all of it. The first is read by the gateway's own modules: when it changed, run this once more."""
    TOLD.write_text(told(), encoding="utf-8")
    (pages.ROOT / "docs" / "api.md").write_text(api_page(), encoding="utf-8")
    (pages.ROOT / "docs" / "dashboard.md").write_text(dashboard_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
