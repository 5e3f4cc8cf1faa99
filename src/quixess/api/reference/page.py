"""The pages as HTML: what the document says, laid out for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from quixess.access import Scope
from quixess.api import prose
from quixess.api.openapi import Described, Operated, fields, in_order, operations, problems
from quixess.api.openapi.fields import Field
from quixess.api.reference import samples
from quixess.api.reference.samples import Call
from quixess.api.told import TOLD, remedy
from quixess.errors import CATALOGUE
from quixess.events import endpoints as receivers
from quixess.meta import codes

SCOPES = {
    Scope.SEND_OTP: "Send one-time codes.",
    Scope.SEND_TEMPLATE: "Send templates that Meta approved.",
    Scope.REPLY: "Answer customers, and upload files to answer with.",
    Scope.READ_TEMPLATES: "See templates, and fetch Meta's list anew.",
    Scope.READ_MESSAGES: "Read messages, their texts and files.",
    Scope.READ_CONVERSATIONS: "See who talks with you, and until when you may answer; no texts.",
    Scope.MANAGE_WEBHOOKS: "See what your endpoints were told, and have it told again.",
}
T = TypeVar("T", bound=Described)
_AGAIN = {codes.Kind.RETRY: "yes", codes.Kind.WAIT: "wait"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an endpoint that is no error: its fields, and an example as text."""

    status: str
    words: str
    fields: list[Field]
    example: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An endpoint as the page shows it. `errors` are (status, title, code, fix); `examples` texts by name.

    `scope` None: any valid key, or of an endpoint for operators no key at all.
    """

    endpoint: Described
    summary: str
    scope: str | None
    parameters: list[Field]
    request: list[Field]
    examples: Mapping[str, str]
    answers: list[Answer]
    errors: list[tuple[int, str, str, str]]
    samples: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints that belong together."""

    name: str
    words: str
    entries: list[Entry]


def render(endpoints: Sequence[Described], document: Mapping[str, Any], assets: Mapping[str, str]) -> str:
    """Write /docs."""
    first = next(one for one in endpoints if one.id == "send_otp")
    keyed = [one for one in endpoints if not isinstance(one, Operated)]
    operated = [one for one in endpoints if isinstance(one, Operated)]
    return _PAGES.get_template("docs.html").render(
        assets=assets,
        server=document["servers"][0]["url"],
        version=document["info"]["version"],
        groups=groups(keyed, document),
        operators=groups(operated, document),
        operator_token=samples.TOKEN,
        first=_samples(first, document["servers"][0]["url"]),
        scopes=scopes(endpoints),
        events=[(kind, _event(kind, document), samples.pretty(one)) for kind, one in TOLD.events.items()],
        signatures=TOLD.signatures,
    )


def render_errors(assets: Mapping[str, str]) -> str:
    """Write /docs/errors."""
    return _PAGES.get_template("errors.html").render(
        assets=assets,
        errors=[(code, status, title, remedy(code)) for code, (status, title) in CATALOGUE.items()],
        fields=TOLD.fields,
        meta=[_of_meta(key, one) for key, one in codes.TABLE.items()],
    )


def groups(endpoints: Sequence[Described], document: Mapping[str, Any]) -> list[Group]:
    """Give the groups of these endpoints in the order of the document."""
    words = {tag["name"]: tag["description"] for tag in document["tags"]}
    found: dict[str, list[Entry]] = {}
    for one in in_order(endpoints):
        found.setdefault(operations.tag(one), []).append(entry(one, document))
    return [Group(name, words[name], entries) for name, entries in found.items()]


def entry(endpoint: Described, document: Mapping[str, Any]) -> Entry:
    """Lay out one endpoint."""
    operation = document["paths"][endpoint.route][endpoint.method.lower()]
    components = document["components"]["schemas"]
    body = operation.get("requestBody", {}).get("content", {})
    told: Mapping[str, Any] = next(iter(body.values()), {})
    return Entry(
        endpoint=endpoint,
        summary=operation["summary"],
        scope=operation.get("x-required-scope"),
        parameters=fields.of_parameters([one for one in operation["parameters"] if "name" in one]),
        request=fields.of_schema(told["schema"], components) if told else [],
        examples={name: samples.pretty(one["value"]) for name, one in told.get("examples", {}).items()},
        answers=[_answer(status, one, components) for status, one in operation["responses"].items() if status < "4"],
        errors=[(*CATALOGUE[code], code, remedy(code).fix) for code in problems.codes(endpoint)],
        samples=_samples(endpoint, document["servers"][0]["url"]),
    )


def scopes(endpoints: Sequence[T]) -> list[tuple[str, str, list[T]]]:
    """Give each scope, what it is for, and the endpoints that need it."""
    return [(str(one), words, [e for e in endpoints if e.scope is one]) for one, words in SCOPES.items()]


def _answer(status: str, told: Mapping[str, Any], components: Mapping[str, Any]) -> Answer:
    content = told.get("content", {}).get("application/json", {})
    shown = samples.pretty(content["example"]) if "example" in content else None
    found = fields.of_schema(content["schema"], components) if content else []
    return Answer(status, told["description"], found, shown)


def _samples(endpoint: Described, server: str) -> Mapping[str, str]:
    path = endpoint.route
    for name, words in endpoint.parameters.items():
        path = path.replace("{" + name + "}", operations.sample(name, words))
    return samples.write(
        Call(
            endpoint.method,
            server + path,
            body=next(iter(endpoint.examples.values()), None),
            upload=endpoint.upload,
            file=endpoint.response is bytes,
            idempotent=endpoint.idempotent,
            operator=isinstance(endpoint, Operated),
        )
    )


def _event(kind: str, document: Mapping[str, Any]) -> tuple[str, str, list[Field]]:
    schema = document["components"]["schemas"][kind]
    told = "always" if kind in receivers.DEFAULT_TYPES else "if asked for"
    inside = fields.of_schema(schema["properties"]["data"], document["components"]["schemas"])
    return schema["description"], told, inside


def _of_meta(key: codes.Key, one: codes.Explanation) -> tuple[str, str, str, str]:
    code, subcode = key
    return f"{code}/{subcode}" if subcode else str(code), one.meaning, one.fix, _AGAIN.get(one.kind, "no")


def _keyed(text: str) -> Markup:
    """Mark where the reader's key goes, so that the page can put it in without it leaving the browser."""
    mark = Markup('<span class="key">{}</span>').format(samples.KEY)
    return mark.join(escape(part) for part in text.split(samples.KEY))


_PAGES = Environment(
    loader=PackageLoader("quixess.api.reference"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {"prose": prose.html, "keyed": _keyed}
