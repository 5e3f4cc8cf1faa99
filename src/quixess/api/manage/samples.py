"""Examples of files for the headers of templates, over the management API: streamed through, to Meta's reviewers."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.api import body, multipart
from quixess.api.answers import as_json
from quixess.api.manage.endpoint import Desk, Managed
from quixess.api.manage.gate import Admitted
from quixess.api.manage.templates import OF_META
from quixess.media.drafts import Draft
from quixess.media.uploading import Claim

_PART = "file"


class HeaderSample(msgspec.Struct, frozen=True):
    """A file that Meta's reviewers look at: an example of what a header shows. No message can be sent with it."""

    handle: Annotated[str, Meta(description="Meta's handle: `example.header_handle` is a list with it.")]
    format: Annotated[str, Meta(description="The header's `format`: IMAGE, VIDEO or DOCUMENT.")]
    mime_type: Annotated[str, Meta(description="What the bytes are.")]
    size: Annotated[int, Meta(ge=1, description="In bytes.")]


async def _upload(request: Request, admitted: Admitted, desk: Desk) -> Response:
    async def bring(draft: Draft) -> Claim:
        part = await multipart.read_file(request.stream(), body.content_type(request), _PART, draft.take)
        return Claim(part.content_type, None)

    given = await desk.uploads.sample(admitted.brand.id, bring)
    return as_json(HeaderSample(given.handle, given.format, given.mime_type, given.size))


ENDPOINTS = (
    Managed(
        id="upload_header_sample",
        method="POST",
        path="/templates/samples",
        summary="Give Meta an example of the file that a template's header shows.",
        handler=_upload,
        upload=_PART,
        response=HeaderSample,
        errors=("media_too_large", "media_type_not_supported", "media_type_mismatch", "overloaded", *OF_META),
    ),
)
