"""The people of a brand: invited, given roles, helped to a new password, removed."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.database import ids
from quixess.errors import QuixessError, at
from quixess.people import Permission, Role, invitations, links, members
from quixess.people.members import Hand
from quixess.people.model import PREFIX
from quixess.people.roles import grantable

_HOME = "/app/settings/people"
_LINK = "pages/person_link.html"
WHAT_ROLES_ARE = {
    Role.OWNER: "Everything, other owners and new brands among it.",
    Role.ADMIN: "Everything but owners, new brands and exports.",
    Role.DEVELOPER: "Keys, webhooks, templates, events and logs. No Meta tokens, and the inbox only if you say so.",
    Role.AGENT: "The inbox: reads and answers customers.",
}


class Invited(msgspec.Struct):
    """Who is to come, and as what."""

    email: Annotated[str, Meta(max_length=300)]
    role: Role
    inbox: bool = False


class NewRole(msgspec.Struct):
    """What somebody is to be."""

    role: Role
    inbox: bool = False


async def show_people(visit: Visit) -> Response:
    """List the people of the brand, and who is invited."""
    async with visit.desk.db.statement() as tx:
        found = await members.list_members(tx, visit.brand_id)
        invited = await links.open_invitations(tx, visit.brand_id)
    return visit.render("pages/people.html", members=found, invited=invited, mine=grantable(visit.role))


async def show_invite(visit: Visit) -> Response:
    """Ask whom to invite."""
    return visit.render("pages/person_invite.html", roles=_roles(visit))


async def invite(visit: Visit) -> Response:
    """Make an invitation, and show its link, this once."""
    try:
        given = await visit.form(Invited)
        async with visit.desk.db.transaction() as tx:
            token, link = await invitations.invite(
                tx,
                visit.desk.keyring,
                visit.brand_id,
                email=given.email,
                role=given.role,
                inbox=given.inbox,
                hand=_hand(visit),
            )
    except QuixessError as error:
        if error.code == "person_exists":
            error = at("/email", error.code, error.detail)
        return visit.refuse("pages/person_invite.html", error, roles=_roles(visit))
    return visit.render(_LINK, kind="invitation", address=link.email, link=f"{visit.base_url}/join/{token}")


async def take_back(visit: Visit) -> Response:
    """Take an invitation back."""
    link_id = ids.parse("inv", visit.request.path_params["invitation"]) or UUID(int=0)
    async with visit.desk.db.transaction() as tx:
        await invitations.take_back(tx, visit.brand_id, link_id, hand=_hand(visit))
    return visit.go(_HOME, toast="The invitation is taken back.")


async def show_role(visit: Visit) -> Response:
    """Ask what somebody is to be."""
    async with visit.desk.db.transaction() as tx:
        found = await members.get_member(tx, visit.brand_id, _person_id(visit))
    return visit.render("pages/person_role.html", member=found, roles=_roles(visit))


async def change_role(visit: Visit) -> Response:
    """Give somebody another role."""
    async with visit.desk.db.transaction() as tx:
        found = await members.get_member(tx, visit.brand_id, _person_id(visit))
    try:
        given = await visit.form(NewRole)
        async with visit.desk.db.transaction() as tx:
            await members.change(tx, visit.brand_id, found.person.id, given.role, inbox=given.inbox, hand=_hand(visit))
    except QuixessError as error:
        if error.code == "last_owner":
            error = at("/role", error.code, error.detail)
        return visit.refuse("pages/person_role.html", error, member=found, roles=_roles(visit))
    return visit.go(_HOME, toast=f"{found.person.name} is {given.role} now.")


async def remove(visit: Visit) -> Response:
    """Take somebody out of the brand."""
    async with visit.desk.db.transaction() as tx:
        gone = await members.remove(tx, visit.brand_id, _person_id(visit), hand=_hand(visit))
    if gone.person.id == visit.visitor.person.id:
        return visit.go("/app", toast=f"You left {visit.brand.name}.")
    return visit.go(_HOME, toast=f"{gone.person.name} no longer belongs to {visit.brand.name}.")


async def offer_reset(visit: Visit) -> Response:
    """Make a link for a new password, and show it, this once."""
    async with visit.desk.db.transaction() as tx:
        found = await members.get_member(tx, visit.brand_id, _person_id(visit))
        if not await invitations.may_reset(tx, found.person, visit.visitor):
            text = "This person also belongs to a brand that you do not manage, or stands above you: ask on the server."
            raise QuixessError("role_not_allowed", text)
        token = await invitations.offer_reset(tx, visit.desk.keyring, found.person, actor=visit.actor)
    return visit.render(_LINK, kind="reset", address=found.person.email, link=f"{visit.base_url}/reset/{token}")


def _hand(visit: Visit) -> Hand:
    return Hand(visit.actor, visit.role, visit.visitor.person.id)


def _roles(visit: Visit) -> list[tuple[str, str, str, str]]:
    """Give the roles that a visitor may give, as the macro `checks` takes them."""
    return [(role.value, role.value.capitalize(), "", WHAT_ROLES_ARE[role]) for role in grantable(visit.role)]


def _person_id(visit: Visit) -> UUID:
    found = ids.parse(PREFIX, visit.request.path_params["person"])
    if found is None:
        raise QuixessError("person_not_found", "Nobody has this id: reload the list.")
    return found


_MANAGE = Permission.MANAGE_PEOPLE
PAGES = (
    Page("GET", _HOME, _MANAGE, show_people, title="People"),
    Page("GET", f"{_HOME}/invite", _MANAGE, show_invite, title="Invite somebody", step_up=True),
    Page("POST", f"{_HOME}/invite", _MANAGE, invite, title="Invite somebody", step_up=True),
    Page("POST", _HOME + "/invitations/{invitation}/take-back", _MANAGE, take_back),
    Page("GET", _HOME + "/{person}/role", _MANAGE, show_role, title="Another role", step_up=True),
    Page("POST", _HOME + "/{person}/role", _MANAGE, change_role, title="Another role", step_up=True),
    Page("POST", _HOME + "/{person}/remove", _MANAGE, remove, step_up=True),
    Page("POST", _HOME + "/{person}/reset", _MANAGE, offer_reset, title="A new password", step_up=True),
)
