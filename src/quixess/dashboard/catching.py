"""The catcher's address: deliveries come here from a worker like to any tenant's server, signed and without a cookie.

It is no page: nobody is signed in, and what is not signed by us is not taken.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from quixess.dashboard.desk import Desk
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.sandbox import catcher, kit

_PATH = "/sandbox/catcher/{brand:str}"


def path(brand_id: UUID) -> str:
    """Give the address for the events of a brand, without the host."""
    return _PATH.replace("{brand:str}", ids.show("brd", brand_id))


def routes(desk: Desk) -> list[Route]:
    """Build the route of the catcher."""

    async def catch(request: Request) -> Response:
        """Take a delivery. A brand that has no simulated number any more is told by 410, which switches it off."""
        brand_id = ids.parse("brd", request.path_params["brand"])
        if brand_id is None:
            raise QuixessError("not_found", "Nothing is caught here.")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.state.headers.items()}
        body = await request.body()
        async with desk.db.transaction() as tx:
            if await kit.find_line(tx, brand_id, desk.handset) is None:
                return PlainTextResponse("The sandbox of this brand is over.", 410)
            status = await catcher.take(tx, desk.keyring, brand_id, headers, body)
        return PlainTextResponse("Caught." if status == 200 else "Refused, as it was wished.", status)

    return [Route(_PATH, catch, methods=["POST"], name="catcher")]
