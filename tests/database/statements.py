"""Every statement of the source, as it is really built: its place, and its text.

A call of `rows`, `row`, `execute` or `fetch…` is where SQL leaves us. Its text is a constant, or put together of
constants of the module; where a name of the function takes part in it, `SPELLED` says what that may be.
"""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pgparse

from tests.house.source import Module, dotted, modules

CALLS = {"rows", "row", "execute", "fetch", "fetchrow", "fetchval"}
BEGINS = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|TABLE|VALUES|MERGE)\b")
# Here statements are passed on, or tables are made and dropped by their owner, a partition at a time.
NOT_READ = {
    "database.core": "passes on what the others say",
    "database.migrate": "runs the migrations",
    "database.partitions": "makes and drops partitions, which Citus does by functions of its own",
}
# What names of a function may stand for where they are part of a statement; values are Python, read in the module.
SPELLED: dict[str, tuple[Mapping[str, str], ...]] = {
    "connections.claiming.claim_rows": ({"due": "list(Due)"},),
    "database.sealed._rows": ({"one": "COLUMNS"},),
    "database.sealed._write": ({"one": "COLUMNS"},),
    "events.listing.leaf": (
        {"data": "[True]", "source": "[_ALL, _OF_MESSAGE]", "found_by": "['e']"},
        {
            "data": "[False]",
            "source": "[_WAITING, _FAILED]",
            "found_by": "[_source(Filter(states=['pending']))[1]]",
        },
    ),
    "events.listing._end_of_look": (
        {"wanted": "[Filter(), Filter(message_id=_AFTER_ALL), Filter(states=['pending']), Filter(states=FAILURES)]"},
    ),
    "health.backlog._only": ({"sql": "[_TODO]"},),
    "messages.identities._take_names": ({"table": "['phone_alias', 'user_alias']"},),
    "messages.reading.messages._list_spoken": (
        {"listed": "[_OLDEST_FIRST[0], _NEWEST_FIRST[0]]", "edge_of": "[_OLDEST_FIRST[1], _NEWEST_FIRST[1]]"},
    ),
    "metrics.counting.Counting._count": ({"kind": "cells.KINDS"},),
    "metrics.counting.count": ({"kind": "cells.KINDS"},),
    "metrics.counting.sweep": ({"kind": "cells.KINDS"},),
    "metrics.reading._sum": tuple(
        {
            "kind": f"[cells.{kind}]",
            "names": f"[cells.{kind}.columns.replace(' ', '').split(',')]",
            "shown": f"[', '.join('h.' + name for name in cells.{kind}.columns.replace(' ', '').split(','))]",
            "columns": f"[cells.{kind}.columns.split(',')[0]]",
        }
        for kind in ("CODES", "ATTEMPTS", "OUTCOMES")
    ),
    "requests.listing.list_requests": ({"source": "[_ALL, _FAILED, _OF_KEY]"},),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `place` is the function that says it, `tree` what PostgreSQL's own parser reads in it."""

    place: str
    text: str

    @property
    def tree(self) -> dict[str, Any]:
        (found,) = pgparse.parse(self.text)
        whole: dict[str, Any] = found["stmt"]
        return whole


class UnreadError(Exception):
    """A statement cannot be put together from the source; the text says where."""


@cache
def collect() -> tuple[Statement, ...]:
    """List the statements of all modules but those in NOT_READ, in the order of the source."""
    found = [
        one
        for module in modules()
        if module.floor not in {"simulator", "meta"} and module.name not in NOT_READ
        for one in said(module)
    ]
    return tuple(dict.fromkeys(found))


def said(module: Module) -> Iterator[Statement]:
    """Give every statement that a module says."""
    for place, node in _functions(module):
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and dotted(call.func).rpartition(".")[2] in CALLS and call.args:
                for text in _texts(module, place, call.args[0]):
                    if BEGINS.match(text):
                        yield Statement(place, text)


def _functions(module: Module) -> Iterator[tuple[str, ast.AST]]:
    for node in module.tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{module.name}.{node.name}", node
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield f"{module.name}.{node.name}.{part.name}", part


def _texts(module: Module, place: str, node: ast.expr) -> list[str]:
    """Give all that an expression may say. Raises UnreadError when it says what cannot be known."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    scope = vars(importlib.import_module(f"quixess.{module.name}".removesuffix(".__init__")))
    code = compile(ast.Expression(node), place, "eval")
    try:
        found = [eval(code, scope | names) for names in _spellings(place, scope)]
    except (NameError, AttributeError) as error:
        raise UnreadError(f"{place}: {error}. Say in SPELLED what the name may stand for.") from error
    return [text for text in found if isinstance(text, str)]


def _spellings(place: str, scope: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the names of a function, with each of what they may stand for in turn."""
    for one in SPELLED.get(place, ({},)):
        choices: list[dict[str, Any]] = [{}]
        for name, source in one.items():
            values = eval(source, scope)
            choices = [known | {name: value} for known in choices for value in values]
        yield from choices
