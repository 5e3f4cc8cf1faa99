"""Presets break no rule, and are made one's own."""

import pytest

from quixess.templates.linting import lint
from quixess.templates.presets import PRESETS, App, adapt
from tests.docs import pages


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_breaks_no_rule(preset: str) -> None:
    assert lint(PRESETS[preset].draft) == []


def test_a_preset_gets_a_name_a_language_and_apps() -> None:
    made = adapt(PRESETS["otp_zero_tap"], name="ours", language="de", apps=[App("com.ours", "B" * 11)])

    assert (made.name, made.language, lint(made)) == ("ours", "de", [])
    (button,) = made.components[-1]["buttons"]
    assert button["supported_apps"] == [{"package_name": "com.ours", "signature_hash": "B" * 11}]
    assert button["zero_tap_terms_accepted"] is True


def test_apps_change_only_what_needs_them() -> None:
    made = adapt(PRESETS["delivery"], name=None, language=None, apps=[App("com.ours", "B" * 11)])

    assert made == PRESETS["delivery"].draft


def test_every_preset_is_in_the_documentation() -> None:
    listed = pages.rows(pages.section("docs/templates.md", "## Presets"))

    assert [(row[0].strip("`"), row[1]) for row in listed] == [(one.id, one.draft.category) for one in PRESETS.values()]
