"""Query strings: strictly read into a struct, or an error that names the parameter and the fix.

Refused: parameters that are not known, that come twice or have no value, what is not UTF-8 or holds control
characters. A whole number is ASCII digits, true and false are just that, a time is RFC 3339 with its zone. Texts are
brought to NFC, like those of bodies. Structs are written as for bodies (`api/body.py`); a member of type
`dict[str, str]` is asked with as `name[key]=value`.
"""

import functools
import re
import unicodedata
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect
from starlette.requests import Request

from quixess.api import body
from quixess.errors import FieldError, QuixessError

T = TypeVar("T")

_MOST = 50
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEYED = re.compile(r"([a-z_]{1,32})\[([^\[\]]{1,64})\]")


def read(request: Request, model: type[T]) -> T:
    """Read the query of a request. Raises `invalid_request`, whose `errors` name the parameter."""
    tree: dict[str, Any] = {}
    struct: type = model
    for name, value in _pairs(request.scope["query_string"]):
        _put(tree, _members(struct), name, value)
    try:
        return msgspec.convert(tree, model, str_keys=True)
    except msgspec.ValidationError as error:
        raise _of_parameters(body.explain(error, model)) from None
    except QuixessError as error:
        raise _of_parameters(error) from None


def invalid(parameter: str, code: str, detail: str) -> QuixessError:
    """Build a 400 for one parameter of the query."""
    return QuixessError("invalid_request", detail, errors=(FieldError(None, code, detail, parameter=parameter),))


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=_MOST
        )
    except ValueError:  # UnicodeDecodeError is one
        raise QuixessError("invalid_request", "The query is not valid: write name=value, percent-encoded.") from None


def _put(tree: dict[str, Any], members: dict[str, inspect.Type], name: str, value: str) -> None:
    keyed = _KEYED.fullmatch(name)
    kind = members.get(keyed[1] if keyed else name)
    if kind is None or isinstance(kind, inspect.DictType) is not bool(keyed):
        raise _unknown(name, members)
    known = keyed[1] if keyed else name
    if _CONTROL.search(name + value):
        raise invalid(known, "control_character", f"`{known}` has a control character.")
    if not value:
        raise invalid(known, "required", f"`{known}` has no value: give it one, or leave it out.")
    place, key = (tree.setdefault(known, {}), unicodedata.normalize("NFC", keyed[2])) if keyed else (tree, name)
    if key in place:
        raise invalid(known, "repeated", f"`{known}` is given twice.")
    place[key] = _typed(name, unicodedata.normalize("NFC", value), kind)


def _unknown(name: str, members: dict[str, inspect.Type]) -> QuixessError:
    there = ", ".join(sorted(f"{one}[…]" if isinstance(members[one], inspect.DictType) else one for one in members))
    if not body.is_like_a_name(name):
        return QuixessError("invalid_request", f"The query has a parameter that is not known here. There are: {there}.")
    return invalid(name, "unknown_field", f"`{name}` is not a parameter here. There are: {there}.")


def _typed(name: str, value: str, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.IntType):
        if not _NUMBER.fullmatch(value):
            raise invalid(name, "wrong_type", f"`{name}` must be a whole number in digits.")
        return int(value)
    if isinstance(kind, inspect.BoolType):
        if value not in {"true", "false"}:
            raise invalid(name, "wrong_type", f"`{name}` must be true or false.")
        return value == "true"
    if isinstance(kind, inspect.DateTimeType):
        return value.replace(" ", "+")  # a plus that was not percent-encoded
    return value


@functools.cache
def _members(model: type) -> dict[str, inspect.Type]:
    info = inspect.type_info(model)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{model} is no struct")
    return {field.encode_name: _bare(field.type) for field in info.fields}


def _bare(kind: inspect.Type) -> inspect.Type:
    """Give the type that values have, without what is said about it and without None."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(_bare(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _of_parameters(error: QuixessError) -> QuixessError:
    found = tuple(
        FieldError(None, one.code, one.detail, parameter=(one.pointer or "").strip("/").partition("/")[0])
        for one in error.errors
    )
    return QuixessError(error.code, error.detail, errors=found, extra=error.extra)
