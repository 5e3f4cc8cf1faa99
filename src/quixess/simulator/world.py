"""The state of the simulated Meta: one app, one WABA, one number, its templates, phones and messages.

It knows nothing of HTTP. Refusals are `errors.GraphError`, as Meta would word them.
"""

import heapq
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from quixess.simulator import drafts, errors, freeform, magic, mint, model, outcomes, rendering, templates
from quixess.simulator.model import Category, Direction, Message, Phone, Template, Tick

SAVED_MESSAGES = 5_000
STATE_FORMAT = 1
OVERRIDABLE = {"messages", "message_echoes", "calls", "smb_message_echoes", "smb_app_state_sync", "history"}
WINDOW_S = 24 * 3600
TYPING_S = 25
_RANK = {Tick.ACCEPTED: 0, Tick.SENT: 1, Tick.DELIVERED: 2, Tick.READ: 3, Tick.PLAYED: 4, Tick.FAILED: 9}


class State(msgspec.Struct, kw_only=True):
    """What the state file holds. No word of an authentication message is ever among it."""

    format: int = STATE_FORMAT
    identity: model.Identity
    settings: model.Settings
    templates: list[Template]
    subscription: model.Subscription | None
    override: model.Subscription | None
    subscribed: bool
    phones: list[Phone]
    messages: list[Message]


@dataclass(slots=True)
class World:
    """Everything Meta would know. `version` grows with every change; the newest `keeps` messages stay."""

    identity: model.Identity
    templates: dict[tuple[str, str], Template]
    settings: model.Settings = field(default_factory=model.Settings)
    subscription: model.Subscription | None = None
    override: model.Subscription | None = None
    subscribed: bool = False
    phones: dict[str, Phone] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    faults: list[model.Fault] = field(default_factory=list)
    files: dict[str, model.File] = field(default_factory=dict)
    media_faults: list[model.MediaFault] = field(default_factory=list)
    version: int = 0
    keeps: int = 100_000
    _chats: dict[str, deque[str]] = field(default_factory=dict)
    _typing: dict[str, float] = field(default_factory=dict)

    @classmethod
    def create(cls, seed: int | None = None) -> "World":
        """Make a new world; the same `seed` gives the same ids and secrets."""
        return cls(identity=mint.identity(mint.source(seed)), templates=_seeded(seed))

    @classmethod
    def restore(cls, state: State) -> "World":
        world = cls(
            identity=state.identity,
            templates={(one.name, one.language): one for one in state.templates},
            settings=state.settings,
            subscription=state.subscription,
            override=state.override,
            subscribed=state.subscribed,
            phones={phone.number: phone for phone in state.phones},
        )
        for message in state.messages:
            world._keep(message)
        return world

    def snapshot(self) -> State:
        """Return the state worth keeping: the newest messages, with the words of authentication sends left out."""
        newest = list(islice(reversed(self.messages.values()), SAVED_MESSAGES))
        return State(
            identity=self.identity,
            settings=self.settings,
            templates=list(self.templates.values()),
            subscription=self.subscription,
            override=self.override,
            subscribed=self.subscribed,
            phones=list(self.phones.values()),
            messages=[_forgetful(message) for message in reversed(newest)],
        )

    def reset(self) -> None:
        """Wipe the slate: no messages, phones or faults, first templates and settings. Keeps who it is."""
        self.templates = _seeded(None)
        self.settings = model.Settings()
        for kept in (self.phones, self.messages, self.faults, self.files, self.media_faults, self._chats, self._typing):
            kept.clear()
        self.touch()

    def touch(self) -> None:
        self.version += 1

    def now(self) -> float:
        """Unix seconds on Meta's clock, which a lever can move."""
        return time.time() + self.settings.clock_offset_s

    def outcome_for(self, phone: str) -> outcomes.Outcome:
        """How a send to `phone` (digits) will go: a scripted fault first (used up here), then magic numbers."""
        for fault in self.faults:
            if fault.to in (None, phone):
                fault.count -= 1
                if fault.count == 0:
                    self.faults.remove(fault)
                return outcomes.named(fault.outcome)
        fate = magic.RECIPIENTS.get(phone)
        return outcomes.named(fate.outcome) if fate else outcomes.ORDINARY

    def accept(self, draft: drafts.Draft) -> Message:
        """Take a send into the ledger; raises GraphError if its template or parameters are wrong (or 131062)."""
        if draft.type == "template":
            call = drafts.template_call(draft.content)
            found = self.templates.get((call.name, call.language))
            template = rendering.sendable(found, call.name, call.language)
            if template.category is Category.AUTHENTICATION and draft.to is None:
                raise errors.coded(131062)
            message = self._from_template(draft, template, rendering.render(template, call.components))
        else:
            message = self._in_bubble(draft, freeform.bubble(draft.type, draft.content))
            message.content = draft.content
        self.phone(draft.phone)
        self._typing.pop(draft.phone, None)
        return self._keep(message)

    def receive(self, phone: str, text: str, name: str | None, kind: str = "text") -> Message:
        """Take what the customer at `phone` (digits) did; opens the 24 h window, unless Meta itself speaks."""
        at = self.now()
        known = self.phone(phone)
        known.last_inbound_at = known.last_inbound_at if kind == "system" else at
        known.name = name or known.name
        message = Message(
            wamid=mint.wamid(phone, inbound=True),
            direction=Direction.INBOUND,
            phone=phone,
            type=kind,
            at=at,
            status=Tick.RECEIVED,
            text=text,
        )
        return self._keep(message)

    def owner(self, user_id: str) -> str | None:
        """Return the number of the phone whose user has that id."""
        return next((one.number for one in self.phones.values() if one.user_id == user_id), None)

    def phone(self, number: str) -> Phone:
        """Return the phone of that number (digits); a number that nobody had becomes one."""
        return self.phones.setdefault(number, Phone(number=number))

    def advance(self, message: Message, tick: Tick, error: int | None = None) -> None:
        """Move the bubble's ticks up, never down."""
        if _RANK[tick] > _RANK.get(message.status, 0):
            message.status = tick
            message.error = error
            self.touch()

    def mark_read(self, wamid: str, *, typing: bool = False) -> None:
        """Note that the business read an inbound message and those before it, and perhaps types an answer.

        Raises GraphError 131009 for an unknown message.
        """
        message = self.messages.get(wamid)
        if message is None or message.direction is not Direction.INBOUND:
            raise errors.coded(131009, "message_id is not an inbound message of this number")
        for earlier in self.chat(message.phone):
            if earlier.direction is Direction.INBOUND:
                earlier.status = Tick.READ
            if earlier is message:
                break
        if typing:
            self._typing[message.phone] = self.now() + TYPING_S
        self.touch()

    def types(self, phone: str) -> bool:
        """Tell whether that phone shows that the business is typing."""
        return self._typing.get(phone, 0.0) > self.now()

    def window_ends(self, phone: str) -> float | None:
        """When the 24 h window of that chat closes, or None if it is closed."""
        known = self.phones.get(phone)
        if known is None or known.last_inbound_at is None:
            return None
        ends = known.last_inbound_at + WINDOW_S
        return ends if ends > self.now() else None

    def chat(self, phone: str, limit: int | None = None) -> list[Message]:
        """Both directions, oldest first; the newest `limit`, or all."""
        newest = islice(reversed(self._chats.get(phone, ())), limit)
        return [self.messages[wamid] for wamid in newest][::-1]

    def chat_size(self, phone: str) -> int:
        return len(self._chats.get(phone, ()))

    def talkers(self, limit: int) -> list[str]:
        """Return the numbers of the `limit` phones that were last busy, the latest first."""
        last = {number: self.messages[wamids[-1]].at for number, wamids in self._chats.items()}
        return heapq.nlargest(limit, last, key=lambda number: last[number])

    def sends(self) -> Iterator[Message]:
        """Return the ledger: every send that was accepted, oldest first (of the newest `keeps` messages)."""
        return (one for one in self.messages.values() if one.direction is Direction.OUTBOUND)

    def callback_for(self, field: str, *, always: bool = False) -> str | None:
        """Where Meta would post that field, or None: not subscribed. `always` skips the two subscriptions."""
        app = self.subscription
        if app is None or not (always or (self.subscribed and field in app.fields)):
            return None
        return self.override.callback_url if self.override and field in OVERRIDABLE else app.callback_url

    def create_template(self, body: model.Json) -> Template:
        """Take a new template from a Graph body; raises GraphError 100 (with 2388024 if it exists)."""
        template = templates.create(body, mint.digits(mint.source(None), 16))
        if (template.name, template.language) in self.templates:
            raise errors.duplicate_template(template.language)
        self.put_template(template)
        return template

    def decide(self, template: Template) -> bool:
        """End a review as the settings say; False if someone decided otherwise meanwhile."""
        pending = template.status is model.TemplateStatus.PENDING
        if pending:
            reason = self.settings.review_rejects
            template.status = model.TemplateStatus.REJECTED if reason else model.TemplateStatus.APPROVED
            template.rejected_reason = reason or "NONE"
            self.touch()
        return pending

    def put_template(self, template: Template) -> None:
        self.templates[(template.name, template.language)] = template
        self.touch()

    def _in_bubble(self, draft: drafts.Draft, bubble: rendering.Bubble) -> Message:
        message = self._outbound(draft, text=bubble.text)
        message.header, message.footer, message.buttons = bubble.header, bubble.footer, bubble.buttons
        return message

    def _from_template(self, draft: drafts.Draft, template: Template, bubble: rendering.Bubble) -> Message:
        message = self._in_bubble(draft, bubble)
        message.template, message.category, message.code = template.name, template.category, bubble.code
        message.secret = template.category is Category.AUTHENTICATION
        return message

    def _outbound(self, draft: drafts.Draft, *, text: str) -> Message:
        return Message(
            wamid=mint.wamid(draft.phone, inbound=False),
            direction=Direction.OUTBOUND,
            phone=draft.phone,
            to=draft.to or draft.user_id,
            type=draft.type,
            at=self.now(),
            status=Tick.ACCEPTED,
            text=text,
            opaque=draft.opaque,
            quoted=draft.quoted,
            in_window=self.window_ends(draft.phone) is not None,
        )

    def _keep(self, message: Message) -> Message:
        self.messages[message.wamid] = message
        self._chats.setdefault(message.phone, deque()).append(message.wamid)
        if len(self.messages) > self.keeps:
            self._drop_oldest()
        self.touch()
        return message

    def _drop_oldest(self) -> None:
        """Forget the oldest message, and its phone with the last of its messages."""
        oldest = self.messages.pop(next(iter(self.messages)))
        chat = self._chats[oldest.phone]
        chat.popleft()
        if not chat:
            del self._chats[oldest.phone], self.phones[oldest.phone]


def _seeded(seed: int | None) -> dict[tuple[str, str], Template]:
    return {(one.name, one.language): one for one in templates.seeds(templates.fresh_ids(seed))}


def _forgetful(message: Message) -> Message:
    if not message.secret:
        return message
    return msgspec.structs.replace(message, text="", header=None, code=None, buttons=[], forgotten=True)
