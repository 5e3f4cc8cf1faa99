"""Permits: what a key may send, and how much of it, beside what its scopes say.

Constraints are looked at before a stored answer is given, so that a key never reads what it could not send. Tokens are
taken in the transaction of the claim: a replay costs nothing.
"""

from collections.abc import Sequence
from uuid import UUID

from quixess import access, limits
from quixess.access import Caller
from quixess.errors import QuixessError
from quixess.limits import Verdict, Want
from quixess.messages import pacing
from quixess.messages.orders import Order, Prepared
from quixess.vault import Keyring

Rate = tuple[int, int]
"""How many in how many seconds."""

CODES = "codes_per_recipient"
_MINUTE, _DAY = 60, 86_400
_PURPOSE = b"otp recipient"
_HASH_BYTES = 16


def check(caller: Caller, order: Order) -> None:
    """Check what an order tells by itself. Raises `key_constraint` or `destination_not_allowed`."""
    access.check_template(caller.constraints, order.template_name)
    if order.to.conversation_id is None:
        access.check_destination(caller.constraints, order.to.phone)


def check_found(caller: Caller, phone: str | None) -> None:
    """Check the phone (digits) that was found for an order. Raises `destination_not_allowed`."""
    access.check_destination(caller.constraints, phone)


def message_quotas(caller: Caller) -> tuple[Want, ...]:
    """Give the quotas of messages that a key has; keys of one lineage share them."""
    constraints = caller.constraints
    wants = []
    if constraints.messages_per_minute is not None:
        wants.append(_want(caller, "messages_per_minute", constraints.messages_per_minute, _MINUTE))
    if constraints.messages_per_day is not None:
        wants.append(_want(caller, "messages_per_day", constraints.messages_per_day, _DAY))
    return tuple(wants)


def wants(
    keyring: Keyring, caller: Caller, brand_id: UUID, prepared: Prepared, rates: Sequence[Rate]
) -> tuple[Want, ...]:
    """Give the tokens that a message costs. `rates` are those of codes to one recipient, of all keys of the brand."""
    template = prepared.template
    quotas = (*message_quotas(caller), *pacing.wants(prepared.connection))
    if template is None or template.category != "AUTHENTICATION" or prepared.phone is None or not rates:
        return quotas
    # The table of buckets must not tell who gets codes.
    person = keyring.hash(brand_id.bytes + prepared.phone.encode(), purpose=_PURPOSE)[:_HASH_BYTES].hex()
    return (*quotas, *(Want(f"{CODES}:{person}:{count}/{span}", CODES, count, span) for count, span in rates))


def refuse(verdict: Verdict) -> QuixessError:
    """Make the 429 of a message that was one too many."""
    policies = {level.want.policy for level in verdict.denied}
    if policies == {pacing.THROUGHPUT}:
        return limits.refuse(
            verdict,
            "whatsapp_rate_limited",
            "The phone number sends as many messages a second as Meta takes from it. Nothing was sent: wait as "
            "Retry-After says.",
        )
    if policies - {CODES, pacing.THROUGHPUT}:
        return limits.refuse(
            verdict, "rate_limited", "The key has sent all the messages it may for now: wait as Retry-After says."
        )
    return limits.refuse(
        verdict,
        "otp_recipient_limited",
        "This number has been sent enough codes for now, by all keys of the brand together. Wait as Retry-After says, "
        "and let the user enter the code that came.",
    )


def _want(caller: Caller, policy: str, count: int, span: int) -> Want:
    return Want(f"{policy}:{caller.lineage_id.hex}:{count}/{span}", policy, count, span)
