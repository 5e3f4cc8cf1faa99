"""Who takes care of a conversation, whether it is done, and that it was seen."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.inbox import thread
from quixess.dashboard.pages.inbox.listing import HOME
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Permission
from quixess.support import care


class Assignment(msgspec.Struct):
    """Whose a conversation is to be: `opr_…`, or nobody's."""

    assignee: Annotated[str, Meta(max_length=40)] = ""


class Settlement(msgspec.Struct):
    """Whether a conversation is done."""

    state: Literal["open", "closed"]


async def assign(visit: Visit) -> Response:
    """Give the conversation into somebody's care."""
    asked = await visit.form(Assignment)
    conversation = await thread.find(visit)
    person_id = ids.parse("opr", asked.assignee) if asked.assignee else None
    if asked.assignee and person_id is None:
        raise QuixessError("person_not_found", "There is no such person: choose one from the list.")
    async with visit.desk.db.transaction() as tx:
        await care.assign(tx, visit.brand_id, conversation["id"], person_id)
    return _done(visit, "Nobody takes care of it now" if person_id is None else "Assigned")


async def settle(visit: Visit) -> Response:
    """Call the conversation done, or open again."""
    asked = await visit.form(Settlement)
    conversation = await thread.find(visit)
    async with visit.desk.db.transaction() as tx:
        await care.settle(tx, visit.brand_id, conversation["id"], closed=asked.state == care.CLOSED)
    return _done(visit, "Resolved" if asked.state == care.CLOSED else "Open again")


async def see(visit: Visit) -> Response:
    """Write that the conversation was looked at."""
    conversation = await thread.find(visit)
    await care.see(visit.desk.db, visit.desk.keyring, visit.desk.lines, visit.brand_id, conversation["id"])
    return Response(status_code=204) if visit.wants_fragment else visit.go(_here(visit))


def _done(visit: Visit, toast: str) -> Response:
    """Say that it is done. What changed on the page is told by its stream."""
    if visit.wants_fragment:
        return visit.fragment("parts/nothing.html", toast=toast)
    return visit.go(_here(visit), toast=toast)


def _here(visit: Visit) -> str:
    return f"{HOME}/{visit.request.path_params['conversation']}"


PAGES = (
    Page("POST", f"{HOME}/{{conversation}}/assignee", Permission.WRITE_INBOX, assign),
    Page("POST", f"{HOME}/{{conversation}}/state", Permission.WRITE_INBOX, settle),
    Page("POST", f"{HOME}/{{conversation}}/seen", Permission.WRITE_INBOX, see),
)
