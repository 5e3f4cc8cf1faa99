"""A model with one field of each kind, and short words for what comes of a body."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from quixess.api import body
from quixess.errors import QuixessError, invalid

SECRET = "493817"


class Kind(StrEnum):
    TEXT = "text"
    IMAGE = "image"


class Component(msgspec.Struct, forbid_unknown_fields=True):
    kind: Kind
    values: Annotated[list[Annotated[str, msgspec.Meta(max_length=10)]], msgspec.Meta(max_length=3)] = []
    index: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0


class Otp(msgspec.Struct, forbid_unknown_fields=True):
    to: Annotated[str, msgspec.Meta(max_length=32, description="the recipient in E.164")]
    code: Annotated[str, msgspec.Meta(min_length=4, max_length=15, pattern=r"\A[0-9A-Za-z]+\Z")] = "0000"
    note: Annotated[str, msgspec.Meta(max_length=20)] | None = None
    language: Literal["en_US", "de"] = "en_US"
    components: list[Component] = []
    labels: dict[str, Annotated[str, msgspec.Meta(max_length=5)]] = {}
    weight: float = 1.0
    number: int = 0
    urgent: bool = False
    at: datetime | None = None

    def __post_init__(self) -> None:
        if self.note == "ours":
            raise invalid("/note", "taken", "`note` is taken.")
        if self.note == "theirs":
            raise ValueError(f"the code is {self.code}")


def decode(raw: bytes | str, content_type: str | None = "application/json") -> Otp:
    return body.decode(raw.encode() if isinstance(raw, str) else raw, content_type, Otp)


def refusal(raw: bytes | str, content_type: str | None = "application/json") -> QuixessError:
    with pytest.raises(QuixessError) as caught:
        decode(raw, content_type)
    return caught.value


def fault(raw: bytes | str) -> tuple[str, str, str]:
    error = refusal(raw)
    assert (error.code, error.status, len(error.errors)) == ("invalid_request", 400, 1)
    only = error.errors[0]
    assert only.pointer is not None
    return only.pointer, only.code, only.detail


def with_to(**members: Any) -> str:
    return json.dumps({"to": "+15550100001", **members})
