"""Phone numbers as Meta knows them: digits, and for three countries not the digits that people dial.

Brazilian mobiles lose their ninth digit, Mexican ones get a 1 and Argentinian ones a 9 after the country code. Meta
answers a send with that `wa_id`, and the phone writes from it.
"""

import re

_PUNCTUATION = re.compile(r"[\s()+.-]")
_REWRITTEN = (
    (re.compile(r"55(\d\d)9(\d{8})"), r"55\1\2"),
    (re.compile(r"52(\d{10})"), r"521\1"),
    (re.compile(r"54(\d{10})"), r"549\1"),
)


def wa_id(phone: str) -> str:
    """Return the digits Meta uses; raises ValueError unless `phone` has 7 to 15, beside `+`, spaces and brackets."""
    bare = _PUNCTUATION.sub("", phone)
    if not (bare.isascii() and bare.isdigit() and 7 <= len(bare) <= 15):
        raise ValueError("a phone number has 7 to 15 digits")
    for dialled, known in _REWRITTEN:
        if found := dialled.fullmatch(bare):
            return found.expand(known)
    return bare
