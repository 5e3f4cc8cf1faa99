"""Linting: what Meta would refuse in a template, found before Meta is asked, each breach with the rule's name."""

import re
from collections.abc import Mapping
from typing import Any

from quixess.templates.drafts import TemplateDraft
from quixess.templates.linting import buttons, cards, codes, offers, texts
from quixess.templates.linting.languages import LANGUAGES
from quixess.templates.linting.rules import RULES, WARNINGS, Finding, Findings, as_errors

__all__ = ["LANGUAGES", "RULES", "WARNINGS", "Finding", "Findings", "as_errors", "lint"]

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LIVES = {"AUTHENTICATION": (30, 900), "UTILITY": (30, 43_200), "MARKETING": (43_200, 2_592_000)}
_OURS = {"HEADER", "BODY", "FOOTER", "BUTTONS"}
_METAS = {"CALL_PERMISSION_REQUEST", "TAP_TARGET_CONFIGURATION"}
_CARDS, _OFFER = "CAROUSEL", "LIMITED_TIME_OFFER"


def lint(draft: TemplateDraft) -> list[Finding]:
    """Find every rule of Meta's that a draft breaks, in the order of its fields. Never fails."""
    findings = Findings()
    category = draft.category.upper()
    findings.hold(_NAME.fullmatch(draft.name), "/name", "name_form")
    findings.hold(draft.language in LANGUAGES, "/language", "language_known")
    findings.hold(category in _LIVES, "/category", "category_known")
    known = draft.parameter_format.upper() in {"POSITIONAL", "NAMED"}
    findings.hold(known, "/parameter_format", "parameter_format")
    _check_life(draft.message_send_ttl_seconds, category, findings)
    _check_components(draft, category, findings)
    return findings.listed


def _check_life(seconds: int | None, category: str, findings: Findings) -> None:
    if seconds is None or category not in _LIVES:
        return
    least, most = _LIVES[category]
    longest = seconds == -1 and category != "MARKETING"
    findings.hold(longest or least <= seconds <= most, "/message_send_ttl_seconds", "ttl_range")


def _check_components(draft: TemplateDraft, category: str, findings: Findings) -> None:
    named, seen = draft.parameter_format.upper() == "NAMED", set()
    for index, part in enumerate(draft.components):
        kind, pointer = str(part.get("type")).upper(), f"/components/{index}"
        if kind in seen:
            findings.add(f"{pointer}/type", "component_once")
        elif kind in _OURS and category == "AUTHENTICATION":
            codes.check_component(kind, part, pointer, findings)
        else:
            _check_component(kind, part, pointer, findings, named=named)
        if kind in {_CARDS, _OFFER}:
            findings.hold(category == "MARKETING", pointer, "marketing_only")
        seen.add(kind)
    findings.hold("BODY" in seen, "/components", "body_required")
    _check_company(draft, seen, findings)
    if category == "AUTHENTICATION":
        findings.hold("BUTTONS" in seen, "/components", "code_button")


def _check_component(kind: str, part: Mapping[str, Any], pointer: str, findings: Findings, *, named: bool) -> None:
    match kind:
        case "HEADER":
            texts.check_header(part, pointer, findings, named=named)
        case "BODY":
            texts.check_body(part, pointer, findings, named=named)
        case "FOOTER":
            texts.check_footer(part, pointer, findings)
        case "BUTTONS":
            buttons.check_buttons(part, pointer, findings)
        case "CAROUSEL":
            cards.check_carousel(part, pointer, findings, named=named)
        case "LIMITED_TIME_OFFER":
            offers.check_offer(part, pointer, findings)
        case _ if kind in _METAS:
            findings.add(pointer, "checked_by_meta", "This part was not checked here: Meta will.")
        case _:
            findings.add(f"{pointer}/type", "component_known")


def _check_company(draft: TemplateDraft, seen: set[str], findings: Findings) -> None:
    """Check what may stand beside a carousel or an offer."""
    if _CARDS in seen:
        for index, part in enumerate(draft.components):
            alone = str(part.get("type")).upper() in {"BODY", _CARDS}
            findings.hold(alone, f"/components/{index}", "carousel_alone")
    if _OFFER in seen:
        offers.check_around(draft.components, findings)
