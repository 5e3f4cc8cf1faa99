"""What is known of people: who somebody is, what they may do for which brand, and from where they are signed in."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess.access import Brand
from quixess.database import ids
from quixess.people.roles import Role

PREFIX = "opr"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account. `second_factor` says whether their log-in asks for a code."""

    id: UUID
    email: str
    name: str
    second_factor: bool
    created_at: datetime
    disabled_at: datetime | None

    @property
    def shown_id(self) -> str:
        """The `opr_…` that people and the audit see."""
        return ids.show(PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class Membership:
    """What one person is for one brand; `inbox` opens the inbox to a developer."""

    brand: Brand
    role: Role
    inbox: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One person as the people of a brand see them. `seen_at` is when they last used the dashboard."""

    person: Person
    role: Role
    inbox: bool
    since: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in, as its owner sees it. `id` is no secret and opens nothing."""

    id: UUID
    created_at: datetime
    seen_at: datetime
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who a valid session speaks for. `brand_id` is the brand they chose last, if it still is theirs.

    `fresh` says whether they showed their password in the last ten minutes.
    """

    person: Person
    session_id: UUID
    fresh: bool
    memberships: tuple[Membership, ...]
    brand_id: UUID | None

    @property
    def actor(self) -> str:
        """Who the audit says it was: the e-mail address they sign in with."""
        return self.person.email

    def membership(self, brand_id: UUID) -> Membership | None:
        """Give what they are for a brand; None for a brand that is not theirs."""
        return next((one for one in self.memberships if one.brand.id == brand_id), None)
