"""Meta's error codes in words: what happened, what to do about it, and whether another try can help.

The table is `codes.txt`, one code a line. Meta advises to build on the code, never on the HTTP status or the
title, and sends the same codes in an answer and in a status webhook.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import resources


class Kind(StrEnum):
    """What kind of trouble a code is, and so who has to act."""

    RETRY = "retry"  # Meta, in a moment: try again with growing pauses
    WAIT = "wait"  # Meta, after a known time: an early try makes it worse
    PERMANENT = "permanent"  # this request can never succeed as it is
    CONFIGURATION = "configuration"  # a token, permission, payment or number: every send will fail alike
    USER = "user"  # this recipient cannot or does not want to get it


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code in words. `meaning` is the cause, `fix` one sentence for the developer who sent it."""

    kind: Kind
    meaning: str
    fix: str
    known: bool = True

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without a change."""
        return self.kind in (Kind.RETRY, Kind.WAIT)


Key = tuple[int | None, int | None]


def explain(code: int, subcode: int | None = None) -> Explanation:
    """Explain Meta's `error.code` and `error.error_subcode`; an unknown code gets a careful default."""
    for key in ((code, subcode), (_as_code(subcode), None), (code, None)):
        if found := TABLE.get(key):
            return found
    return _PERMISSION if 200 <= code <= 299 else _UNKNOWN


def _as_code(subcode: int | None) -> int | None:
    """Seven-digit subcodes mean the same as the code of that number; the small ones do not."""
    return subcode if subcode is not None and subcode > 2_000_000 else None


_PERMISSION = Explanation(
    Kind.CONFIGURATION,
    "The token lacks a permission for this call",
    "Grant the token the WhatsApp permissions and store it again.",
)
_UNKNOWN = Explanation(
    Kind.PERMANENT,
    "Meta sent a code that is not in the table",
    "Read error_data.details in the answer and Meta's page of error codes.",
    known=False,
)


def _read_table() -> dict[Key, Explanation]:
    text = (resources.files(__package__) / "codes.txt").read_text(encoding="utf-8")
    return dict(_read_row(line) for line in text.splitlines() if not line.startswith("#"))


def _read_row(line: str) -> tuple[Key, Explanation]:
    key, kind, meaning, fix = (cell.strip() for cell in line.split("|"))
    code, _, subcode = key.partition("/")
    return (int(code), int(subcode) if subcode else None), Explanation(Kind(kind), meaning, fix)


TABLE = _read_table()
