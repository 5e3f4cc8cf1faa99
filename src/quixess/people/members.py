"""Members: who belongs to a brand, and as what. Nobody gives more than they have, and a brand keeps an owner.

The verbs take who is asking, as what: a `Hand`. The command line has the hand of an owner.
"""

from dataclasses import dataclass
from uuid import UUID

from quixess.database.core import Row, Tx
from quixess.errors import QuixessError, invalid
from quixess.people import audit, sessions
from quixess.people.model import Member, Person
from quixess.people.roles import Role, grantable


@dataclass(frozen=True, slots=True)
class Hand:
    """Who changes something, and as what. `person_id` is None for the command line."""

    actor: str
    role: Role
    person_id: UUID | None = None


async def list_members(tx: Tx, brand_id: UUID) -> list[Member]:
    """List the people of a brand, the highest roles first, then by name."""
    rows = await tx.rows(
        """SELECT o.*, m.role, m.inbox, m.created_at AS since, s.seen_at
           FROM membership m JOIN operator o ON o.id = m.operator_id
           LEFT JOIN LATERAL (SELECT max(seen_at) AS seen_at FROM session WHERE operator_id = o.id) s ON true
           WHERE m.brand_id = $1""",
        brand_id,
    )
    order = list(Role)
    return sorted((_member(row) for row in rows), key=lambda one: (order.index(one.role), one.person.name.lower()))


async def get_member(tx: Tx, brand_id: UUID, person_id: UUID) -> Member:
    """Give one of a brand's people, held until the transaction ends. Raises `person_not_found`."""
    row = await tx.row(
        """SELECT o.*, m.role, m.inbox, m.created_at AS since, NULL::timestamptz AS seen_at
           FROM membership m JOIN operator o ON o.id = m.operator_id
           WHERE m.brand_id = $1 AND m.operator_id = $2 FOR UPDATE OF m""",
        brand_id, person_id,
    )  # fmt: skip
    if row is None:
        raise QuixessError("person_not_found", "This person does not belong to the brand: reload the list.")
    return _member(row)


async def add(tx: Tx, brand_id: UUID, person: Person, role: Role, *, inbox: bool, hand: Hand) -> None:
    """Let a person belong to a brand. Raises `role_not_allowed`, and `person_exists` for one who does already."""
    _check_role(hand, role)
    done = await tx.execute(
        """INSERT INTO membership (operator_id, brand_id, role, inbox) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING""",
        person.id, brand_id, role, inbox and role is Role.DEVELOPER,
    )  # fmt: skip
    if done == "INSERT 0 0":
        raise QuixessError("person_exists", "This person belongs to the brand already: change the role in the list.")
    action = "person.joined" if hand.actor == person.email else "person.added"
    await audit.note(tx, brand_id, actor=hand.actor, action=action, about=person.email, detail={"role": role.value})


async def change(tx: Tx, brand_id: UUID, person_id: UUID, role: Role, *, inbox: bool, hand: Hand) -> Member:
    """Give one of a brand's people another role. Returns what they were before.

    Raises `role_not_allowed` when the role, now or then, is above that of who asks, `last_owner`, `person_not_found`.
    """
    await _keep_an_owner(tx, brand_id, person_id, role)
    before = await get_member(tx, brand_id, person_id)
    _check_role(hand, before.role)
    _check_role(hand, role)
    inbox = inbox and role is Role.DEVELOPER
    if (before.role, before.inbox) == (role, inbox):
        return before
    await tx.execute(
        "UPDATE membership SET role = $3, inbox = $4 WHERE brand_id = $1 AND operator_id = $2",
        brand_id, person_id, role, inbox,
    )  # fmt: skip
    detail = {"from": before.role.value, "to": role.value} | ({"inbox": inbox} if role is Role.DEVELOPER else {})
    await audit.note(
        tx, brand_id, actor=hand.actor, action="person.role_changed", about=before.person.email, detail=detail
    )
    return before


async def remove(tx: Tx, brand_id: UUID, person_id: UUID, *, hand: Hand) -> Member:
    """Take a person out of a brand, at once. Their account stays. Returns who it was.

    Raises `role_not_allowed`, `last_owner`, `person_not_found`. Everybody may take themselves out.
    """
    await _keep_an_owner(tx, brand_id, person_id, None)
    gone = await get_member(tx, brand_id, person_id)
    if person_id != hand.person_id:
        _check_role(hand, gone.role)
    await tx.execute("DELETE FROM membership WHERE brand_id = $1 AND operator_id = $2", brand_id, person_id)
    await audit.note(tx, brand_id, actor=hand.actor, action="person.removed", about=gone.person.email)
    return gone


def read_role(text: str, field: str = "role") -> Role:
    """Read a role. Raises `invalid_request` for none of the four."""
    try:
        return Role(text)
    except ValueError:
        raise invalid(f"/{field}", "not_allowed", f"The roles are: {', '.join(Role)}.") from None


def _check_role(hand: Hand, role: Role) -> None:
    if role not in grantable(hand.role):
        text = f"As {hand.role} you may neither give nor take the role {role}: ask somebody who has it."
        raise QuixessError("role_not_allowed", text)


async def _keep_an_owner(tx: Tx, brand_id: UUID, person_id: UUID, role: Role | None) -> None:
    """Refuse to leave a brand without an owner. Its owners stay locked: two who leave at once take turns."""
    rows = await tx.rows(
        """SELECT m.operator_id FROM membership m JOIN operator o ON o.id = m.operator_id
           WHERE m.brand_id = $1 AND m.role = 'owner' AND o.disabled_at IS NULL
           ORDER BY m.operator_id FOR UPDATE OF m""",
        brand_id,
    )
    if role is not Role.OWNER and [row["operator_id"] for row in rows] == [person_id]:
        raise QuixessError("last_owner", "This is the only owner of the brand: make somebody else an owner first.")


def _member(row: Row) -> Member:
    return Member(sessions.person(row), Role(row["role"]), row["inbox"], row["since"], row["seen_at"])
