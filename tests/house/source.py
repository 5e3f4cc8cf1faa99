"""The package as the house rules see it: parsed, never imported."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "quixess"
ROOMS = (
    "retention",
    "health",
    "sandbox",
    "support",
    "messages",
    "notices",
    "media",
    "onboarding",
    "templates",
    "events",
    "connections",
    "people",
    "access",
    "idempotency",
    "limits",
    "feed",
)
GROUND = ("database", "vault", "settings", "logs", "errors", "failpoints", "tallies", "traces")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One file. `name` is its dotted name without the package: `messages.sending`."""

    name: str
    text: str
    tree: ast.Module

    @property
    def floor(self) -> str:
        """The file or folder on the plan that this module belongs to."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Verb:
    """A function or method. `name` is `send_otp` or `Graph.send`."""

    module: Module
    name: str
    node: Function

    @property
    def place(self) -> str:
        """Its full name, as the messages and the lists of exceptions write it."""
        return f"{self.module.name}.{self.name}"

    @property
    def public(self) -> bool:
        """Whether nothing on the way to it begins with an underscore."""
        return not any(part.startswith("_") for part in self.place.split("."))


def modules() -> list[Module]:
    """Read the whole package."""
    return [_read(path) for path in sorted(PACKAGE.rglob("*.py"))]


def snippet(text: str, name: str = "messages.sending") -> Module:
    """Make a module of a text, to try a rule on."""
    return Module(name, text, ast.parse(text))


def verbs(module: Module) -> Iterator[Verb]:
    """Give every function at the top of a module and every method of a class there."""
    for node in module.tree.body:
        if isinstance(node, Function):
            yield Verb(module, node.name, node)
        if isinstance(node, ast.ClassDef):
            yield from (
                Verb(module, f"{node.name}.{part.name}", part) for part in node.body if isinstance(part, Function)
            )


@cache
def functions_of(place: str) -> frozenset[str]:
    """Name the functions of a file of tests, such as `hostile/test_keys`; none when it is not there."""
    path = ROOT / "tests" / f"{place}.py"
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def dotted(node: ast.AST) -> str:
    """Write `self._graph.send` for the expression, or as much of its end as is plain names."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def tenant_tables() -> frozenset[str]:
    """Name the tables whose key begins with `brand_id`, read from the migrations.

    The others are global: their rows are found before the brand is known, by a hash, a number or a lineage.
    """
    found: set[str] = set()
    for path in (PACKAGE / "database" / "migrations").glob("*.sql"):
        for name, columns in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", path.read_text(), re.DOTALL):
            if re.search(r"PRIMARY KEY \(brand_id\b", columns):
                found.add(name)
    return frozenset(found)


def _read(path: Path) -> Module:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    name = ".".join(part for part in parts if part != "__init__") or "__init__"
    text = path.read_text(encoding="utf-8")
    return Module(name, text, ast.parse(text, filename=str(path)))
