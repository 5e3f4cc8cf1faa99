"""Samples at Meta: a file that reviewers look at as the header of a template, given by the Resumable Upload API.

One call opens a session for so many bytes of a type, another brings them, and the answer has the handle that stands
in `example.header_handle` of a new template. No user sees the bytes: an upload that broke may begin anew. Reference:
Meta's page "Upload a file" (Resumable Upload API); the token's user needs a role in the app.
"""

import re
from typing import BinaryIO

from quixess.meta.graph import Credentials, Graph
from quixess.meta.outcomes import Unknown

# Base64 with a signature behind it, as in `upload:MTphdH…=?sig=ARZq…`: the whole of it is the address. No dots.
_SESSION = re.compile(r"upload:[A-Za-z0-9_=+/:~-]{1,2048}(\?[A-Za-z0-9_=&%~-]{1,2048})?")
_HANDLE = re.compile(r"[!-~]{1,4096}(\n[!-~]{1,4096}){0,63}")  # a large file has several lines, one handle together
_SHORTEST_S = 60.0
_SLOWEST = 256 * 1024  # bytes a second


async def upload(
    graph: Graph, credentials: Credentials, app_id: str, file: BinaryIO, *, mime_type: str, filename: str, size: int
) -> str:
    """Give Meta a file to look at, read from where `file` stands, and return Meta's handle of it.

    `filename` is ASCII and reaches no user. Closes `file`. Raises an `Outcome`; after any of them nothing is made.
    """
    about = {"file_name": filename, "file_length": str(size), "file_type": mime_type}
    token, secret = credentials.token, credentials.app_secret
    with file:
        if not re.fullmatch(r"[0-9]{1,32}", app_id):
            raise ValueError("app_id must be digits")
        opened = await graph.ask("POST", f"{app_id}/uploads", token=token, app_secret=secret, query=about)
        session = opened.get("id")
        if not isinstance(session, str) or _SESSION.fullmatch(session) is None:
            raise Unknown("the answer to the upload has no session")
        told = await graph.carry(credentials, session, file, timeout_s=_SHORTEST_S + size / _SLOWEST)
    handle = told.get("h")
    if not isinstance(handle, str) or _HANDLE.fullmatch(handle) is None:
        raise Unknown("the answer to the bytes has no handle")
    return handle
