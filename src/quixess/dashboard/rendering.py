"""Templates as HTML: one environment, the words and shapes that all pages share, and nothing of any page.

Everything is escaped; a template that names what it was not given is an error. Templates find `visit` (the request
and who makes it), `faults` and `sent` (a form that is shown again), and beside Jinja's own the filters below.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import phonenumbers
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from phonenumbers import NumberParseException, PhoneNumberFormat

from quixess.dashboard import letters
from quixess.dashboard.assets import Assets
from quixess.dashboard.soft import Soft
from quixess.database import ids

_THIN = "\u202f"
_UNITS = ("B", "KB", "MB", "GB")
_KILO = 1000


class Rendering:
    """Writes pages from templates."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._environment = Environment(
            loader=PackageLoader("quixess.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= FILTERS
        self._environment.globals |= {"asset": assets.url, "has_asset": assets.has}

    def page(self, template: str, visit: Any, context: Mapping[str, Any]) -> str:
        """Write a page, or a part of one, for a visit."""
        shared = {"visit": visit, "faults": {}, "sent": visit.sent}
        return self._environment.get_template(template).render(shared | dict(context))


def ago(moment: datetime | None, never: str = "never") -> Markup:
    """Show a moment as how long ago it is, the exact time in its title; `never` when there is none."""
    if moment is None:
        return Markup('<span class="muted">{}</span>').format(never)
    return Markup('<time-ago datetime="{}" title="{}" hx-morph-skip-children>{}</time-ago>').format(
        iso(moment), exact(moment), exact(moment)
    )


def iso(moment: datetime) -> str:
    """Write a moment in RFC 3339, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact(moment: datetime) -> str:
    """Write a moment for people: `2026-05-15 10:30:00 UTC`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(moment: datetime) -> Markup:
    """Show only hours and minutes, which the browser puts into its own time zone."""
    return Markup('<time-ago datetime="{}" title="{}" format="clock" hx-morph-skip-children>{}</time-ago>').format(
        iso(moment), exact(moment), moment.astimezone(UTC).strftime("%H:%M")
    )


@lru_cache(4096)
def phone(digits: str | None) -> str:
    """Write a phone number the way people read it: `+1 281-818-4370`. Takes digits, with or without a plus."""
    if not digits:
        return ""
    number = "+" + digits.removeprefix("+")
    try:
        return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return number


def count(number: float) -> str:
    """Write a number with thin spaces between its thousands: `12 480`."""
    return (f"{number:,.0f}" if number == int(number) else f"{number:,.1f}").replace(",", _THIN)


def share(part: float, whole: float) -> str:
    """Write a part of a whole: `98.2 %`; nothing where there is no whole."""
    return f"{100 * part / whole:.1f} %".replace(".0 ", " ") if whole else ""


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: `1 message`, `12 messages`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def shown(identity: UUID | None, kind: str) -> str:
    """Write an id as people see it: `evt_01HF…`; nothing for none."""
    return "" if identity is None else ids.show(kind, identity)


def size(number: float) -> str:
    """Write a number of bytes: `1.4 MB`."""
    for unit in _UNITS:
        if number < _KILO or unit == _UNITS[-1]:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= _KILO
    raise AssertionError


def took(milliseconds: float) -> str:
    """Write how long something took: `41 ms`, `2.5 s`, `3 min`."""
    if milliseconds < _KILO:
        return f"{milliseconds:.0f} ms"
    return lasts(milliseconds / _KILO)


def lasts(seconds: float) -> str:
    """Write a span of time by its largest unit: `30 s`, `10 min`, `6 h`, `3 days`."""
    for name, span in ((" days", 172_800), (" h", 7200), (" min", 120)):
        if seconds >= span:
            return f"{seconds / {' days': 86_400, ' h': 3600, ' min': 60}[name]:.0f}{name}"
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


def pretty(value: Any) -> str:
    """Write JSON for people; bytes and texts that hold JSON are read first, and shown as they are if they do not."""
    if isinstance(value, (str, bytes)):
        try:
            value = json.loads(value)
        except ValueError:
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


FILTERS = {
    "ago": ago,
    "clock": clock,
    "count": count,
    "emphasise": letters.emphasise,
    "exact": exact,
    "hue": letters.hue,
    "initial": letters.initial,
    "iso": iso,
    "lasts": lasts,
    "named": letters.named,
    "phone": phone,
    "plain": letters.plain,
    "plural": plural,
    "pretty": pretty,
    "said": letters.said,
    "shown": shown,
    "share": share,
    "size": size,
    "soft": Soft,
    "took": took,
    "web": letters.web,
}
