"""The page itself, and its first column: a request with a key that works, and a button that runs it."""

import json
import secrets
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response

from quixess import requests
from quixess.access import Caller
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.sandbox import events, levers
from quixess.dashboard.pages.sandbox.standing import HOME, Asked, Stand, find, look, need
from quixess.database import ids
from quixess.errors import CATALOGUE, QuixessError
from quixess.messages import phones
from quixess.messages.model import Recipient
from quixess.messages.otp import Otp
from quixess.people import Permission
from quixess.requests import Line
from quixess.sandbox import PHONES, Kit, catcher, kit

PATH = "/api/v1/whatsapp/external/send/otp"
_CODE, _TEMPLATE = "482913", "signup_otp"

_CURL = """curl -X POST '{url}' \\
  -H 'X-API-Key: {key}' \\
  -H 'Content-Type: application/json' \\
  -H "Idempotency-Key: $(uuidgen)" \\
  -d '{{"to": "{to}",
       "code": "{code}",
       "template_name": "{template}"}}'"""
_PYTHON = """import uuid
import httpx

answer = httpx.post(
    "{url}",
    headers={{
        "X-API-Key": "{key}",
        "Idempotency-Key": str(uuid.uuid4()),
    }},
    json={{
        "to": "{to}",
        "code": "{code}",
        "template_name": "{template}",
    }},
)
print(answer.status_code, answer.json())"""
_NODE = """const answer = await fetch(
  "{url}", {{
    method: "POST",
    headers: {{
      "X-API-Key": "{key}",
      "Content-Type": "application/json",
      "Idempotency-Key": crypto.randomUUID(),
    }},
    body: JSON.stringify({{
      to: "{to}",
      code: "{code}",
      template_name: "{template}",
    }}),
  }});
console.log(answer.status, await answer.json());"""
_SAMPLES = (("curl", "curl", _CURL), ("python", "Python", _PYTHON), ("node", "Node", _NODE))


@dataclass(frozen=True, slots=True)
class Result:
    """How a request went: `code` is the one that was sent, `body` the answer's JSON."""

    status: int
    duration_ms: float
    code: str
    body: Any

    @property
    def told(self) -> str:
        """It in a line."""
        return f"{self.status} in {self.duration_ms:.0f} ms"


async def show(visit: Visit) -> Response:
    """Show the three columns, or why there are none."""
    asked = visit.query(Asked)
    stand = await find(visit, asked.phone)
    if stand is None:
        async with visit.desk.db.reading(visit.brand_id) as tx:
            mine = await events.lines(tx, visit.brand_id)
        return visit.render("pages/sandbox_none.html", lines=mine)
    has = await _prepare(visit)
    thread = await look(visit, stand)
    quoted = thread["texts"].get(asked.quote)
    return visit.render(
        "pages/sandbox.html",
        kit=has,
        samples=samples(visit.base_url, has.secret, f"+{stand.phone.digits}"),
        phones=[(str(place), phone) for place, phone in enumerate(PHONES, 1)],
        quote=asked.quote if quoted is not None else "",
        quoted=quoted,
        states=levers.STATES,
        **thread,
        **await events.look(visit, has),
    )


async def show_thread(visit: Visit) -> Response:
    """Give the thread alone, for a page that is there already."""
    stand = await need(visit, visit.query(Asked).phone)
    return visit.fragment("parts/sandbox_thread.html", **await look(visit, stand))


async def run(visit: Visit) -> Response:
    """Run the request of the page, with a code that nobody had yet, and tell how it went."""
    stand = await need(visit, (await visit.form(Asked)).phone)
    has = await _prepare(visit)
    result = await _send(visit, stand, has)
    if not visit.wants_fragment:
        return visit.go(stand.home, toast=f"{result.told}: code {result.code}")
    return visit.fragment("parts/sandbox_result.html", result=result)


async def renew_key(visit: Visit) -> Response:
    """Mint another key for the page; the one before is revoked."""
    async with visit.desk.db.transaction() as tx:
        await kit.renew_key(tx, visit.desk.keyring, visit.brand_id, actor=visit.actor)
    return visit.go(HOME, toast="There is a new key in the curl. The one before is revoked.")


def samples(base_url: str, key: str, to: str) -> list[tuple[str, str, str]]:
    """Write the request in each language: its name in addresses, its name, and the code."""
    said = {"url": base_url + PATH, "key": key, "to": to, "code": _CODE, "template": _TEMPLATE}
    return [(name, label, text.format(**said)) for name, label, text in _SAMPLES]


async def _prepare(visit: Visit) -> Kit:
    """Give what the page needs; the first visit of a brand makes it, a catcher too if nobody gets its events yet."""
    desk, brand_id = visit.desk, visit.brand_id
    async with desk.db.statement() as tx:
        known = await kit.find(tx, desk.keyring, brand_id)
    if known is not None:
        return known
    url = events.catcher_url(visit)
    async with desk.db.transaction() as tx:
        made = await kit.prepare(tx, desk.keyring, brand_id, actor=visit.actor)
        if url is not None and not await events.urls(tx, desk.keyring, brand_id):
            await catcher.switch_on(tx, desk.keyring, brand_id, url, desk.policy, actor=visit.actor)
    async with desk.db.statement() as tx:
        return await kit.find(tx, desk.keyring, brand_id) or made


async def _send(visit: Visit, stand: Stand, has: Kit) -> Result:
    """Do what the gateway's own door does with this request, and leave the same line in the request log."""
    code, began = f"{secrets.randbelow(1_000_000):06}", perf_counter()
    body = {"to": f"+{stand.phone.digits}", "code": code, "template_name": _TEMPLATE}
    try:
        caller = await _authenticate(visit, has)
    except QuixessError as refused:
        return Result(refused.status, 0.0, code, _problem(refused))
    order = Otp(Recipient(phone=phones.read(body["to"])), code, _TEMPLATE)
    request_id = visit.request.state.request_id
    try:
        reply = await visit.desk.sending.send(caller, visit.brand_id, order, key=None, request_id=request_id)
        status, told = reply.status, json.loads(reply.body)
    except QuixessError as refused:
        status, told = refused.status, _problem(refused)
    result = Result(status, (perf_counter() - began) * 1000, code, told)
    _note(visit, caller, body, result)
    return result


async def _authenticate(visit: Visit, has: Kit) -> Caller:
    caller = await visit.desk.keys.authenticate(has.secret.encode())
    if caller.brand_state != "active":
        raise QuixessError("brand_suspended", "The brand is suspended: ask the operator of this installation.")
    visit.desk.keys.note_use(caller)
    return caller


def _problem(refused: QuixessError) -> dict[str, Any]:
    return {
        "title": CATALOGUE[refused.code][1],
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
    }


def _note(visit: Visit, caller: Caller, body: dict[str, str], result: Result) -> None:
    log, told = visit.desk.requests, result.body
    if not log.lines:
        return
    address = visit.desk.address(visit.request.scope)
    log.note(
        Line(
            brand_id=visit.brand_id,
            id=ids.new(),
            request_id=visit.request.state.request_id,
            key_id=caller.key_id,
            method="POST",
            path=PATH,
            status=result.status,
            duration_ms=result.duration_ms,
            address=None if address is None else str(address),
            code=told.get("code"),
            problem=json.dumps({"detail": told.get("detail")}) if told.get("code") else None,
            message_id=_message(told),
            replayed=False,
            asked=requests.redact({}, b"", msgspec.json.encode(body)) if log.bodies else None,
        )
    )


def _message(told: dict[str, Any]) -> UUID | None:
    named = told.get("message_id") or told.get("id")
    return ids.parse("msg", named) if isinstance(named, str) else None


PAGES = (
    Page("GET", HOME, Permission.USE_SANDBOX, show, title="Sandbox phone"),
    Page("GET", f"{HOME}/thread", Permission.USE_SANDBOX, show_thread),
    Page("POST", f"{HOME}/run", Permission.USE_SANDBOX, run),
    Page("POST", f"{HOME}/key", Permission.USE_SANDBOX, renew_key),
)
