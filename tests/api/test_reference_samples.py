"""The samples of the reference page are run as they stand, in every language whose runtime is found."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quixess import api
from quixess.api import openapi
from quixess.api.manage import MANAGEMENT
from quixess.api.openapi import Described, operations
from quixess.api.reference import page, samples
from quixess.api.reference.samples import Call
from tests.api.past import Past, live
from tests.world import World, serving

RUN: dict[str, tuple[str, str, Sequence[str]]] = {
    "curl": ("sh", "sample.sh", ["sh"]),
    "Python": ("python3", "sample.py", ["python3"]),
    "Node.js": ("node", "sample.cjs", ["node"]),
    "PHP": ("php", "sample.php", ["php"]),
    "Go": ("go", "sample.go", ["go", "run"]),
}
SHOWN = {"send_otp": '"accepted"|accepted', "list_messages": "Hi there", "replay_webhook_event": "pending"}
languages = pytest.mark.parametrize(
    "language", [pytest.param(one, marks=[pytest.mark.slow] if one == "Go" else []) for one in samples.LANGUAGES]
)
ENV = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
AWKWARD = {
    "it's": "a \\ \"quoted\" ünï 'text'",
    "none": None,
    "yes": True,
    "list": [1, 2.5, {}, []],
    "deep": {"a": ["b"] * 30},
}


def needed(language: str) -> None:
    program = "curl" if language == "curl" else RUN[language][0]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: the samples in {language} were NOT run")


def run(language: str, text: str, folder: Path) -> str:
    """Run a sample and give what it printed."""
    _, name, command = RUN[language]
    (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [*command, name], cwd=folder, env=os.environ | ENV, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def sample(world: World, endpoint: api.Endpoint, language: str, past: Past) -> str:
    """Give a sample with the key of the reader, and ids of things that exist."""
    text = page.entry(endpoint, openapi.document(api.ENDPOINTS, world.url)).samples[language]
    for name, words in endpoint.parameters.items():
        shown = operations.sample(name, words)
        text = text.replace(shown, (past.known.get(shown[:3]) or [shown])[0])
    return text.replace(samples.KEY, world.key)


@languages
@pytest.mark.parametrize("endpoint_id", list(SHOWN))
async def test_a_sample_does_what_it_shows(world: World, tmp_path: Path, language: str, endpoint_id: str) -> None:
    needed(language)
    past = await live(world)
    endpoint = next(one for one in api.ENDPOINTS if one.id == endpoint_id)

    printed = await asyncio.to_thread(run, language, sample(world, endpoint, language, past), tmp_path)

    assert re.search(SHOWN[endpoint_id], printed), printed


@languages
async def test_a_file_goes_up_and_comes_down_again(world: World, tmp_path: Path, language: str) -> None:
    needed(language)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(500) + b"\xff\xd9")
    upload, get = (next(one for one in api.ENDPOINTS if one.id == name) for name in ("upload_media", "get_media"))

    printed = await asyncio.to_thread(run, language, sample(world, upload, language, Past({})), tmp_path)
    (shown,) = re.findall(r"med_\w{26}", printed)
    (tmp_path / "down").mkdir()
    await asyncio.to_thread(run, language, sample(world, get, language, Past({"med": [shown]})), tmp_path / "down")

    (found,) = [one for one in (tmp_path / "down").iterdir() if one.name != RUN[language][1]]
    assert found.read_bytes() == (tmp_path / "photo.jpg").read_bytes()


@languages
async def test_an_awkward_body_arrives_as_it_is(tmp_path: Path, language: str) -> None:
    needed(language)
    got: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.json_response({})

    async with serving(take, "/") as url:
        text = samples.write(Call("POST", f"{url}/", body=AWKWARD))[language]
        await asyncio.to_thread(run, language, text, tmp_path)

    assert got == [AWKWARD]


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="gofmt is not installed: the Go samples were NOT checked")
def test_the_go_samples_are_formatted_as_go_is(tmp_path: Path) -> None:
    every: list[Described] = [*api.ENDPOINTS, *openapi.for_operators(MANAGEMENT)]
    document = openapi.document(every, "https://wa.shop.example")
    for endpoint in every:
        (tmp_path / f"{endpoint.id}.go").write_text(
            page.entry(endpoint, document).samples["Go"] + "\n", encoding="utf-8"
        )

    told = subprocess.run(["gofmt", "-l", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
