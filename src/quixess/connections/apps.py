"""Meta apps: their secrets and verify tokens, sealed; and the canary of the keyring that seals them."""

from datetime import timedelta

from quixess.connections.model import App
from quixess.database.core import Database, Row, Tx
from quixess.vault import Keyring, Place

LONGEST_OVERLAP = timedelta(days=30)
_OVERLAP = timedelta(hours=24)


async def keep_app(tx: Tx, keyring: Keyring, app_id: str, secret: str, verify_token: str, graph_url: str) -> None:
    """Keep an app's secret and verify token.

    A secret that takes the place of another one signs and proves at once; webhooks signed by the one before are taken
    for a day. The one before, which Meta may take beside the new one for as long, does not come back: who reconnects a
    number has read it before the change.
    """
    sealed = _seal(keyring, app_id, "verify_token", verify_token)
    await tx.execute(
        """INSERT INTO meta_app (id, secret, verify_token, graph_url) VALUES ($1, $2, $3, $4)
           ON CONFLICT (id) DO NOTHING""",
        app_id,
        _seal(keyring, app_id, "secret", secret),
        sealed,
        graph_url,
    )
    row = await tx.row(
        "SELECT *, coalesce(previous_secret_until > now(), true) AS overlaps FROM meta_app WHERE id = $1 FOR UPDATE",
        app_id,
    )
    assert row is not None  # noqa: S101 - it was there or was made
    if secret not in _secrets(keyring, row):
        await _replace_secret(tx, keyring, row, secret, _OVERLAP)
    if _open(keyring, row, "verify_token") != verify_token or row["graph_url"] != graph_url:
        await tx.execute(
            "UPDATE meta_app SET verify_token = $2, graph_url = $3 WHERE id = $1", app_id, sealed, graph_url
        )


async def forget_unused_app(tx: Tx, app_id: str) -> None:
    """Forget an app that no number uses: what a connection that failed left behind."""
    await tx.execute(
        """DELETE FROM meta_app a WHERE a.id = $1 AND NOT EXISTS (SELECT FROM number n WHERE n.app_id = a.id)
             AND NOT EXISTS (SELECT FROM connection c WHERE c.app_id = a.id)""",
        app_id,
    )


async def find_app(tx: Tx, keyring: Keyring, app_id: str) -> App | None:
    """Find a Meta app by its id, with the secrets that sign its webhooks now: the current one first."""
    row = await tx.row(
        "SELECT *, coalesce(previous_secret_until > now(), true) AS overlaps FROM meta_app WHERE id = $1",
        app_id,
    )
    if row is None:
        return None
    opened = tuple(secret.encode() for secret in _secrets(keyring, row))
    return App(app_id, opened, _open(keyring, row, "verify_token"), row["graph_url"])


async def replace_secret(tx: Tx, keyring: Keyring, app_id: str, secret: str, overlap: timedelta) -> bool:
    """Put a new secret in the place of an app's own; False when it is that already.

    The one before verifies webhooks for the overlap; one that still overlaps from earlier ends here.
    """
    row = await tx.row("SELECT * FROM meta_app WHERE id = $1 FOR UPDATE", app_id)
    if row is None or _open(keyring, row, "secret") == secret:
        return False
    await _replace_secret(tx, keyring, row, secret, overlap)
    return True


async def end_overlap(tx: Tx, app_id: str) -> bool:
    """Let the secret before the current one count no more; False when there is none."""
    row = await tx.row(
        """UPDATE meta_app SET previous_secret = NULL, previous_secret_until = NULL
           WHERE id = $1 AND previous_secret IS NOT NULL RETURNING id""",
        app_id,
    )
    return row is not None


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


def _secrets(keyring: Keyring, row: Row) -> list[str]:
    """Open the secrets that count now, the current one first."""
    columns = ["secret"] + ["previous_secret"] * (row["previous_secret"] is not None and row["overlaps"])
    return [_open(keyring, row, column) for column in columns]


async def _replace_secret(tx: Tx, keyring: Keyring, row: Row, secret: str, overlap: timedelta) -> None:
    before = _seal(keyring, row["id"], "previous_secret", _open(keyring, row, "secret")) if overlap else None
    await tx.execute(
        """UPDATE meta_app SET secret = $2, previous_secret = $3, previous_secret_until = now() + $4::interval
           WHERE id = $1""",
        row["id"],
        _seal(keyring, row["id"], "secret", secret),
        before,
        overlap or None,
    )


def _seal(keyring: Keyring, app_id: str, column: str, value: str) -> bytes:
    return keyring.seal(value.encode(), Place("meta_app", column, app_id))


def _open(keyring: Keyring, row: Row, column: str) -> str:
    return keyring.open(row[column], Place("meta_app", column, row["id"])).decode()
