"""The gateway: the doors behind the edge, as one ASGI application."""

from dataclasses import dataclass
from functools import cache

from starlette.types import ASGIApp

from quixess import api, dashboard
from quixess.access import Keys
from quixess.api import edge, manage
from quixess.api.doors import Doors
from quixess.api.gate import Gate
from quixess.api.journal import Journal
from quixess.api.pages import Cursors
from quixess.api.peers import Peers, Strikes
from quixess.api.reference import Reference
from quixess.api.told import TOLD
from quixess.connections import Lines
from quixess.dashboard.assets import Assets
from quixess.dashboard.gate import Gate as FrontGate
from quixess.dashboard.rendering import Rendering
from quixess.database.core import Database
from quixess.events.outward import Policy
from quixess.feed import Feed
from quixess.health import Examination
from quixess.intake import Intake
from quixess.limits import Limits
from quixess.media.shelf import Shelf
from quixess.media.uploading import Uploads
from quixess.messages.receiving import Receiving
from quixess.messages.sending import Sending
from quixess.onboarding import Onboarding, Parting
from quixess.probes import Readiness, Requests, Watch
from quixess.requests import RequestLog
from quixess.sandbox import Handset
from quixess.settings import Settings
from quixess.templates import Sync
from quixess.vault import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The rooms of this process that the doors work with. `policy` says which URLs tenants' endpoints may have."""

    db: Database
    keyring: Keyring
    keys: Keys
    limits: Limits
    sync: Sync
    sending: Sending
    receiving: Receiving
    shelf: Shelf
    uploads: Uploads
    lines: Lines
    onboarding: Onboarding
    parting: Parting
    requests: RequestLog
    feed: Feed
    handset: Handset
    policy: Policy


def build(settings: Settings, rooms: Rooms, asked: Requests, readiness: Readiness) -> ASGIApp:
    """Build the application over rooms that are already open. What passes is counted in `asked`."""
    peers, strikes = Peers(settings.trusted_proxies), Strikes(settings.bad_keys_per_minute)
    examination = Examination(rooms.db, rooms.keyring, rooms.lines, settings.public_url)
    pages = _pages(settings, rooms, peers, examination)
    doors = Doors(
        [
            *api.routes(_external(rooms, peers, strikes), Journal(rooms.requests, peers)),
            *manage.routes(_management(rooms, peers, strikes, examination)),
            *Reference(api.ENDPOINTS, manage.MANAGEMENT).routes(),
            *Intake(rooms.db, rooms.keyring, rooms.receiving).routes(),
            *dashboard.routes(pages, FrontGate(pages)),
        ]
    )
    allowed = frozenset(host.lower() for host in settings.allowed_hosts) or None
    return Watch(edge.Edge(doors, allowed_hosts=allowed), doors.routes, asked, readiness)


def _external(rooms: Rooms, peers: Peers, strikes: Strikes) -> api.Rooms:
    return api.Rooms(
        db=rooms.db,
        keyring=rooms.keyring,
        keys=rooms.keys,
        limits=rooms.limits,
        gate=Gate(rooms.keys, rooms.limits, peers, strikes),
        sending=rooms.sending,
        sync=rooms.sync,
        shelf=rooms.shelf,
        uploads=rooms.uploads,
        cursors=Cursors(rooms.keyring),
    )


def _management(rooms: Rooms, peers: Peers, strikes: Strikes, examination: Examination) -> manage.Desk:
    gate = manage.Gate(rooms.db, rooms.keyring, peers, strikes)
    return manage.Desk(
        rooms.db, rooms.keyring, gate, rooms.lines, rooms.sync, rooms.uploads, rooms.onboarding, rooms.parting,
        examination,
    )  # fmt: skip


def _pages(settings: Settings, rooms: Rooms, peers: Peers, examination: Examination) -> dashboard.Desk:
    return dashboard.Desk(
        db=rooms.db,
        keyring=rooms.keyring,
        keys=rooms.keys,
        limits=rooms.limits,
        sending=rooms.sending,
        sync=rooms.sync,
        shelf=rooms.shelf,
        uploads=rooms.uploads,
        lines=rooms.lines,
        onboarding=rooms.onboarding,
        parting=rooms.parting,
        examination=examination,
        requests=rooms.requests,
        feed=rooms.feed,
        handset=rooms.handset,
        policy=rooms.policy,
        ladder=settings.retry_ladder,
        signatures=TOLD.signatures,
        rendering=_rendering(),
        public_url=settings.public_url,
        address=peers.address,
    )


@cache
def _rendering() -> Rendering:
    """Read the browser files and compile the templates once, however many gateways a process builds."""
    return Rendering(Assets())
