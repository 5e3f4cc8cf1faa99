"""docs/simulator.md is true: every lever has its row, every example works, every setting its default."""

import json
import re

import msgspec
import pytest
from starlette.routing import Route

from quixess.simulator import World, build, outcomes
from quixess.simulator.model import MediaFault, Settings
from tests.docs import pages
from tests.simulator import driving
from tests.simulator.driving import DIGITS, Receiver, Simulator

PAGE = "docs/simulator.md"
CURLS = re.findall(r"^curl -s \$SIMULATOR/_sim/(\S+)(?: -d '(.*)')?$", pages.read(PAGE), re.MULTILINE)
TYPED = pages.block(PAGE, "json", '"type": "sticker"').splitlines()


def test_every_lever_has_its_row() -> None:
    table = pages.rows(pages.section(PAGE, "## Levers").partition("\n### ")[0])
    told = {(method, path) for call, _ in table for path in re.findall(r"/_sim/\S+?(?=`)", call)
            for method in re.findall(r"GET|POST", call)}  # fmt: skip
    ours = {
        (method, route.path)
        for route in build(World.create()).routes
        if isinstance(route, Route) and route.path.startswith("/_sim")
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert told == ours


def test_every_setting_is_told_with_its_default() -> None:
    rows = pages.rows(pages.section(PAGE, "### Settings"))
    told = {
        name.strip("` "): json.loads(default.strip("` "))
        for names, defaults, _ in rows
        for name, default in zip(names.split(","), defaults.split(","), strict=True)
    }
    assert told == msgspec.to_builtins(Settings())


def test_every_outcome_is_told() -> None:
    told = " ".join(row[0] for row in pages.rows(pages.section(PAGE, "### Outcomes")))
    assert set(outcomes.names()) <= set(re.findall(r"`(\w+)`", told))


def test_every_fault_of_a_download_is_told() -> None:
    faults = msgspec.json.schema(MediaFault)["$defs"]["MediaFault"]["properties"]["fault"]["enum"]
    assert set(faults) <= set(re.findall(r"`(\w+)`", pages.section(PAGE, "### Files")))


@pytest.mark.parametrize("line", TYPED)
async def test_a_message_of_the_page_can_be_sent(simulator: Simulator, receiver: Receiver, line: str) -> None:
    body = json.loads(await _with_ids(simulator, line))
    wamid = await simulator.writes(body)
    await receiver.until_posts(1)
    (message,) = receiver.changes()[0]["value"]["messages"]
    assert (message["id"], message["type"]) == (wamid, body["type"])


@pytest.mark.parametrize(("path", "body"), CURLS, ids=lambda part: part[:60])
async def test_a_call_of_the_page_is_answered(simulator: Simulator, path: str, body: str) -> None:
    given = json.loads(await _with_ids(simulator, body)) if body else None
    assert await simulator.lever(path, given)


async def _with_ids(simulator: Simulator, text: str) -> str:
    """Put the ids of a message and of a file in the place of `$WAMID` and `$MEDIA`."""
    await simulator.lever("faults", {"outcome": "no_status"})
    await simulator.send(driving.otp(DIGITS))
    wamid = (await simulator.lever("sends"))["data"][0]["wamid"]
    file = await simulator.lever("media", {"mime_type": "image/png", "data_base64": "iVBORw0KGgo="})
    return text.replace("$WAMID", wamid).replace("$MEDIA", file["id"])
