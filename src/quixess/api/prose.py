"""The little Markdown of descriptions and pages: `code`, *words*, **words**, and links to our own pages."""

import re

from markupsafe import Markup, escape

_PARTS = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
_SERVED = {"errors.md": "/docs/errors", "api.md": "/docs", "events.md": "/docs"}
_ANCHORS = {"metas-codes": "meta"}


def html(text: str) -> Markup:
    """Write a sentence as HTML; nothing in it becomes a tag but what is named above."""
    written, end = Markup(), 0
    for found in _PARTS.finditer(text):
        written += escape(text[end : found.start()]) + _tag(found)
        end = found.end()
    return written + escape(text[end:])


def plain(text: str) -> str:
    """Write a sentence without any marks, for JSON."""
    return _LINK.sub(r"\1", text).replace("`", "").replace("**", "")


def _tag(found: re.Match[str]) -> Markup:
    code, strong, words, label, target = found.groups()
    if code is not None:
        return Markup("<code>{}</code>").format(code)
    if strong is not None:
        return Markup("<strong>{}</strong>").format(strong)
    if words is not None:
        return Markup("<em>{}</em>").format(words)
    page, _, anchor = target.rpartition("#") if "#" in target else (target, "", "")
    address = _SERVED.get(page or "errors.md")
    if address is None:
        return html(label)
    place = f"#{_ANCHORS.get(anchor, anchor)}" if anchor and address == _SERVED["errors.md"] else ""
    return Markup('<a href="{}">{}</a>').format(address + place, html(label))
