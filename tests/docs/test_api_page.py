"""docs/api.md and what the gateway shows at /docs are made from the same sources, and are up to date."""

import re

from quixess import api
from quixess.access import Scope
from quixess.api import openapi
from quixess.api.manage import MANAGEMENT
from quixess.api.reference import page
from quixess.api.told import TOLD
from quixess.errors import CATALOGUE
from tests.docs import pages, writing

AGAIN = "Run `make docs` and commit what it changed."


def test_what_the_gateway_tells_is_what_the_pages_say() -> None:
    assert writing.TOLD.read_text(encoding="utf-8") == writing.told(), AGAIN


def test_the_page_of_the_api_is_that_of_the_table_of_routes() -> None:
    assert pages.read("docs/api.md") == writing.api_page(), AGAIN


def test_the_page_of_the_dashboard_has_the_table_of_roles() -> None:
    assert pages.read("docs/dashboard.md") == writing.dashboard_page(), AGAIN


def test_every_error_is_told() -> None:
    assert list(TOLD.errors) == list(CATALOGUE)


def test_every_endpoint_and_every_scope_is_listed() -> None:
    listed = pages.rows(pages.section("docs/api.md", "# The API").partition("\n## ")[0])
    scopes = pages.rows(pages.section("docs/api.md", "## Who is calling"))

    shown = {(f"`{writing.shown(one)}`", writing.needs(one)) for one in api.ENDPOINTS}
    assert {(re.findall(r"\[(`.+`)\]", row[0])[0], row[1]) for row in listed} == shown
    assert [row[0] for row in scopes] == [f"`{scope}`" for scope in page.SCOPES]
    assert set(page.SCOPES) == set(Scope)


def test_the_twelve_are_twelve() -> None:
    assert sum(endpoint.counted for endpoint in api.ENDPOINTS) == 12


def test_every_endpoint_is_described_with_its_fields_and_its_errors() -> None:
    document = openapi.document(api.ENDPOINTS, "http://127.0.0.1:8800")

    for endpoint in api.ENDPOINTS:
        told = pages.section("docs/api.md", f"### {writing.shown(endpoint)}")
        entry = page.entry(endpoint, document)
        rows = {row[0] for row in pages.rows(told)}
        assert {f"`{field.name}`" for field in (*entry.parameters, *entry.request)} <= rows
        assert set(re.findall(r"errors\.md#(\w+)\)", told)) == set(endpoint.errors)


def test_every_management_endpoint_is_listed_and_described_apart() -> None:
    endpoints = openapi.for_operators(MANAGEMENT)
    document = openapi.document(endpoints, writing.SERVER)
    apart = pages.section("docs/api.md", "## For operators")

    listed = [re.findall(r"\[`(.+)`\]", row[0]) for row in pages.rows(apart.partition("\n### ")[0])]
    assert listed == [[writing.shown(one)] for one in endpoints]
    for endpoint in endpoints:
        assert f"\n### {writing.shown(endpoint)}\n" in apart
        told = pages.section("docs/api.md", f"### {writing.shown(endpoint)}")
        entry = page.entry(endpoint, document)
        rows = {row[0] for row in pages.rows(told)}
        assert {f"`{field.name}`" for field in (*entry.parameters, *entry.request)} <= rows
        assert set(re.findall(r"errors\.md#(\w+)\)", told)) == set(endpoint.errors)
        assert "operator token" in told
        assert "scope" not in told


def test_the_scopes_of_the_glossary_are_those_of_the_keys() -> None:
    text = " ".join(pages.read("docs/glossary.md").split())

    assert [f"`{scope}`" for scope in Scope if f"`{scope}`" not in text] == []
