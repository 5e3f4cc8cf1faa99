"""Good requests for every endpoint of the table, made from its declaration, and the places in them where values stand.

What is tried on one endpoint is tried on all: a new row of the table is attacked without a new line here.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import inspect

from quixess import api
from quixess.api.endpoint import Endpoint
from tests.world import Answer, World

PATH_KINDS = {
    "messages": "msg",
    "conversations": "cnv",
    "media": "med",
    "templates": "template",
    "webhook-events": "evt",
    "replays": "rpl",
}
"""What stands in a path after a word. A new word needs its row."""

_PARAMETER = re.compile(r"([a-z-]+)/\{(\w+)(?::\w+)?\}")
_SHAPES = (
    *(
        (re.compile(rf"{kind}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}"), kind)
        for kind in ("msg", "cnv", "med", "evt", "end", "rpl")
    ),
    (re.compile(r"wamid\..+"), "wamid"),
    (re.compile(r"US\..+"), "user_id"),
    (re.compile(r"\+[1-9][0-9]{6,14}"), "e164"),
)


@dataclass(frozen=True)
class Ask:
    """One request to an endpoint. `filename` and `file` are those of an upload."""

    endpoint: Endpoint
    name: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    filename: str = "label.png"
    file: bytes = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200)

    @property
    def target(self) -> str:
        """Path and query as they go over the wire."""
        path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: quote(self.path[found[1]], safe=""), self.endpoint.route)
        pairs = "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{path}?{pairs}" if pairs else path

    def of(self, world: World, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """Ask it; gives the awaitable answer."""
        return ask(world, self, key=key, headers=headers)


@dataclass(frozen=True)
class Slot:
    """A place in a request where a value of the caller's stands: `where` is path, query, body or file.

    It is `free` where any text may stand, and not only a number, a time or one of a few words.
    """

    where: str
    name: str
    steps: tuple[str | int, ...] = ()
    free: bool = True

    def put(self, one: Ask, value: str) -> Ask:
        """Give the request with this value there."""
        if self.where == "path":
            return replace(one, path={**one.path, self.name: value})
        if self.where == "query":
            return replace(one, query={**one.query, self.name: value})
        if self.where == "file":
            return replace(one, filename=value)
        body = copy.deepcopy(one.body)
        inner = body
        for step in self.steps[:-1]:
            inner = inner[step]
        inner[self.steps[-1]] = value
        return replace(one, body=body)


async def ask(world: World, one: Ask, *, key: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Send a request, with Bordercart's key unless told otherwise."""
    more: dict[str, Any] = {}
    if one.endpoint.upload is not None:
        form = aiohttp.FormData()
        form.add_field(one.endpoint.upload, one.file, filename=one.filename, content_type="image/png")
        more["data"] = form
    return await world.call(
        one.endpoint.method, one.target, key=key, body=one.body, headers=dict(headers or {}), **more
    )


def every(values: Mapping[str, str], endpoints: tuple[Endpoint, ...] = api.ENDPOINTS) -> Iterator[Ask]:
    """Give the requests of each endpoint: one for each of its examples, or one without a body.

    `values` are a brand's own, by kind (`twins.Shop.values`); they take the place of the ids in the examples.
    """
    for endpoint in endpoints:
        path = {name: values[PATH_KINDS[word]] for word, name in _PARAMETER.findall(endpoint.path)}
        if endpoint.examples:
            for name, body in endpoint.examples.items():
                yield Ask(endpoint, name, path, {}, adapt(body, values))
        else:
            yield Ask(endpoint, "", path, {}, {} if endpoint.request is not None else None)


def adapt(body: Any, values: Mapping[str, str]) -> Any:
    """Put a brand's own ids and phones where an example has made-up ones."""
    if isinstance(body, dict):
        return {name: adapt(value, values) for name, value in body.items()}
    if isinstance(body, list):
        return [adapt(value, values) for value in body]
    if isinstance(body, str):
        return next((values[kind] for shape, kind in _SHAPES if shape.fullmatch(body) and kind in values), body)
    return body


def slots(one: Ask) -> Iterator[Slot]:
    """Give every place of a request where the caller may write: path, query, body, and members it leaves out."""
    yield from (Slot("path", name) for name in one.path)
    if one.endpoint.query is not None:
        for field in _fields(one.endpoint.query):
            kind = _bare(field.type)
            name = f"{field.encode_name}[order]" if isinstance(kind, inspect.DictType) else field.encode_name
            yield Slot("query", name, free=isinstance(kind, inspect.DictType | inspect.StrType))
    if one.endpoint.upload is not None:
        yield Slot("file", "filename")
    if isinstance(one.body, dict):
        yield from (Slot("body", _pointer(steps), steps) for steps in _leaves(one.body, ()))
        if one.endpoint.request is not None and issubclass(one.endpoint.request, msgspec.Struct):
            left_out = {field.encode_name for field in _fields(one.endpoint.request)} - set(one.body)
            yield from (Slot("body", f"/{name}", (name,)) for name in sorted(left_out))


def problems() -> set[str]:
    """Name the words of paths that `PATH_KINDS` does not know."""
    words = {word for endpoint in api.ENDPOINTS for word, _ in _PARAMETER.findall(endpoint.path)}
    return words - set(PATH_KINDS)


def show(one: Ask) -> str:
    """Write a request down for a person."""
    body = "" if one.body is None else f" {json.dumps(one.body, ensure_ascii=True)[:400]}"
    return f"{one.endpoint.method} {one.target}{body}"


def _fields(struct: type) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _bare(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(_bare(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _leaves(tree: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from _leaves(value, (*steps, name))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _leaves(value, (*steps, index))
    elif isinstance(tree, str):
        yield steps


def _pointer(steps: tuple[str | int, ...]) -> str:
    return "".join(f"/{step}" for step in steps)
