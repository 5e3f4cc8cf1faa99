"""The samples are run: in Python always, in other languages where their runtime is found."""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from quixess import access
from quixess.database import ids, migrate
from quixess.database.core import Database
from quixess.events import envelope
from quixess.idempotency import read_header
from tests.docs import pages
from tests.world import CODE, PHONE, World

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()
BODY = '{"id":"evt_1","data":{"content":{"body":"ünïcode / @ 😀"}}}'.encode()


def signed_now() -> dict[str, str]:
    """Headers of this very moment: what is older than five minutes is refused."""
    return envelope.sign(BODY, event_id=ids.new(), kind="message.received", at=datetime.now(UTC), secrets=[SECRET])


SIGNATURE = signed_now()["X-Quixess-Signature-256"]
# (secret, body, signature, verdict)
CASES = [
    (SECRET, BODY, SIGNATURE, True),
    (OTHER, BODY, SIGNATURE, False),
    (SECRET, BODY + b" ", SIGNATURE, False),
    (SECRET, BODY, SIGNATURE[:-1], False),
    (SECRET, BODY, SIGNATURE.removeprefix("sha256="), False),
    (SECRET, BODY, "é", False),
    (SECRET, BODY, "", False),
]
NODE = """
for (const [secret, body, signature] of JSON.parse(require("fs").readFileSync(0))) {
  console.log(verify(secret, Buffer.from(body, "base64"), signature));
}
console.log(verify("", Buffer.from(""), undefined));
"""
PHP = """
foreach (json_decode(file_get_contents('php://stdin')) as [$secret, $body, $signature]) {
    echo verify($secret, base64_decode($body), $signature) ? "true\\n" : "false\\n";
}
echo verify('', '', null) ? "true\\n" : "false\\n";
"""
GO = """
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var cases []struct {
		Secret, Signature string
		Body              []byte
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for _, one := range cases {
		fmt.Println(verify(one.Secret, one.Body, one.Signature))
	}
	fmt.Println(verify("", nil, ""))
}
"""


def python(page: str, holding: str) -> dict[str, Any]:
    """Run a block of Python and give its names."""
    names: dict[str, Any] = {}
    exec(pages.block(page, "python", holding), names)
    return names


def runtime(program: str, wanted: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: the sample in {wanted} was NOT run")
    return found


def verdicts(command: list[str], cases: Any, env: dict[str, str] | None = None) -> list[str]:
    done = subprocess.run(
        command, input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


WANTED = [str(verdict).lower() for *_, verdict in CASES] + ["false"]
ENCODED = [(secret, base64.b64encode(body).decode(), signature) for secret, body, signature, _ in CASES]


def test_the_python_sample_tells_right_from_wrong() -> None:
    verify = python("docs/events.md", "def verify(")["verify"]

    assert [verify(secret, body, signature) for secret, body, signature, _ in CASES] == [case[3] for case in CASES]
    assert verify(SECRET, BODY, None) is False


def test_the_sample_for_standard_webhooks_reads_what_is_right_and_raises_else() -> None:
    read = python("docs/events.md", "def read(")["read"]
    headers = {name.lower(): value for name, value in signed_now().items()}

    assert read(SECRET, BODY, headers)["data"]["content"]["body"] == "ünïcode / @ 😀"
    with pytest.raises(Exception, match="No matching signature"):
        read(OTHER, BODY, headers)


def test_the_node_sample_tells_right_from_wrong(tmp_path: Path) -> None:
    node = runtime("node", "Node.js")
    script = tmp_path / "verify.cjs"
    script.write_text(pages.block("docs/events.md", "js", "verify(") + NODE, encoding="utf-8")

    assert verdicts([node, str(script)], ENCODED) == WANTED


def test_the_php_sample_tells_right_from_wrong(tmp_path: Path) -> None:
    php = runtime("php", "PHP")
    script = tmp_path / "verify.php"
    script.write_text("<?php\n" + pages.block("docs/events.md", "php", "verify(") + PHP, encoding="utf-8")

    assert verdicts([php, str(script)], ENCODED) == WANTED


@pytest.mark.slow  # a first `go run` compiles the standard library
def test_the_go_sample_tells_right_from_wrong(tmp_path: Path) -> None:
    go = runtime("go", "Go")
    (tmp_path / "verify.go").write_text(pages.block("docs/events.md", "go", "verify("), encoding="utf-8")
    (tmp_path / "main.go").write_text(GO, encoding="utf-8")
    cases = [{"Secret": secret, "Body": body, "Signature": signature} for secret, body, signature in ENCODED]
    env = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off"}

    command = [go, "run", str(tmp_path / "main.go"), str(tmp_path / "verify.go")]
    assert verdicts(command, cases, env) == WANTED


def test_the_shell_sample_tells_right_from_wrong(tmp_path: Path) -> None:
    shell, _ = runtime("sh", "a shell"), runtime("openssl", "openssl")
    script, body = tmp_path / "verify.sh", tmp_path / "body"
    script.write_text(pages.block("docs/events.md", "sh", "verify()") + 'verify "$@"\n', encoding="utf-8")

    for secret, told, signature, verdict in CASES:
        body.write_bytes(told)
        done = subprocess.run([shell, str(script), secret, str(body), signature], timeout=120, check=False)
        assert (done.returncode == 0) is verdict


async def test_the_python_sender_sends_and_tries_again_with_the_same_key(world: World) -> None:
    send_otp = python("docs/api.md", "def send_otp(")["send_otp"]
    await world.meta.lever("faults", {"outcome": "130429", "count": 1})

    message = await asyncio.to_thread(send_otp, world.url, world.key, PHONE, CODE)

    assert message["status"] == "accepted"
    assert len(await world.sends()) == 1


async def test_the_python_sender_gives_a_refusal_to_its_caller(world: World) -> None:
    names = python("docs/api.md", "def send_otp(")

    with pytest.raises(names["urllib"].error.HTTPError) as refused:
        await asyncio.to_thread(names["send_otp"], world.url, world.key, "12818184370", CODE)
    with refused.value:
        assert refused.value.code == 400


def test_a_scanner_finds_our_keys_and_knows_them_from_others() -> None:
    shape = pages.block("SECURITY.md", "", "qx[st]_").strip()
    is_key = python("SECURITY.md", "def is_key(")["is_key"]

    for secret in [access.make_secret() for _ in range(50)] + [access.make_secret(test=True)]:
        changed = secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:]
        assert re.fullmatch(shape, secret)
        assert (is_key(secret), is_key(changed)) == (True, False)
    assert access.well_formed(access.make_secret().encode())


@pytest.mark.parametrize("key", ["7c4a8d09-ca37-4d1b-a5b3-9f8e2c1d4e6f", "first-message"])
def test_the_keys_of_the_samples_are_good_ones(key: str) -> None:
    assert any(f"Idempotency-Key: {key}" in pages.read(page) for page in ("README.md", "docs/api.md"))
    assert read_header(key) == key


async def test_a_database_made_by_hand_as_the_page_tells_is_enough(server: str, made: Callable[[str], None]) -> None:
    name = f"docs_{uuid4().hex[:8]}"
    made(name)
    script = pages.block("docs/operations.md", "sql", "GRANT quixess_writer")
    connection = await asyncpg.connect(server)
    for statement in re.sub(r"\bquixess\b", name, script).split(";")[:-1]:
        try:
            await connection.execute(statement)
        except asyncpg.DuplicateObjectError:  # the two roles belong to the server, where other tests made them
            assert "quixess_" in statement
    await connection.close()

    dsn = re.sub(r"//\w+@/\w+", f"//{name}@/{name}", server)
    assert await migrate.run(dsn) == sorted(path.name for path in migrations())
    db = await Database.open(dsn, writers=1, readers=1)
    async with db.transaction() as tx:
        brand = await access.create_brand(tx, "Bordercart")
    async with db.reading(brand.id) as tx:
        assert await tx.rows("SELECT id FROM message") == []
    await db.close()


async def test_a_user_who_may_not_make_roles_is_told_which_page_to_read(
    server: str, made: Callable[[str], None]
) -> None:
    name = f"docs_{uuid4().hex[:8]}"
    made(name)
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE ROLE {name} LOGIN")
    await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    await connection.close()

    with pytest.raises(migrate.MigrationError, match=r"docs/operations\.md"):
        await migrate.run(re.sub(r"//\w+@/\w+", f"//{name}@/{name}", server))


def migrations() -> list[Path]:
    return list((pages.ROOT / "src" / "quixess" / "database" / "migrations").glob("*.sql"))


@pytest.fixture
def server() -> str:
    return os.environ["QUIXESS_TESTS_SERVER"]


@pytest.fixture
async def made(server: str) -> Any:
    """Note a role and its database, to be dropped after the test."""
    names: list[str] = []
    yield names.append
    connection = await asyncpg.connect(server)
    for name in names:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"DROP ROLE IF EXISTS {name}")
    await connection.close()
