"""What is installed is what was reviewed: every requirement is pinned, hashed and named without an address."""

import re
import tomllib

import pytest

from tests.house.source import ROOT

FILES = ("run.txt", "dev.txt", "bench.txt", "build.txt", "node.txt")
PIN = re.compile(
    r"(?P<name>[a-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==(?P<version>[^\s;]+)(?: ; [^\\]+?)?(?: --hash=sha256:[0-9a-f]{64})+"
)


def unpinned(text: str) -> list[str]:
    """List the requirements that are not exactly a name, a version, perhaps a marker, and hashes."""
    logical = text.replace("\\\n", " ").splitlines()
    lines = [re.sub(r"\s+", " ", line).strip() for line in logical]
    return [line for line in lines if line and not line.startswith("#") and not PIN.fullmatch(line)]


def pins(text: str) -> dict[str, str]:
    """Map names to versions."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


def read(name: str) -> str:
    return (ROOT / "requirements" / name).read_text()


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_and_hashed(name):
    assert unpinned(read(name)) == [], f"Run `make lock`; requirements/{name} is not written by hand."


@pytest.mark.parametrize("name", FILES)
def test_no_requirement_says_where_it_comes_from(name):
    assert re.findall(r"\S*://\S*|^\s*-\S+|^.* @ .*", read(name).replace("    --hash", "hash"), re.MULTILINE) == []


def test_developers_run_what_users_run():
    run, dev = pins(read("run.txt")), pins(read("dev.txt"))

    assert {name: dev.get(name) for name in run} == run, "Run `make lock`: it compiles both files together."


def test_benches_run_what_developers_run():
    dev, bench = pins(read("dev.txt")), pins(read("bench.txt"))

    assert {name: bench.get(name) for name in dev} == dev, "Run `make lock`: it compiles the files together."


def test_every_dependency_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = {"run.txt": project["project"]["dependencies"], "dev.txt": groups["dev"], "bench.txt": groups["bench"]}
    wanted |= {"build.txt": groups["build"], "node.txt": groups["node"]}

    for name, specifiers in wanted.items():
        names = {re.split(r"[\[<>=!~; ]", specifier, maxsplit=1)[0].lower() for specifier in specifiers}
        assert names <= set(pins(read(name))), f"Run `make lock`: requirements/{name} lacks a dependency."


HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "starlette",
        "starlette==1.10.0",
        f"starlette>=1.10.0 {HASH}",
        f"starlette @ https://127.0.0.1/starlette.whl {HASH}",
        f"-e . {HASH}",
        "starlette==1.10.0 --hash=md5:00",
    ],
)
def test_the_rule_notices(text):
    assert unpinned(text) == [text]


def test_the_rule_lets_pass():
    text = f"uvloop==0.23.0 ; sys_platform != 'win32' \\\n    {HASH} \\\n    {HASH}\n# why\nidna==3.20 \\\n    {HASH}\n"

    assert unpinned(text) == []
