"""Finding: the connections of brands, opened and ready to send."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from quixess.connections.model import Connection, Entry
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.errors import QuixessError
from quixess.meta.graph import Credentials
from quixess.vault import Keyring, Place, VaultError

_log = structlog.get_logger()
_SENDER_FIRST = "c.chosen_at DESC NULLS LAST, c.id"
_SENDS = f"""c.id IS NOT DISTINCT FROM (SELECT s.id FROM connection s WHERE s.brand_id = $1 AND s.state = 'active'
  ORDER BY {_SENDER_FIRST.replace("c.", "s.")} LIMIT 1) AS sends"""


async def active(tx: Tx, keyring: Keyring, brand_ids: Sequence[UUID]) -> dict[UUID, Connection]:
    """Find the active connection that each brand sends by: the one chosen last, the oldest where none was chosen."""
    rows = await tx.rows(
        f"""SELECT DISTINCT ON (c.brand_id) c.*, a.secret AS app_secret
            FROM unnest($1::uuid[]) AS wanted(brand_id)
            JOIN connection c ON c.brand_id = wanted.brand_id AND c.state = 'active'
            JOIN meta_app a ON a.id = c.app_id
            ORDER BY c.brand_id, {_SENDER_FIRST}""",
        list(set(brand_ids)),
    )
    return {row["brand_id"]: _connection(keyring, row) for row in rows}


async def load(tx: Tx, keyring: Keyring, wanted: Sequence[tuple[UUID, UUID]]) -> list[Connection]:
    """Load connections, each given as (brand, connection), whatever their state."""
    return [_connection(keyring, row) for row in await _rows_of(tx, wanted)]


async def load_each(tx: Tx, keyring: Keyring, wanted: Sequence[tuple[UUID, UUID]]) -> list[Connection]:
    """Load connections of many brands. One whose secrets do not open is left out: it must not hold up the others."""
    found = []
    for row in await _rows_of(tx, wanted):
        try:
            found.append(_connection(keyring, row))
        except VaultError as error:
            _log.error("the secrets of a number do not open", connection=ids.show("con", row["id"]), error=str(error))
    return found


async def _rows_of(tx: Tx, wanted: Sequence[tuple[UUID, UUID]]) -> list[Row]:
    return await tx.rows(
        """SELECT c.*, a.secret AS app_secret FROM unnest($1::uuid[], $2::uuid[]) AS wanted(brand_id, id)
           JOIN connection c ON c.brand_id = wanted.brand_id AND c.id = wanted.id
           JOIN meta_app a ON a.id = c.app_id""",
        [brand_id for brand_id, _ in wanted],
        [connection_id for _, connection_id in wanted],
    )


async def number_of(tx: Tx, brand_id: UUID, connection_id: UUID) -> dict[str, str] | None:
    """Tell the phone_number_id and display_phone (digits) of a connection, whatever its state."""
    row = await tx.row(
        "SELECT phone_number_id, display_phone FROM connection WHERE brand_id = $1 AND id = $2", brand_id, connection_id
    )
    return None if row is None else dict(row)


async def find_sender(tx: Tx, brand_id: UUID) -> Entry | None:
    """Find the connection that codes and templates go out by; without an active one the newest, None without any."""
    row = await tx.row(
        f"""SELECT c.*, c.state = 'active' AS sends FROM connection c WHERE c.brand_id = $1
            ORDER BY c.state <> 'active', CASE WHEN c.state <> 'active' THEN c.id END DESC, {_SENDER_FIRST} LIMIT 1""",
        brand_id,
    )
    return None if row is None else _entry(row)


async def list_connections(tx: Tx, brand_id: UUID) -> list[Entry]:
    """List a brand's connections, oldest first, whatever their state."""
    rows = await tx.rows(f"SELECT c.*, {_SENDS} FROM connection c WHERE c.brand_id = $1 ORDER BY c.id", brand_id)
    return [_entry(row) for row in rows]


async def find_connection(tx: Tx, brand_id: UUID, connection_id: UUID) -> Entry:
    """Find one connection of a brand. Raises `connection_not_found`."""
    row = await tx.row(
        f"SELECT c.*, {_SENDS} FROM connection c WHERE c.brand_id = $1 AND c.id = $2", brand_id, connection_id
    )
    if row is None:
        raise none_such()
    return _entry(row)


async def find_pin(tx: Tx, keyring: Keyring, brand_id: UUID, connection_id: UUID) -> str | None:
    """Find the two-step PIN that a connection's number was registered with, None when we never knew it."""
    row = await tx.row("SELECT pin FROM connection WHERE brand_id = $1 AND id = $2", brand_id, connection_id)
    if row is None or row["pin"] is None:
        return None
    return keyring.open(row["pin"], pin_place(brand_id, connection_id)).decode()


async def is_last(tx: Tx, connection: Connection) -> bool:
    """Tell whether no other connection, of any brand, needs the app on this WABA any more."""
    row = await tx.row(
        """SELECT 1 FROM number n JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id
           WHERE n.waba_id = $1 AND n.app_id = $2 AND n.connection_id <> $3 AND c.state <> 'disconnected' LIMIT 1""",
        connection.waba_id,
        connection.app_id,
        connection.id,
    )
    return row is None


def none_such() -> QuixessError:
    """Build the 404 of a connection that the brand does not have."""
    return QuixessError("connection_not_found", "Name one of the brand's connections: `quixess connection list`.")


async def why_closed(tx: Tx, brand_id: UUID, connection_id: UUID) -> QuixessError:
    """Build the 404 of a connection that is not active: it says why, where the connection stopped by itself."""
    row = await tx.row(
        """SELECT display_phone, state, state_reason FROM connection
           WHERE brand_id = $1 AND id = $2 AND (state = 'unauthorized' OR closed_by IS NOT NULL)""",
        brand_id,
        connection_id,
    )
    if row is not None:
        return _why(row)
    return QuixessError("no_active_connection", "This number is not connected any more: reconnect it.")


async def why_none(tx: Tx, brand_ids: Sequence[UUID]) -> dict[UUID, QuixessError]:
    """Build the 404 of each brand without an active connection. It says why, where one stopped by itself."""
    rows = await tx.rows(
        """SELECT DISTINCT ON (c.brand_id) c.brand_id, c.display_phone, c.state, c.state_reason
           FROM unnest($1::uuid[]) AS wanted(brand_id)
           JOIN connection c ON c.brand_id = wanted.brand_id AND (c.state = 'unauthorized' OR c.closed_by IS NOT NULL)
           ORDER BY c.brand_id, c.updated_at DESC""",
        list(set(brand_ids)),
    )
    known = {row["brand_id"]: _why(row) for row in rows}
    return {brand_id: known.get(brand_id) or none_active() for brand_id in brand_ids}


def none_active() -> QuixessError:
    """Build the 404 of a brand without an active connection."""
    return QuixessError(
        "no_active_connection", "The brand has no active WhatsApp connection: connect or reconnect its WABA."
    )


def _why(row: Row) -> QuixessError:
    number = f"+{row['display_phone']}"
    if row["state"] == "unauthorized":
        detail = f"Meta no longer accepts the access token of {number}: reconnect the number with a new token."
    else:
        detail = f"Meta closed {number}. {row['state_reason'] or 'Connect or reconnect the WABA.'}"
    return QuixessError("no_active_connection", detail)


def token_place(brand_id: UUID, connection_id: UUID) -> Place:
    """Name the place that a connection's token is sealed for."""
    return Place("connection", "token", str(connection_id), brand_id)


def pin_place(brand_id: UUID, connection_id: UUID) -> Place:
    """Name the place that a number's PIN is sealed for."""
    return Place("connection", "pin", str(connection_id), brand_id)


def _entry(row: Row) -> Entry:
    return Entry(*(row[name] for name in Entry.__slots__))


def _connection(keyring: Keyring, row: Row) -> Connection:
    token = keyring.open(row["token"], token_place(row["brand_id"], row["id"]))
    secret = keyring.open(row["app_secret"], Place("meta_app", "secret", row["app_id"]))
    credentials = Credentials(row["phone_number_id"], row["waba_id"], token.decode(), secret.decode())
    return Connection(
        id=row["id"],
        brand_id=row["brand_id"],
        app_id=row["app_id"],
        waba_id=row["waba_id"],
        phone_number_id=row["phone_number_id"],
        display_phone=row["display_phone"],
        graph_url=row["graph_url"],
        state=row["state"],
        credentials=credentials,
        messages_per_s=row["messages_per_s"],
    )
