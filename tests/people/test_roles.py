"""What each role may: the whole table, and that nobody can hand out more than they have."""

import pytest

from quixess.access import Scope
from quixess.people import Permission, Role, may
from quixess.people.roles import grantable, scopes

EVERYBODY = {Permission.SEE_OVERVIEW, Permission.SEE_ACCOUNT}
INBOX = {Permission.READ_INBOX, Permission.WRITE_INBOX}
OF_DEVELOPERS = {
    Permission.USE_SANDBOX, Permission.READ_MESSAGES, Permission.MANAGE_TEMPLATES, Permission.READ_CONNECTION,
    Permission.MANAGE_KEYS, Permission.READ_EVENTS, Permission.MANAGE_EVENTS, Permission.MANAGE_ENDPOINTS,
    Permission.READ_REQUESTS, Permission.READ_METRICS,
}  # fmt: skip
OF_ADMINS = {Permission.MANAGE_CONNECTION, Permission.MANAGE_PEOPLE, Permission.READ_AUDIT}
OF_OWNERS = {Permission.MANAGE_BRANDS, Permission.EXPORT}

TABLE = {
    Role.OWNER: EVERYBODY | INBOX | OF_DEVELOPERS | OF_ADMINS | OF_OWNERS,
    Role.ADMIN: EVERYBODY | INBOX | OF_DEVELOPERS | OF_ADMINS,
    Role.DEVELOPER: EVERYBODY | OF_DEVELOPERS,
    Role.AGENT: EVERYBODY | INBOX,
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_the_table_says_and_nothing_else(role):
    assert {one for one in Permission if may(role, one)} == TABLE[role]


def test_every_permission_belongs_to_somebody():
    assert set().union(*TABLE.values()) == set(Permission)


@pytest.mark.parametrize("role", Role)
def test_the_inbox_opens_to_a_developer_by_choice_and_changes_nobody_else(role):
    opened = {one for one in Permission if may(role, one, inbox=True)}
    assert opened == TABLE[role] | (INBOX if role is Role.DEVELOPER else set())


def test_nobody_gives_a_role_above_their_own_and_only_who_manages_people_gives_any():
    assert grantable(Role.OWNER) == tuple(Role)
    assert grantable(Role.ADMIN) == (Role.ADMIN, Role.DEVELOPER, Role.AGENT)
    assert grantable(Role.DEVELOPER) == grantable(Role.AGENT) == ()


def test_a_key_gets_no_scope_that_who_mints_it_has_not():
    assert set(scopes(Role.OWNER)) == set(scopes(Role.ADMIN)) == set(Scope)
    assert set(Scope) - set(scopes(Role.DEVELOPER)) == {Scope.REPLY, Scope.READ_CONVERSATIONS}
    assert set(scopes(Role.DEVELOPER, inbox=True)) == set(Scope)
    assert scopes(Role.AGENT) == scopes(Role.AGENT, inbox=True) == ()
