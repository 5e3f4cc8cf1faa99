"""Soft values: JSON that strangers wrote, for templates that must not fail on it whatever it is.

A member that is not there is an empty value, a text where a list was meant has no elements, an object where a text was
meant is an empty text.
"""

from collections.abc import Iterator
from typing import Any, overload


class Soft:
    """A JSON value. `soft.name.first` and `soft.list[:3]` always work; `str` is its text, if it is one."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __getattr__(self, name: str) -> "Soft":
        if name.startswith("__"):
            raise AttributeError(name)
        return Soft(self._value.get(name) if isinstance(self._value, dict) else None)

    @overload
    def __getitem__(self, key: slice) -> "list[Soft]": ...
    @overload
    def __getitem__(self, key: str) -> "Soft": ...
    def __getitem__(self, key: slice | str) -> "list[Soft] | Soft":
        if isinstance(key, slice):
            return list(self)[key]
        return Soft(self._value.get(key) if isinstance(self._value, dict) else None)

    def __iter__(self) -> Iterator["Soft"]:
        return iter([Soft(one) for one in self._value] if isinstance(self._value, list) else ())

    def __len__(self) -> int:
        return len(self._value) if isinstance(self._value, list) else 0

    def __bool__(self) -> bool:
        return bool(self._value)

    def __str__(self) -> str:
        return str(self._value) if isinstance(self._value, (str, int, float)) else ""

    def __eq__(self, other: object) -> bool:
        return bool(self._value == (other._value if isinstance(other, Soft) else other))

    def __hash__(self) -> int:
        return hash(str(self))

    def pairs(self, most: int = 20) -> "list[tuple[str, Soft]]":
        """Give the members of an object, the first of them."""
        found = list(self._value.items())[:most] if isinstance(self._value, dict) else []
        return [(str(name), Soft(value)) for name, value in found]

    def number(self) -> float:
        """Give a number; 0 for what is none."""
        return self._value if isinstance(self._value, (int, float)) and not isinstance(self._value, bool) else 0
