"""Connections: a brand's WhatsApp Business Account, its phone number, and the sealed token that speaks for it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.meta.graph import Credentials, Graph
from quixess.vault import Keyring, Place

_LONGEST_ID = 64  # of a stray's, which may be anything; an index takes no more than 2,700 bytes


class NotConnectable(ValueError):  # noqa: N818 - says what it is
    """A connection cannot be made as asked; the text names the fix."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an operator pastes to connect a WABA. Ids are Meta's, as digits."""

    app_id: str
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    waba_id: str
    phone_number_id: str
    display_phone: str
    token: str = field(repr=False)
    graph_url: str
    verified_name: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """One phone number of one brand, ready to send. `display_phone` is digits."""

    id: UUID
    brand_id: UUID
    app_id: str
    waba_id: str
    phone_number_id: str
    display_phone: str
    graph_url: str
    state: str
    credentials: Credentials = field(repr=False)


@dataclass(frozen=True, slots=True)
class App:
    """A Meta app's secrets: `secrets` are all that sign webhooks now, two during a rotation."""

    id: str
    secrets: tuple[bytes, ...] = field(repr=False)
    verify_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """Whose number a webhook item is about."""

    phone_number_id: str
    app_id: str
    waba_id: str
    brand_id: UUID
    connection_id: UUID
    display: str


@dataclass(frozen=True, slots=True)
class Stray:
    """An item of Meta's that belongs to nobody here. `about` is the phone number id or the WABA it was about."""

    app_id: str
    about: str
    reason: str
    intake_id: UUID


class Lines:
    """The Graph clients of this process: one for each base URL, Meta's or a simulator's, opened when first used."""

    def __init__(self, *, version: str, timeout_s: float) -> None:
        self._version = version
        self._timeout_s = timeout_s
        self._graphs: dict[str, Graph] = {}

    async def to(self, graph_url: str) -> Graph:
        """Give the client for a base URL."""
        if (graph := self._graphs.get(graph_url)) is None:
            graph = Graph(base_url=graph_url, version=self._version, total_timeout_s=self._timeout_s)
            self._graphs[graph_url] = graph
            await graph.open()
        return graph

    async def close(self) -> None:
        """Close every client."""
        for graph in self._graphs.values():
            await graph.close()
        self._graphs.clear()


async def connect(tx: Tx, keyring: Keyring, brand_id: UUID, facts: Facts) -> UUID:
    """Connect a number to a brand and return the connection's id. Tokens and secrets are sealed as they come in.

    Connecting the same number to the same brand again replaces what was pasted before. Raises NotConnectable when
    the number belongs to another brand.
    """
    await _keep_app(tx, keyring, facts)
    number = await tx.row("SELECT * FROM number WHERE phone_number_id = $1 FOR UPDATE", facts.phone_number_id)
    if number is not None and number["brand_id"] != brand_id:
        raise NotConnectable("This phone number belongs to another brand: disconnect it there first.")
    connection_id = number["connection_id"] if number is not None else ids.new()
    await _keep_connection(tx, keyring, brand_id, connection_id, facts)
    await tx.execute(
        """INSERT INTO number (phone_number_id, app_id, waba_id, brand_id, connection_id) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (phone_number_id) DO UPDATE SET app_id = excluded.app_id, waba_id = excluded.waba_id""",
        facts.phone_number_id,
        facts.app_id,
        facts.waba_id,
        brand_id,
        connection_id,
    )
    return connection_id


async def disconnect_others(tx: Tx, brand_id: UUID, connection_id: UUID) -> None:
    """Disconnect every other number of a brand."""
    await tx.execute(
        """UPDATE connection SET state = 'disconnected', closed_by = NULL, updated_at = now()
           WHERE brand_id = $1 AND id <> $2 AND (state <> 'disconnected' OR closed_by IS NOT NULL)""",
        brand_id,
        connection_id,
    )


async def _keep_app(tx: Tx, keyring: Keyring, facts: Facts) -> None:
    await tx.execute(
        """INSERT INTO meta_app (id, secret, verify_token) VALUES ($1, $2, $3)
           ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, verify_token = excluded.verify_token""",
        facts.app_id,
        keyring.seal(facts.app_secret.encode(), Place("meta_app", "secret", facts.app_id)),
        keyring.seal(facts.verify_token.encode(), Place("meta_app", "verify_token", facts.app_id)),
    )


async def _keep_connection(tx: Tx, keyring: Keyring, brand_id: UUID, connection_id: UUID, facts: Facts) -> None:
    await tx.execute(
        """INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, verified_name,
                                   graph_url, token, token_last4, account_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now() - interval '1 minute')
           ON CONFLICT (brand_id, id) DO UPDATE SET app_id = excluded.app_id, waba_id = excluded.waba_id,
             display_phone = excluded.display_phone, verified_name = excluded.verified_name,
             graph_url = excluded.graph_url, token = excluded.token, token_last4 = excluded.token_last4,
             state = 'active', state_reason = NULL, closed_by = NULL, account_at = excluded.account_at,
             updated_at = now()""",
        brand_id,
        connection_id,
        facts.app_id,
        facts.waba_id,
        facts.phone_number_id,
        "".join(letter for letter in facts.display_phone if letter.isdigit()),
        facts.verified_name,
        facts.graph_url,
        keyring.seal(facts.token.encode(), _token_place(brand_id, connection_id)),
        facts.token[-4:],
    )


async def active(tx: Tx, keyring: Keyring, brand_ids: Sequence[UUID]) -> dict[UUID, Connection]:
    """Find the active connection of each brand (the first, where it has several numbers)."""
    rows = await tx.rows(
        """SELECT DISTINCT ON (c.brand_id) c.*, a.secret AS app_secret
           FROM unnest($1::uuid[]) AS wanted(brand_id)
           JOIN connection c ON c.brand_id = wanted.brand_id AND c.state = 'active'
           JOIN meta_app a ON a.id = c.app_id
           ORDER BY c.brand_id, c.id""",
        list(set(brand_ids)),
    )
    return {row["brand_id"]: _connection(keyring, row) for row in rows}


async def load(tx: Tx, keyring: Keyring, wanted: Sequence[tuple[UUID, UUID]]) -> list[Connection]:
    """Load connections, each given as (brand, connection), whatever their state."""
    rows = await tx.rows(
        """SELECT c.*, a.secret AS app_secret FROM unnest($1::uuid[], $2::uuid[]) AS wanted(brand_id, id)
           JOIN connection c ON c.brand_id = wanted.brand_id AND c.id = wanted.id
           JOIN meta_app a ON a.id = c.app_id""",
        [brand_id for brand_id, _ in wanted],
        [connection_id for _, connection_id in wanted],
    )
    return [_connection(keyring, row) for row in rows]


async def number_of(tx: Tx, brand_id: UUID, connection_id: UUID) -> dict[str, str] | None:
    """Tell the phone_number_id and display_phone (digits) of a connection, whatever its state."""
    row = await tx.row(
        "SELECT phone_number_id, display_phone FROM connection WHERE brand_id = $1 AND id = $2", brand_id, connection_id
    )
    return None if row is None else dict(row)


async def describe(tx: Tx, brand_id: UUID) -> dict[str, str] | None:
    """Tell a brand which number it sends from and how that is: the active one, else the newest; None without any."""
    row = await tx.row(
        """SELECT phone_number_id, '+' || display_phone AS display_phone, waba_id, state FROM connection
           WHERE brand_id = $1 ORDER BY state <> 'active', CASE WHEN state = 'active' THEN id END, id DESC LIMIT 1""",
        brand_id,
    )
    return None if row is None else dict(row)


async def flag_unauthorized(tx: Tx, brand_id: UUID, connection_id: UUID) -> None:
    """Mark a connection whose token Meta no longer takes: its sends fail at once until an operator reconnects it."""
    await tx.execute(
        """UPDATE connection SET state = 'unauthorized', state_reason = 'Meta no longer accepts the token',
             updated_at = now()
           WHERE brand_id = $1 AND id = $2 AND state = 'active'""",
        brand_id,
        connection_id,
    )


async def find_app(tx: Tx, keyring: Keyring, app_id: str) -> App | None:
    """Find a Meta app by its id, with the secrets that sign its webhooks."""
    row = await tx.row("SELECT * FROM meta_app WHERE id = $1", app_id)
    if row is None:
        return None
    columns = [column for column in ("secret", "previous_secret") if row[column] is not None]
    opened = tuple(keyring.open(row[column], Place("meta_app", column, app_id)) for column in columns)
    verify_token = keyring.open(row["verify_token"], Place("meta_app", "verify_token", app_id))
    return App(app_id, opened, verify_token.decode())


async def find_numbers(tx: Tx, phone_number_ids: Sequence[str]) -> dict[str, Number]:
    """Find whose numbers these are. A number of nobody is missing from the answer."""
    rows = await tx.rows(
        """SELECT n.*, c.display_phone AS display FROM unnest($1::text[]) AS wanted(phone_number_id)
           JOIN number n ON n.phone_number_id = wanted.phone_number_id
           JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id""",
        list(phone_number_ids),
    )
    return {row["phone_number_id"]: Number(*(row[name] for name in Number.__slots__)) for row in rows}


async def find_accounts(tx: Tx, waba_ids: Sequence[str]) -> dict[str, list[Number]]:
    """Find the numbers of these WABAs, whatever the brand and the app. An unknown WABA is missing from the answer."""
    rows = await tx.rows(
        """SELECT n.*, c.display_phone AS display FROM unnest($1::text[]) AS wanted(waba_id)
           JOIN number n ON n.waba_id = wanted.waba_id
           JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id
           ORDER BY n.brand_id, n.connection_id""",
        list(waba_ids),
    )
    found: dict[str, list[Number]] = {}
    for row in rows:
        found.setdefault(row["waba_id"], []).append(Number(*(row[name] for name in Number.__slots__)))
    return found


async def count_strays(tx: Tx, strays: Sequence[Stray]) -> None:
    """Count items that belong to no number or WABA of the app that signed them."""
    last = {(one.app_id, one.about[:_LONGEST_ID], one.reason): one.intake_id for one in strays}
    counted = Counter((one.app_id, one.about[:_LONGEST_ID], one.reason) for one in strays)
    for key in sorted(counted):
        await tx.execute(
            """INSERT INTO stray AS s (app_id, phone_number_id, reason, items, last_intake_id)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (app_id, phone_number_id, reason) DO UPDATE
                 SET items = s.items + excluded.items, last_intake_id = excluded.last_intake_id, last_at = now()""",
            *key,
            counted[key],
            last[key],
        )


async def note_webhooks(tx: Tx, heard: Mapping[UUID, Number]) -> None:
    """Note that Meta's webhooks reach us for these connections: it proves the pipe alive. Written every 5 s at most."""
    ordered = sorted(heard)
    await tx.execute(
        """UPDATE connection c SET webhook_seen_at = now()
           FROM unnest($1::uuid[], $2::uuid[]) AS h(brand_id, id)
           WHERE c.brand_id = h.brand_id AND c.id = h.id
             AND (c.webhook_seen_at IS NULL OR c.webhook_seen_at < now() - interval '5 seconds')""",
        [heard[connection_id].brand_id for connection_id in ordered],
        ordered,
    )


async def check_keyring(db: Database, keyring: Keyring) -> None:
    """Refuse a keyring that is not the database's own; the first keyring becomes it. Raises VaultError.

    Without this a start with the wrong key would seal new tokens under it and leave two halves that no key opens.
    """
    place = Place("keyring_canary", "sealed", "only")
    async with db.transaction() as tx:
        await tx.execute(
            "INSERT INTO keyring_canary (sealed) VALUES ($1) ON CONFLICT DO NOTHING", keyring.seal(b"canary", place)
        )
        row = await tx.row("SELECT sealed FROM keyring_canary")
    if row is not None:
        keyring.open(row["sealed"], place)


def none_active() -> QuixessError:
    """Build the 404 of a brand without an active connection."""
    return QuixessError(
        "no_active_connection", "The brand has no active WhatsApp connection: connect or reconnect its WABA."
    )


def _token_place(brand_id: UUID, connection_id: UUID) -> Place:
    return Place("connection", "token", str(connection_id), brand_id)


def _connection(keyring: Keyring, row: Row) -> Connection:
    token = keyring.open(row["token"], _token_place(row["brand_id"], row["id"]))
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
    )
