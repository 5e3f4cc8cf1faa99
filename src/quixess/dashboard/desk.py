"""What the pages work with: the rooms of this process, handed over by the wiring."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Scope

from quixess.access import Address, Keys
from quixess.connections import Lines
from quixess.dashboard.rendering import Rendering
from quixess.database.core import Database
from quixess.events.outward import Policy
from quixess.feed import Feed
from quixess.health import Examination
from quixess.limits import Limits
from quixess.media.shelf import Shelf
from quixess.media.uploading import Uploads
from quixess.messages.sending import Sending
from quixess.onboarding import Onboarding, Parting
from quixess.requests import RequestLog
from quixess.sandbox import Handset
from quixess.templates import Sync
from quixess.vault import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The rooms, and what the wiring knows of this installation.

    `public_url` is where it is reached from outside, None when nobody said so: then a page takes what its reader came
    by. `policy` says which URLs tenants' endpoints may have, `ladder` how many seconds lie between attempts where an
    endpoint has no schedule of its own, `signatures` is code that checks an event's, by language. `address` tells the
    address a request comes from, behind trusted proxies.
    """

    db: Database
    keyring: Keyring
    keys: Keys
    limits: Limits
    sending: Sending
    sync: Sync
    shelf: Shelf
    uploads: Uploads
    lines: Lines
    onboarding: Onboarding
    parting: Parting
    examination: Examination
    feed: Feed
    handset: Handset
    requests: RequestLog
    policy: Policy
    ladder: Sequence[float]
    signatures: Mapping[str, str]
    rendering: Rendering
    public_url: str | None
    address: Callable[[Scope], Address | None]
