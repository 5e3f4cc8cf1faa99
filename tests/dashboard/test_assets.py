"""The files of pages: for ever in a browser's cache, small on the wire, and all there."""

import gzip
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from quixess.dashboard import assets
from quixess.dashboard.assets import Assets
from tests.house.source import ROOT
from tests.world import World

OURS = {"app.css", "app.js", "icons.svg", "favicon.svg"}
OWN_SCRIPT = 25 * 1024


async def test_a_file_is_kept_for_ever_under_an_address_of_its_content(world: World):
    url = Assets().url("app.css")

    answer = await world.call("GET", url, key="", headers={"Accept-Encoding": "gzip"})

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_takes_no_gzip_gets_none(world: World):
    answer = await world.call("GET", Assets().url("app.js"), key="", headers={"Accept-Encoding": "identity"})

    assert "Content-Encoding" not in answer.headers
    assert answer.body == Assets()._files["app.js"].body


async def test_nobody_keeps_a_file_that_was_asked_for_under_the_address_of_another_version(world: World):
    answer = await world.call("GET", "/static/0123456789ab/app.css", key="")

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["nothing.css", "vendor/.stamp", "../page.py", "..%2fpage.py"])
async def test_nothing_else_is_served(world: World, name: str):
    answer = await world.call("GET", f"/static/0123456789ab/{name}", key="")

    assert answer.status == 404


def test_every_icon_that_a_template_names_is_drawn():
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (assets.FOLDER / "icons.svg").read_text()))
    texts = [path.read_text() for path in (assets.FOLDER.parent / "templates").rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'icon\("([\w-]+)"', text)}
    from_python = (assets.FOLDER.parent / "navigation.py").read_text()
    named |= set(re.findall(r'Item\("[^"]+", "[^"]+", "([\w-]+)"', from_python))

    assert named <= drawn


def test_our_script_stays_small():
    assert (assets.FOLDER / "app.js").stat().st_size <= OWN_SCRIPT


def test_the_files_that_the_build_brings_are_there():
    there = Assets().names

    assert set(there) >= OURS | {"vendor/htmx.js", "vendor/hx-sse.js", "vendor/hx-upsert.js", "vendor/fonts.css"}, (
        "Run `python hatch_build.py`: it fetches them with npm."
    )


def test_the_lock_does_not_say_where_packages_come_from():
    lock = (ROOT / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == 3


@pytest.mark.slow
def test_a_wheel_holds_the_files_that_git_does_not(tmp_path: Path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {f"quixess/dashboard/static/{name}" for name in Assets().names} <= names
    assert "quixess/dashboard/templates/base.html" in names
    assert "quixess/dashboard/static/vendor/htmx.LICENSE" in names


def test_packed_files_unpack_to_themselves():
    file = Assets()._files["app.css"]
    packed = file.packed

    assert packed is not None
    assert gzip.decompress(packed) == file.body


def test_files_are_sent_without_what_is_for_who_works_on_them(tmp_path: Path):
    (tmp_path / "a.css").write_text("/* Why\n   so. */\na { color: red; }\n  b { top: 0; } /* here */\n")
    (tmp_path / "a.js").write_text('// Why\nconst url = "http://x"; // kept\n  // so\n  go(url);\n')
    files = Assets(tmp_path)._files

    assert files["a.css"].body.split() == b"a { color: red; } b { top: 0; }".split()
    assert files["a.js"].body == b'const url = "http://x"; // kept\ngo(url);\n'
