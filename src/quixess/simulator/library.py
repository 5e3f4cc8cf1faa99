"""The Graph API of templates: list, create, edit, delete, unpause, and the presets of one-time codes."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from quixess.simulator import approvals, encoding, errors, gate, listings
from quixess.simulator.model import Template, TemplateStatus
from quixess.simulator.progress import Progress
from quixess.simulator.templates import verdicts
from quixess.simulator.world import World


class _KnownTemplate(Route):
    """Matches the ids of templates that are there and leaves every other id to the rest of the Graph API."""

    find: Callable[[str], Template | None]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        known = match is not Match.NONE and self.find(found["path_params"]["node"]) is not None
        return (match, found) if known else (Match.NONE, {})


class Library:
    """The wire of templates."""

    def __init__(self, world: World, progress: Progress) -> None:
        self._world = world
        self._progress = progress

    def routes(self) -> list[Route]:
        node = _KnownTemplate("/{node}", self.edit, methods=["POST"])
        node.find = self._find
        shelf = "/{node}/message_templates"
        return [
            Route(shelf, self.listed),
            Route(shelf, self.create, methods=["POST"]),
            Route(shelf, self.remove, methods=["DELETE"]),
            Route("/{node}/upsert_message_templates", self.upsert, methods=["POST"]),
            Route("/{node}/message_template_previews", self.previews),
            Route("/{node}/unpause", self.unpause, methods=["POST"]),
            node,
        ]

    async def listed(self, request: Request) -> Response:
        account = gate.waba(request, self._world)
        base, rows = str(request.url.replace(query="")), self._world.shelf(account.id)
        answer = listings.templates_page(rows, dict(request.query_params), base)
        wanted = request.query_params.get("summary")
        if wanted is not None:
            known = {
                "total_count": len(rows),
                "message_template_count": len(rows),
                "message_template_limit": approvals.told_limit(self._world.settings),
                "are_translations_complete": True,
            }
            answer["summary"] = {key: value for key, value in known.items() if key in wanted}
        return encoding.answer(answer)

    async def create(self, request: Request) -> Response:
        account = gate.waba(request, self._world)
        template = approvals.create(self._world, account.id, await gate.parameters(request))
        self._progress.review(template)
        made = {"id": template.id, "status": template.status.value, "category": template.category.value}
        return encoding.answer(made)

    async def upsert(self, request: Request) -> Response:
        account = gate.waba(request, self._world)
        made = approvals.upsert(self._world, account.id, await gate.parameters(request))
        rows = [{"id": one.id, "status": one.status.value, "language": one.language} for one in made]
        return encoding.answer({"data": rows})

    async def previews(self, request: Request) -> Response:
        gate.waba(request, self._world)
        return encoding.answer({"data": approvals.previews(dict(request.query_params))})

    async def edit(self, request: Request) -> Response:
        template = self._known(request)
        approvals.edit(self._world, template, await gate.parameters(request))
        self._progress.review(template)
        return encoding.answer({"success": True})

    async def remove(self, request: Request) -> Response:
        """Delete, and tell it: DELETED, or PENDING_DELETION while messages of it are still under way."""
        account = gate.waba(request, self._world)
        asked = await gate.parameters(request)
        for template in approvals.remove(self._world, account.id, gate.text(asked, "name"), asked.get("hsm_id")):
            self._progress.announce(template)
        return encoding.answer({"success": True})

    async def unpause(self, request: Request) -> Response:
        template = self._known(request)
        approvals.check_unpause(template)
        self._progress.tell(template, *verdicts.unpause(template, self._world.now()))
        self._world.touch()
        return encoding.answer({"success": template.status is TemplateStatus.APPROVED})

    def _known(self, request: Request) -> Template:
        """Let a token in that reaches the template in the path; raises GraphError 100/33 for any other."""
        token, node = gate.admit_user(request, self._world), request.path_params["node"]
        found = self._find(node)
        if found is None or found.waba_id not in token.waba_ids:
            raise errors.unknown_object(request.method, node)
        return found

    def _find(self, template_id: str) -> Template | None:
        return next((one for one in self._world.templates.values() if one.id == template_id), None)
