"""Forms and filters: what a browser sends as text, into a checked struct; every field at fault at once.

A struct is a `msgspec.Struct` of texts, numbers, bools, enums, Literals, and lists of them. An empty field is one that
was left out; a box that is not ticked is False; a list takes every value of its name. Texts are trimmed and brought to
NFC, their line ends are line feeds; control characters are refused. `Meta(extra={…})` of a field may have `fix`, what
to say when it is wrong; `raw`, to keep the text as it was typed (a password); `secret`, never to show it again.

    class NewKey(msgspec.Struct):
        name: Annotated[str, Meta(max_length=80, extra={"fix": "Give the key a name you will recognise in logs."})]
        scopes: Annotated[list[Scope], Meta(min_length=1)]
        expires: int | None = None
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, inspect
from starlette.datastructures import FormData, ImmutableMultiDict
from starlette.exceptions import HTTPException
from starlette.requests import Request

from quixess.errors import FieldError, QuixessError

T = TypeVar("T")
Sent = ImmutableMultiDict[Any, Any]

_MOST_FIELDS = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TRUE = frozenset({"on", "true", "1", "yes"})
_LISTS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)
_RULES = tuple(
    (re.compile(message), code, text)
    for message, code, text in (
        (r"Expected `str` of length <= ([0-9]+).*", "too_long", "At most {0} characters."),
        (r"Expected `str` of length >= ([0-9]+).*", "too_short", "At least {0} characters."),
        (r"Expected `(?:array|set)` of length >= 1", "required", "Choose at least one."),
        (r"Expected `\w+` of length <= ([0-9]+)", "too_long", "At most {0} of them."),
        (r"Expected `\w+` of length >= ([0-9]+)", "too_short", "At least {0} of them."),
        (r"Expected `\w+` <= (\S+)", "too_large", "At most {0}."),
        (r"Expected `\w+` >= (\S+)", "too_small", "At least {0}."),
        (r"Expected `(?:int|float)(?: \| null)?`.*", "wrong_type", "Write a number."),
        (r"Invalid (?:enum )?value .*", "not_allowed", "Choose one of those that are shown."),
        (r"Invalid RFC3339 .*|Invalid date.*", "format", "Write a date, such as 2026-05-15."),
    )
)


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a struct: how it is called in the form, what it takes, and how it is treated."""

    name: str
    sent_as: str
    kind: Any
    required: bool
    many: bool
    flag: bool
    extra: Mapping[str, Any]


async def receive(request: Request) -> FormData:
    """Read the form of a request, at most as large as the edge lets in. Raises `invalid_request`."""
    try:
        return await request.form(max_files=10, max_fields=_MOST_FIELDS)
    except HTTPException:
        raise QuixessError("invalid_request", "The form did not arrive whole: go back and send it again.") from None


def read(sent: Sent, model: type[T]) -> T:
    """Read a form or a query into a struct. Raises `invalid_request`, with an entry for each field at fault."""
    found: dict[str, Any] = {}
    wrong: list[FieldError] = []
    struct: type = model
    for field in _fields(struct):
        try:
            value = _value(field, sent.getlist(field.sent_as))
            if value is not None:
                found[field.name] = msgspec.convert(value, field.kind, strict=False)
        except msgspec.ValidationError as error:
            wrong.append(_explain(field, str(error)))
        except _FaultError as fault:
            wrong.append(_blame(field, fault.code, fault.text))
    if wrong:
        raise QuixessError("invalid_request", wrong[0].detail, errors=tuple(wrong))
    return model(**found)


def sent(form: Sent, model: type) -> dict[str, Any]:
    """Give what was typed, to be shown again: texts by name, lists of texts for those with several. No secrets."""
    texts = {}
    for field in _fields(model):
        values = [value for value in form.getlist(field.sent_as) if isinstance(value, str)]
        if not field.extra.get("secret"):
            texts[field.sent_as] = values if field.many else "".join(values[-1:])
    return texts


def faults(error: QuixessError) -> dict[str, str]:
    """Give a text for each field at fault, by its name in the form; under "" what is about no single one."""
    texts: dict[str, str] = {}
    for fault in error.errors:
        texts.setdefault((fault.parameter or fault.pointer or "").strip("/").partition("/")[0], fault.detail)
    return texts


class _FaultError(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = text


def _value(field: _Field, values: list[Any]) -> Any:
    """Give what is to be converted; None for what was left out."""
    texts = [_clean(field, value) for value in values if isinstance(value, str)]
    if field.flag:
        return bool(texts) and texts[-1].lower() in _TRUE
    if field.many:
        return [text for text in texts if text] or ([] if field.required else None)
    text = texts[-1] if texts else ""
    if text:
        return text
    if field.required:
        raise _FaultError("required", "Fill this in.")
    return None


def _clean(field: _Field, text: str) -> str:
    if field.extra.get("raw"):
        return text
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    if _CONTROL.search(text):
        raise _FaultError("control_character", "This has a character that cannot be printed: type it anew.")
    return text


def _explain(field: _Field, message: str) -> FieldError:
    fault = message.partition(" - at ")[0]
    for pattern, code, text in _RULES:
        if found := pattern.fullmatch(fault):
            return _blame(field, code, text.format(*found.groups()))
    return _blame(field, "invalid", "This has the wrong form.")


def _blame(field: _Field, code: str, text: str) -> FieldError:
    return FieldError(f"/{field.sent_as}", code, field.extra.get("fix") or text)


@functools.cache
def _fields(model: type) -> tuple[_Field, ...]:
    info = inspect.type_info(model)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{model} is no struct")
    types = {one.name: one.type for one in msgspec.structs.fields(model)}
    return tuple(
        _Field(
            name=one.name,
            sent_as=one.encode_name,
            kind=types[one.name],
            required=one.default is NODEFAULT and one.default_factory is NODEFAULT,
            many=isinstance(_bare(one.type), _LISTS),
            flag=isinstance(_bare(one.type), inspect.BoolType),
            extra=_extra(one.type),
        )
        for one in info.fields
    )


def _extra(kind: inspect.Type) -> Mapping[str, Any]:
    """Give what a field says of itself beside its type, also where it may be None."""
    if isinstance(kind, inspect.Metadata):
        return {**_extra(kind.type), **(kind.extra or {})}
    if isinstance(kind, inspect.UnionType):
        return {name: value for one in kind.types for name, value in _extra(one).items()}
    return {}


def _bare(kind: inspect.Type) -> inspect.Type:
    """Give the type that values have, without what is said about it and without None."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(_bare(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind
