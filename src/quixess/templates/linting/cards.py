"""Carousels: cards of one shape, side by side (Meta's pages on media card and product card carousel templates)."""

from collections.abc import Mapping
from typing import Any

from quixess.templates.linting import buttons, texts
from quixess.templates.linting.rules import Findings

_FEWEST, _MOST = 2, 10
_BODY = 160
_FILES = {"IMAGE", "VIDEO"}
_PARTS = {"HEADER", "BODY", "BUTTONS"}
_BUTTONS, _OF_A_PRODUCT = 2, 1
_KINDS = {"QUICK_REPLY", "URL", "PHONE_NUMBER"}
_KINDS_OF_A_PRODUCT = {"SPM", "URL"}
_Shape = tuple[frozenset[str], str, tuple[str, ...]]


def check_carousel(part: Mapping[str, Any], pointer: str, findings: Findings, *, named: bool) -> None:
    """Check a CAROUSEL: how many cards, each for itself, and that they are alike."""
    cards, place = part.get("cards"), f"{pointer}/cards"
    if not isinstance(cards, list) or not all(_parts(card) for card in cards):
        fix = "`cards` must be a list of objects, each with a list of `components`."
        return findings.add(place, "component_fields", fix)
    findings.hold(_FEWEST <= len(cards) <= _MOST, place, "cards_number")
    shapes = [_check_card(_parts(one), f"{place}/{index}", findings, named=named) for index, one in enumerate(cards)]
    for index, shape in enumerate(shapes):
        findings.hold(shape == shapes[0], f"{place}/{index}", "cards_alike")
    return None


def _parts(card: Any) -> list[Mapping[str, Any]]:
    """Give the components of a card; none when it is no card."""
    listed = card.get("components") if isinstance(card, dict) else None
    return listed if isinstance(listed, list) and all(isinstance(one, dict) for one in listed) else []


def _check_card(parts: list[Mapping[str, Any]], pointer: str, findings: Findings, *, named: bool) -> _Shape:
    """Check a card, and give what all cards must have alike: parts, the header's format, the types of buttons."""
    found: dict[str, Mapping[str, Any]] = {}
    header = next((one for one in parts if _kind(one) == "HEADER"), {})
    shown = str(header.get("format")).upper()
    for index, part in enumerate(parts):
        kind, place = _kind(part), f"{pointer}/components/{index}"
        if kind not in _PARTS or (kind == "BODY" and shown == "PRODUCT"):
            findings.add(f"{place}/type", "card_parts")
        elif kind in found:
            findings.add(f"{place}/type", "component_once")
        elif kind == "HEADER":
            _check_header(part, place, findings, named=named)
        elif kind == "BODY":
            texts.check_body(part, place, findings, named=named, longest=_BODY, rule="card_length")
        else:
            _check_buttons(part, place, findings, product=shown == "PRODUCT")
        found[kind] = part
    findings.hold(header, f"{pointer}/components", "card_header")
    return frozenset(found), shown, tuple(map(_kind, buttons.listed(found.get("BUTTONS", {}))))


def _check_header(header: Mapping[str, Any], pointer: str, findings: Findings, *, named: bool) -> None:
    shown = str(header.get("format")).upper()
    if shown in _FILES:
        return texts.check_header(header, pointer, findings, named=named)
    return findings.hold(shown == "PRODUCT", f"{pointer}/format", "card_header")


def _check_buttons(part: Mapping[str, Any], pointer: str, findings: Findings, *, product: bool) -> None:
    allowed, most = (_KINDS_OF_A_PRODUCT, _OF_A_PRODUCT) if product else (_KINDS, _BUTTONS)
    shown, place = buttons.listed(part), f"{pointer}/buttons"
    findings.hold(1 <= len(shown) <= most, place, "card_buttons")
    for index, button in enumerate(shown):
        if _kind(button) not in allowed:
            findings.add(f"{place}/{index}/type", "card_buttons")
        elif _kind(button) == "SPM":
            buttons.check_label(button, f"{place}/{index}", findings, required=True)
        else:
            buttons.check_button(_kind(button), button, f"{place}/{index}", findings)


def _kind(part: Mapping[str, Any]) -> str:
    return str(part.get("type")).upper()
