"""POST /media: a file of the brand, streamed to storage and from there to Meta."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import answers, body, multipart
from quixess.api.answers import Moment
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.database import ids
from quixess.events import envelope
from quixess.media import names
from quixess.media.drafts import Draft
from quixess.media.uploading import Claim

_LONGEST_NAME = 240
_PART = "file"


class UploadedFile(msgspec.Struct, frozen=True):
    """A file that can be sent in messages: by its `id` here, until `expires_at`."""

    id: Annotated[str, Meta(description="The file's id here: what `media.id` of a reply takes.")]
    wa_media_id: Annotated[str, Meta(description="WhatsApp's id of it, renewed here when it is about to end.")]
    mime_type: Annotated[str, Meta(description="What the bytes are.")]
    size: Annotated[int, Meta(ge=1, description="In bytes.")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="Of the bytes, in hexadecimal.")]
    filename: Annotated[str | None, Meta(description="As it was sent, without path and control characters.")]
    created_at: Annotated[Moment, Meta(description="When it came.")]
    expires_at: Annotated[Moment, Meta(description="Until when it can be sent and fetched.")]


async def _upload(request: Request, passed: Pass, rooms: Rooms) -> Response:
    async def bring(draft: Draft) -> Claim:
        part = await multipart.read_file(request.stream(), body.content_type(request), _PART, draft.take)
        return Claim(part.content_type, names.harmless(part.filename, longest=_LONGEST_NAME) or None)

    stored = await rooms.uploads.take(passed.brand_id, bring)
    return answers.as_json(
        UploadedFile(
            id=ids.show("med", stored.id),
            wa_media_id=stored.handle.meta_id,
            mime_type=stored.handle.mime_type,
            size=stored.handle.size,
            sha256=stored.sha256,
            filename=stored.handle.filename,
            created_at=envelope.moment(stored.created_at),
            expires_at=envelope.moment(stored.expires_at),
        )
    )


UPLOAD_MEDIA = Endpoint(
    id="upload_media",
    method="POST",
    path="/media",
    scope=Scope.REPLY,
    summary="Upload a file, to be sent in messages.",
    description=(
        "The file is the only part of a multipart form and is called `file`. Its type is told by its bytes: images "
        "(JPEG, PNG) up to 5 MB, audio and video up to 16 MB, documents and plain text up to 100 MB, stickers (WebP) "
        "up to 100 KB, animated ones 500 KB. Two uploads of the same bytes are two files. Some bytes must come in "
        "every 10 seconds, all of them within 10 minutes."
    ),
    handler=_upload,
    response=UploadedFile,
    upload=_PART,
    errors=(
        "media_too_large",
        "media_type_not_supported",
        "media_type_mismatch",
        "no_active_connection",
        "whatsapp_rate_limited",
        "whatsapp_error",
        "whatsapp_connection_unauthorized",
        "upstream_unavailable",
    ),
    counted=False,
    answer={
        "id": "med_01KAR3V6Z5E2M8Q4T7W9Y1B3D5",
        "wa_media_id": "4490709327384033",
        "mime_type": "application/pdf",
        "size": 48211,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "filename": "invoice-1042.pdf",
        "created_at": "2026-05-15T10:30:00.120Z",
        "expires_at": "2026-08-13T10:30:00.120Z",
    },
)
