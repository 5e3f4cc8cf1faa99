"""The samples that check Standard Webhooks without a library, and the one that knows an event again, are run."""

import base64
import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quixess.database import ids
from quixess.events import envelope
from tests.docs import pages
from tests.docs.test_samples import BODY, OTHER, SECRET, python, runtime, verdicts

PAGE = "docs/events.md"
Case = tuple[str, str, dict[str, str], bool]
NODE = """
for (const [secret, body, headers] of JSON.parse(require("fs").readFileSync(0))) {
  console.log(check(secret, Buffer.from(body, "base64"), headers));
}
"""
PHP = """
foreach (json_decode(file_get_contents('php://stdin'), true) as [$secret, $body, $headers]) {
    echo check($secret, base64_decode($body), $headers) ? "true\\n" : "false\\n";
}
"""
GO = """
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

func main() {
	var cases []struct {
		Secret  string
		Body    []byte
		Headers map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for _, one := range cases {
		header := http.Header{}
		for name, value := range one.Headers {
			header.Set(name, value)
		}
		fmt.Println(check(one.Secret, one.Body, header))
	}
}
"""


def signed(*secrets: str, age_s: float = 0) -> dict[str, str]:
    """The headers of an event as a server sees them, names in lower case."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    headers = envelope.sign(BODY, event_id=ids.new(), kind="message.received", at=at, secrets=secrets)
    return {name.lower(): value for name, value in headers.items()}


def cases() -> list[Case]:
    """Give what is to be accepted and what is not: (secret, body in base64, headers, verdict)."""
    body, right = base64.b64encode(BODY).decode(), signed(SECRET)
    rotated = signed(OTHER, SECRET)
    spoilt = [
        right | {"webhook-id": ids.show("evt", ids.new())},
        right | {"webhook-timestamp": str(int(right["webhook-timestamp"]) + 1)},
        right | {"webhook-timestamp": "soon"},
        right | {"webhook-timestamp": "9" * 40},
        right | {"webhook-signature": right["webhook-signature"].removeprefix("v1,")},
        right | {"webhook-signature": right["webhook-signature"][:-2]},
        right | {"webhook-signature": "v1,é"},
        right | {"webhook-signature": ""},
        signed(OTHER),
        signed(SECRET, age_s=600),
        signed(SECRET, age_s=-600),
        *({name: value for name, value in right.items() if name != gone} for gone in right if "webhook" in gone),
        {},
    ]
    return [
        (SECRET, body, right, True),
        (SECRET, body, rotated, True),
        (OTHER, body, rotated, True),
        (SECRET, body, signed(SECRET, age_s=240), True),
        (SECRET, base64.b64encode(BODY + b" ").decode(), right, False),
        (OTHER, body, right, False),
        *((SECRET, body, headers, False) for headers in spoilt),
    ]


def wanted(tried: list[Case]) -> list[str]:
    return [str(verdict).lower() for *_, verdict in tried]


def test_the_node_sample_for_standard_webhooks_tells_right_from_wrong(tmp_path: Path) -> None:
    node, tried = runtime("node", "Node.js"), cases()
    script = tmp_path / "check.cjs"
    script.write_text(pages.block(PAGE, "js", "check(") + NODE, encoding="utf-8")

    assert verdicts([node, str(script)], tried) == wanted(tried)


def test_the_php_sample_for_standard_webhooks_tells_right_from_wrong(tmp_path: Path) -> None:
    php, tried = runtime("php", "PHP"), cases()
    script = tmp_path / "check.php"
    script.write_text("<?php\n" + pages.block(PAGE, "php", "check(") + PHP, encoding="utf-8")

    assert verdicts([php, str(script)], tried) == wanted(tried)


@pytest.mark.slow  # a first `go run` compiles the standard library
def test_the_go_sample_for_standard_webhooks_tells_right_from_wrong(tmp_path: Path) -> None:
    go, tried = runtime("go", "Go"), cases()
    (tmp_path / "check.go").write_text(pages.block(PAGE, "go", "check("), encoding="utf-8")
    (tmp_path / "main.go").write_text(GO, encoding="utf-8")
    env = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off"}

    command = [go, "run", str(tmp_path / "main.go"), str(tmp_path / "check.go")]
    named = [{"Secret": secret, "Body": body, "Headers": headers} for secret, body, headers, _ in tried]
    assert verdicts(command, named, env) == wanted(tried)


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="gofmt is not installed: the Go samples were NOT checked")
@pytest.mark.parametrize("holding", ["func verify(", "func check("])
def test_the_go_samples_are_formatted_as_go_is(holding: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.go"
    sample.write_text(pages.block(PAGE, "go", holding), encoding="utf-8")

    assert verdicts(["gofmt", "-l", str(sample)], None) == []


def test_an_event_that_came_twice_is_known_again() -> None:
    is_new = python(PAGE, "def is_new(")["is_new"]
    database = sqlite3.connect(":memory:")

    assert [is_new(database, one) for one in ("evt_1", "evt_2", "evt_1")] == [True, True, False]
    database.rollback()
    assert is_new(database, "evt_1") is True
    database.close()
