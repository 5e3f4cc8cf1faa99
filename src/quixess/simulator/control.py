"""`/_sim/…`: the levers and windows of the simulator. Plain JSON, no token: it is a tool for one's own desk."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quixess.simulator import drafts, mint, model, outcomes, templates
from quixess.simulator.model import Json, Message, Template
from quixess.simulator.progress import Progress
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_T = TypeVar("_T")


class MistakeError(Exception):
    """The control request is wrong; the text says how."""


class _Typed(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None


class _TemplateForm(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]{1,512}$")]
    language: str = "en_US"
    category: model.Category | None = None
    status: model.TemplateStatus | None = None
    components: list[Json] | None = None
    rejected_reason: str | None = None
    notify: bool = False


class _Hook(msgspec.Struct, forbid_unknown_fields=True):
    field: str = "messages"
    value: Json | None = None
    raw: str | None = None


class _Again(msgspec.Struct, forbid_unknown_fields=True):
    last: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    rebatch: bool = False


class Control:
    """The wire of the levers."""

    def __init__(self, world: World, courier: Courier, progress: Progress) -> None:
        self._world = world
        self._courier = courier
        self._progress = progress

    def routes(self) -> list[Route]:
        return [
            Route("/_sim/world", self.world),
            Route("/_sim/phones", self.phones),
            Route("/_sim/phones/{phone}/messages", self.chat),
            Route("/_sim/phones/{phone}/messages", self.type_text, methods=["POST"]),
            Route("/_sim/phones/{phone}/read", self.open_chat, methods=["POST"]),
            Route("/_sim/sends", self.sends),
            Route("/_sim/settings", self.settings, methods=["GET", "POST"]),
            Route("/_sim/faults", self.faults, methods=["GET", "POST"]),
            Route("/_sim/templates", self.put_template, methods=["POST"]),
            Route("/_sim/webhooks", self.post_webhook, methods=["POST"]),
            Route("/_sim/webhooks/redeliver", self.redeliver, methods=["POST"]),
            Route("/_sim/reset", self.reset, methods=["POST"]),
        ]

    async def world(self, request: Request) -> Response:
        """Everything one needs to connect to this Meta: ids, secrets, tokens, the callback."""
        known, callback = self._world.identity, self._world.subscription
        shown = msgspec.to_builtins(known) | {
            "base_url": str(request.base_url).rstrip("/"),
            "app_access_token": known.app_access_token,
            "callback_url": callback.callback_url if callback else None,
            "fields": callback.fields if callback else [],
            "subscribed": self._world.subscribed,
            "settings": msgspec.to_builtins(self._world.settings),
        }
        return _answer(shown)

    async def phones(self, request: Request) -> Response:
        """List the phones, the last busy one first; at most `limit` (200)."""
        limit = _number(request.query_params.get("limit", "200"))
        return _answer({"data": [self._phone_row(number) for number in self._world.talkers(limit)]})

    async def chat(self, request: Request) -> Response:
        """One chat, oldest first; `limit` newest messages (200)."""
        phone = _phone(request)
        limit = _number(request.query_params.get("limit", "200"))
        rows = [_bubble(one) for one in self._world.chat(phone, limit)]
        return _answer(self._phone_row(phone) | {"messages": rows})

    async def type_text(self, request: Request) -> Response:
        typed = await _read(request, _Typed)
        message = self._world.receive(_phone(request), typed.text, typed.name)
        self._progress.received(message)
        return _answer({"wamid": message.wamid}, 201)

    async def open_chat(self, request: Request) -> Response:
        return _answer({"read": await self._progress.phone_reads(_phone(request))})

    async def sends(self, request: Request) -> Response:
        """List the ledger of accepted sends, oldest first; `to` and `opaque` filter."""
        to, opaque = request.query_params.get("to"), request.query_params.get("opaque")
        phone = _digits(to) if to else None
        rows = [
            {"wamid": one.wamid, "to": one.to, "type": one.type, "opaque": one.opaque, "at": _instant(one.at)}
            for one in self._world.sends()
            if phone in (None, one.phone) and opaque in (None, one.opaque)
        ]
        return _answer({"data": rows})

    async def settings(self, request: Request) -> Response:
        """POST changes the levers it names and leaves the others."""
        if request.method == "POST":
            asked = msgspec.to_builtins(self._world.settings) | await _read(request, Json)
            self._world.settings = _convert(asked, model.Settings)
            self._world.touch()
        return _answer(msgspec.to_builtins(self._world.settings))

    async def faults(self, request: Request) -> Response:
        """POST scripts one more; both answer with those that wait, in the order in which they will be used."""
        if request.method == "POST":
            fault = await _read(request, model.Fault)
            try:
                outcomes.named(fault.outcome)
            except ValueError as wrong:
                raise MistakeError(str(wrong)) from wrong
            fault.to = _digits(fault.to) if fault.to else None
            self._world.faults.append(fault)
        return _answer({"data": msgspec.to_builtins(self._world.faults)})

    async def put_template(self, request: Request) -> Response:
        """Make or change a template; with `notify`, tell a changed status by webhook."""
        form = await _read(request, _TemplateForm)
        known = self._world.templates.get((form.name, form.language))
        before = known.status if known else None
        template = _changed(known, form) if known else _new(form)
        self._world.put_template(template)
        if form.notify and template.status is not before:
            self._progress.announce(template)
        return _answer(templates.listed(template))

    async def post_webhook(self, request: Request) -> Response:
        """Sign and post one scripted change, or any bytes (`raw`, as UTF-8)."""
        hook = await _read(request, _Hook)
        if (hook.raw is None) == (hook.value is None):
            raise MistakeError("give either value (with field) or raw")
        if hook.raw is not None:
            status = await self._courier.post_now(hook.raw.encode(), field=hook.field)
        else:
            status = await self._courier.post_change(hook.field, hook.value or {})
        return _answer({"status": status})

    async def redeliver(self, request: Request) -> Response:
        again = await _read(request, _Again)
        return _answer({"statuses": await self._courier.redeliver(again.last, rebatch=again.rebatch)})

    async def reset(self, _request: Request) -> Response:
        self._progress.clear()
        self._courier.clear()
        self._world.reset()
        return _answer({"success": True})

    def _phone_row(self, number: str) -> Json:
        known, newest = self._world.phones.get(number), self._world.chat(number, 1)
        ends = self._world.window_ends(number)
        return {
            "phone": number,
            "name": known.name if known else None,
            "window_ends_at": _instant(ends) if ends else None,
            "count": self._world.chat_size(number),
            "last": _bubble(newest[0]) if newest else None,
        }


def _bubble(message: Message) -> Json:
    """Show a message to people and tests: no internal marks, time as RFC 3339."""
    shown: Json = msgspec.to_builtins(message)
    for inner in ("secret", "in_window", "phone"):
        del shown[inner]
    return shown | {"at": _instant(message.at)}


def _new(form: _TemplateForm) -> Template:
    category = form.category or model.Category.UTILITY
    if form.components is None and category is not model.Category.AUTHENTICATION:
        raise MistakeError("a new template needs components")
    body = {"name": form.name, "language": form.language, "category": category.value}
    made = templates.create(
        body | {"components": form.components or templates.PRESET}, mint.digits(mint.source(None), 16)
    )
    made.status = form.status or model.TemplateStatus.APPROVED
    made.rejected_reason = form.rejected_reason or made.rejected_reason
    return made


def _changed(known: Template, form: _TemplateForm) -> Template:
    """Change the same record, since a review that is under way holds on to it."""
    known.category = form.category or known.category
    known.status = form.status or known.status
    known.components = form.components or known.components
    known.rejected_reason = form.rejected_reason or known.rejected_reason
    return known


async def _read(request: Request, kind: type[_T]) -> _T:
    raw = await request.body()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.MsgspecError as wrong:
        raise MistakeError(str(wrong)) from wrong


def _convert(value: Any, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as wrong:
        raise MistakeError(str(wrong)) from wrong


def _phone(request: Request) -> str:
    return _digits(request.path_params["phone"])


def _digits(phone: str) -> str:
    try:
        return drafts.digits(phone)
    except ValueError as wrong:
        raise MistakeError(str(wrong)) from wrong


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) > 0):
        raise MistakeError("limit must be a whole number above 0")
    return int(text)


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _answer(value: Any, status: int = 200) -> Response:
    return JSONResponse(value, status, headers={"Cache-Control": "no-store"})
