"""Files of conversations: those that came, shown so that no browser ever runs one, and those that are to go."""

from typing import Final
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.inbox.listing import HOME
from quixess.dashboard.pages.inbox.thread import Attached
from quixess.database import ids
from quixess.errors import invalid
from quixess.media import kinds, names
from quixess.media.drafts import Draft
from quixess.media.uploading import Claim
from quixess.people import Permission

UPLOADS: Final = f"{HOME}/files"
_LONGEST_NAME = 150
_PIECE = 256 * 1024
# What a browser may show by itself. Never SVG, HTML or XML: they can hold scripts.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "video/mp4", "audio/ogg"})


async def give(visit: Visit) -> Response:
    """Give a file of the brand: a picture, film or voice note to look at, everything else to be saved."""
    shown = visit.request.path_params["media"]
    copy = await visit.desk.shelf.take(visit.brand_id, ids.parse("med", shown))
    copy.file.close()
    name = names.harmless(copy.filename or "", longest=_LONGEST_NAME) or shown + kinds.extension(copy.mime_type)
    way = "inline" if kinds.essence(copy.mime_type) in _SHOWN else "attachment"
    headers = {
        "Content-Disposition": f"{way}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
        "ETag": f'"{copy.sha256}"',
    }
    if headers["ETag"] in visit.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return FileResponse(copy.file.name, headers=headers, media_type=copy.mime_type)


async def take(visit: Visit) -> Response:
    """Take a file that is to go with an answer. To htmx it answers with what stands for it in the composer."""
    form = await visit.raw_form()
    conversation, file = form.get("conversation", ""), form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise invalid("/file", "required", "Choose a file first.")

    async def bring(draft: Draft) -> Claim:
        while piece := await file.read(_PIECE):
            await draft.take(piece)
        return Claim(file.content_type, names.harmless(file.filename or "", longest=_LONGEST_NAME) or None)

    try:
        stored = await visit.desk.uploads.take(visit.brand_id, bring)
    finally:
        await form.close()
    shown = ids.show("med", stored.id)
    if not visit.wants_fragment:
        known = ids.parse("cnv", str(conversation)) is not None
        return visit.go(f"{HOME}/{conversation}?media={shown}#composer" if known else HOME)
    handle = stored.handle
    attached = Attached(shown, handle.filename or shown, handle.mime_type, handle.size)
    return visit.fragment("parts/inbox_attached.html", media=attached)


PAGES = (
    Page("GET", "/app/media/{media}", Permission.READ_INBOX, give),
    Page("POST", UPLOADS, Permission.WRITE_INBOX, take, takes_file=True),
)
