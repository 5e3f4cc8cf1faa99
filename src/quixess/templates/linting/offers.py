"""Limited-time offers: a few words, perhaps a countdown, and what may stand around them.

Source: Meta's page on limited-time offer templates.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from quixess.templates.linting import buttons
from quixess.templates.linting.rules import Findings

_TEXT = 16
_BODY = 600
_CODE = 15
_FILES = {"IMAGE", "VIDEO"}


def check_offer(part: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    """Check a LIMITED_TIME_OFFER: its text, and whether it runs out."""
    offer, place = part.get("limited_time_offer"), f"{pointer}/limited_time_offer"
    if not isinstance(offer, dict):
        return findings.add(place, "component_fields", "`limited_time_offer` must be an object with a `text`.")
    text = offer.get("text")
    fits = isinstance(text, str) and text.strip() and len(text) <= _TEXT
    findings.hold(fits, f"{place}/text", "offer_text")
    expires = isinstance(offer.get("has_expiration", False), bool)
    fix = "`has_expiration` must be true or false."
    return findings.hold(expires, f"{place}/has_expiration", "component_fields", fix)


def check_around(components: Sequence[Mapping[str, Any]], findings: Findings) -> None:
    """Check what stands beside an offer: a shorter body, a picture if any, no footer, its buttons."""
    for index, part in enumerate(components):
        kind, pointer = str(part.get("type")).upper(), f"/components/{index}"
        text = part.get("text")
        if kind == "HEADER":
            findings.hold(str(part.get("format")).upper() in _FILES, f"{pointer}/format", "offer_header")
        elif kind == "FOOTER":
            findings.add(pointer, "offer_footer")
        elif kind == "BODY" and isinstance(text, str):
            findings.hold(len(text) <= _BODY, f"{pointer}/text", "offer_length")
        elif kind == "BUTTONS":
            _check_buttons(buttons.listed(part), f"{pointer}/buttons", findings, expires=_expires(components))
    kinds = {str(part.get("type")).upper() for part in components}
    findings.hold("BUTTONS" in kinds, "/components", "offer_buttons")


def _check_buttons(shown: list[Mapping[str, Any]], pointer: str, findings: Findings, *, expires: bool) -> None:
    kinds = [str(one.get("type")).upper() for one in shown]
    coupon = "COPY_CODE" in kinds
    findings.hold("URL" in kinds and (coupon or not expires), pointer, "offer_buttons")
    if not coupon:
        return
    findings.hold(kinds[0] == "COPY_CODE", pointer, "offer_buttons")
    at = kinds.index("COPY_CODE")
    code = buttons.only(shown[at].get("example"))
    findings.hold(code is None or len(code) <= _CODE, f"{pointer}/{at}/example", "offer_code")


def _expires(components: Sequence[Mapping[str, Any]]) -> bool:
    offers = [part.get("limited_time_offer") for part in components]
    return any(isinstance(one, dict) and one.get("has_expiration") is True for one in offers)
