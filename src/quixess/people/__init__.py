"""People: who may sign in to the dashboard, and what they may do for which brand.

The top of this folder is what others use. Inside: `roles` (what each may), `accounts`, `passwords`, `second_factor`,
`signing_in` (password, code, delays), `sessions`, `members` (who belongs to a brand), `links` (first set-up,
invitations, new passwords: each opens once), `audit` (who did what).
"""

from quixess.people.model import Member, Membership, Person, Session, Visitor
from quixess.people.roles import Permission, Role, may

__all__ = ["Member", "Membership", "Permission", "Person", "Role", "Session", "Visitor", "may"]
