"""How Meta writes ids, digits, times and users, and the tolerance that each of them needs."""

from typing import Any, NamedTuple

from quixess.meta.webhooks.items import Object

_LATEST_S = 253_370_764_800  # the year 9999, where most calendars end; a day after it is still in them
_LONGEST_WORD = 256  # Meta's ids have less than half of it, and a database's index takes it


class Unreadable(Exception):  # noqa: N818  never leaves this folder
    """Why one item cannot be used."""


class Source(NamedTuple):
    """What the items of one change share. `contacts` are found by digits and by user id."""

    waba_id: str
    phone_number_id: str
    display_phone: str | None
    contacts: dict[str | None, Object]
    only: Object
    errors: list[Object]

    @property
    def own_digits(self) -> str | None:
        """The business's own number in digits."""
        return "".join(letter for letter in self.display_phone or "" if letter in "0123456789") or None


class Who(NamedTuple):
    """A user as one item shows them."""

    phone: str | None
    user_id: str | None
    parent_user_id: str | None
    username: str | None
    name: str | None


def source(waba_id: str, value: Object) -> Source:
    """Read what stands beside the items of a change: the number, the contacts, errors."""
    metadata = as_object(value.get("metadata"))
    contacts = objects(value.get("contacts"))
    known = {digits(one.get("wa_id")): one for one in contacts}
    known |= {word(one.get("user_id")): one for one in contacts}
    known.pop(None, None)
    number, display = word(metadata.get("phone_number_id")), word(metadata.get("display_phone_number"))
    only = contacts[0] if len(contacts) == 1 else {}
    return Source(waba_id, number or "", display, known, only, objects(value.get("errors")))


def identify(source: Source, item: Any) -> str:
    """Read the id of an item. Raises Unreadable when it, or the number that the item belongs to, is missing."""
    found = word(item.get("id")) if type(item) is dict else None
    if found is None:
        raise Unreadable("without an id")
    require_number(source)
    return found


def require_number(source: Source) -> None:
    """Raise Unreadable when the change does not tell which number it is about."""
    if not source.phone_number_id:
        raise Unreadable("without a phone number id")


def user(source: Source, phone: str | None, user_id: str | None, parent_user_id: str | None = None) -> Who:
    """Say who a user is, each part from the item or from the contact that belongs to it.

    The only contact of a change lends its name to any item, but its ids to no other number.
    """
    contact = source.contacts.get(phone) or source.contacts.get(user_id) or source.only
    contact_phone = digits(contact.get("wa_id"))
    if phone is None or contact_phone is None or phone == contact_phone:
        phone, user_id = phone or contact_phone, user_id or word(contact.get("user_id"))
        parent_user_id = parent_user_id or word(contact.get("parent_user_id"))
    profile = as_object(contact.get("profile"))
    username = (text(profile.get("username")) or "").lstrip("@") or None
    return Who(phone, user_id, parent_user_id, username, text(profile.get("name")))


def text(value: Any) -> str | None:
    """Read what somebody wrote; None for nothing."""
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None


def word(value: Any) -> str | None:
    """Read an id or a word of Meta's; some ids are JSON numbers. None for what is too long to be one."""
    found = text(value)
    return found if found is not None and len(found) <= _LONGEST_WORD else None


def digits(value: Any) -> str | None:
    """Read a phone number; None for what is none, such as a group's id."""
    found = (word(value) or "").removeprefix("+")
    return found if found.isascii() and found.isdigit() else None


def seconds(value: Any) -> int:
    """Read unix seconds: a string in messages and statuses, a number elsewhere."""
    found = digits(value)
    read = int(found) if found is not None and len(found) <= 12 else 0
    return read if read <= _LATEST_S else 0


def as_object(value: Any) -> Object:
    """Read a JSON object; anything else is an empty one."""
    return value if type(value) is dict else {}


def objects(value: Any) -> list[Object]:
    """Read a list of JSON objects, without what is none."""
    return [one for one in value if type(one) is dict] if type(value) is list else []
