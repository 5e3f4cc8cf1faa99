"""The rest of the Graph API: any node by its id."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, listings
from quixess.simulator.ownership import Ownership
from quixess.simulator.world import World


class Graph:
    """The wire of managing."""

    def __init__(self, world: World, ownership: Ownership) -> None:
        self._world = world
        self._ownership = ownership

    def routes(self) -> list[Route]:
        return [
            Route("/{node}", self.node),
            Route("/{node}", self._ownership.change, methods=["POST"]),
        ]

    async def node(self, request: Request) -> Response:
        """One object by its id: the number, the WABA or a template."""
        token, wanted = gate.admit_user(request, self._world), request.path_params["node"]
        fields = request.query_params.get("fields")
        owned = self._ownership.shown(wanted, token.waba_ids, fields)
        if owned is not None:
            return encoding.answer(owned)
        for template in self._world.templates.values():
            if template.id == wanted and template.waba_id in token.waba_ids:
                return encoding.answer(listings.template(template, fields))
        raise errors.unknown_object("get", wanted)
