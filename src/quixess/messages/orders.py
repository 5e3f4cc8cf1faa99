"""Orders: what a caller asks to send, and what has to be found out before it may be claimed.

Each kind of send is an `Order`; `sending` carries all of them out alike.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import msgspec

from quixess import errors, templates
from quixess.access import Caller
from quixess.connections import Connection
from quixess.messages.model import Recipient
from quixess.messages.talks import Talks
from quixess.meta.graph import Graph
from quixess.templates import Template


class Known(msgspec.Struct, frozen=True):
    """What is known when an order is prepared: its brand, the brand's active connection, the template by its name.

    `talks` finds the conversation of an answer. `ask_meta` fetches the list of templates anew, at most every 30
    seconds, and gives the same template again; None when it did not ask.
    """

    caller: Caller
    brand_id: UUID
    connection: Connection
    languages: Sequence[Template]
    talks: Talks
    ask_meta: Callable[[], Awaitable[Sequence[Template] | None]]

    def __repr__(self) -> str:
        return f"Known({self.brand_id})"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may go out. `content` is what history shows: no code of an AUTHENTICATION template is in it.

    `payload` writes Meta's JSON around our mark (`biz_opaque_callback_data`). `hidden` are texts that may stand
    nowhere, Meta's errors included. `text` is what search finds. `before` is done between the claim and the call.
    """

    connection: Connection
    phone: str | None
    user_id: str | None = None
    type: str
    content: Mapping[str, Any]
    payload: Callable[[str], bytes]
    template: Template | None = None
    reply_to: str | None = None
    text: str | None = None
    hidden: tuple[str, ...] = ()
    before: Callable[[Graph], Awaitable[None]] | None = None

    def __repr__(self) -> str:
        return f"Prepared({self.type})"  # a code is in it


class Order(Protocol):
    """Something to send. An Idempotency-Key belongs to an `operation` and to what `identity` gives."""

    @property
    def operation(self) -> str:
        """The name of the endpoint that takes such orders."""

    @property
    def to(self) -> Recipient:
        """Whom it goes to."""

    @property
    def template_name(self) -> str | None:
        """The template it is made from, None for a free-form message."""

    @property
    def metadata(self) -> dict[str, str]:
        """What the caller wants to find again in history and events."""

    def identity(self) -> list[Any]:
        """Give everything that makes two requests the same, ready for JSON; a code is part of it."""

    async def prepare(self, known: Known) -> Prepared:
        """Check the order and make a message of it. Raises QuixessError; nothing is written down then."""


async def approved(known: Known, language: str | None) -> Template:
    """Choose the approved template of an order; what is missing or not approved is looked up at Meta once.

    Raises `template_not_found` or `template_not_approved`.
    """
    languages = known.languages
    template = templates.choose(languages, language)
    if not (template and template.approved) and (fresh := await known.ask_meta()) is not None:
        languages = fresh
        template = templates.choose(languages, language)
    return templates.require_approved(template, languages)


def needs_phone(to: Recipient) -> str:
    """Give the phone of a recipient (digits). Raises `bsuid_not_supported` when there is only a user id."""
    if to.phone is None:
        detail = "AUTHENTICATION templates go to phone numbers only (Meta's 131062): use `to`."
        raise errors.at("/recipient", "bsuid_not_supported", detail)
    return to.phone
