"""The state of the simulated Meta: who is who (`registry`), the templates, phones and messages.

It knows nothing of HTTP. Refusals are `errors.GraphError`, as Meta would word them.
"""

import heapq
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from quixess.simulator import drafts, errors, freeform, magic, mint, model, outcomes, registry, states, templates
from quixess.simulator.draws import Draws
from quixess.simulator.limits import Limits
from quixess.simulator.model import Category, Direction, Message, Phone, Template, Tick
from quixess.simulator.states import State
from quixess.simulator.templates import rendering

WINDOW_S = 24 * 3600
TYPING_S = 25
_RANK = {Tick.ACCEPTED: 0, Tick.SENT: 1, Tick.DELIVERED: 2, Tick.READ: 3, Tick.PLAYED: 4, Tick.FAILED: 9}


@dataclass(slots=True)
class World:
    """Everything Meta would know. `version` grows with every change; the newest `keeps` messages stay.

    `identity` is the first app, WABA and number, with which a developer begins; `book` has all of them. Templates
    are known by WABA, name and language, samples for their headers by the ids of their uploads. Codes of sign-ups and
    of numbers (`signups`, `verifications`) are in memory only.
    """

    identity: model.Identity
    book: registry.Book
    templates: dict[tuple[str, str, str], Template]
    settings: model.Settings = field(default_factory=model.Settings)
    signups: dict[str, model.SignupCode] = field(default_factory=dict)
    verifications: dict[str, model.Verification] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    faults: list[model.Fault] = field(default_factory=list)
    files: dict[str, model.File] = field(default_factory=dict)
    samples: dict[str, model.Sample] = field(default_factory=dict)
    media_faults: list[model.MediaFault] = field(default_factory=list)
    draws: Draws = field(default_factory=Draws)
    limits: Limits = field(default_factory=Limits)
    blocks: list[model.Block] = field(default_factory=list)
    unsent: dict[int, model.Unsent] = field(default_factory=dict)
    media_port: int | None = None
    version: int = 0
    keeps: int = 100_000
    _chats: dict[str, deque[str]] = field(default_factory=dict)
    _typing: dict[str, float] = field(default_factory=dict)

    @classmethod
    def create(cls, seed: int | None = None) -> "World":
        """Make a new world; the same `seed` gives the same ids and secrets."""
        identity = mint.identity(mint.source(seed))
        draws = Draws(seed)
        world = cls(identity=identity, book=registry.founded(identity), templates={}, draws=draws)
        world._seed(identity.waba_id)
        return world

    @classmethod
    def restore(cls, state: State) -> "World":
        world = cls(
            identity=state.identity,
            book=state.book or states.book_of_before(state),
            templates={},
            settings=state.settings,
            phones={phone.number: phone for phone in state.phones},
            faults=state.faults,
            media_faults=state.media_faults,
            draws=Draws(state.seed, state.drawn),
            blocks=state.blocks,
            unsent=dict(enumerate(state.unsent)),
            files={file.id: file for file in state.files},
            samples={sample.id: sample for sample in state.samples},
        )
        for template in state.templates:
            template.waba_id = template.waba_id or world.identity.waba_id
            world.put_template(template)
        for message in state.messages:
            world._keep(message)
        world.limits.restore(world.identity.business_id, state.messages)
        return world

    def reset(self) -> None:
        """Wipe the slate: no messages, phones or faults, first templates and settings. Keeps who it is.

        The first token and the first number are as they were in the beginning.
        """
        registry.renew(self.book, self.identity)
        self.settings = model.Settings()
        for kept in (self.phones, self.messages, self.faults, self.files, self.media_faults, self._chats, self._typing):
            kept.clear()
        for also in (self.limits, self.blocks, self.unsent, self.samples, self.templates):
            also.clear()
        for waba_id in self.book.wabas:
            self._seed(waba_id)
        self.touch()

    def touch(self) -> None:
        self.version += 1

    def now(self) -> float:
        """Unix seconds on Meta's clock, which a lever can move."""
        return time.time() + self.settings.clock_offset_s

    def outcome_for(self, phone: str) -> outcomes.Outcome:
        """How a send to `phone` (digits) will go: a scripted fault first (used up here), magic numbers, then chance."""
        for fault in self.faults:
            if fault.to in (None, phone):
                fault.count -= 1
                if fault.count == 0:
                    self.faults.remove(fault)
                return outcomes.named(fault.outcome)
        fate = magic.RECIPIENTS.get(phone)
        drawn = None if fate else self.draws.one_of(self.settings.chances, f"fate:{phone}")
        return outcomes.named(fate.outcome if fate else drawn or "ok")

    def seen_from(self, number_id: str | None) -> model.Identity:
        """Return the identity with that number and its WABA in it; None is the first number."""
        number = self.book.numbers.get(number_id or self.identity.phone_number_id)
        return registry.view(self.identity, self.book, number) if number else self.identity

    def seen_at(self, waba_id: str) -> model.Identity:
        """Return the identity with that WABA in it, for what is about no number."""
        return registry.view_waba(self.identity, self.book.wabas[waba_id])

    def add_waba(self, business_id: str | None, name: str) -> registry.Waba:
        """Make a WABA, of a new business if none is named, with the templates that each has from the start."""
        waba = registry.add_waba(self.book, self.draws.source("waba"), business_id, name)
        self._seed(waba.id)
        return waba

    def accept(self, draft: drafts.Draft, number_id: str | None = None) -> Message:
        """Take a send from a number (None: the first) into the ledger.

        Raises GraphError if its template or parameters are wrong (or 131062).
        """
        if draft.type == "template":
            call = drafts.template_call(draft.content)
            found = self.templates.get((self.seen_from(number_id).waba_id, call.name, call.language))
            template = rendering.sendable(found, call.name, call.language)
            if template.category is Category.AUTHENTICATION and draft.to is None:
                raise errors.coded(131062)
            message = self._from_template(draft, template, rendering.render(template, call.components))
        else:
            message = self._in_bubble(draft, freeform.bubble(draft.type, draft.content))
            message.content = draft.content
        message.number_id = number_id
        message.in_window = self.window_ends(draft.phone, number_id) is not None
        self.phone(draft.phone)
        self._typing.pop(draft.phone, None)
        return self._keep(message)

    def receive(
        self, phone: str, text: str, name: str | None, kind: str = "text", number_id: str | None = None
    ) -> Message:
        """Take what the customer at `phone` (digits) did; opens the 24 h window, unless Meta itself speaks."""
        at = self.now()
        known = self.phone(phone)
        known.name = name or known.name
        if kind != "system":
            self.hear_from(phone, number_id)
        message = Message(
            wamid=mint.wamid(phone, self.draws.source(f"in:{phone}"), inbound=True),
            direction=Direction.INBOUND,
            phone=phone,
            type=kind,
            at=at,
            status=Tick.RECEIVED,
            text=text,
            number_id=number_id or self.identity.phone_number_id,
        )
        self.limits.pass_through(number_id or self.identity.phone_number_id, time.time())
        return self._keep(message)

    def hear_from(self, phone: str, number_id: str | None = None) -> float:
        """Open the 24 h window between that phone and a number of the business; return when it was, which is now."""
        known, at = self.phone(phone), self.now()
        if self._is_first(number_id):
            known.last_inbound_at = at
        else:
            known.heard_by[number_id or ""] = at
        self.touch()
        return at

    def owner(self, user_id: str) -> str | None:
        """Return the number of the phone whose user has that id."""
        return next((one.number for one in self.phones.values() if one.user_id == user_id), None)

    def phone(self, number: str) -> Phone:
        """Return the phone of that number (digits); a number that nobody had becomes one."""
        nameless = number == magic.NAMELESS
        fresh = Phone(number=number, user_id=magic.NAMELESS_USER if nameless else None, hide_phone=nameless)
        return self.phones.setdefault(number, fresh)

    def advance(self, message: Message, tick: Tick, error: int | None = None) -> None:
        """Move the bubble's ticks up, never down. Every tick stands in its history."""
        wanted = self.targets("messages", self.seen_from(message.number_id))
        message.events.append(model.StatusEvent(tick, self.now(), "PENDING" if wanted else None))
        if _RANK[tick] > _RANK.get(message.status, 0):
            message.status = tick
            message.error = error
            self.touch()

    def mark_read(self, wamid: str, number_id: str | None = None, *, typing: bool = False) -> None:
        """Note that a number read an inbound message and those before it, and that it perhaps types an answer.

        Raises GraphError 131009 for an unknown message.
        """
        message = self.messages.get(wamid)
        if message is None or message.direction is not Direction.INBOUND or not self._of(message, number_id):
            raise errors.coded(131009, "message_id is not an inbound message of this number")
        for earlier in self.chat(message.phone):
            if earlier.direction is Direction.INBOUND and self._of(earlier, number_id):
                earlier.status = Tick.READ
            if earlier is message:
                break
        if typing:
            self._typing[message.phone] = self.now() + TYPING_S
        self.touch()

    def types(self, phone: str) -> bool:
        """Tell whether that phone shows that the business is typing."""
        return self._typing.get(phone, 0.0) > self.now()

    def window_ends(self, phone: str, number_id: str | None = None) -> float | None:
        """When the 24 h window between that phone and a number (None: the first) closes, or None if it is closed."""
        known = self.phones.get(phone)
        if known is None:
            return None
        heard = known.last_inbound_at if self._is_first(number_id) else known.heard_by.get(number_id or "")
        if heard is None or heard + WINDOW_S <= self.now():
            return None
        return heard + WINDOW_S

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

    def targets(self, field: str, seen: model.Identity, *, always: bool = False) -> list[registry.Target]:
        """Where Meta would post that field of the number in `seen`; `always` skips the two subscriptions."""
        return registry.targets(self.book, field, seen.waba_id, seen.phone_number_id, always=always)

    def _of(self, message: Message, number_id: str | None) -> bool:
        first = self.identity.phone_number_id
        return (message.number_id or first) == (number_id or first)

    def _is_first(self, number_id: str | None) -> bool:
        return number_id in {None, self.identity.phone_number_id}

    def shelf(self, waba_id: str) -> list[Template]:
        """Return the templates of a WABA, the oldest first."""
        return [one for one in self.templates.values() if one.waba_id == waba_id]

    def put_template(self, template: Template) -> None:
        self.templates[(template.waba_id, template.name, template.language)] = template
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
            wamid=mint.wamid(draft.phone, self.draws.source(f"out:{draft.phone}"), inbound=False),
            direction=Direction.OUTBOUND,
            phone=draft.phone,
            to=draft.to or draft.user_id,
            type=draft.type,
            at=self.now(),
            status=Tick.ACCEPTED,
            text=text,
            opaque=draft.opaque,
            quoted=draft.quoted,
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

    def _seed(self, waba_id: str) -> None:
        for template in templates.seeds(waba_id, [templates.fresh_id(self.draws) for _ in range(2)]):
            self.put_template(template)
