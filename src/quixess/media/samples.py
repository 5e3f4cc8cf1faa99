"""Samples: a file that Meta's reviewers look at as the header of a template. Nothing of it is kept here.

Types are those of Meta's page "Upload a file", sizes those of its page "Media": a header shows what can be sent.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quixess.connections import Connection, Lines
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.media import accepted, kinds, refusing
from quixess.meta import samples as remote
from quixess.meta.outcomes import Outcome

_FORMATS: Mapping[str, str] = {
    "image/jpeg": "IMAGE",
    "image/png": "IMAGE",
    "video/mp4": "VIDEO",
    "application/pdf": "DOCUMENT",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A file as Meta's reviewers see it. `format` is the header's, `handle` Meta's, `size` in bytes."""

    handle: str
    format: str
    mime_type: str
    size: int


def recognise(path: Path, claimed: str | None = None) -> tuple[str, str]:
    """Tell the type of a file by its bytes, and the format of the header that shows it. Blocks.

    Raises `media_type_not_supported`, `media_type_mismatch` or `media_too_large`.
    """
    kind = accepted.recognise(path, claimed)
    if kind not in _FORMATS:
        detail = f"The header of a template shows no such file. Send one of: {', '.join(_FORMATS)}."
        raise QuixessError("media_type_not_supported", detail)
    return kind, _FORMATS[kind]


async def give(db: Database, lines: Lines, connection: Connection, path: Path, claimed: str | None = None) -> Sample:
    """Give Meta a file as an example for the header of a template.

    Raises what `recognise` raises, and Meta's refusal: `whatsapp_error`, `whatsapp_connection_unauthorized`,
    `whatsapp_rate_limited` or `upstream_unavailable`; after any of them it may be tried again.
    """
    kind, shown = await asyncio.to_thread(recognise, path, claimed)
    size = (await asyncio.to_thread(path.stat)).st_size
    file = await asyncio.to_thread(path.open, "rb")
    graph = await lines.to(connection.graph_url)
    name = f"sample{kinds.extension(kind)}"
    try:
        handle = await remote.upload(
            graph, connection.credentials, connection.app_id, file, mime_type=kind, filename=name, size=size
        )
    except Outcome as outcome:
        raise await refusing.explain(db, connection, outcome) from None
    return Sample(handle, shown, kind, size)
