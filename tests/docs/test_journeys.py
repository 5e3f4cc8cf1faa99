"""The three journeys, block by block against a live gateway: what a reader copies does what the page says."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from quixess.access import Scope
from tests.docs import pages
from tests.hostile import twins
from tests.messages import hooks
from tests.world import PHONE, World, eventually

SIGNUP, BACKEND, SUPPORT = (f"docs/journeys/{name}.md" for name in ("signup-service", "tenant-backend", "support-tool"))
SILENT, FAILING = "+15550100009", "+15550100001"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00" + bytes(100)


@dataclass
class Reader:
    """Somebody who copies the blocks of a page into a shell, one after the other."""

    world: World
    page: str
    folder: Path
    key: str
    put_in: dict[str, str] = field(default_factory=dict)
    run: set[str] = field(default_factory=set)

    async def sh(self, holding: str) -> list[Any]:
        """Run the block that holds a text; gives the JSON that each of its commands printed."""
        block = pages.block(self.page, "sh", holding)
        self.run.add(block)
        setup = pages.block(self.page, "sh", "export BASE")
        script = f"set -e\n{setup}\n{block}" if block != setup else block
        printed = await self._shell(self._filled(script))
        return list(_documents(printed))

    async def command(self, holding: str) -> str:
        """Run a `quixess …` command of the page in the installation of the test."""
        block = pages.block(self.page, "sh", holding)
        self.run.add(block)
        return (await self._shell(self._filled(block))).strip()

    def python(self, holding: str) -> dict[str, Any]:
        """Run a block of Python and give its names."""
        names: dict[str, Any] = {}
        block = pages.block(self.page, "python", holding)
        self.run.add(block)
        exec(block, names)
        return names

    def assert_read_whole(self) -> None:
        everything = [*pages.blocks(self.page, "sh"), *pages.blocks(self.page, "python")]
        left = [block for block in everything if block not in self.run and "export BASE" not in block]
        assert not left, left

    def _filled(self, script: str) -> str:
        known = {
            "http://127.0.0.1:8800": self.world.url,
            "qxs_YOUR_KEY": self.key,
            ".venv/bin/quixess": f"{sys.executable} -m quixess",
            "--brand Demo": "--brand Bordercart",
        }
        for old, new in known.items():
            script = script.replace(old, new)
        return script.replace("curl ", "curl -sS ")

    async def _shell(self, script: str) -> str:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("QUIXESS_")}
        environ |= {"QUIXESS_DATABASE_URL": self.world.dsn, "QUIXESS_DATA_DIR": str(self.world.settings.data_dir)}
        environ |= {"PYTHONPATH": str(pages.ROOT / "src")} | self.put_in
        shell = await asyncio.create_subprocess_exec(
            "sh", "-c", script, cwd=self.folder, env=environ,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, trouble = await shell.communicate()
        assert shell.returncode == 0, (out.decode(), trouble.decode())
        return out.decode()


def _documents(printed: str) -> list[Any]:
    found, at, decoder = [], 0, json.JSONDecoder()
    while (at := printed.find("{", at)) >= 0:
        document, at = decoder.raw_decode(printed, at)
        found.append(document)
    return found


@pytest.fixture
def reads(world: World, tmp_path: Path) -> Callable[..., Any]:
    """Open a page with a key of some scopes."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: the journeys were NOT run")
    folder = tmp_path / "reader"
    folder.mkdir()

    async def reader(page: str, *scopes: Scope) -> Reader:
        return Reader(world, page, folder, await world.mint(*scopes))

    return reader


# The signup service -----------------------------------------------------------------------------------------------


async def test_a_signup_service_sends_codes_with_a_key_that_can_do_nothing_else(
    world: World, reads: Callable[..., Any]
) -> None:
    reader = await reads(SIGNUP, Scope.SEND_OTP)
    reader.key = (await reader.command("key create")).splitlines()[0]
    first, again = [await reader.sh("send/otp") for _ in range(2)]
    assert first == again
    assert first[0]["status"] == "accepted"
    assert len(await world.sends()) == 1

    send_code, base = reader.python("def send_code(")["send_code"], world.url + "/api/v1/whatsapp/external"

    async def sent(to: str, signup_id: str) -> Any:
        return await asyncio.to_thread(send_code, base, reader.key, to, "482913", signup_id=signup_id, tries=1)

    assert await sent(PHONE, "s-1") == "sent"
    assert await sent(PHONE, "s-1") == "sent"
    assert len(await world.sends()) == 2
    assert await sent("12818184370", "s-2") == "wrong_number"
    assert await sent("+493012345678", "s-3") == "wrong_number"  # the key sends to one country
    await world.meta.lever("faults", {"outcome": "131026"})
    assert await sent(PHONE, "s-4") == "refused"
    await world.meta.lever("faults", {"outcome": "reset_after_accept"})
    await world.meta.lever("settings", {"sent_ms": 5000})
    assert await sent(PHONE, "s-5") == "unconfirmed"
    with pytest.raises(RuntimeError, match="invalid_api_key"):
        await asyncio.to_thread(send_code, base, reader.key[:-1] + "-", PHONE, "482913", signup_id="s-6")
    other = await world.call("GET", "/api/v1/whatsapp/external/messages", key=reader.key)
    assert other.status == 403
    reader.python("class Codes")
    reader.assert_read_whole()


async def test_a_signup_service_falls_back_once_for_each_code_that_does_not_arrive(
    world: World, reads: Callable[..., Any]
) -> None:
    reader = await reads(SIGNUP, Scope.SEND_OTP)
    fallen: list[str] = []
    codes = reader.python("class Codes")["Codes"](fallen.append)
    for to in (PHONE, FAILING, SILENT):
        assert (await world.send_otp(to, metadata={"signup_id": to}, key=reader.key)).status == 200
        codes.sent(to, at=0.0)
    await eventually(lambda: world.receiver.of_type("message.delivered") and world.receiver.of_type("message.failed"))
    for event in world.receiver.events * 2:
        codes.hear(event)
    assert fallen == [FAILING]
    codes.look(now=44.0)
    codes.look(now=46.0)
    codes.look(now=47.0)
    assert fallen == [FAILING, SILENT]


# The tenant's backend ---------------------------------------------------------------------------------------------

BACKENDS = (Scope.SEND_TEMPLATE, Scope.READ_TEMPLATES, Scope.READ_MESSAGES, Scope.MANAGE_WEBHOOKS)


async def test_a_tenants_backend_sends_hears_reads_and_replays(world: World, reads: Callable[..., Any]) -> None:
    reader = await reads(BACKEND, *BACKENDS)
    await world.meta.lever("faults", {"outcome": "never_read"})  # so that there is one event, and it
    world.receiver.answers += [500] * 8  # finds the server down, in each of its attempts
    (me,) = await reader.sh('"$BASE/me"')
    assert sorted(me["scopes"]) == sorted(BACKENDS)
    listed, one = await reader.sh("category=UTILITY")
    assert [template["name"] for template in listed["data"]] == ["order_update"]
    assert {part["name"] for part in one["parameters"]["body"]} == {"1", "2"}
    first, again = [await reader.sh("Idempotency-Key: order-A-1042-shipped") for _ in range(2)]
    assert first == again
    assert len(await world.sends()) == 1
    (wrong,) = await reader.sh('"body": ["Frank"]')
    assert (wrong["code"], wrong["details"]["missing"]) == ("template_parameters", ["body.2"])

    await hooks.rest(world)
    (found,) = await reader.sh("metadata[order]=A-1042")
    assert [message["id"] for message in found["data"]] == [first[0]["id"]]
    history = reader.python("def history(")["history"]
    base = world.url + "/api/v1/whatsapp/external"
    everything = await asyncio.to_thread(lambda: list(history(base, reader.key, direction="outbound")))
    assert [message["id"] for message in everything] == [first[0]["id"]]

    failed, job = await reader.sh("webhook-events/replay")
    assert failed["data"], "the receiver was down"
    assert job["job_id"].startswith("rpl_")
    await eventually(lambda: {event["id"] for event in failed["data"]} <= _told(world))
    events: dict[str, str] = {}
    orders: dict[str, str] = {}
    take = reader.python("def take(")["take"]
    await hooks.rest(world)
    news = [take(event, events, orders) for event in world.receiver.events]
    assert sum(news) == len(events)
    assert orders == {"A-1042": "delivered"}
    reader.assert_read_whole()


def _told(world: World) -> set[str]:
    """The ids of the events that came after the receiver was back."""
    return {event["id"] for event in world.receiver.events[8:]}


# The support tool -------------------------------------------------------------------------------------------------

SUPPORTS = (Scope.READ_CONVERSATIONS, Scope.READ_MESSAGES, Scope.REPLY, Scope.SEND_TEMPLATE)


async def test_a_support_tool_reads_answers_and_sends_files(world: World, reads: Callable[..., Any]) -> None:
    reader = await reads(SUPPORT, *SUPPORTS)
    await world.customer_says(
        "My parcel is late"
    )  # heard before the next is said: Meta's clock knows whole seconds only
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 1)
    await world.customer_says("Anybody there?")
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 2)
    (inbox,) = await reader.sh("unread=true")
    (conversation,) = inbox["data"]
    assert (conversation["unread_count"], conversation["window"]["open"]) == (2, True)

    reader.put_in["CONVERSATION"] = conversation["id"]
    one, thread = await reader.sh("order=desc")
    assert one["id"] == conversation["id"]
    assert [message["content"]["body"] for message in thread["data"]] == ["Anybody there?", "My parcel is late"]
    (hits,) = await reader.sh("q=parcel lat*")
    assert [message["content"]["body"] for message in hits["data"]] == ["My parcel is late"]

    reader.put_in["MESSAGE"] = hits["data"][0]["id"]
    first, again = [await reader.sh("ticket-77-answer-1") for _ in range(2)]
    assert first == again
    assert first[0]["reply_to"] == hits["data"][0]["wa_message_id"]
    assert (await reader.sh("unread=true"))[0]["data"] == []

    reader.put_in["FILE"] = await _file_of(world)
    await reader.sh("-o photo.bin")
    assert (reader.folder / "photo.bin").read_bytes().startswith(b"\x89PNG")
    (reader.folder / "label.png").write_bytes(PNG)
    (uploaded,) = await reader.sh("file=@label.png")
    reader.put_in["UPLOADED"] = uploaded["id"]
    (sent,) = await reader.sh("$UPLOADED")
    assert (sent["status"], sent["type"]) == ("accepted", "image")
    assert [send["type"] for send in await world.sends() if send["type"] != "template"] == ["text", "image"]
    reader.python("def answer(")
    reader.assert_read_whole()


async def _file_of(world: World) -> str:
    """A file that a customer sent; gives its id here."""
    async with twins.settled(world) as (ours, _):
        return ours.values["med"]


async def test_a_support_tool_answers_by_a_template_when_the_window_is_closed(
    world: World, reads: Callable[..., Any]
) -> None:
    reader = await reads(SUPPORT, *SUPPORTS)
    answer, base = reader.python("def answer(")["answer"], world.url + "/api/v1/whatsapp/external"
    otherwise = {"template_name": "order_update", "variables": {"body": ["Frank", "A-1042"]}}

    async def answered() -> Any:
        return await asyncio.to_thread(answer, base, reader.key, PHONE, "It left today.", otherwise=otherwise)

    assert (await answered())["type"] == "template"
    await world.customer_says("Thanks!")
    await eventually(lambda: world.receiver.of_type("message.received"))
    assert (await answered())["type"] == "text"
    await world.rows("UPDATE conversation SET window_until = now() - interval '1 minute'")
    assert (await answered())["type"] == "template"
