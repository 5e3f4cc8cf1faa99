"""/docs and /docs/errors: pages that need no JavaScript, break no policy, and show the host of their reader."""

import asyncio
import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from quixess import api
from quixess.access import Scope
from quixess.api import openapi, prose
from quixess.api.manage import MANAGEMENT
from quixess.api.openapi import Described, Operated
from quixess.api.reference import page, samples
from quixess.errors import CATALOGUE
from quixess.events.endpoints import KNOWN_TYPES
from quixess.meta import codes
from tests.world import Answer, World

VOID = {"meta", "link", "input", "img", "br", "hr"}
OPERATED = openapi.for_operators(MANAGEMENT)
EVERY: list[Described] = [*api.ENDPOINTS, *OPERATED]
endpoints = pytest.mark.parametrize("endpoint", EVERY, ids=lambda one: one.id)
pages = pytest.mark.parametrize("path", ["/docs", "/docs/errors"])


@dataclass
class Html(HTMLParser):
    """A page taken apart: its tags in order, what stands in it as text, and what is wrong with its nesting."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"line {self.getpos()[0]}: </{tag}>")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def ids(self) -> list[str]:
        return [str(attrs["id"]) for _, attrs in self.tags if "id" in attrs]

    def values(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.tags if name in attrs]


def parse(answer: Answer) -> Html:
    assert answer.status == 200
    html = Html()
    html.feed(answer.body.decode())
    html.close()
    return html


async def load(world: World, path: str, **headers: str) -> Answer:
    return await world.call("GET", path, key="", headers=headers)


@pages
async def test_a_page_is_whole_html_with_every_id_once(world: World, path: str) -> None:
    html = parse(await load(world, path))

    assert html.faults == []
    assert html.open == []
    assert sorted(set(html.ids)) == sorted(html.ids)


@pages
async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_of_its_own(world: World, path: str) -> None:
    answer = await load(world, path)

    html = parse(answer)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert [attrs for tag, attrs in html.tags if tag == "script" and "src" not in attrs] == []
    assert [tag for tag, _ in html.tags if tag in {"style", "iframe", "object", "embed", "form", "base"}] == []
    assert [name for _, attrs in html.tags for name in attrs if name == "style" or name.startswith("on")] == []
    assert [link for link in html.values("href") + html.values("src") if not link.startswith(("/", "#"))] == []


@pages
async def test_every_link_of_a_page_leads_somewhere(world: World, path: str) -> None:
    html = parse(await load(world, path))
    known: dict[str, list[str]] = {"": html.ids}

    for link in sorted(set(html.values("href") + html.values("src"))):
        target, _, anchor = link.partition("#")
        if target not in known:
            answer = await load(world, target)
            assert answer.status == 200, link
            known[target] = parse(answer).ids if "html" in answer.headers["Content-Type"] else []
        assert not anchor or anchor in known[target], link


async def test_what_a_page_loads_is_kept_for_ever_and_of_its_kind(world: World) -> None:
    html = parse(await load(world, "/docs"))
    assets = sorted({link for link in html.values("href") + html.values("src") if link.startswith("/docs/assets/")})

    kinds = []
    for path in assets:
        answer = await load(world, path)
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        kinds.append(answer.headers["Content-Type"].partition(";")[0])
    assert sorted(kinds) == ["image/svg+xml", "text/css", "text/javascript"]
    assert (await load(world, "/docs/assets/reference.css")).status == 404


async def test_a_page_that_is_known_is_not_sent_again(world: World) -> None:
    first = await load(world, "/docs")

    again = await load(world, "/docs", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_the_samples_have_the_host_of_the_reader(world: World) -> None:
    own = await load(world, "/docs")
    other = await load(world, "/docs", Host="wa.shop.example:8443", **{"X-Forwarded-Proto": "https"})

    assert f"{world.url}/api/v1/whatsapp/external/send/otp" in "".join(parse(own).texts)
    assert "https://wa.shop.example:8443/api/v1/whatsapp/external/send/otp" in "".join(parse(other).texts)
    assert world.url not in "".join(parse(other).texts)


@pytest.mark.parametrize("host", ["a'b", 'a"b', "<b>", "a b", "a/b", "x$(id)", "a`id`", "a\\b", "a;b"])
async def test_a_host_that_could_break_out_of_a_sample_is_refused(world: World, host: str) -> None:
    assert (await load(world, "/docs", Host=host)).status == 400


@endpoints
async def test_an_endpoint_expands_to_all_there_is_to_know(world: World, endpoint: Described) -> None:
    html = parse(await load(world, "/docs"))
    document = openapi.document(EVERY, world.url)

    shown = "".join(html.texts)
    entry = page.entry(endpoint, document)
    assert endpoint.id in html.ids
    assert list(entry.samples) == list(samples.LANGUAGES)
    for text in [*entry.samples.values(), *entry.examples.values()]:
        assert text in shown
    for one in [*entry.parameters, *entry.request, *(row for answer in entry.answers for row in answer.fields)]:
        assert one.name in html.texts
    assert {code for _, _, code, _ in entry.errors} <= set(html.texts)


@pytest.mark.parametrize("endpoint", OPERATED, ids=lambda one: one.id)
def test_the_samples_for_operators_show_their_token_and_no_key(endpoint: Operated) -> None:
    entry = page.entry(endpoint, openapi.document(EVERY, "https://wa.shop.example"))

    for text in entry.samples.values():
        assert f"Bearer {samples.TOKEN}" in text
        assert samples.KEY not in text
        assert "X-API-Key" not in text
        assert "https://wa.shop.example/api/v1/whatsapp/brands/brd_" in text
        assert "{id}" not in text


async def test_what_is_for_operators_stands_apart_after_all_that_is_for_keys(world: World) -> None:
    ids = parse(await load(world, "/docs")).ids

    apart = ids.index("operators")
    assert {one.id for one in OPERATED} <= set(ids[apart:])
    assert {one.id for one in api.ENDPOINTS} <= set(ids[:apart])


async def test_the_page_shows_every_scope_and_every_event(world: World) -> None:
    html = parse(await load(world, "/docs"))

    assert {str(scope) for scope in Scope} <= set(html.texts)
    assert set(page.SCOPES) == set(Scope)
    assert {f"event-{kind}" for kind in KNOWN_TYPES} <= set(html.ids)


async def test_every_error_has_its_anchor_its_cause_and_its_fix(world: World) -> None:
    html = parse(await load(world, "/docs/errors"))

    assert set(CATALOGUE) <= set(html.ids)
    assert {f"meta-{code}" + (f"-{subcode}" if subcode else "") for code, subcode in codes.TABLE} <= set(html.ids)


async def test_the_type_of_an_error_leads_to_its_explanation(world: World) -> None:
    refused = (await world.send_otp("12818184370")).json

    path, _, anchor = refused["type"].partition("#")
    assert anchor in parse(await load(world, path)).ids


def test_what_a_description_says_never_becomes_a_tag() -> None:
    written = prose.html("<b> `<i>` [<u>](errors.md#x) **<s>** [x](javascript:alert) *a*")

    link = '<a href="/docs/errors#x">&lt;u&gt;</a>'
    assert written == f"&lt;b&gt; <code>&lt;i&gt;</code> {link} <strong>&lt;s&gt;</strong> x <em>a</em>"
    assert prose.plain("`a` [b](c.md) **d**") == "a b d"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed: the page's script was NOT checked")
async def test_the_script_of_the_page_is_javascript(world: World, tmp_path: Path) -> None:
    html = parse(await load(world, "/docs"))
    (source,) = [src for src in html.values("src") if src.endswith(".js")]
    script = tmp_path / "reference.js"
    script.write_bytes((await load(world, source)).body)

    checked = await asyncio.create_subprocess_exec("node", "--check", str(script))
    assert await checked.wait() == 0


def test_the_style_closes_what_it_opens() -> None:
    style = Path(page.__file__).parent / "assets" / "reference.css"
    text = re.sub(r'"[^"]*"', "", style.read_text(encoding="utf-8"))

    assert text.count("{") == text.count("}")
    assert "url(" not in text
    assert "@import" not in text
