"""Roles: what a person may do for a brand, and whom they may raise to what.

A person has one role for each brand they belong to, and none for the others. Nothing is allowed by default.
"""

from enum import StrEnum

from quixess.access import Scope


class Role(StrEnum):
    """What a person is for a brand, the highest first."""

    OWNER = "owner"
    ADMIN = "admin"
    DEVELOPER = "developer"
    AGENT = "agent"


class Permission(StrEnum):
    """What a page or a button asks for."""

    SEE_OVERVIEW = "see_overview"
    USE_SANDBOX = "use_sandbox"
    READ_INBOX = "read_inbox"
    WRITE_INBOX = "write_inbox"
    READ_MESSAGES = "read_messages"
    MANAGE_TEMPLATES = "manage_templates"
    READ_CONNECTION = "read_connection"
    MANAGE_CONNECTION = "manage_connection"
    MANAGE_KEYS = "manage_keys"
    READ_EVENTS = "read_events"
    MANAGE_EVENTS = "manage_events"
    MANAGE_ENDPOINTS = "manage_endpoints"
    READ_REQUESTS = "read_requests"
    READ_METRICS = "read_metrics"
    MANAGE_BRANDS = "manage_brands"
    MANAGE_PEOPLE = "manage_people"
    READ_AUDIT = "read_audit"
    EXPORT = "export"
    SEE_ACCOUNT = "see_account"


_INBOX = frozenset({Permission.READ_INBOX, Permission.WRITE_INBOX})
_OWNERS_ONLY = frozenset({Permission.MANAGE_BRANDS, Permission.EXPORT})
_ADMINS_TOO = frozenset({Permission.MANAGE_CONNECTION, Permission.MANAGE_PEOPLE, Permission.READ_AUDIT})

_ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - _OWNERS_ONLY,
    Role.DEVELOPER: frozenset(Permission) - _OWNERS_ONLY - _ADMINS_TOO - _INBOX,
    Role.AGENT: _INBOX | {Permission.SEE_OVERVIEW, Permission.SEE_ACCOUNT},
}

# What a person needs to hand a scope to a key: a key may never do more than who minted it.
_BEHIND_SCOPE: dict[Scope, Permission] = {
    Scope.REPLY: Permission.WRITE_INBOX,
    Scope.READ_CONVERSATIONS: Permission.READ_INBOX,
    Scope.READ_MESSAGES: Permission.READ_MESSAGES,
    Scope.MANAGE_WEBHOOKS: Permission.MANAGE_EVENTS,
}


def may(role: Role, permission: Permission, *, inbox: bool = False) -> bool:
    """Tell whether a role is allowed something. `inbox` is what opens the inbox to a developer, person by person."""
    return permission in _ALLOWED[role] or (inbox and role is Role.DEVELOPER and permission in _INBOX)


def grantable(role: Role) -> tuple[Role, ...]:
    """List the roles that a person of this role may give and take, the highest first: none above their own."""
    if not may(role, Permission.MANAGE_PEOPLE):
        return ()
    roles = tuple(Role)
    return roles[roles.index(role) :]


def scopes(role: Role, *, inbox: bool = False) -> tuple[Scope, ...]:
    """List the scopes that a person of this role may give to a key."""
    if not may(role, Permission.MANAGE_KEYS):
        return ()
    return tuple(scope for scope in Scope if may(role, _BEHIND_SCOPE.get(scope, Permission.MANAGE_KEYS), inbox=inbox))
