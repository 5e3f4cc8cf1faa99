"""What strangers wrote, as HTML: text and nothing else, kept apart from the page's own direction, and bounded.

Names, texts, captions, cards and buttons of messages are hostile input. Only an http or https address in them becomes a
link, and such a link gives nothing away about where it was clicked.
"""

import re
import unicodedata
import zlib

from markupsafe import Markup, escape

LONGEST = 4096
_BREAKS = "\n\t"
_LINK = re.compile(r"https?://[^\s<>\"'`{}|\\^\u2028-\u202e\u2066-\u2069]{1,2000}", re.IGNORECASE)
_BOLD = re.compile(r"(?<![\w*])\*(?![\s*])([^*\n]{0,2000}[^*\s])\*(?![\w*])")
_HUES = 6
_AFTER = ".,;:!?)]}*_~"  # what stands behind an address rather than in it
_ANCHOR = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow ugc">{0}</a>')


def said(text: object, most: int = LONGEST) -> Markup:
    """Show what somebody wrote, with its addresses as links."""
    shown = plain(text, most)
    parts: list[Markup] = []
    end = 0
    for found in _LINK.finditer(shown):
        url = found[0].rstrip(_AFTER)
        if len(url) > len("https://"):
            parts += (_marked(shown[end : found.start()]), _ANCHOR.format(url))
            end = found.start() + len(url)
    parts.append(_marked(shown[end:]))
    return Markup("<bdi>{}</bdi>").format(Markup("").join(parts))


def named(text: object, most: int = 120) -> Markup:
    """Show a name or a title, in one line."""
    return Markup("<bdi>{}</bdi>").format(" ".join(plain(text, most).split()))


def emphasise(text: object, most: int = LONGEST) -> Markup:
    """Show a text as WhatsApp does: what stands between asterisks is bold, all else is text."""
    return _marked(plain(text, most))


def hue(name: object) -> str:
    """Give the class of the colour that somebody has, the same one each time."""
    return f"hue-{zlib.crc32(plain(name, 120).encode('utf-8', 'replace')) % _HUES}"


def plain(text: object, most: int = LONGEST) -> str:
    """Give a text without control characters, `most` characters of it; nothing where there is none."""
    whole = "" if text is None else str(text)
    kept = "".join(one for one in whole[: most + 1] if one in _BREAKS or unicodedata.category(one) != "Cc")
    return kept[:most] + "…" if len(whole) > most else kept


def initial(name: object) -> str:
    """Give the letter that stands for somebody; a sign for who has only a number."""
    letter = plain(name, 1)[:1].upper()
    return letter if letter.isalpha() else "#"


def web(url: object) -> str:
    """Give an address that may be a link: http or https; nothing for any other."""
    text = str(url or "").strip()
    return text if _LINK.fullmatch(text) else ""


def _marked(text: str) -> Markup:
    parts = _BOLD.split(text)
    return Markup("").join(
        Markup("<b>{}</b>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )
