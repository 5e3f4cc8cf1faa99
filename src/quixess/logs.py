"""Logs: one line per event on stderr, the same road for our own events and for every library's.

Nothing here may tell a secret. Values are masked by the name they stand under (`token`, `code`, `signature`)
and by their own shape (API keys, Meta's access tokens, E.164 numbers), at any depth, in exception texts too.
Nothing here may be made to tell a lie either: control characters are escaped, so no text that a stranger
sends can start a line of its own (CWE-117) or steer a terminal.

Context travels by `structlog.contextvars`: a door binds `request_id` once and every line below carries it.
The word `code` is taken by one-time codes; an error's code is logged as `error`.
"""

import logging
import math
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "aiohttp", "aiohttp.access", "asyncio")
_LONGEST_TEXT = 16_000
_DEEPEST_NESTING = 8
_MASK = "***"

_SECRET_NAME = re.compile(
    r"code|otp|otp_code|passcode|verification_code|appsecret_proof|set_cookie"
    r"|(?:.*_)?(?:token|secret|secrets|authorization|api_key|password|pin|pepper|signature(?:_\d+)?|cookie|private_key)"
)
_PHONE_NAME = re.compile(r"to|from|(?:.*_)?(?:phone|phone_e164|phone_number|recipient|recipient_id|wa_id)")
_PHONE = re.compile(r"\+?\d(?:[ ()./-]{0,2}\d){7,14}")
_UNPRINTABLE = re.compile(
    r"[^\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]|[\xad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


LINES: Counter[str] = Counter(dict.fromkeys(_LEVELS, 0))
"""How many lines of each level this process wrote: an alarm for what nobody thought of."""


def configure(level: str, json: bool) -> None:
    """Send everything from `level` up to stderr: JSON lines, or lines for people when `json` is false.

    `level` is debug, info, warning, error or critical. Lines for people are coloured on a terminal unless
    NO_COLOR is set (no-color.org). May be called again, before the first line of a logger is written. Start
    uvicorn with `log_config=None`, else it takes its logs back.
    Raises ValueError for an unknown level.
    """
    if level not in _LEVELS:
        raise ValueError(f"The log level {level!r} is none of {', '.join(_LEVELS)}.")
    gather: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    write: list[Processor] = [structlog.processors.JSONRenderer()] if json else [_plain, _console()]
    structlog.configure(
        processors=[*gather, _clean, *write],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )
    _route_standard_library(_LEVELS[level], gather, write)


def _route_standard_library(level: int, gather: list[Processor], write: list[Processor]) -> None:
    """Let `logging` end in the same lines, and `warnings` with it."""
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*gather, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _clean, *write],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def _write_line(line: str) -> None:
    """Write in one piece, so that lines of two threads never mix. A closed pipe breaks no request."""
    with suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")


class _Lines:
    """What structlog writes to. It looks stderr up each time: tests and service managers replace it."""

    def __init__(self, *_name: str) -> None:
        """Accept the name that `structlog.get_logger(name)` passes on."""

    def msg(self, line: str) -> None:
        _write_line(line)

    debug = info = warning = error = critical = exception = log = msg


class _Handler(logging.Handler):
    """The standard library's way to `_write_line`."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 a library's broken log call breaks no caller and shows no raw arguments
            broken = {"name": record.name, "levelname": record.levelname, "msg": "a broken log call"}
            line = self.format(logging.makeLogRecord(broken))
        _write_line(line)


def _clean(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Stamp the time, put what everyone looks for first, and mask the rest."""
    LINES[event["level"]] += 1
    clean: EventDict = {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": event.pop("level"),
        "event": _masked(event.pop("event", "")),
    }
    for name, value in event.items():
        clean[name] = _under_name(name, value, 0)
    return clean


def _under_name(name: str, value: object, depth: int) -> Any:
    kind = _kind(name)
    if kind == "secret" and value is not None and not isinstance(value, bool):
        return _MASK
    if kind == "phone" and isinstance(value, int) and not isinstance(value, bool):
        value = _text_of(value)
    if kind == "phone" and isinstance(value, str):
        value = _PHONE.sub(_masked_phone, value)
    return _masked(value, depth)


@lru_cache(maxsize=1024)
def _kind(name: str) -> str:
    """Tell what stands under a name; `accessToken`, `X-Hub-Signature-256`, `hub.verify_token` are secrets."""
    snake = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
    if _SECRET_NAME.fullmatch(snake):
        return "secret"
    return "phone" if _PHONE_NAME.fullmatch(snake) else ""


def _masked(value: object, depth: int = 0) -> Any:
    """Give back what JSON can hold, masked. Objects become text first, for their text may hold anything."""
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return _masked_inside(value, depth + 1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value.bit_length() < 64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return _masked_text(_text_of(value))


def _masked_inside(value: Mapping[Any, Any] | Collection[Any], depth: int) -> Any:
    if depth > _DEEPEST_NESTING:
        return "…"
    if isinstance(value, Mapping):
        named = [(_text_of(name), item) for name, item in value.items()]
        return {_masked_text(name): _under_name(name, item, depth) for name, item in named}
    return [_masked(item, depth) for item in value]


def _text_of(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "backslashreplace")
    try:
        return str(value)
    except Exception:  # noqa: BLE001 whatever an object's text raises, the line about it must still be written
        return f"<{type(value).__name__} without a text>"


def _masked_text(text: str) -> str:
    for marks, shape, replacement in _SHAPES:
        for mark in marks:
            if mark in text:
                text = shape.sub(replacement, text)
                break
    if len(text) > _LONGEST_TEXT:
        half = _LONGEST_TEXT // 2
        return f"{text[:half]} … {len(text) - _LONGEST_TEXT} characters … {text[-half:]}"
    return text


def mask_phone(text: str) -> str:
    """Turn +12818184370 into +1281•••4370. A short number shows two digits at each end."""
    digits = text.removeprefix("+")
    if not digits.isdecimal():
        digits = "".join(filter(str.isdecimal, digits))
    shown = 4 if len(digits) >= 11 else 2
    return f"{'+' if text.startswith('+') else ''}{digits[:shown]}•••{digits[-shown:]}"


def _masked_phone(found: re.Match[str]) -> str:
    return mask_phone(found[0])


# A shape is searched only where one of its marks stands, which takes a line from 85 to 30 µs. Every pattern
# is linear in the text, since strangers choose the text. The last two are PostgreSQL's error details, which
# quote whole rows and keys.
_SHAPES: list[tuple[tuple[str, ...], re.Pattern[str], str | Callable[[re.Match[str]], str]]] = [
    (("qxs_", "qxt_", "qxo_", "qxl_"), re.compile(r"(qx[stol]_[0-9A-Za-z]{4})[0-9A-Za-z]{16,}"), rf"\1…{_MASK}"),
    (("EAA",), re.compile(r"(?<![0-9A-Za-z])EAA[0-9A-Za-z]{12,}|EAA[0-9A-Za-z]{40,}"), f"EAA…{_MASK}"),
    (("whsec_",), re.compile(r"whsec_[0-9A-Za-z+/=_-]{8,}"), f"whsec_{_MASK}"),
    (
        ("earer ", "asic "),
        re.compile(r"\b([Bb]earer|[Bb]asic) +[0-9A-Za-z._~+/=-]{8,}"),
        rf"\1 {_MASK}",
    ),
    (
        ("=", ":"),
        re.compile(
            r"((?i:token|secret|password|api[_-]key|authorization|appsecret_proof|signature(?:-256)?)"
            r"[\\\"']{0,4}[=:] {0,4}[\\\"']{0,4})[^\s\\\"'&,;)}]+"
        ),
        rf"\1{_MASK}",
    ),
    (
        ("=", ":"),
        re.compile(r"\b((?:code|otp|pin)[\\\"']{0,4}[=:] {0,4}[\\\"']{1,4})[^\\\"']+"),
        rf"\1{_MASK}",
    ),
    (
        ("phone=", "wa_id=", "%2B"),
        re.compile(r"(?<=\b(?:phone|wa_id)=)\d{8,15}|(?<=%2B)\d{8,15}"),
        _masked_phone,
    ),
    (("+",), re.compile(r"\+[1-9]\d{7,14}"), _masked_phone),
    (("Key (",), re.compile(r"(Key \([^)\n]{0,200}\)=\()[^\n]*"), rf"\1{_MASK})"),
    (
        ("Failing row",),
        re.compile(r"(Failing row contains \()(?s:.*?)(?=\n\n|\nHINT:|\Z)"),
        rf"\1{_MASK})",
    ),
]


def _console() -> Processor:
    colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain, sort_keys=False)


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make text safe for a terminal. A traceback keeps its lines, each behind a bar that no text can drop."""
    for name, value in event.items():
        if name in {"exception", "stack"}:
            event[name] = "\n".join("  │ " + _escaped(line) for line in str(value).split("\n"))
        elif isinstance(value, str):
            event[name] = _escaped(value)
    return event


def _escaped(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
