"""`POST /{PNID}/calls`: the business answers a customer's call, refuses it, or hangs up. There is no audio."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, tokens
from quixess.simulator.progress import Progress
from quixess.simulator.world import World


class Answering:
    """The wire of calls. Calls that a business begins need a permission that no customer here gives."""

    def __init__(self, world: World, progress: Progress) -> None:
        self._world = world
        self._progress = progress

    def routes(self) -> list[Route]:
        return [Route("/{node}/calls", self.act, methods=["POST"])]

    async def act(self, request: Request) -> Response:
        """Do `action` with `call_id`; raises GraphError 100 for a call that is not under way, 131008."""
        number, asked = gate.number(request, self._world, tokens.MESSAGING), await gate.parameters(request)
        if asked.get("messaging_product") != "whatsapp":
            raise errors.parameter("The parameter messaging_product is required.")
        call = self._progress.call(gate.text(asked, "call_id"), number.id)
        if call is None:
            raise errors.parameter("Param call_id must be the id of a call that is under way.")
        call.act(gate.text(asked, "action"), asked.get("session"), self._world.now())
        return encoding.answer({"messaging_product": "whatsapp", "success": True})
