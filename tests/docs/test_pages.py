"""The pages name everything that there is, and nothing that there is not."""

import re
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest
import typer.main

from quixess import api, cli, settings
from quixess.api.send.otp import OtpBody
from quixess.cli import upkeep
from quixess.errors import CATALOGUE
from quixess.events import directory, endpoints, health, listing, replays, trials, windows, wishes
from quixess.events.delivery import _JITTER
from quixess.meta import codes
from quixess.settings import Settings
from tests.docs import pages
from tests.house.source import PACKAGE

AGAIN = {codes.Kind.RETRY: "yes", codes.Kind.WAIT: "wait"}


@pytest.mark.parametrize("page", pages.PAGES, ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}, which is not there."
        assert not anchor or anchor in pages.anchors(target), f"{page.name} links to {link}, which has no such heading."


def test_every_error_is_explained_once_with_its_status_and_title() -> None:
    found = re.findall(r"^### (\w+)\n\n(\d+) · (.+)\n\n- \*Cause\*: .+\n- \*Fix\*: .+\n- \*Again\*: .+$",
                       pages.read("docs/errors.md"), re.MULTILINE)  # fmt: skip

    assert found == [(code, str(status), title) for code, (status, title) in CATALOGUE.items()]


def test_every_error_of_an_endpoint_stands_in_the_page_of_the_api() -> None:
    told = set(re.findall(r"\(errors\.md#(\w+)\)", pages.section("docs/api.md", "### Errors")))

    assert {code for endpoint in api.ENDPOINTS for code in endpoint.errors} <= told
    for status, listed, _ in pages.rows(pages.section("docs/api.md", "### Errors")):
        assert {CATALOGUE[code][0] for code in re.findall(r"`(\w+)`", listed)} == {int(status)}


def test_every_code_of_meta_is_explained_in_the_words_of_the_table() -> None:
    told = pages.rows(pages.section("docs/errors.md", "## Meta's codes"))

    known = [
        [f"{code}/{subcode}" if subcode else str(code), one.meaning, one.fix, AGAIN.get(one.kind, "no")]
        for (code, subcode), one in codes.TABLE.items()
    ]
    defaults = [
        [name, codes.explain(code).meaning, codes.explain(code).fix, "no"]
        for name, code in (("200-299", 250), ("any other", 999_999))
    ]
    assert told == known + defaults


def test_every_code_of_a_field_is_listed() -> None:
    source = "".join((PACKAGE / "api" / f"{name}.py").read_text(encoding="utf-8") for name in ("body", "query"))
    used = set(re.findall(r'(?:invalid\([^"]*|_blame\([^"]*|r"[^"]*", )"(\w+)"', source))
    told = {code for row in pages.rows(pages.section("docs/errors.md", "## Codes of fields"))
            for code in re.findall(r"`(\w+)`", row[0])}  # fmt: skip

    assert {"required", "too_long", "pattern", "unknown_field"} <= used
    assert used | {"invalid_phone"} == told


def test_every_setting_is_listed_with_its_default() -> None:
    told = pages.rows(pages.section("docs/operations.md", "## Settings"))

    assert told == [
        [f"`{settings.variable(item.name)}`", _default(item.name), item.metadata["expects"], item.metadata["says"]]
        for item in fields(Settings)
    ]


def test_every_setting_that_a_page_names_exists() -> None:
    known = {settings.variable(item.name) for item in fields(Settings)}
    known |= {f"{settings.variable(item.name)}_FILE" for item in fields(Settings) if item.metadata["secret"]}

    for page in pages.PAGES:
        assert set(re.findall(r"QUIXESS_[A-Z_]+[A-Z]", page.read_text(encoding="utf-8"))) <= known, page.name


def test_every_command_is_in_the_readme() -> None:
    told = [row[0] for row in pages.rows(pages.section("README.md", "## Commands"))]

    assert sorted(told) == sorted([*_commands(), *_targets()])


def test_every_option_that_the_readme_names_exists() -> None:
    for command, says in pages.rows(pages.section("README.md", "## Commands")):
        if "quixess" in command:
            known = _options(command.strip("`").split()[1:])
            assert set(re.findall(r"--[a-z-]+", says)) <= known, command


def test_every_command_that_a_page_names_exists() -> None:
    groups = {command.strip("`").split()[1] for command in _commands()}

    for page in pages.PAGES:
        text = page.read_text(encoding="utf-8")
        for name, under in re.findall(r"(?:^|`|bin/)quixess ([a-z]+)(?: ([a-z-]+))?", text, re.MULTILINE):
            assert name in groups, f"{page.name}: quixess {name}"
            if f"`quixess {name}`" not in _commands():
                assert f"`quixess {name} {under}`" in _commands(), f"{page.name}: quixess {name} {under}"


def test_every_make_target_that_a_page_names_exists() -> None:
    for page in pages.PAGES:
        named = re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert {f"`make {name}`" for name in named} <= set(_targets()), page.name


def test_every_failpoint_is_listed() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    told = [row[0].strip("`") for row in pages.rows(pages.section("docs/operations.md", "## Failpoints"))]

    assert sorted(told) == sorted(set(re.findall(r'failpoints\.reach\("([\w.]+)"\)', source)))


def test_every_alarm_is_a_line_that_the_log_can_hold() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))

    for row in pages.rows(pages.section("docs/operations.md", "## Logs")):
        for line in re.findall(r"`([^`]+)`", row[0]):
            assert f'"{line}"' in source, line


def test_every_field_of_a_send_is_listed_with_its_limits() -> None:
    schema = msgspec.json.schema(OtpBody)["$defs"]["OtpBody"]
    told = {row[0].strip("`"): row for row in pages.rows(pages.section("docs/api.md", "### Request"))}

    assert list(told) == list(schema["properties"])
    for name, field in schema["properties"].items():
        assert (told[name][2] == "yes") == (name in schema["required"]), name
        limits: dict[str, int] = next((one for one in field.get("anyOf", [field]) if one.get("type") == "string"), {})
        numbers = {str(limits[limit]) for limit in ("minLength", "maxLength") if limit in limits}
        assert numbers <= set(re.findall(r"\d+", told[name][3])), name


def test_the_ladder_in_words_is_the_ladder_of_the_settings() -> None:
    ladder = Settings().retry_ladder
    hours, rest = divmod(int(sum(ladder)), 3600)
    text = " ".join(pages.section("docs/events.md", "## When you do not answer 2xx").split())

    assert list(ladder) == [1, 5, 30, 2 * 60, 10 * 60, 3600, 6 * 3600]
    assert "at once, then after 1 s, 5 s, 30 s, 2 min, 10 min, 1 h and 6 h" in text
    assert f"**{len(ladder) + 1} attempts over {hours} h {rest // 60} m {rest % 60} s**" in text
    assert f"Each wait is up to {_JITTER * 100:.0f} % shorter or longer" in text


def test_every_type_of_event_stands_in_the_catalogue_with_its_section_and_its_schema() -> None:
    table = pages.rows(pages.section("docs/events.md", "# Events").partition("\n## ")[0])
    when = dict.fromkeys(endpoints.DEFAULT_TYPES, "always") | dict.fromkeys(endpoints.EXTRA_TYPES, "if asked for")
    told = {row[0].strip("[`").partition("`")[0]: (row[2], row[3]) for row in table}

    assert told == {
        kind: (how, f"[JSON](../src/quixess/events/schemas/{kind}.json)")
        for kind, how in (when | {trials.TYPE: "to that endpoint"}).items()
    }
    sections = re.findall(r"^### ([a-z]+\.[a-z_]+)$", pages.read("docs/events.md"), re.MULTILINE)
    assert sorted(sections) == sorted(told)


def test_the_numbers_of_the_page_of_events_are_those_of_the_source() -> None:
    text = " ".join(pages.read("docs/events.md").split())

    assert f"up to {directory.MOST_ENDPOINTS} endpoints" in text
    assert f"{trials.MOST_A_MINUTE} a minute at most" in text.replace("five", "5")
    assert f"{windows._TRIP_AFTER} attempts in a row failed" in text
    assert f"after {health._TOLD_AFTER} [probes]" in text.replace("three", "3")
    assert f"every {health.LONGEST_PROBE_WAIT_S / 60:.0f} minutes at the latest" in text
    assert f"## How long events are kept {Settings().event_days} days" in text.replace("### ", "## ")
    assert f"You have {Settings().delivery_timeout:.0f} seconds" in text
    assert (
        f"1 to {wishes.MOST_STEPS}, up to {wishes.LONGEST_STEP_S / 3600:.0f} h each and "
        f"{wishes.LONGEST_SCHEDULE_S / 86_400:.0f} days in all"
    ) in text
    assert f"up to {directory.LONGEST_OVERLAP.days} days" in text
    assert f"may start {replays.MOST_A_MINUTE} jobs a minute" in text
    assert f"test its endpoints {trials.MOST_A_MINUTE} times" in text
    assert f"looks at {listing.LOOK:,} events at most" in text


def _default(name: str) -> str:
    value = getattr(Settings(), name)
    shown = "-" if value is None else upkeep._show(value)
    return shown if shown == "-" else f"`{shown}`"


def _commands() -> list[str]:
    app = typer.main.get_command(cli.app)
    found = []
    for name, command in app.commands.items():  # type: ignore[attr-defined]
        under = getattr(command, "commands", None)
        found += [f"`quixess {name} {one}`" for one in under] if under else [f"`quixess {name}`"]
    return found


def _options(words: list[str]) -> set[str]:
    command = typer.main.get_command(cli.app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in parameter.opts}


def _targets() -> list[str]:
    return [f"`make {name}`" for name in re.findall(r"^([a-z-]+):.*## ", pages.read("Makefile"), re.MULTILINE)]
