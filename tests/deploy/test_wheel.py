"""The package: built from a clean copy and installed elsewhere, it works whole, with no Node and no network."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quixess import __version__
from tests.house.source import ROOT

pytestmark = pytest.mark.slow

VENDOR = "src/quixess/dashboard/static/vendor"
READY_S = 90.0
NOWHERE = {"PIP_NO_INDEX": "1", "npm_config_registry": "http://127.0.0.1:1/", "SOURCE_DATE_EPOCH": "1800000000"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that the user of the embedded PostgreSQL can reach, with a PATH in it that has neither Node nor npm."""
    folder = Path(tempfile.mkdtemp(prefix="quixess-wheel-")).resolve()
    folder.chmod(0o755)
    (folder / "bin").mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).glob("*"):
            if not re.match(r"(node|npm|npx|corepack)", program.name) and not (folder / "bin" / program.name).exists():
                (folder / "bin" / program.name).symlink_to(program.resolve())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def built(home: Path) -> Path:
    """The wheel and the sdist, as `make wheel` builds them."""
    return build(home, copy(home / "one"), home / "dist")


def copy(folder: Path) -> Path:
    """Copy what git would commit, and the browser files that `make` brought."""
    said = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(said, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / VENDOR, folder / VENDOR)
    return folder


def build(home: Path, source: Path, dist: Path, *what: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(dist), *what]
    env = dict(os.environ) | NOWHERE | {"PATH": str(home / "bin")}
    done = subprocess.run(command, cwd=source, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dist


def only(folder: Path, kind: str) -> Path:
    (found,) = folder.glob(kind)
    return found


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_same_source_makes_the_same_bytes(home: Path, built: Path) -> None:
    again = build(home, copy(home / "two"), home / "dist-two")

    for kind in ("*.whl", "*.tar.gz"):
        assert only(again, kind).name.startswith(f"quixess-{__version__}")
        assert only(again, kind).read_bytes() == only(built, kind).read_bytes()


def test_the_sdist_makes_the_same_wheel_without_npm_and_network(home: Path, built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        archive.extractall(home / "sdist", filter="data")

    again = build(home, only(home / "sdist", "quixess-*"), home / "dist-three", "-t", "wheel")

    assert contents(only(again, "*.whl")) == contents(only(built, "*.whl"))


def test_a_source_without_the_browser_files_is_not_built_and_the_fix_is_told(home: Path) -> None:
    source = copy(home / "bare")
    shutil.rmtree(source / VENDOR)
    env = dict(os.environ) | NOWHERE | {"PATH": str(home / "bin")}

    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(home / "dist-bare"), "-t", "wheel"],
        cwd=source,
        env=env,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "Install Node.js, or mend pip's way." in done.stderr
    assert not (source / VENDOR).exists()


@pytest.fixture(scope="module")
def installed(home: Path, built: Path) -> Path:
    """A fresh environment with the wheel, and what it depends on from the one that runs this; gives the program."""
    venv.create(home / "venv", with_pip=False)
    python = home / "venv" / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    done = subprocess.run([*command, str(only(built, "*.whl"))], env=dict(os.environ) | NOWHERE, check=False)
    assert done.returncode == 0
    packages = only(home / "venv" / "lib", "python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")  # its own .pth files are not read
    return home / "venv" / "bin" / "quixess"


def test_the_installed_program_tells_its_version(home: Path, installed: Path) -> None:
    env = {"PATH": str(home / "bin")}
    said = subprocess.run([installed, "--version"], cwd=home, env=env, check=True, capture_output=True, text=True)

    assert said.stdout.strip() == __version__


@contextmanager
def up(home: Path, program: Path) -> Iterator[str]:
    """Run `quixess up` in an empty folder, and give the gateway's address."""
    folder = home / "empty"
    folder.mkdir()
    ready = folder / "ready.json"
    env = {"PATH": str(home / "bin"), "QUIXESS_PORT": "0", "QUIXESS_SIMULATOR_PORT": "0", "LANG": "C.UTF-8"}
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [program, "up", "--ready-file", str(ready)], cwd=folder, env=env, stdout=log, stderr=log
        )
        try:
            ends = time.monotonic() + READY_S
            while not ready.exists() and child.poll() is None and time.monotonic() < ends:
                time.sleep(0.1)
            assert ready.exists(), (folder / "log").read_text()
            yield json.loads(ready.read_text())["base_url"]
            child.terminate()
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()


def get(url: str) -> tuple[int, str]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.status, answer.read().decode(errors="replace")


def test_what_is_installed_serves_its_pages_whole(home: Path, installed: Path) -> None:
    with up(home, installed) as url:
        for path in ("/app", "/docs", "/docs/errors", "/openapi.json", "/livez"):
            status, page = get(url + path)
            assert status == 200, path
            for name in set(re.findall(r'(?:src|href)="(/(?:static|docs/assets)/[^"]+)"', page)):
                assert get(url + name)[0] == 200, name
        page = get(f"{url}/app")[1]
        assert {"htmx.js", "fonts.css"} <= set(re.findall(r"/vendor/([\w.-]+)\"", page))
        assert json.loads(get(f"{url}/openapi.json")[1])["info"]["version"] == __version__
