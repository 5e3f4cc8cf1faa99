"""The life of a business number: added, verified with a code, registered with a PIN, deregistered, deleted.

Rules only, as Meta's page "Registration" and its error table tell them; the wire is in `ownership`. How often a PIN
may be guessed is not documented: five times an hour here, ten seconds apart.
"""

import random
import re

from quixess.simulator import errors, model
from quixess.simulator.model import Json
from quixess.simulator.registry import Number

CODE_LIVES_S = 600
TRIES = 10
TRIES_SPAN_S = 72 * 3600
GUESSES = 5
GUESSES_SPAN_S = 3600
GUESS_PAUSE_S = 10
DELETION_S = 300
_PIN = re.compile(r"[0-9]{6}")


def new_code(number: Number, asked: Json, source: random.Random, now: float) -> model.Verification:
    """Draw the code that is sent by SMS or spoken; raises GraphError 100 for a number that needs none."""
    if str(asked.get("code_method", "")).upper() not in {"SMS", "VOICE"}:
        raise errors.parameter("Param code_method must be one of {SMS, VOICE}")
    if not asked.get("language") and not asked.get("locale"):
        raise errors.parameter("The parameter language is required.")
    if number.code_verification_status == "VERIFIED":
        raise errors.parameter("The phone number has already been verified.")
    return model.Verification("".join(source.choices("0123456789", k=6)), now + CODE_LIVES_S)


def verify(number: Number, sent: model.Verification | None, code: str, now: float) -> None:
    """Verify the number by the code that was sent to it; raises GraphError 100."""
    if not _PIN.fullmatch(code):
        raise errors.parameter("Invalid verification code format")
    if sent is None or sent.ends_at <= now:
        raise errors.parameter("The verification code has expired. Request a new one.")
    if code != sent.code:
        raise errors.parameter("The verification code is wrong.")
    number.code_verification_status = "VERIFIED"


def register(number: Number, asked: Json, now: float) -> None:
    """Register the number, setting its PIN or proving it; raises GraphError 100 or of the family 133000."""
    if asked.get("messaging_product") != "whatsapp":
        raise errors.parameter("The parameter messaging_product is required.")
    pin = _pin(asked)
    if number.deleted_at is not None:
        raise errors.coded(133015)
    if number.deregistering:
        raise errors.coded(133000)
    if number.code_verification_status != "VERIFIED":
        raise errors.coded(133006)
    _try(number, now)
    _guess(number, pin, now)
    number.pin, number.registered, number.onboarded_at = pin, True, now


def deregister(number: Number, now: float) -> None:
    """End the registration; the PIN stays. Raises GraphError 100 or 133016."""
    if not number.registered and not number.deregistering:
        raise errors.parameter("Phone number is not currently linked in Facebook Hosted System")
    _try(number, now)
    number.registered, number.deregistering = False, False


def set_pin(number: Number, asked: Json) -> None:
    """Change the PIN, which only the business can do that holds a token; raises GraphError 100 or 133010."""
    check_registered(number)
    number.pin = _pin(asked)


def check_registered(number: Number) -> None:
    """Raise GraphError 133010 unless the number can send."""
    if not number.registered:
        raise errors.coded(133010)


def check_addable(others: list[Number], display: str, now: float) -> None:
    """Raise GraphError 133015 for a number whose deletion is under way, 100 for one that is there already."""
    for other in others:
        if other.display != display:
            continue
        if other.deleted_at is None:
            raise errors.parameter("The phone number is already added to a WhatsApp Business Account.")
        if now < other.deleted_at + DELETION_S:
            raise errors.coded(133015)


def _pin(asked: Json) -> str:
    pin = asked.get("pin")
    if not isinstance(pin, str) or not _PIN.fullmatch(pin):
        raise errors.parameter("Invalid PIN format. PIN must be exactly 6 digits")
    return pin


def _try(number: Number, now: float) -> None:
    number.tries = [at for at in number.tries if at > now - TRIES_SPAN_S]
    if len(number.tries) >= TRIES:
        raise errors.coded(133016)
    number.tries.append(now)


def _guess(number: Number, pin: str, now: float) -> None:
    """Compare PINs; a number without one takes any."""
    number.wrong_pins = [at for at in number.wrong_pins if at > now - GUESSES_SPAN_S]
    if len(number.wrong_pins) >= GUESSES:
        minutes = int((number.wrong_pins[0] + GUESSES_SPAN_S - now) // 60) + 1
        raise errors.coded(133008, f"Try again after {minutes} minutes.")
    if number.wrong_pins and now < number.wrong_pins[-1] + GUESS_PAUSE_S:
        raise errors.coded(133009, f"Try again after {GUESS_PAUSE_S} seconds.")
    if number.pin is not None and pin != number.pin:
        number.wrong_pins.append(now)
        raise errors.coded(133005)
    number.wrong_pins.clear()
