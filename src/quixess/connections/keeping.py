"""Keeping: a number connected to its brand, disconnected, flagged; each write takes the brand."""

from uuid import UUID

from quixess import feed
from quixess.connections import apps
from quixess.connections.finding import find_connection, pin_place, token_place, why_closed
from quixess.connections.model import Facts, NotConnectable
from quixess.database import ids
from quixess.database.core import Tx
from quixess.feed import Kind
from quixess.people import audit
from quixess.vault import Keyring


async def connect(tx: Tx, keyring: Keyring, brand_id: UUID, facts: Facts) -> UUID:
    """Connect a number to a brand and return the connection's id. Tokens and secrets are sealed as they come in.

    Connecting the same number to the same brand again replaces what was there before. Raises NotConnectable when the
    number belongs to another brand; one that was disconnected there may move.
    """
    await apps.keep_app(tx, keyring, facts.app_id, facts.app_secret, facts.verify_token, facts.graph_url)
    await check_free(tx, brand_id, facts.phone_number_id)
    known = await tx.row(
        "SELECT id FROM connection WHERE brand_id = $1 AND phone_number_id = $2 ORDER BY id DESC LIMIT 1",
        brand_id,
        facts.phone_number_id,
    )
    connection_id = known["id"] if known is not None else ids.new()
    await _keep_connection(tx, keyring, brand_id, connection_id, facts)
    row = await tx.row(
        """INSERT INTO number AS n (phone_number_id, app_id, waba_id, brand_id, connection_id)
           VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (phone_number_id) DO UPDATE SET app_id = excluded.app_id, waba_id = excluded.waba_id,
             brand_id = excluded.brand_id, connection_id = excluded.connection_id
           WHERE n.brand_id = excluded.brand_id OR EXISTS (
             SELECT FROM connection c WHERE c.brand_id = n.brand_id AND c.id = n.connection_id
               AND c.state = 'disconnected' AND c.closed_by IS NULL)
           RETURNING brand_id""",
        facts.phone_number_id,
        facts.app_id,
        facts.waba_id,
        brand_id,
        connection_id,
    )
    if row is None:  # another brand connected it a moment ago
        raise _taken()
    feed.tell(tx, brand_id, Kind.CONNECTION, connection_id)
    return connection_id


async def check_free(tx: Tx, brand_id: UUID, phone_number_id: str) -> None:
    """Hold a number for this brand. Raises NotConnectable while another brand is connected to it."""
    row = await tx.row(
        """SELECT c.state <> 'disconnected' OR c.closed_by IS NOT NULL AS taken
           FROM number n JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id
           WHERE n.phone_number_id = $1 AND n.brand_id <> $2 FOR UPDATE OF n""",
        phone_number_id,
        brand_id,
    )
    if row is not None and row["taken"]:
        raise _taken()


async def keep_pin(tx: Tx, keyring: Keyring, brand_id: UUID, connection_id: UUID, pin: str) -> None:
    """Keep the two-step PIN that a connection's number has now, sealed."""
    await tx.execute(
        "UPDATE connection SET pin = $3, updated_at = now() WHERE brand_id = $1 AND id = $2",
        brand_id,
        connection_id,
        keyring.seal(pin.encode(), pin_place(brand_id, connection_id)),
    )


async def send_from(tx: Tx, brand_id: UUID, connection_id: UUID, *, actor: str) -> None:
    """Have codes and templates go out by this number from now on. Answers go out by the number that was written to.

    Raises `connection_not_found`, and `no_active_connection` for a number that cannot send.
    """
    one = await find_connection(tx, brand_id, connection_id)
    if one.state != "active":
        raise await why_closed(tx, brand_id, connection_id)
    if one.sends:
        return
    await tx.execute(
        "UPDATE connection SET chosen_at = now(), updated_at = now() WHERE brand_id = $1 AND id = $2",
        brand_id,
        connection_id,
    )
    await audit.note(tx, brand_id, actor=actor, action="connection.chosen", about=ids.show("con", connection_id))
    feed.tell(tx, brand_id, Kind.CONNECTION, connection_id)
    feed.tell(tx, brand_id, Kind.TEMPLATE, None)  # those of another account may be the brand's now


async def disconnect(tx: Tx, brand_id: UUID, connection_id: UUID, *, reason: str) -> bool:
    """Disconnect a number; its sends fail at once, its history stays. False when an operator did so before."""
    row = await tx.row(
        """UPDATE connection SET state = 'disconnected', state_reason = $3, closed_by = NULL, updated_at = now()
           WHERE brand_id = $1 AND id = $2 AND (state <> 'disconnected' OR closed_by IS NOT NULL) RETURNING id""",
        brand_id,
        connection_id,
        reason,
    )
    feed.tell(tx, brand_id, Kind.CONNECTION, connection_id)
    return row is not None


async def disconnect_others(tx: Tx, brand_id: UUID, connection_id: UUID) -> None:
    """Disconnect every other number of a brand."""
    await tx.execute(
        """UPDATE connection SET state = 'disconnected', closed_by = NULL, updated_at = now()
           WHERE brand_id = $1 AND id <> $2 AND (state <> 'disconnected' OR closed_by IS NOT NULL)""",
        brand_id,
        connection_id,
    )
    feed.tell(tx, brand_id, Kind.CONNECTION, None)


async def _keep_connection(tx: Tx, keyring: Keyring, brand_id: UUID, connection_id: UUID, facts: Facts) -> None:
    await tx.execute(
        """INSERT INTO connection AS c (brand_id, id, app_id, waba_id, phone_number_id, display_phone, verified_name,
                                        graph_url, token, token_last4, account_at, token_expires_at, pin, quality,
                                        number_status, name_status, throughput, messaging_limit)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() - interval '1 minute', $11, $12, $13, $14, $15, $16,
                   $17)
           ON CONFLICT (brand_id, id) DO UPDATE SET app_id = excluded.app_id, waba_id = excluded.waba_id,
             display_phone = excluded.display_phone, verified_name = excluded.verified_name,
             graph_url = excluded.graph_url, token = excluded.token, token_last4 = excluded.token_last4,
             token_expires_at = excluded.token_expires_at, pin = coalesce(excluded.pin, c.pin),
             quality = excluded.quality, number_status = excluded.number_status, name_status = excluded.name_status,
             throughput = excluded.throughput, messaging_limit = excluded.messaging_limit,
             state = 'active', state_reason = NULL, closed_by = NULL, account_at = excluded.account_at,
             token_due_at = now(), token_kind = NULL, token_since = NULL, token_access_ends_at = NULL,
             token_checked_at = NULL, token_fault = NULL, token_failed_at = NULL, token_tries = 0, token_warned = NULL,
             previous_token = NULL, previous_token_last4 = NULL, previous_token_until = NULL,
             updated_at = now()""",
        brand_id,
        connection_id,
        facts.app_id,
        facts.waba_id,
        facts.phone_number_id,
        "".join(letter for letter in facts.display_phone if letter.isdigit()),
        facts.verified_name,
        facts.graph_url,
        keyring.seal(facts.token.encode(), token_place(brand_id, connection_id)),
        facts.token[-4:],
        facts.token_expires_at,
        None if facts.pin is None else keyring.seal(facts.pin.encode(), pin_place(brand_id, connection_id)),
        facts.quality,
        facts.number_status,
        facts.name_status,
        facts.throughput,
        facts.messaging_limit,
    )


def _taken() -> NotConnectable:
    return NotConnectable("phone_number", "This phone number belongs to another brand: disconnect it there first.")
