"""What a state file holds, and what of a message never goes there."""

import msgspec

from quixess.simulator import model, registry
from quixess.simulator.model import Message, Phone, Template

STATE_FORMAT = 1


class State(msgspec.Struct, kw_only=True):
    """What the state file holds. No word of an authentication message is ever among it.

    `subscription`, `override` and `subscribed` stand in files that know one app only, which have no `book`.
    """

    format: int = STATE_FORMAT
    identity: model.Identity
    settings: model.Settings
    templates: list[Template]
    book: registry.Book | None = None
    subscription: model.Subscription | None = None
    override: model.Subscription | None = None
    subscribed: bool = False
    phones: list[Phone]
    messages: list[Message]
    seed: int | None = None
    drawn: dict[str, int] = {}
    faults: list[model.Fault] = []
    media_faults: list[model.MediaFault] = []
    blocks: list[model.Block] = []
    unsent: list[model.Unsent] = []
    files: list[model.File] = []
    samples: list[model.Sample] = []


def book_of_before(state: State) -> registry.Book:
    """Make the book of a state file that was written when there was one app only."""
    book = registry.founded(state.identity)
    book.apps[state.identity.app_id].subscription = state.subscription
    if state.subscribed:
        book.wabas[state.identity.waba_id].apps[state.identity.app_id] = state.override
    return book


def forgetful(message: Message) -> Message:
    """Return the message without its words, if they are of an authentication send."""
    if not message.secret:
        return message
    return msgspec.structs.replace(message, text="", header=None, code=None, buttons=[], forgotten=True)
