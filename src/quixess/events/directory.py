"""The directory: a brand's endpoints made, changed, given new secrets, switched off and on, and removed.

What is changed here counts from the next attempt on, in every process: nobody keeps endpoints between two claims.
Writers of one brand queue for its row, so that the limits hold. Every change leaves a line in `audit`, which names
what was changed and no value of it: a URL or a header may hold a token.
"""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET

from quixess import errors, feed
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.errors import QuixessError
from quixess.events import endpoints, health, outbox, wishes
from quixess.events.endpoints import Endpoint
from quixess.events.envelope import SECRET_PREFIX
from quixess.events.outward import Policy
from quixess.events.wishes import Wish
from quixess.feed import Kind
from quixess.vault import Keyring

MOST_ENDPOINTS = 20
LONGEST_OVERLAP = timedelta(days=7)
SWITCHED_OFF = "An operator switched it off."
_LONGEST_REASON = 200
_AT_ONCE = 50_000  # deliveries that end in the statement of a removal; claims discard what is left
_DEFAULTS: Mapping[str, object] = {
    "url": None, "name": "", "event_types": None, "schedule_s": None, "ordered": False, "headers": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """An endpoint as it is listed. `due_at` is when the first of what waits for it is due, None when nothing waits.

    `overlap_until` is how long the secret before the current one signs as well, None without one.
    """

    endpoint: Endpoint
    due_at: datetime | None
    overlap_until: datetime | None


async def list_endpoints(tx: Tx, keyring: Keyring, brand_id: UUID) -> list[Entry]:
    """List a brand's endpoints, oldest first."""
    return await _entries(tx, keyring, brand_id, None)


async def find(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID) -> Entry:
    """Find one endpoint of a brand. Raises `not_found`."""
    found = await _entries(tx, keyring, brand_id, endpoint_id)
    if not found:
        raise _nobody()
    return found[0]


async def add(tx: Tx, keyring: Keyring, brand_id: UUID, wish: Wish, policy: Policy, *, actor: str) -> Endpoint:
    """Make an endpoint with a secret of its own (`whsec_` and 32 random bytes in base64, as in Standard Webhooks).

    Raises `invalid_request` when the wish cannot be granted: it names no URL or one that another endpoint of the brand
    has, the brand has 20 already, or `wishes.check` refuses it.
    """
    wish = wishes.check(wish, policy)
    if wish.url is UNSET:
        raise errors.invalid("/url", "required", "Name the URL that gets the events.")
    await lock(tx, brand_id)
    known = await tx.rows("SELECT id FROM endpoint WHERE brand_id = $1 AND deleted_at IS NULL", brand_id)
    if len(known) >= MOST_ENDPOINTS:
        text = f"A brand has at most {MOST_ENDPOINTS} endpoints: change or remove one of them first."
        raise errors.invalid("", "too_long", text)
    return await _make(tx, keyring, brand_id, wish, actor)


async def set_url(
    tx: Tx, keyring: Keyring, brand_id: UUID, url: str, *, actor: str = "operator"
) -> tuple[Endpoint, bool]:
    """Send the brand's events to this URL, and tell whether its first endpoint had no URL before.

    That endpoint keeps its secret and what waits for it: from the next attempt on the new URL counts. The caller checks
    the URL. Raises `invalid_request` when another endpoint of the brand has it.
    """
    first, new = await reserve(tx, keyring, brand_id, actor=actor)
    endpoint = first if first.url == url else await _write(tx, keyring, brand_id, first.id, Wish(url=url), actor)
    return endpoint, new or first.url is None


async def reserve(tx: Tx, keyring: Keyring, brand_id: UUID, *, actor: str = "operator") -> tuple[Endpoint, bool]:
    """Give the brand's first endpoint, made without a URL where there is none, and tell whether it is new.

    So the secret can be put into the receiver before the first event arrives. Without a URL nothing is kept for it.
    """
    await lock(tx, brand_id)
    row = await tx.row(
        "SELECT *, now() AS now FROM endpoint WHERE brand_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT 1", brand_id
    )
    if row is not None:
        return endpoints.read(keyring, row), False
    return await _make(tx, keyring, brand_id, Wish(), actor), True


async def change(
    tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID, wish: Wish, policy: Policy, *, actor: str
) -> Endpoint:
    """Change what the wish names. What waits already keeps waiting, and its next attempt is made the new way.

    A filter decides when an event is recorded, and so does `ordered`: what is queued is delivered as it was queued.
    Raises `not_found`, and `invalid_request` as `add` does.
    """
    wish = wishes.check(wish, policy)
    await lock(tx, brand_id)
    return await _write(tx, keyring, brand_id, endpoint_id, wish, actor)


async def rotate_secret(
    tx: Tx,
    keyring: Keyring,
    brand_id: UUID,
    endpoint_id: UUID,
    *,
    actor: str,
    overlap: timedelta = timedelta(hours=24),
) -> Endpoint:
    """Give an endpoint a new secret; the one before signs beside it for the overlap, 7 days at most.

    A secret that still overlaps from an earlier rotation ends here. Raises `not_found` and `invalid_request`.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise errors.invalid("/overlap", "out_of_range", f"Let the overlap be 0 to {LONGEST_OVERLAP.days} days.")
    await lock(tx, brand_id)
    before = endpoints.read(keyring, await _row(tx, brand_id, endpoint_id)).secrets[0]
    row = await tx.row(
        """UPDATE endpoint SET secret = $3, previous_secret = $4, previous_secret_until = now() + $5::interval
           WHERE brand_id = $1 AND id = $2 RETURNING *, now() AS now""",
        brand_id,
        endpoint_id,
        endpoints.seal_secret(keyring, brand_id, endpoint_id, _new_secret()),
        endpoints.seal_secret(keyring, brand_id, endpoint_id, before, column="previous_secret") if overlap else None,
        overlap or None,
    )
    await _audit(tx, brand_id, actor, "endpoint.secret_rotated", endpoint_id, {"overlap_s": overlap.total_seconds()})
    return _read(keyring, row)


async def end_overlap(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID, *, actor: str) -> Endpoint:
    """Let the secret before the current one sign no more, from the next attempt on. Raises `not_found`."""
    row = await tx.row(
        """UPDATE endpoint SET previous_secret = NULL, previous_secret_until = NULL
           WHERE brand_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING *, now() AS now""",
        brand_id,
        endpoint_id,
    )
    ended = _read(keyring, row)
    await _audit(tx, brand_id, actor, "endpoint.overlap_ended", endpoint_id)
    return ended


async def disable(
    tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID, *, actor: str, reason: str = SWITCHED_OFF
) -> Endpoint:
    """Switch an endpoint off: its events are kept until it is enabled, or until retention.

    One that is off keeps its reason. Raises `not_found`, and `invalid_request` for a reason that is too long.
    """
    if len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise errors.invalid("/reason", "invalid", f"Give a reason of at most {_LONGEST_REASON} printable characters.")
    off = await tx.row(
        """UPDATE endpoint SET state = 'disabled', state_reason = $3, state_since = now(), held_until = NULL, probes = 0
           WHERE brand_id = $1 AND id = $2 AND deleted_at IS NULL AND state <> 'disabled' RETURNING *, now() AS now""",
        brand_id,
        endpoint_id,
        reason,
    )
    if off is not None:
        await _audit(tx, brand_id, actor, "endpoint.disabled", endpoint_id, {"reason": reason})
    return endpoints.read(keyring, off or await _row(tx, brand_id, endpoint_id))


async def enable(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID, *, actor: str) -> Endpoint:
    """Call an endpoint healthy, be it disabled or failing: what waited for it goes on at once. Raises `not_found`."""
    on = await tx.row(
        """UPDATE endpoint
           SET state = 'healthy', state_reason = NULL, state_since = now(), held_until = NULL, probes = 0
           WHERE brand_id = $1 AND id = $2 AND deleted_at IS NULL AND state <> 'healthy' RETURNING *, now() AS now""",
        brand_id,
        endpoint_id,
    )
    if on is None:
        return endpoints.read(keyring, await _row(tx, brand_id, endpoint_id))
    await _audit(tx, brand_id, actor, "endpoint.enabled", endpoint_id)
    await health.resume(tx, brand_id, endpoint_id)
    return endpoints.read(keyring, on)


async def remove(tx: Tx, brand_id: UUID, endpoint_id: UUID, *, actor: str) -> int:
    """Remove an endpoint for good and return how many deliveries ended with it at once, as `discarded`.

    An attempt in flight goes on and is logged; it changes nothing any more. Of a very long queue the worker discards
    the rest, as it does with what was committed at this very moment. Raises `not_found`.
    """
    row = await tx.row(
        """UPDATE endpoint SET deleted_at = now(), held_until = NULL
           WHERE brand_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING id""",
        brand_id,
        endpoint_id,
    )
    if row is None:
        raise _nobody()
    await _audit(tx, brand_id, actor, "endpoint.removed", endpoint_id)
    done = await tx.execute(
        """WITH picked AS MATERIALIZED (
             SELECT ctid FROM delivery WHERE brand_id = $1 AND endpoint_id = $2 ORDER BY next_at LIMIT $3 FOR UPDATE),
           gone AS (
             DELETE FROM delivery d USING picked WHERE d.ctid = picked.ctid AND d.brand_id = $1
             RETURNING d.id, d.event_id, d.attempt, d.replay_id)
           INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts, replay_id)
           SELECT $1, id, event_id, $2, 'discarded', attempt, replay_id FROM gone""",
        brand_id,
        endpoint_id,
        _AT_ONCE,
    )
    await outbox.mark_due(tx, {endpoint_id: (brand_id, 0.0)})
    return int(done.rpartition(" ")[2])


async def lock(tx: Tx, brand_id: UUID) -> None:
    """Let one transaction at a time work on the endpoints of a brand."""
    await tx.row("SELECT id FROM brand WHERE id = $1 FOR NO KEY UPDATE", brand_id)


async def _entries(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID | None) -> list[Entry]:
    rows = await tx.rows(
        """SELECT e.*, now() AS now,
                  (SELECT min(d.next_at) FROM delivery d WHERE d.brand_id = $1 AND d.endpoint_id = e.id) AS due_at
           FROM endpoint e
           WHERE e.brand_id = $1 AND e.deleted_at IS NULL AND ($2::uuid IS NULL OR e.id = $2) ORDER BY e.id""",
        brand_id,
        endpoint_id,
    )
    found = [(endpoints.read(keyring, row), row) for row in rows]
    return [
        Entry(endpoint, row["due_at"], row["previous_secret_until"] if len(endpoint.secrets) > 1 else None)
        for endpoint, row in found
    ]


async def _row(tx: Tx, brand_id: UUID, endpoint_id: UUID) -> Row:
    row = await tx.row(
        "SELECT *, now() AS now FROM endpoint WHERE brand_id = $1 AND id = $2 AND deleted_at IS NULL",
        brand_id,
        endpoint_id,
    )
    if row is None:
        raise _nobody()
    return row


def _read(keyring: Keyring, row: Row | None) -> Endpoint:
    if row is None:
        raise _nobody()
    return endpoints.read(keyring, row)


async def _make(tx: Tx, keyring: Keyring, brand_id: UUID, wish: Wish, actor: str) -> Endpoint:
    endpoint_id = ids.new()
    await _check_free(tx, brand_id, endpoint_id, wish)
    row = await tx.row(
        """INSERT INTO endpoint (brand_id, id, url, name, event_types, schedule_s, ordered, headers, secret)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *, now() AS now""",
        brand_id,
        endpoint_id,
        *_columns(keyring, brand_id, endpoint_id, wish, _DEFAULTS),
        endpoints.seal_secret(keyring, brand_id, endpoint_id, _new_secret()),
    )
    await _audit(tx, brand_id, actor, "endpoint.added", endpoint_id)
    return _read(keyring, row)


async def _write(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID, wish: Wish, actor: str) -> Endpoint:
    await _check_free(tx, brand_id, endpoint_id, wish)
    before = await _row(tx, brand_id, endpoint_id)
    row = await tx.row(
        """UPDATE endpoint SET url = $3, name = $4, event_types = $5, schedule_s = $6, ordered = $7, headers = $8
           WHERE brand_id = $1 AND id = $2 RETURNING *, now() AS now""",
        brand_id,
        endpoint_id,
        *_columns(keyring, brand_id, endpoint_id, wish, before),
    )
    said = [column for column in _DEFAULTS if getattr(wish, column) is not UNSET]
    await _audit(tx, brand_id, actor, "endpoint.changed", endpoint_id, {"changed": said})
    return _read(keyring, row)


def _columns(
    keyring: Keyring, brand_id: UUID, endpoint_id: UUID, wish: Wish, before: Mapping[str, object] | Row
) -> list[object]:
    """Give the values of the columns of `_DEFAULTS`: what the wish names, else what was there before."""
    said = {column: getattr(wish, column) for column in _DEFAULTS}
    if said["headers"] is not UNSET:
        said["headers"] = endpoints.seal_headers(keyring, brand_id, endpoint_id, said["headers"] or {})
    return [before[column] if value is UNSET else value for column, value in said.items()]


async def _check_free(tx: Tx, brand_id: UUID, endpoint_id: UUID, wish: Wish) -> None:
    if wish.url is UNSET:
        return
    taken = await tx.row(
        "SELECT id, name FROM endpoint WHERE brand_id = $1 AND url = $2 AND id <> $3 AND deleted_at IS NULL",
        brand_id,
        wish.url,
        endpoint_id,
    )
    if taken is not None:
        known = " ".join(filter(None, (ids.show("end", taken["id"]), taken["name"])))
        text = f"The endpoint {known} has this URL already: change that one, or name another URL."
        raise errors.invalid("/url", "not_allowed", text)


def _new_secret() -> str:
    return SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()


def _nobody() -> QuixessError:
    return QuixessError("not_found", "The brand has no such endpoint: `quixess endpoint list` shows them.")


async def _audit(
    tx: Tx, brand_id: UUID, actor: str, action: str, endpoint_id: UUID, detail: Mapping[str, object] | None = None
) -> None:
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)",
        brand_id, ids.new(), actor, action, ids.show("end", endpoint_id), msgspec.json.encode(detail or {}).decode(),
    )  # fmt: skip
    feed.tell(tx, brand_id, Kind.ENDPOINT, endpoint_id)
