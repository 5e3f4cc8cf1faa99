"""The rooms of one process, built from its settings and taken down in order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from quixess import app, connections
from quixess.access import Keys
from quixess.cli import meaning
from quixess.connections import Lines
from quixess.connections.rotation import Rotation
from quixess.database.core import Database
from quixess.events import outward
from quixess.events.delivery import Deliveries
from quixess.events.outward import Sender
from quixess.feed import Feed
from quixess.limits import Limits
from quixess.media.fetching import Fetching
from quixess.media.shelf import Shelf
from quixess.media.store import Disk
from quixess.media.uploading import Uploads
from quixess.messages.receiving import Receiving
from quixess.messages.sending import Sending
from quixess.messages.settling import Settling
from quixess.onboarding import Onboarding, Parting
from quixess.requests import RequestLog
from quixess.sandbox import Handset
from quixess.settings import Settings
from quixess.templates import Sync
from quixess.vault import Keyring


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does."""

    gateway: bool
    worker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms(app.Rooms):
    """What this process is made of: what the doors work with, and the rest of it.

    Without a worker there are no deliveries, no settling and no fetching.
    """

    deliveries: Deliveries | None
    settling: Settling | None
    fetching: Fetching | None
    rotation: Rotation


@asynccontextmanager
async def furnish(settings: Settings, dsn: str, roles: Roles) -> AsyncIterator[Rooms]:
    """Open the rooms for the length of a block. Raises VaultError for a keyring that is not the database's."""
    keyring = meaning.read_keyring(settings)
    db = await Database.open(dsn)
    lines = Lines(version=settings.graph_version, timeout_s=settings.send_timeout)
    proxy = outward.read_proxy(settings.egress_proxy_url) if settings.egress_proxy_url else None
    sender = Sender(meaning.outward_policy(settings), total_timeout_s=settings.delivery_timeout, proxy=proxy)
    await sender.open()
    try:
        await connections.check_keyring(db, keyring)
        yield _build(settings, roles, db, keyring, lines, sender)
    finally:
        await sender.close()
        await lines.close()
        await db.close()


def _build(settings: Settings, roles: Roles, db: Database, keyring: Keyring, lines: Lines, sender: Sender) -> Rooms:
    deliveries = settling = fetching = None
    files = Disk(settings.media_dir or settings.data_dir / "media")
    if roles.worker:
        deliveries = Deliveries(db, keyring, sender, ladder=settings.retry_ladder, lease_s=settings.delivery_lease)
        settling = Settling(
            db, keyring, deliveries, lease_s=settings.send_lease, unknown_after_s=settings.unknown_after
        )
        fetching = _fetch(settings, db, keyring, lines, files)
    sync, policy = Sync(db, keyring, lines, deliveries), meaning.outward_policy(settings)
    limits = Limits(db)
    shelf = Shelf(db, files)
    return Rooms(
        db=db,
        keyring=keyring,
        keys=Keys(db, keyring),
        limits=limits,
        sync=sync,
        sending=_send(settings, db, keyring, lines, sync, deliveries, limits),
        receiving=Receiving(
            db,
            keyring,
            deliveries,
            lease_s=settings.delivery_lease,
            works=roles.worker,
            on_media=fetching.wake if fetching is not None else None,
        ),
        deliveries=deliveries,
        settling=settling,
        shelf=shelf,
        uploads=Uploads(db, keyring, lines, files, shelf, keep_days=settings.media_days),
        fetching=fetching,
        rotation=Rotation(db, keyring, lines),
        lines=lines,
        onboarding=Onboarding(db, keyring, lines, sync, deliveries, policy, settings.public_url, settings.graph_urls),
        parting=Parting(db, keyring, lines, deliveries),
        requests=RequestLog(db, lines=settings.request_log != "off", bodies=settings.request_log == "bodies"),
        feed=Feed(db),
        handset=Handset(settings.simulator_url),
        policy=policy,
    )


def _fetch(settings: Settings, db: Database, keyring: Keyring, lines: Lines, files: Disk) -> Fetching:
    return Fetching(
        db,
        keyring,
        lines,
        files,
        lease_s=settings.delivery_lease,
        ladder=settings.retry_ladder,
        keep_days=settings.media_days,
        origins=settings.meta_media_origins,
    )


def _send(
    settings: Settings,
    db: Database,
    keyring: Keyring,
    lines: Lines,
    sync: Sync,
    deliveries: Deliveries | None,
    limits: Limits,
) -> Sending:
    return Sending(
        db,
        keyring,
        lines,
        sync,
        deliveries,
        limits,
        lease_s=settings.send_lease,
        unknown_wait_s=settings.unknown_wait,
        otp_rates=settings.otp_per_recipient,
    )
