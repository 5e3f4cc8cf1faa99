"""Pacing: what Meta asks to wait for is waited for, by every process alike.

A refusal for haste opens a pause: of one person for the pair rate, of the number, of the WABA or of the app. Until it
is over a send is told so at once, and Meta is not asked. A pause that follows another without a success between them
is longer: 4^n seconds for a person, as Meta's rule is, and doubled for the others. Other people are not affected.

An answer to a send that went well can tell, too, that a quota is nearly used up, or for how long it is: then sends are
slowed or held before Meta refuses them. Calls that manage an account have a quota of their own, which no send is
counted against, so what is told of that one pauses nothing.

What a number may send in a second is known from Meta, and taken from a bucket like any other quota.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

import msgspec

from quixess import limits
from quixess.connections import Connection
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.limits import Want
from quixess.meta import codes
from quixess.meta.graph import NotSent, Usage
from quixess.vault import Keyring

THROUGHPUT = "number_throughput"
_PURPOSE = b"pair of number and person"
_HASH_BYTES = 16
_SECOND = 1
_MOST_STANDING = 10_000
_OFTEN = 12  # more tries than that make no longer pause
_NEARLY = 95.0  # percent of a quota
_SLOWED_S = 5
_OF_APP, _OF_ACCOUNT = 4, 80007  # the codes that Meta refuses with when the quota is gone


class Places(msgspec.Struct, frozen=True):
    """Where a send can be paused: the names of its pair, its number, its WABA and its app."""

    recipient: str
    number: str
    account: str
    app: str

    @property
    def names(self) -> tuple[str, ...]:
        """All four."""
        return (self.recipient, self.number, self.account, self.app)


@dataclass(frozen=True, slots=True)
class _Rule:
    """How long pauses of a kind are: `base` to the power of the tries, at most so many seconds."""

    whose: str
    base: int
    most_s: int


_NUMBER = _Rule("number", 2, 60)
_RULES = {
    4: _Rule("app", 2, 3600),
    613: _Rule("account", 2, 3600),
    80007: _Rule("account", 2, 3600),
    130429: _NUMBER,
    131056: _Rule("recipient", 4, 3600),
}


class Pacing:
    """The pauses that concern one process's sends."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring
        self._standing: set[str] = set()
        self._announced: dict[str, float] = {}

    def places(self, connection: Connection, phone: str | None, user_id: str | None) -> Places:
        """Name where a send to somebody can be paused. The table must not tell who is written to."""
        person = connection.id.bytes + (phone or user_id or "").encode()
        pair = self._keyring.hash(person, purpose=_PURPOSE)[:_HASH_BYTES].hex()
        return Places(
            f"pair:{pair}",
            f"number:{connection.phone_number_id}",
            f"account:{connection.waba_id}",
            f"app:{connection.app_id}",
        )

    async def look(self, tx: Tx, asked: Sequence[Places]) -> list[QuixessError | None]:
        """Tell for each send why it must wait, if it must: `whatsapp_rate_limited`."""
        names = {name for places in asked for name in places.names}
        rows = await tx.rows(
            """SELECT key, code, extract(epoch FROM until - now())::float8 AS wait_s FROM pause
               WHERE key = ANY ($1::text[])""",
            list(names),
        )
        if not rows:
            return [None] * len(asked)
        found = {row["key"]: row for row in rows}
        if len(self._standing) > _MOST_STANDING:
            self._standing.clear()
        self._standing |= found.keys()
        return [_refuse([found[name] for name in places.names if name in found]) for places in asked]

    async def heed(self, places: Places, refused: NotSent) -> int | None:
        """Open the pause that Meta asked for, or make it longer, and give its seconds. None when it asked for none."""
        if refused.error is None:
            return None
        rule = _RULES.get(refused.error.code, _NUMBER)
        name, told = getattr(places, rule.whose), float(refused.retry_after_s or 1)
        with suppress(QuixessError):  # the database is away: Meta will say it again
            async with self._db.statement() as tx:
                row = await tx.row(_PAUSE, name, refused.error.code, told, rule.base, rule.most_s, _OFTEN)
            if row is not None:
                wait_s: float = row["wait_s"]
                return max(ceil(wait_s), 1)
        return refused.retry_after_s

    async def accepted(self, places: Places, usage: Sequence[Usage] = ()) -> None:
        """Note a success: the pauses that stood before it are forgotten, and the next one is short again.

        `usage` is what came with it. Without any, and without a pause that is over, nothing is written.
        """
        if self._standing and (over := self._standing.intersection(places.names)):
            self._standing -= over
            with suppress(QuixessError):  # the database is away: the next pause is only longer than it had to be
                async with self._db.statement() as tx:
                    await tx.execute("DELETE FROM pause WHERE key = ANY ($1::text[]) AND until <= now()", list(over))
        if usage and (pauses := self._news(_foresee(places, usage))):
            with suppress(QuixessError):  # the database is away: Meta will say it again
                async with self._db.statement() as tx:
                    await tx.execute(_ANNOUNCE, *(list(column) for column in zip(*pauses, strict=True)))

    def _news(self, pauses: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        """Leave out what this process wrote down a moment ago: every send that was under way is told the same."""
        now = time.monotonic()
        if len(self._announced) > _MOST_STANDING:
            self._announced.clear()
        new = [(name, code, s) for name, code, s in pauses if now + s > self._announced.get(name, now) + 1]
        self._announced |= {name: now + s for name, _, s in new}
        return new


def wants(connection: Connection) -> tuple[Want, ...]:
    """Give the token of the number's throughput that a message costs; none where the throughput is not known."""
    if connection.messages_per_s is None:
        return ()
    return (Want(f"{THROUGHPUT}:{connection.phone_number_id}", THROUGHPUT, connection.messages_per_s, _SECOND),)


async def sweep(tx: Tx, most: int) -> int:
    """Delete pauses that have been over for a day, at most so many, and return how many."""
    done = await tx.execute(
        """DELETE FROM pause WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM pause WHERE until < now() - interval '1 day' LIMIT $1 FOR UPDATE SKIP LOCKED))""",
        most,
    )
    return int(done.rpartition(" ")[2])


# A pause in force grows only by what Meta itself tells: many sends may be refused for one and the same haste.
_PAUSE = """
  INSERT INTO pause AS p (key, code, until, tries)
  VALUES ($1, $2, now() + greatest($3::float8, 1) * interval '1 second', 1)
  ON CONFLICT (key) DO UPDATE SET
    code = excluded.code,
    tries = CASE WHEN p.until <= now() THEN least(p.tries + 1, $6::integer) ELSE p.tries END,
    until = CASE WHEN p.until <= now()
      THEN now() + greatest($3::float8, least(($4::integer)::float8 ^ p.tries, $5::integer)) * interval '1 second'
      ELSE greatest(p.until, excluded.until) END
  RETURNING extract(epoch FROM until - now())::float8 AS wait_s"""


# Foreseen, not refused: what follows it is not made longer. A pause in force that ends later stays as it is.
_ANNOUNCE = """
  INSERT INTO pause AS p (key, code, until, tries)
  SELECT a.key, a.code, now() + a.seconds * interval '1 second', 1
  FROM unnest($1::text[], $2::integer[], $3::integer[]) AS a(key, code, seconds)
  ON CONFLICT (key) DO UPDATE SET code = excluded.code, until = excluded.until WHERE p.until < excluded.until"""


def _foresee(places: Places, usage: Sequence[Usage]) -> list[tuple[str, int, int]]:
    """Say what is to be paused, with the code of it and the seconds, in the order of the names."""
    found: dict[str, tuple[int, int]] = {}
    for use in usage:
        name, code = _whose(places, use)
        seconds = max(use.regain_s, _SLOWED_S if use.percent >= _NEARLY else 0)
        if name is not None and seconds and use.concerns_sends:
            found[name] = max(found.get(name, (0, 0)), (seconds, code))
    return [(name, code, seconds) for name, (seconds, code) in sorted(found.items())]


def _whose(places: Places, use: Usage) -> tuple[str | None, int]:
    if use.about is None:
        return places.app, _OF_APP
    ours = (f"account:{use.about}", f"number:{use.about}")
    return next((name for name in places.names if name in ours), None), _OF_ACCOUNT


def _refuse(standing: Sequence[Row]) -> QuixessError | None:
    """Build the 429 of the longest pause that is in force."""
    last = max(standing, key=lambda row: row["wait_s"], default=None)
    if last is None or last["wait_s"] <= 0:
        return None
    explanation = codes.explain(last["code"])
    return QuixessError(
        "whatsapp_rate_limited",
        f"{explanation.meaning}, and Meta's pause is not over. Nothing was sent. {explanation.fix}",
        retry_after_s=limits.spread(last["wait_s"]),
    )
