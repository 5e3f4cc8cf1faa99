"""`/app/whatsapp/inbox/replies`: answers that are written once, and found in the composer by a slash."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.inbox.listing import HOME
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Permission
from quixess.support import canned

REPLIES = f"{HOME}/replies"


class Answer(msgspec.Struct):
    """A canned reply as it is typed."""

    shortcut: Annotated[str, Meta(max_length=40, extra={"fix": "Give it a short name, such as opening-hours."})]
    text: Annotated[str, Meta(max_length=canned.LONGEST, extra={"fix": "Write the answer."})]


async def show(visit: Visit) -> Response:
    """List the canned replies, with the form for one more."""
    return await _render(visit)


async def save(visit: Visit) -> Response:
    """Keep one, in place of what its shortcut stood for."""
    try:
        asked = await visit.form(Answer)
        async with visit.desk.db.transaction() as tx:
            saved = await canned.save(tx, visit.brand_id, asked.shortcut, asked.text, actor=visit.actor)
    except QuixessError as error:
        return await _render(visit, error)
    return visit.go(REPLIES, toast=f"/{saved.shortcut} is kept")


async def remove(visit: Visit) -> Response:
    """Forget one."""
    async with visit.desk.db.transaction() as tx:
        gone = await canned.remove(
            tx, visit.brand_id, ids.parse("cnd", visit.request.path_params["canned"]), actor=visit.actor
        )
    return visit.go(REPLIES, toast=f"/{gone.shortcut} is gone")


async def _render(visit: Visit, error: QuixessError | None = None) -> Response:
    async with visit.desk.db.reading(visit.brand_id) as tx:
        answers = await canned.list_canned(tx, visit.brand_id)
    if error is not None:
        return visit.refuse("pages/inbox_replies.html", error, answers=answers)
    return visit.render("pages/inbox_replies.html", answers=answers)


PAGES = (
    Page("GET", REPLIES, Permission.READ_INBOX, show, title="Canned replies"),
    Page("POST", REPLIES, Permission.WRITE_INBOX, save, title="Canned replies"),
    Page("POST", f"{REPLIES}/{{canned}}/remove", Permission.WRITE_INBOX, remove),
)
