"""Slots: the values that a caller gives for a template, and everything that is found wrong with them.

Friendly variables and Meta's components are read into the same slots, and judged alike.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from quixess.errors import FieldError, QuixessError
from quixess.templates.parameters import Parameters

_MOST_ERRORS = 50
# A name that the caller made up is shown only when it looks like one: a code or a phone number never does.
_LIKE_A_NAME = re.compile(r"[0-9]{1,2}|[a-z](?=[A-Za-z0-9_]{0,31}\Z)(?:[A-Za-z]|_|[0-9](?![0-9]))*")


@dataclass(frozen=True, slots=True)
class Slot:
    """One value. `kind` is Meta's type of it, or the member of a button; `pointer` is where the caller wrote it."""

    kind: str
    value: Any = field(repr=False)
    pointer: str


@dataclass(slots=True)
class Given:
    """All values by section and name; buttons by index first. `parts` are those that go to Meta as they are.

    `raw` is true for Meta's components, `root` where they or the variables stand in the body.
    """

    raw: bool
    header: dict[str, Slot] = field(default_factory=dict)
    body: dict[str, Slot] = field(default_factory=dict)
    buttons: dict[int, dict[str, Slot]] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)

    @property
    def root(self) -> str:
        """The JSON Pointer of what was given."""
        return "/components" if self.raw else "/variables"

    @property
    def slots(self) -> list[Slot]:
        """Every value."""
        listed = [*self.header.values(), *self.body.values()]
        return listed + [slot for members in self.buttons.values() for slot in members.values()]


@dataclass(slots=True)
class Findings:
    """What is wrong, gathered so that the caller is told once."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)

    def lack(self, path: str, pointer: str, detail: str) -> None:
        """Note that something is missing, at a path such as `body.name`."""
        self.missing.append(path)
        self.errors.append(FieldError(pointer, "required", detail))

    def surplus(self, path: str, pointer: str, detail: str) -> None:
        """Note something that has no place in the template."""
        self.unexpected.append(path)
        self.errors.append(FieldError(pointer, "unknown_field", detail))

    def blame(self, pointer: str, code: str, detail: str) -> None:
        """Note a value that cannot stand."""
        self.errors.append(FieldError(pointer, code, detail))

    def settle(self, parameters: Parameters) -> None:
        """Raise `template_parameters` with everything that was found, if anything was."""
        if not self.errors:
            return
        details = {
            "missing": self.missing[:_MOST_ERRORS],
            "unexpected": self.unexpected[:_MOST_ERRORS],
            "expected": parameters.expected(),
        }
        raise QuixessError(
            "template_parameters",
            self._sentence(),
            errors=tuple(self.errors[:_MOST_ERRORS]),
            extra={"details": details},
        )

    def _sentence(self) -> str:
        words = []
        if self.missing:
            words.append(f"Missing: {', '.join(self.missing[:10])}.")
        if self.unexpected:
            words.append(f"Unexpected: {', '.join(self.unexpected[:10])}.")
        if not words:
            words.append(self.errors[0].detail)
        return " ".join([*words, "`errors` has all that is wrong, GET /templates what the template takes."])


def shown(name: str) -> str:
    """Give a name that the caller made up, or dots when it might be a value."""
    return name if _LIKE_A_NAME.fullmatch(name) else "…"


def place(parent: str, name: str) -> str:
    """Point at a member of an object with free names, or at the object when the name cannot be shown."""
    return f"{parent}/{name}" if _LIKE_A_NAME.fullmatch(name) else parent
