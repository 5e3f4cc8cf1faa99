"""The probes: how machines see whether a process lives, whether it takes work, and what it has counted.

`/livez` and `/readyz` answer on the gateway's own port, before anything else is looked at; both and `/metrics` on an
address that is not for the public, where the worker answers too. Inside: `readiness` (may work be given to this
process), `watching` (requests counted as they pass), `numbers` (what every number is called and means), `readings`
(where each comes from), `exposition` (all of it as Prometheus reads it).
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from quixess.probes.exposition import CONTENT_TYPE, Exposition
from quixess.probes.readiness import Readiness
from quixess.probes.readings import Sources
from quixess.probes.watching import Requests, Watch

__all__ = ["Exposition", "Readiness", "Requests", "Sources", "Watch", "routes"]


def routes(readiness: Readiness, exposition: Exposition) -> list[Route]:
    """Build the routes of the address that is not for the public."""

    async def expose(_request: Request) -> Response:
        return Response(await exposition.write(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def judge(request: Request) -> Response:
        return await readiness.answer(request.url.path) or PlainTextResponse("", 404)

    return [
        Route("/metrics", expose, name="metrics"),
        Route("/livez", judge, name="livez"),
        Route("/readyz", judge, name="readyz"),
    ]
