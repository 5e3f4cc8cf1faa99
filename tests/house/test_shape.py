"""Sizes, names and words: what keeps the house small enough to hold in the head."""

import ast
import re
from collections.abc import Callable

import pytest

from tests.house.source import GROUND, ROOMS, Module, dotted, modules, snippet, verbs

LONGEST_FILE = 350
LONGEST_FUNCTION = 50
NO_SUBJECT = re.compile(r"(?:.*\.)?(?:utils?|helpers?|common|base|misc|shared|tools)")
NO_NOUN = re.compile(r"\w+(?:Service|Manager|Helper|Util|Utils|Handler|Processor)s?")


def too_long_files(module: Module) -> list[str]:
    """Split a file at its seam: a room becomes a folder of the same name, importers do not notice."""
    lines = len(module.text.splitlines())
    return [f"{module.name}: {lines} lines"] if lines > LONGEST_FILE else []


def too_long_functions(module: Module) -> list[str]:
    """Let the top function be a table of contents and give each step a name."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                found.append(f"{module.name}, line {node.lineno}: {node.name} has {lines} lines")
    return found


def files_without_subject(module: Module) -> list[str]:
    """Name the file for its subject: if two rooms need it, it has one."""
    return [module.name] if NO_SUBJECT.fullmatch(module.name) else []


def classes_named_for_nothing(module: Module) -> list[str]:
    """Name the class for the thing it is, or write functions in a room that is the noun."""
    return [
        f"{module.name}, line {node.lineno}: {node.name}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and NO_NOUN.fullmatch(node.name)
    ]


def missing_docstrings(module: Module) -> list[str]:
    """Say in one line what it is for; in rooms and ground also the units, the shapes and the errors raised."""
    found = [] if ast.get_docstring(module.tree) else [f"{module.name}: the module"]
    if module.floor not in ROOMS + GROUND:
        return found
    classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    found += [f"{module.name}.{node.name}" for node in classes if not ast.get_docstring(node)]
    public = [verb for verb in verbs(module) if verb.public and "." not in verb.name]
    return found + [verb.place for verb in public if not ast.get_docstring(verb.node)]


def prints(module: Module) -> list[str]:
    """Log it (structlog), return it, or leave it to the command line."""
    if module.floor in {"cli", "__main__"}:
        return []
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    return [f"{module.name}, line {call.lineno}" for call in calls if dotted(call.func) == "print"]


def hidden_imports(module: Module) -> list[str]:
    """Import our own code at the top, where the floor plan is read. Only the command line may import late."""
    if module.floor in {"cli", "__main__"}:
        return []
    return [
        f"{module.name}, line {node.lineno}"
        for function in ast.walk(module.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(name.partition(".")[0] == "quixess" for name in _imported(node))
    ]


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


Rule = Callable[[Module], list[str]]
RULES: list[Rule] = [
    too_long_files,
    too_long_functions,
    files_without_subject,
    classes_named_for_nothing,
    missing_docstrings,
    prints,
    hidden_imports,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule):
    found = [breach for module in modules() for breach in rule(module)]

    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (too_long_files, snippet("'''x'''\n" * 351)),
        (too_long_functions, snippet("def long():\n" + "    pass\n" * 50)),
        (too_long_functions, snippet("class A:\n    async def long():\n" + "        pass\n" * 50)),
        (files_without_subject, snippet("", "messages.utils")),
        (files_without_subject, snippet("", "helpers")),
        (classes_named_for_nothing, snippet("class TemplateService: ...")),
        (classes_named_for_nothing, snippet("class ConnectionManager: ...")),
        (missing_docstrings, snippet("")),
        (missing_docstrings, snippet("", "cli")),
        (missing_docstrings, snippet("'''Sending.'''\ndef send(): ...")),
        (missing_docstrings, snippet("'''Sending.'''\nclass _Quiet: ...\nclass Message: ...")),
        (prints, snippet("def send():\n    print('sent')")),
        (hidden_imports, snippet("def late():\n    from quixess.events import outbox")),
        (hidden_imports, snippet("async def late():\n    import quixess.events.outbox")),
    ],
)
def test_the_rule_notices(rule, bad):
    assert len(rule(bad)) == 1


@pytest.mark.parametrize(
    ("rule", "good"),
    [
        (too_long_files, snippet("'''x'''\n" * 350)),
        (too_long_functions, snippet("def long():\n" + "    pass\n" * 49)),
        (files_without_subject, snippet("", "database.core")),
        (classes_named_for_nothing, snippet("class Services: ...\nclass _Handler: ...")),
        (missing_docstrings, snippet("'''A door.'''\ndef send(): ...", "api.send")),
        (
            missing_docstrings,
            snippet("'''A room.'''\ndef _send(): ...\nclass A:\n    '''B.'''\n    def __init__(self): ..."),
        ),
        (prints, snippet("print('sent')", "cli.send")),
        (prints, snippet("log.print('sent')")),
        (hidden_imports, snippet("def late():\n    import quixess.app", "cli")),
        (hidden_imports, snippet("import quixess.events\ndef late():\n    import json")),
    ],
)
def test_the_rule_lets_pass(rule, good):
    assert rule(good) == []
