"""Request bodies: strict JSON in, a checked msgspec Struct out, or an error that names the field and the fix.

Refused: other encodings than UTF-8, a BOM, NaN and Infinity, numbers beyond 64 bits, duplicate keys at any depth,
control characters in texts (C0 but line feed and tab: they break PostgreSQL, logs and terminals), lone
surrogates, and bodies too deep or with too many values. RFC 8259 leaves all of that to the receiver. Texts and
keys are normalised to NFC. No error holds a value that was sent.

Models are Structs with `forbid_unknown_fields=True`. The `description` of a field's `msgspec.Meta` ends its error
texts, as in "`to` is required: the recipient in E.164." A rule over several fields goes into `__post_init__` and
raises `errors.invalid(…)`, which comes through as it is.
"""

import ast
import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect
from starlette.requests import Request

from quixess import errors
from quixess.errors import QuixessError

MAX_DEPTH = 16
MAX_VALUES = 2_000

T = TypeVar("T")

_JSON = re.compile(r'application/json(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?', re.IGNORECASE | re.ASCII)
# A string that never ends matches up to the end: without that, a body full of quotes costs quadratic time.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_MALFORMED_AT = re.compile(r"\(byte (\d+)\)")

_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING_FIELD = re.compile(r"Object missing required field `(.*)`")
_PLACE = re.compile(r" - at (?:`key` in )?`\$((?:\.[\w-]+|\[(?:[0-9]+|\.\.\.)\])*)`\Z")
_STEP = re.compile(r"\.([\w-]+)|\[([0-9]+|\.\.\.)\]")
_LIKE_A_NAME = re.compile(r"[a-z](?=[A-Za-z0-9_]{0,31}\Z)(?:[A-Za-z]|_|[0-9](?![0-9]))*")

_RULES = tuple(
    (re.compile(message), code, text)
    for message, code, text in (
        (r"Expected `str` of length <= ([0-9]+)", "too_long", "must have at most {0} characters"),
        (r"Expected `str` of length >= ([0-9]+)", "too_short", "must have at least {0} characters"),
        (r"Expected `str` matching regex (.*)", "pattern", "must match {0}"),
        (r"Expected `\w+` of length <= ([0-9]+)", "too_long", "must have at most {0} members"),
        (r"Expected `\w+` of length >= ([0-9]+)", "too_short", "must have at least {0} members"),
        (r"Expected `\w+` of length ([0-9]+).*", "wrong_length", "must have exactly {0} members"),
        (r"Expected `\w+` <= (\S+)", "too_large", "must be at most {0}"),
        (r"Expected `\w+` < (\S+)", "too_large", "must be less than {0}"),
        (r"Expected `\w+` >= (\S+)", "too_small", "must be at least {0}"),
        (r"Expected `\w+` > (\S+)", "too_small", "must be more than {0}"),
        (r"Expected `\w+` that's a multiple of (\S+)", "multiple_of", "must be a multiple of {0}"),
        (r"Expected `([^`]+)`(?:, got `.*`)?", "wrong_type", "must be {0}"),
        (r"(?:Number|Integer value) out of range", "out_of_range", "is a number out of range"),
        (r"Invalid RFC3339 .*", "format", "must be a time in RFC 3339, such as 2026-05-15T10:30:00Z"),
        (r"Expected `\w+` with a timezone component", "format", "must be a time with its zone, such as Z"),
        (r"Invalid (?:enum )?value .*", "not_allowed", "must be one of {allowed}"),
        (r"Invalid .*", "format", "has the wrong form"),
    )
)
_WORDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "an object",
}


def decode(raw: bytes, content_type: str | None, model: type[T]) -> T:
    """Read a body of at most some 256 KiB (the edge sees to that) into a model.

    Raises QuixessError: `unsupported_media_type` (415), `invalid_json` (400), or `invalid_request` (400) with a
    JSON Pointer (RFC 6901), a code and a text for the first field at fault.
    """
    if content_type != "application/json" and not _JSON.fullmatch(content_type or ""):
        raise QuixessError("unsupported_media_type", "Send the body as Content-Type: application/json, in UTF-8.")
    tree = _parse(raw)
    try:
        return msgspec.convert(tree, model, str_keys=True)
    except msgspec.ValidationError as error:
        raise explain(error, model) from None


async def read(request: Request, model: type[T]) -> T:
    """Read the body of a request into a model. Raises as `decode` does."""
    request.state.body = raw = await request.body()
    return decode(raw, content_type(request), model)


async def read_optional(request: Request, model: type[T]) -> T:
    """Read a body that may be left out. Raises as `decode` does."""
    request.state.body = raw = await request.body()
    return decode_optional(raw, content_type(request), model)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is asked for: leave the body out, or send `{}`."""


def decode_optional(raw: bytes, content_type: str | None, model: type[T]) -> T:
    """Read a body that may be left out: none at all is a model without members. Raises as `decode` does."""
    return decode(raw, content_type, model) if raw else model()


def content_type(request: Request) -> str | None:
    """Tell what a request says its body is."""
    value: bytes | None = request.state.headers.get(b"content-type")
    return None if value is None else value.decode("latin-1")


def _parse(raw: bytes) -> Any:
    skeleton = _STRING.sub(b"", raw)
    _check_size(skeleton)
    try:
        tree = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _malformed(raw, error) from None
    if _count_members(tree) != skeleton.count(b":"):
        raise _twin_keys()
    if b"\\" in raw or not raw.isascii() or _LONG_NUMBER.search(skeleton):
        return _clean(tree, "")
    return tree


def _check_size(skeleton: bytes) -> None:
    openings = skeleton.count(b"{") + skeleton.count(b"[")
    if openings + skeleton.count(b",") >= MAX_VALUES:
        raise QuixessError("invalid_json", f"The body has more than {MAX_VALUES:,} values.")
    if openings <= MAX_DEPTH:
        return
    depth = 0
    for bracket in skeleton.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise QuixessError("invalid_json", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _malformed(raw: bytes, error: Exception) -> QuixessError:
    if not raw.strip():
        return QuixessError("invalid_json", "The body is empty. Send a JSON object.")
    if isinstance(error, UnicodeDecodeError) or raw.startswith(_BYTE_ORDER_MARKS):
        return QuixessError("invalid_json", "Send the body in UTF-8, without a byte order mark.")
    if isinstance(error, msgspec.ValidationError):
        return QuixessError("invalid_json", "A number in the body is out of range.")
    place = _MALFORMED_AT.search(str(error))
    where = f" (byte {place[1]})" if place else ""
    return QuixessError(
        "invalid_json", f"The body is not JSON{where}. Look for single quotes, and for a comma too many."
    )


def _count_members(tree: Any) -> int:
    if isinstance(tree, dict):
        return len(tree) + sum([_count_members(v) for v in tree.values() if isinstance(v, (dict, list))])
    if isinstance(tree, list):
        return sum([_count_members(item) for item in tree if isinstance(item, (dict, list))])
    return 0


def _twin_keys() -> QuixessError:
    return QuixessError("invalid_json", "A key stands twice in one object. Send each key once.")


def _clean(tree: Any, pointer: str) -> Any:
    if isinstance(tree, str):
        return _clean_text(tree, pointer)
    if isinstance(tree, list):
        return [_clean(item, f"{pointer}/{index}") for index, item in enumerate(tree)]
    if not isinstance(tree, dict):
        return _clean_number(tree, pointer) if isinstance(tree, int) else tree
    cleaned = {}
    for key, value in tree.items():
        name = _clean_text(key, pointer)
        cleaned[name] = _clean(value, f"{pointer}/{name}" if is_like_a_name(name) else pointer)
    if len(cleaned) != len(tree):
        raise _twin_keys()
    return cleaned


def _clean_text(text: str, pointer: str) -> str:
    if _CONTROL.search(text):
        detail = f"{_called(pointer)} has a control character. Only line feed and tab are allowed."
        raise errors.invalid(pointer, "control_character", detail)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _clean_number(number: int, pointer: str) -> int:
    if not -(2**63) <= number < 2**63:
        raise errors.invalid(pointer, "out_of_range", f"{_called(pointer)} is an integer of more than 64 bits.")
    return number


def explain(error: msgspec.ValidationError, model: type) -> QuixessError:
    """Turn msgspec's sentence into a field error. Only names that stand in the model get into it."""
    message = str(error)
    place = _PLACE.search(message)
    steps = [name or index for name, index in _STEP.findall(place[1])] if place else []
    fault = message[: place.start()] if place else message
    if error.__cause__ is not None:  # a ValueError of a `__post_init__`: whatever its text quotes stays here
        fault = ""
    if unknown := _UNKNOWN_FIELD.fullmatch(fault):
        return _explain_unknown(*_locate(model, steps), unknown[1])
    if missing := _MISSING_FIELD.fullmatch(fault):
        return _blame(model, [*steps, missing[1]], "required", "is required")
    for pattern, code, text in _RULES:
        if found := pattern.fullmatch(fault):
            return _blame(model, steps, code, text.format(*_worded(code, found.groups()), allowed="{allowed}"))
    return _blame(model, steps, "invalid", "is not valid")


def _explain_unknown(pointer: str, kinds: list[inspect.Type], name: str) -> QuixessError:
    if name == "brand_id":
        detail = "The brand comes from the API key. Leave `brand_id` out."
        return errors.invalid(f"{pointer}/brand_id", "unknown_field", detail)
    structs = [part for kind in kinds for part in _parts(kind) if isinstance(part, inspect.StructType)]
    there = ", ".join(sorted({field.encode_name for struct in structs for field in struct.fields}))
    known = f"There are: {there}." if there else "There are none: leave it out."
    if not is_like_a_name(name):
        detail = f"{_called(pointer)} has a field that is not known here. {known}"
        return errors.invalid(pointer, "unknown_field", detail)
    return errors.invalid(f"{pointer}/{name}", "unknown_field", f"`{name}` is not a field here. {known}")


def is_like_a_name(text: str) -> bool:
    """Tell whether a caller's key may be shown: it looks like a field's name, and a code or a number never does."""
    return _LIKE_A_NAME.fullmatch(text) is not None


def _blame(model: type, steps: list[str], code: str, fix: str) -> QuixessError:
    pointer, kinds = _locate(model, steps)
    subject = f"A value in {_called(pointer)}" if "..." in steps else _called(pointer)
    metas = [part for kind in kinds for part in _parts(kind) if isinstance(part, inspect.Metadata)]
    described = [text for meta in metas if (text := (meta.extra_json_schema or {}).get("description"))]
    sentence = ": ".join([fix.replace("{allowed}", _allowed(kinds)), *described[:1]])
    return errors.invalid(pointer, code, f"{subject} {sentence.rstrip('.')}.")


def _locate(model: type, steps: list[str]) -> tuple[str, list[inspect.Type]]:
    """Follow msgspec's path through the model: the JSON Pointer, and the types that may stand there.

    The pointer ends at an object with free keys, for those are the caller's.
    """
    kinds, pointer, free = [_type_info(model)], "", False
    for step in steps:
        kinds = [child for kind in kinds for part in _parts(kind) for child in _children(part, step)]
        if not kinds:
            return "", []
        free = free or step == "..."
        pointer += "" if free else f"/{step}"
    return pointer, kinds


@functools.cache
def _type_info(model: type) -> inspect.Type:
    return inspect.type_info(model)


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Yield a type and what it is made of: the type under a Meta, the members of a union."""
    yield kind
    if isinstance(kind, inspect.Metadata):
        yield from _parts(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from _parts(member)


def _children(kind: inspect.Type, step: str) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        yield from (field.type for field in kind.fields if field.encode_name == step)
        if kind.tag_field == step:
            yield inspect.LiteralType((str(kind.tag),))
    elif isinstance(kind, inspect.DictType) and step == "...":
        yield kind.value_type
    elif isinstance(kind, inspect.TupleType) and step.isdigit():
        yield from kind.item_types[int(step) : int(step) + 1]
    elif isinstance(kind, (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)):
        yield kind.item_type


def _worded(code: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    if code == "pattern":  # msgspec shows it as Python's repr
        return (ast.literal_eval(groups[0]).replace(r"\Z", "$"),)  # as OpenAPI and most languages write it
    if code == "wrong_type":
        return tuple(" or ".join(_WORDS.get(name, name) for name in group.split(" | ")) for group in groups)
    return groups


def _allowed(kinds: list[inspect.Type]) -> str:
    values: list[str] = []
    for part in (part for kind in kinds for part in _parts(kind)):
        if isinstance(part, inspect.LiteralType):
            values += [str(value) for value in part.values]
        elif isinstance(part, inspect.EnumType):
            values += [str(member.value) for member in part.cls]
    return ", ".join(sorted(set(values)))


def _called(pointer: str) -> str:
    path = pointer.strip("/").split("/")
    while len(path) > 1 and path[-1].isdigit():
        path[-2:] = [f"{path[-2]}[{path[-1]}]"]
    return f"`{path[-1]}`" if path[-1] else "The body"
