"""An installation whose processes a test may kill, and the world around them that lives on.

The simulated Meta and the tenant's receiver run in the test; the gateways are `python -m quixess serve --work`, and
are started again on the port they had.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from quixess import settings as settings_of
from quixess import simulator
from quixess.cli import demo, ground
from quixess.cli.demo import Demo
from quixess.cli.ground import Ground
from quixess.events import directory
from tests.processes import Program
from tests.simulator import driving
from tests.world import CODE, OTP, PHONE, Answer, Receiver, eventually, listening

QUICK = {
    "QUIXESS_HOST": "127.0.0.1",
    "QUIXESS_PORT": "0",
    "QUIXESS_WEBHOOK_HTTP": "1",
    "QUIXESS_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "QUIXESS_SEND_TIMEOUT": "1",
    "QUIXESS_SEND_LEASE": "1.5",
    "QUIXESS_OTP_PER_RECIPIENT": "1000000/1m",
    "QUIXESS_UNKNOWN_AFTER": "2",
    "QUIXESS_UNKNOWN_WAIT": "0.2",
    "QUIXESS_DELIVERY_TIMEOUT": "1",
    "QUIXESS_DELIVERY_LEASE": "1.5",
    "QUIXESS_RETRY_LADDER": "0.1,0.1,0.2,0.4,0.8,1.6,3.2",
    "QUIXESS_LOG_LEVEL": "warning",
}


@dataclass
class Site:
    """One installation: a brand connected to the simulated Meta, a tenant who listens, and two processes to kill.

    `answers`, `written` and `scripted` are for the judge: what was promised to the tenant, what customers wrote, and
    what Meta was made to tell.
    """

    on: Ground
    meta: driving.Simulator
    receiver: Receiver
    http: aiohttp.ClientSession
    demo: Demo
    first: Program
    second: Program
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    scripted: list[tuple[str, str]] = field(default_factory=list)

    async def open(self, *, fail_at: str | None = None) -> None:
        """Start the first process and send Meta's webhooks there."""
        await self.first.start(fail_at=fail_at)
        await demo.subscribe(self.on, self.meta.base_url, self.first.url)

    async def open_two(self, *, fail_at: str | None = None) -> None:
        """Start both; Meta's webhooks go to the second, and the first may fall."""
        await asyncio.gather(self.first.start(fail_at=fail_at), self.second.start())
        await demo.subscribe(self.on, self.meta.base_url, self.second.url)

    async def restart(self, fallen_at: str | None = None) -> None:
        """Start the first process again: after its fall, or by killing it here and now."""
        await (self.first.falls(fallen_at) if fallen_at else self.first.kill())
        await self.first.start()

    async def send(self, key: str, *, at: Program | None = None, to: str = PHONE, code: str = CODE) -> Answer | None:
        """Send a code under an Idempotency-Key and note the answer; None when the connection broke instead."""
        return await self.order(OTP, {"to": to, "code": code, "template_name": "signup_otp"}, key, at=at)

    async def order(
        self, path: str, body: dict[str, Any], key: str, *, at: Program | None = None, api_key: str | None = None
    ) -> Answer | None:
        """Send anything under an Idempotency-Key and note the answer; None when the connection broke instead."""
        headers = {"X-API-Key": api_key or self.demo.full_key, "Idempotency-Key": key}
        answer = await self.call("POST", path, at=at, json=body, headers=headers)
        if answer is not None:
            self.answers.setdefault(key, []).append(answer)
        return answer

    async def call(self, method: str, path: str, *, at: Program | None = None, **more: Any) -> Answer | None:
        """Call a gateway; None when the connection broke."""
        try:
            async with self.http.request(method, (at or self.first).url + path, **more) as got:
                said = {name.lower(): text for name, text in got.headers.items()}
                return Answer(got.status, said, await got.read())
        except (aiohttp.ClientError, OSError):
            return None

    async def statuses_until(self, status: int, key: str, **where: Any) -> list[int]:
        """Ask with the same key again until it is answered with `status`; tell what was answered, without repeats."""
        seen: list[int] = []

        async def asked() -> bool:
            answer = await self.send(key, **where)
            if answer is not None and answer.status not in seen[-1:]:
                seen.append(answer.status)
            return answer is not None and answer.status == status

        await eventually(asked)
        return seen

    async def customer_says(self, text: str, phone: str = PHONE) -> str:
        """Write a text on the simulated phone; Meta tells it until it is answered 200."""
        path = f"phones/{phone.removeprefix('+')}/messages"
        self.written.append(str((await self.meta.lever(path, {"text": text, "name": "Frank"}))["wamid"]))
        return self.written[-1]

    async def sends(self) -> list[dict[str, Any]]:
        """The simulated Meta's ledger: every send it accepted."""
        found: list[dict[str, Any]] = (await self.meta.lever("sends"))["data"]
        return found

    async def fault(self, outcome: str, count: int = 1) -> None:
        """Let Meta's next sends go another way."""
        await self.meta.lever("faults", {"outcome": outcome, "count": count})

    async def meta_tells(self, send: Mapping[str, Any], status: str) -> None:
        """Let Meta tell one status of one of its sends, once; it must be answered 200."""
        entry = {
            "id": send["wamid"],
            "status": status,
            "timestamp": "1790000000",
            "recipient_id": send["to"].removeprefix("+"),
            "biz_opaque_callback_data": send["opaque"],
        }
        await self._told_once(send["wamid"], status, statuses=[entry])

    async def meta_hands_over(self, wamid: str, text: str) -> None:
        """Let Meta hand over a customer's message, once; it must be answered 200."""
        message = {"from": PHONE[1:], "id": wamid, "timestamp": "1790000000", "type": "text", "text": {"body": text}}
        contact = {"profile": {"name": "Frank"}, "wa_id": PHONE[1:]}
        await self._told_once(wamid, "received", contacts=[contact], messages=[message])

    async def _told_once(self, wamid: str, status: str, **content: Any) -> None:
        number = {name: self.meta.world[name] for name in ("display_phone_number", "phone_number_id")}
        value = {"messaging_product": "whatsapp", "metadata": number} | content
        self.scripted.append((wamid, status))
        assert (await self.meta.lever("webhooks", {"field": "messages", "value": value}))["status"] == 200

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.on.db.statement() as tx:
            return await tx.rows(sql, *arguments)

    async def value(self, sql: str, *arguments: Any) -> Any:
        """The first column of the only row."""
        (row,) = await self.rows(sql, *arguments)
        return row[0]


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """This process's environment with no setting of Quixess but the quick ones and `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUIXESS_")}
    return kept | QUICK | {"QUIXESS_DATA_DIR": str(data_dir)} | more


@asynccontextmanager
async def site_over(
    dsn: str,
    data_dir: Path,
    *,
    command: tuple[str, ...] = ("serve", "--work"),
    settings: Mapping[str, str] | None = None,
    seed: int | None = None,
) -> AsyncIterator[Site]:
    """Build a site over a database. `command` and `settings` are its two processes', which are not started yet.

    The simulated Meta has the same ids and secrets for the same `seed`.
    """
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(listening())
        meta = await stack.enter_async_context(driving.running(simulator.Options(settings=driving.QUICK, seed=seed)))
        # An old connection would die with the process it led to; every request here opens its own.
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)))
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        given = {"QUIXESS_DATABASE_URL": dsn, "QUIXESS_WEBHOOK_PORTS": port} | dict(settings or {})
        env = environment(data_dir, **given)
        quixess = {name: value for name, value in env.items() if name.startswith("QUIXESS_")}
        on = await stack.enter_async_context(ground.stand(settings_of.read(quixess), dsn))
        seeded = await demo.seed(on, meta.base_url)
        async with on.db.transaction() as tx:
            brand_id = (await tx.rows("SELECT id FROM brand"))[0]["id"]
            await directory.set_url(tx, on.keyring, brand_id, receiver.url)
        first, second = (Program(command, env, data_dir / f"{name}.log") for name in ("first", "second"))
        try:
            yield Site(on, meta, receiver, http, seeded, first, second)
        finally:
            await asyncio.gather(first.kill(), second.kill())


def read_ready(path: Path) -> dict[str, Any]:
    """What `quixess up` wrote about itself; empty while it has not."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
