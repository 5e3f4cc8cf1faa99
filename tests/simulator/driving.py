"""A simulator and a webhook receiver over real sockets, with the few verbs the stories need."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from quixess import simulator as simulators

PHONE = "+1 555 123 4567"
DIGITS = "15551234567"
CODE = "493817"
QUICK = simulators.Settings(
    sent_ms=5,
    delivered_ms=10,
    read_ms=15,
    held_ms=20,
    review_delay_ms=5,
    ring_ms=5,
    retry_first_ms=5,
    slow_answer_s=0.2,
    messages_per_second=0,
    pair_limit=False,
    messaging_limit="TIER_UNLIMITED",
    management_calls_per_hour=0,
    templates_per_hour=0,
    template_limit=0,
)
FIELDS = (
    *("messages", "calls", "history", "smb_message_echoes", "smb_app_state_sync", "user_preferences"),
    *("message_template_status_update", "message_template_quality_update", "message_template_components_update"),
    *("template_category_update", "account_update", "account_review_update", "account_alerts", "security"),
    *("phone_number_quality_update", "phone_number_name_update", "business_capability_update"),
    "business_username_update",
)
_PATIENCE_S = 10


@dataclass
class Receiver:
    """Somebody's webhook: echoes handshakes, keeps raw bodies, answers `statuses` first and then 200."""

    url: str = ""
    verify_token: str = "open sesame"
    posts: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def shake(self, request: web.Request) -> web.Response:
        if request.query["hub.verify_token"] != self.verify_token:
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append((await request.read(), dict(request.headers)))
        self.arrived.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def until(self, enough: Callable[["Receiver"], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not enough(self):
                self.arrived.clear()
                await self.arrived.wait()

    async def until_posts(self, count: int) -> None:
        await self.until(lambda one: len(one.posts) >= count)
        assert len(self.posts) == count

    async def until_statuses(self, *wanted: str) -> list[dict[str, Any]]:
        await self.until(lambda one: len(one.status_entries()) >= len(wanted))
        assert [entry["status"] for entry in self.status_entries()] == list(wanted)
        return self.status_entries()

    def entries(self) -> list[dict[str, Any]]:
        return [entry for body, _ in self.posts for entry in json.loads(body)["entry"]]

    def changes(self) -> list[dict[str, Any]]:
        return [change for entry in self.entries() for change in entry["changes"]]

    def status_entries(self) -> list[dict[str, Any]]:
        return [entry for change in self.changes() for entry in change["value"].get("statuses", [])]


@dataclass
class Answer:
    status: int
    json: dict[str, Any]


@dataclass
class Simulator:
    """A running simulator, its credentials, and an HTTP client."""

    base_url: str
    http: aiohttp.ClientSession
    world: dict[str, Any]
    stop: Callable[[], object] = lambda: None

    async def graph(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token or self.world['access_token']}"}
        async with self.http.request(method, f"{self.base_url}/v25.0/{path}", headers=headers, **more) as answer:
            return Answer(answer.status, await answer.json())

    async def send(self, body: dict[str, Any]) -> Answer:
        return await self.graph("POST", f"{self.world['phone_number_id']}/messages", json=body)

    async def lever(self, path: str, body: dict[str, Any] | None = None) -> Any:
        method = "GET" if body is None else "POST"
        async with self.http.request(method, f"{self.base_url}/_sim/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def writes(self, message: dict[str, Any], phone: str = DIGITS) -> str:
        """Write any message on a phone; returns its wamid."""
        answer = await self.lever(f"phones/{phone}/messages", message)
        return str(answer["wamid"])

    async def calls(self, phone: str = DIGITS, **how: Any) -> str:
        """Call the business from a phone; returns the call's id."""
        answer = await self.lever(f"phones/{phone}/calls", how)
        return str(answer["wacid"])

    async def refused(self, path: str, body: Any) -> str:
        """Pull a lever the wrong way; returns what it says."""
        async with self.http.post(f"{self.base_url}/_sim/{path}", json=body) as answer:
            assert answer.status == 400, await answer.text()
            return str((await answer.json())["error"])

    async def subscribe(self, receiver: Receiver) -> Answer:
        answer = await self.subscribe_app(receiver.url, receiver.verify_token)
        await self.graph("POST", f"{self.world['waba_id']}/subscribed_apps")
        return answer

    async def subscribe_app(self, url: str, verify_token: str) -> Answer:
        form = {
            "object": "whatsapp_business_account",
            "callback_url": url,
            "verify_token": verify_token,
            "fields": ",".join(FIELDS),
        }
        token = self.world["app_access_token"]
        return await self.graph("POST", f"{self.world['app_id']}/subscriptions", token=token, data=form)


def otp(to: str = PHONE, code: str = CODE, **more: Any) -> dict[str, Any]:
    parameters = [{"type": "text", "text": code}]
    components = [
        {"type": "body", "parameters": parameters},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": parameters},
    ]
    return template(to, "signup_otp", components) | more


def template(to: str, name: str, components: list[dict[str, Any]], language: str = "en_US") -> dict[str, Any]:
    content = {"name": name, "language": {"code": language}, "components": components}
    return {"messaging_product": "whatsapp", "to": to, "type": "template", "template": content}


def text(body: str, to: str = PHONE) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}}


def signed(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@asynccontextmanager
async def running(options: simulators.Options) -> AsyncIterator[Simulator]:
    urls: list[str] = []
    ready = asyncio.Event()

    def on_ready(base_url: str) -> None:
        urls.append(base_url)
        ready.set()

    task = asyncio.create_task(simulators.serve(options, on_ready))
    task.add_done_callback(lambda _: ready.set())
    try:
        await ready.wait()
        if not urls:
            await task
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{urls[0]}/_sim/world") as answer:
                world = await answer.json()
            yield Simulator(urls[0], http, world, task.cancel)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.add_routes([web.get("/hook", receiver.shake), web.post("/hook", receiver.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def eventually(question: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not await question():  # noqa: ASYNC110 - asks over HTTP, nothing here could set an event
            await asyncio.sleep(0.01)
