"""`/_sim/…`: the levers and windows of the simulator. Plain JSON, no token: it is a tool for one's own desk."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import levers, model, outcomes, templates
from quixess.simulator.model import Json, Template
from quixess.simulator.progress import Progress
from quixess.simulator.templates import verdicts
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World


class _TemplateForm(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]{1,512}$")]
    waba_id: str | None = None
    language: str = "en_US"
    category: model.Category | None = None
    status: model.TemplateStatus | None = None
    components: list[Json] | None = None
    parameter_format: Literal["POSITIONAL", "NAMED"] | None = None
    rejected_reason: str | None = None
    notify: bool = False
    review: bool = False


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
            Route("/_sim/sends", self.sends),
            Route("/_sim/settings", self.settings, methods=["GET", "POST"]),
            Route("/_sim/faults", self.faults, methods=["GET", "POST"]),
            Route("/_sim/templates", self.put_template, methods=["POST"]),
            Route("/_sim/templates/{name}", self.judge_template, methods=["POST"]),
            Route("/_sim/webhooks", self.post_webhook, methods=["POST"]),
            Route("/_sim/webhooks/redeliver", self.redeliver, methods=["POST"]),
            Route("/_sim/reset", self.reset, methods=["POST"]),
        ]

    async def world(self, request: Request) -> Response:
        """Everything one needs to connect to this Meta: ids, secrets, tokens, the callback."""
        known = self._world.identity
        callback = self._world.book.apps[known.app_id].subscription
        shown = msgspec.to_builtins(known) | {
            "base_url": str(request.base_url).rstrip("/"),
            "app_access_token": known.app_access_token,
            "callback_url": callback.callback_url if callback else None,
            "fields": callback.fields if callback else [],
            "subscribed": known.app_id in self._world.book.wabas[known.waba_id].apps,
            "settings": msgspec.to_builtins(self._world.settings),
        }
        return levers.answer(shown)

    async def sends(self, request: Request) -> Response:
        """List the ledger of accepted sends, oldest first; `to` and `opaque` filter.

        What stood in a free-form send is there too: Meta's object, and the wamid it quotes.
        """
        to, opaque = request.query_params.get("to"), request.query_params.get("opaque")
        phone = levers.digits(to) if to else None
        rows = [
            {"wamid": one.wamid, "to": one.to, "type": one.type, "opaque": one.opaque, "at": levers.instant(one.at)}
            | ({} if one.content is None else {"content": one.content, "quoted": one.quoted})
            for one in self._world.sends()
            if phone in (None, one.phone) and opaque in (None, one.opaque)
        ]
        return levers.answer({"data": rows})

    async def settings(self, request: Request) -> Response:
        """POST changes the levers it names and leaves the others."""
        if request.method == "POST":
            asked = msgspec.to_builtins(self._world.settings) | await levers.read(request, Json)
            self._world.settings = _checked(levers.convert(asked, model.Settings))
            self._world.touch()
            self._progress.clock_moved()
        return levers.answer(msgspec.to_builtins(self._world.settings))

    async def faults(self, request: Request) -> Response:
        """POST scripts one more; both answer with those that wait, in the order in which they will be used."""
        if request.method == "POST":
            fault = await levers.read(request, model.Fault)
            _must_be_outcome(fault.outcome)
            fault.to = levers.digits(fault.to) if fault.to else None
            self._world.faults.append(fault)
        return levers.answer({"data": msgspec.to_builtins(self._world.faults)})

    async def put_template(self, request: Request) -> Response:
        """Make or change a template; `notify` tells a changed status by webhook, `review` has it decided anew."""
        form = await levers.read(request, _TemplateForm)
        waba_id = self._waba(form.waba_id)
        known = self._world.templates.get((waba_id, form.name, form.language))
        before = known.status if known else None
        template = _changed(known, form) if known else _new(form, waba_id, templates.fresh_id(self._world.draws))
        self._world.put_template(template)
        if form.review:
            template.status = model.TemplateStatus.PENDING
            self._progress.review(template)
        elif form.notify and template.status is not before:
            self._progress.announce(template)
        return levers.answer(templates.listed(template))

    async def judge_template(self, request: Request) -> Response:
        """Decide something of a template, and tell it by webhook."""
        verdict = await levers.read(request, verdicts.Verdict)
        key = (self._waba(verdict.waba_id), request.path_params["name"], verdict.language)
        template = self._world.templates.get(key)
        if template is None:
            raise levers.MistakeError("WABA {} has no template {} in {}".format(*key))
        field, value = verdicts.pass_on(template, verdict, self._world.now())
        if template.status is model.TemplateStatus.DELETED:
            del self._world.templates[key]
        self._world.touch()
        self._progress.tell(template, field, value)
        self._progress.watch(template)
        return levers.answer(templates.listed(template))

    def _waba(self, asked: str | None) -> str:
        """Return the WABA that is meant, by default the first; raises MistakeError."""
        waba_id = asked or self._world.identity.waba_id
        if waba_id not in self._world.book.wabas:
            raise levers.MistakeError("waba_id is no WABA")
        return waba_id

    async def post_webhook(self, request: Request) -> Response:
        """Sign and post one scripted change, or any bytes (`raw`, as UTF-8)."""
        hook = await levers.read(request, _Hook)
        if (hook.raw is None) == (hook.value is None):
            raise levers.MistakeError("give either value (with field) or raw")
        if hook.raw is not None:
            status = await self._courier.post_now(hook.raw.encode(), field=hook.field)
        else:
            status = await self._courier.post_change(hook.field, hook.value or {})
        return levers.answer({"status": status})

    async def redeliver(self, request: Request) -> Response:
        again = await levers.read(request, _Again)
        return levers.answer({"statuses": await self._courier.redeliver(again.last, rebatch=again.rebatch)})

    async def reset(self, _request: Request) -> Response:
        self._progress.clear()
        self._courier.clear()
        self._world.reset()
        return levers.answer({"success": True})


def _checked(settings: model.Settings) -> model.Settings:
    """Return the settings; raises MistakeError for an outcome or a phone that is none, and for chances above 1."""
    for outcome in settings.chances:
        _must_be_outcome(outcome)
    if sum(settings.chances.values()) > 1:
        raise levers.MistakeError("chances: the shares add up to more than 1")
    for phone in settings.allowed_recipients or ():
        levers.digits(phone)
    return settings


def _must_be_outcome(name: str) -> None:
    try:
        outcomes.named(name)
    except ValueError as wrong:
        raise levers.MistakeError(str(wrong)) from wrong


def _new(form: _TemplateForm, waba_id: str, template_id: str) -> Template:
    category = form.category or model.Category.UTILITY
    if form.components is None and category is not model.Category.AUTHENTICATION:
        raise levers.MistakeError("a new template needs components")
    body = {"name": form.name, "language": form.language, "category": category.value}
    made = templates.create(body | {"components": form.components or templates.PRESET}, waba_id, template_id)
    made.parameter_format = form.parameter_format or made.parameter_format
    made.status = form.status or model.TemplateStatus.APPROVED
    made.rejected_reason = form.rejected_reason or made.rejected_reason
    return made


def _changed(known: Template, form: _TemplateForm) -> Template:
    """Change the same record, since a review that is under way holds on to it."""
    known.category = form.category or known.category
    known.status = form.status or known.status
    known.components = form.components or known.components
    known.parameter_format = form.parameter_format or known.parameter_format
    known.rejected_reason = form.rejected_reason or known.rejected_reason
    return known
