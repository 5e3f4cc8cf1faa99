"""The gateway: the doors behind the edge, as one ASGI application."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from quixess import api
from quixess.access import Keys
from quixess.api import edge, manage
from quixess.api.gate import Gate
from quixess.api.pages import Cursors
from quixess.api.peers import Peers, Strikes
from quixess.api.reference import Reference
from quixess.connections import Lines
from quixess.database.core import Database
from quixess.health import Examination
from quixess.intake import Intake
from quixess.limits import Limits
from quixess.media.shelf import Shelf
from quixess.media.uploading import Uploads
from quixess.messages.receiving import Receiving
from quixess.messages.sending import Sending
from quixess.onboarding import Onboarding, Parting
from quixess.settings import Settings
from quixess.templates import Sync
from quixess.vault import Keyring


def build(
    settings: Settings,
    db: Database,
    keyring: Keyring,
    keys: Keys,
    limits: Limits,
    sync: Sync,
    sending: Sending,
    receiving: Receiving,
    shelf: Shelf,
    uploads: Uploads,
    lines: Lines,
    onboarding: Onboarding,
    parting: Parting,
) -> ASGIApp:
    """Build the application over rooms that are already open."""
    peers, strikes = Peers(settings.trusted_proxies), Strikes(settings.bad_keys_per_minute)
    rooms = api.Rooms(
        db=db,
        keyring=keyring,
        keys=keys,
        limits=limits,
        gate=Gate(keys, limits, peers, strikes),
        sending=sending,
        sync=sync,
        shelf=shelf,
        uploads=uploads,
        cursors=Cursors(keyring),
    )
    examination = Examination(db, keyring, lines, settings.public_url)
    desk = manage.Desk(
        db, keyring, manage.Gate(db, keyring, peers, strikes), lines, sync, uploads, onboarding, parting, examination
    )
    doors = Starlette(
        routes=[
            *api.routes(rooms),
            *manage.routes(desk),
            *Reference(api.ENDPOINTS, manage.MANAGEMENT).routes(),
            *Intake(db, keyring, receiving).routes(),
        ],
        exception_handlers=dict(edge.HANDLERS),
    )
    doors.router.redirect_slashes = False  # such a redirect would be built from the Host header
    allowed = frozenset(host.lower() for host in settings.allowed_hosts) or None
    return edge.Edge(doors, allowed_hosts=allowed)
