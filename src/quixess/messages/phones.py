"""Phone numbers: E.164 at the edge, digits inside, as Meta writes them."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from quixess import errors
from quixess.errors import QuixessError

_SHAPE = re.compile(r"\+[1-9][0-9]{6,14}")
_SPACING = re.compile(r"[ ().-]")
_REFUSED = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.UAN: "a company access number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.VOICEMAIL: "a voicemail number",
}
# Mexico and Argentina dropped or moved a digit of their mobile numbers, and both ways of writing are still in use.
_LONGER_ONCE = {52, 54}
_BLOCK = 4


def read(text: str, pointer: str = "/to") -> str:
    """Read a recipient and return its digits, without the plus.

    Takes E.164 with a plus; spaces, dots, dashes and brackets are dropped. Raises `invalid_phone`.
    """
    compact = _SPACING.sub("", text)
    if not _SHAPE.fullmatch(compact):
        raise _invalid(pointer, "Write the number in E.164: a plus, the country code, the number, 7 to 15 digits.")
    if fault := _judge_block(compact[:-_BLOCK]):
        raise _invalid(pointer, fault)
    return compact[1:]


@lru_cache(65_536)
def _judge_block(head: str) -> str | None:
    """Say what is wrong with the numbers of a block, if anything is.

    Numbering plans hand out numbers by the ten thousand or more, so the last four digits never decide: one look into
    the plan (20 µs) serves the whole block.
    """
    try:
        number = phonenumbers.parse(head + "2345")
    except NumberParseException:
        return "No country has this calling code: check the digits after the plus."
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    if not possible and number.country_code not in _LONGER_ONCE:
        return "The number is too long or too short for its country: check the digits."
    if refused := _REFUSED.get(phonenumbers.number_type(number)):
        return f"This is {refused}: WhatsApp messages cannot go there."
    return None


def refuse_own(phone: str, own: str, pointer: str = "/to") -> None:
    """Refuse the business number itself as a recipient, as Meta would (131021). Both are digits.

    Raises `invalid_phone`.
    """
    if phone == own:
        raise _invalid(pointer, "This is the number the message would come from: send to another one.")


def alike(one: str, other: str) -> bool:
    """Tell whether two ways of writing digits can mean one person: Meta's wa_id may drop or add a digit."""
    return one[:2] == other[:2] and one[-7:] == other[-7:]


def _invalid(pointer: str, detail: str) -> QuixessError:
    return errors.at(pointer, "invalid_phone", detail)
