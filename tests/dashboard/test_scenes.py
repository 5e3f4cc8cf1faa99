"""The sweeps of tests/browser see every page: one with something in its address has a place that stands for it."""

import re

from quixess import dashboard
from quixess.dashboard.page import PUBLIC
from tests.browser import scenes


def test_every_address_with_something_in_it_has_a_place():
    asked = {
        name: page.path
        for page in dashboard.PAGES
        if page.method == "GET" and page.title and page.permission is not PUBLIC
        for name in re.findall(r"\{(\w+)\}", page.path)
    }

    assert {name: path for name, path in asked.items() if name not in scenes.PLACES} == {}, "add it to scenes.places"
