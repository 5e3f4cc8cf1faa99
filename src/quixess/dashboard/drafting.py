"""Drafting: what is typed into the editor of templates, into a draft as Meta takes it, and back.

The editor has three kinds of forms: `text` for templates of one's own words, `code` for one-time codes, whose words
are Meta's, and `raw` for whatever the other two have no field for: its components are typed as JSON.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from quixess import errors
from quixess.dashboard import headers
from quixess.errors import FieldError
from quixess.templates.drafts import TemplateDraft, part
from quixess.templates.linting import Finding
from quixess.templates.parameters import PLACEHOLDER

BUTTONS = 10
BUTTON_KINDS = (
    ("", "No button"),
    ("QUICK_REPLY", "Quick answer"),
    ("URL", "Open a website"),
    ("PHONE_NUMBER", "Call a number"),
    ("COPY_CODE", "Copy a coupon code"),
)
_VALUES = {"URL": "url", "PHONE_NUMBER": "phone_number"}
_OTP_TYPE = re.compile(r"otp_type=(COPY_CODE|ONE_TAP|ZERO_TAP)")
_LABELS = {
    "name": "Name",
    "language": "Language",
    "category": "Category",
    "header": "Header",
    "header_example": "Example for the header",
    "header_shows": "Header",
    "header_file": "Header",
    "body": "Message",
    "examples": "Examples",
    "footer": "Footer",
    "minutes": "Expiry",
    "package": "Package",
    "signature": "Hash",
    "label": "Label",
    "ttl": "Delivery",
}
# Rules whose own words speak of Meta's JSON.
_WORDS = {
    "example_required": "Give an example for each variable: Meta reviews with them.",
    "example_fits": "Give one example for each variable, in their order.",
    "parameter_format": "Call all variables by numbers, or all by names.",
    "code_apps": "Name the app's package, and the 11 characters of its signature's hash.",
}
_DRAFT_FIELDS = {"name", "language", "category", "parameter_format"}
_SEPARATORS = re.compile(r"[\s,;]+")

Line = Annotated[str, Meta(max_length=2_500)]
Text = Annotated[str, Meta(max_length=60_000)]


class _Typed(msgspec.Struct, kw_only=True):
    """What is typed, but for the buttons. `examples` are one a line, in the order of the body's variables."""

    kind: Literal["text", "code", "raw"] = "text"
    name: Line = ""
    language: Line = ""
    more_languages: Line = ""
    category: Line = "UTILITY"
    header: Line = ""
    header_example: Line = ""
    header_shows: Line = headers.TEXT
    header_handle: Line = ""
    body: Text = ""
    examples: Text = ""
    footer: Line = ""
    otp_type: Line = "COPY_CODE"
    minutes: Annotated[int, Meta(ge=1, le=90, extra={"fix": "1 to 90 minutes, or nothing."})] | None = None
    security: bool = False
    package: Line = ""
    signature: Line = ""
    label: Line = ""
    ttl: Annotated[int, Meta(ge=-1, extra={"fix": "A number of seconds, or nothing."})] | None = None
    parameter_format: Line = "POSITIONAL"
    components: Text = ""


_ROWS = [
    (f"button_{row}_{name}", Line, "") for row in range(1, BUTTONS + 1) for name in ("type", "text", "value", "example")
]
Typed: Any = msgspec.defstruct("Typed", _ROWS, bases=(_Typed,), kw_only=True)
"""The form of the editor: `_Typed`, and `button_1_type`, `_text`, `_value`, `_example` to `button_10_…`."""


def draft_of(typed: Any) -> TemplateDraft:
    """Make a draft of what was typed. Raises `invalid_request` when components are no JSON."""
    if typed.kind == "code":
        components = _code(typed)
    elif typed.kind == "raw":
        components = _raw(typed)
    else:
        components = [*_texts(typed), *_buttons(typed)]
    return TemplateDraft(
        name=typed.name,
        language=typed.language,
        category="AUTHENTICATION" if typed.kind == "code" else typed.category,
        components=components,
        parameter_format=typed.parameter_format if typed.kind == "raw" else _format(typed),
        message_send_ttl_seconds=typed.ttl,
    )


def languages_of(typed: Any) -> list[str]:
    """List the languages to submit a one-time code in, each once; other templates have one."""
    more = _SEPARATORS.split(typed.more_languages) if typed.kind == "code" else []
    return list(dict.fromkeys(one for one in (typed.language, *more) if one))


def typed_of(draft: TemplateDraft) -> dict[str, str]:
    """Write a draft into the fields of the form that can hold all of it."""
    common = {
        "name": draft.name,
        "language": draft.language,
        "category": draft.category,
        "ttl": "" if draft.message_send_ttl_seconds is None else str(draft.message_send_ttl_seconds),
    }
    draft = headers.without_address(draft)
    if draft.category == "AUTHENTICATION" and len(_apps(draft)) <= 1:
        return common | _code_fields(draft)
    fields = common | {"kind": "text"} | _text_fields(draft) | _button_fields(draft)
    if _same(draft_of(_fill(fields)), draft):
        return fields
    shown = msgspec.json.format(msgspec.json.encode(draft.components), indent=2).decode()
    return common | {"kind": "raw", "components": shown, "parameter_format": draft.parameter_format}


def field_of(finding: Finding | FieldError, draft: TemplateDraft, typed: Any) -> str:
    """Name the field of the form that a finding is about; empty when it is about none of them."""
    steps = (finding.pointer or "").strip("/").split("/")
    if steps[0] != "components":
        return {"message_send_ttl_seconds": "ttl"}.get(steps[0], steps[0] if steps[0] in _DRAFT_FIELDS else "")
    if typed.kind == "raw":
        return "components"
    if len(steps) == 1 or not steps[1].isdigit():
        return "body" if typed.kind == "text" else ""
    found = draft.components[int(steps[1])]
    kind, last = str(found.get("type")), steps[-1]
    if typed.kind == "code":
        return {"code_expiration_minutes": "minutes", "package_name": "package", "signature_hash": "signature"}.get(
            last, "package" if "supported_apps" in steps else "label" if last == "text" else ""
        )
    if kind == "BUTTONS":
        return _button_field(steps, typed)
    about = {"HEADER": headers.fields_at_fault(typed.header_shows), "BODY": ("examples", "body")}
    return about.get(kind, (kind.lower(), kind.lower()))["example" not in steps]


def in_words(finding: Finding, draft: TemplateDraft, typed: Any) -> tuple[str, str]:
    """Say what a finding is about and what to do, in the words of the form."""
    field = field_of(finding, draft, typed)
    if typed.kind == "raw":
        return finding.pointer, finding.detail
    row = re.match(r"button_([0-9]+)_", field)
    label = f"Button {row[1]}" if row else _LABELS.get(field, "")
    return label, explain(finding.rule, field, finding.detail)


def explain(rule: str, field: str, detail: str) -> str:
    """Say what to do about a rule that is broken, where the words of the rule speak of Meta's JSON."""
    return headers.GIVE if field == "header_file" else _WORDS.get(rule, detail)


def body_of(typed: Any) -> list[tuple[str, str]]:
    """List the body's variables, each with its example, in the order in which examples are typed."""
    lines = [line.strip() for line in typed.examples.split("\n")]
    names = _variables(typed.body)
    return [(name, lines[at] if at < len(lines) else "") for at, name in enumerate(names)]


def _fill(fields: Mapping[str, str]) -> Any:
    return Typed(**{name: value for name, value in fields.items() if name != "ttl"})


def _same(one: TemplateDraft, other: TemplateDraft) -> bool:
    return one.components == other.components and one.parameter_format == other.parameter_format.upper()


def _variables(text: str) -> list[str]:
    names = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names


def _format(typed: Any) -> str:
    """Tell numbered from named variables by what they are called."""
    names = _variables(f"{typed.header}\n{typed.body}") if typed.kind == "text" else []
    return "NAMED" if any(not name.isdecimal() for name in names) else "POSITIONAL"


def _texts(typed: Any) -> Iterable[dict[str, Any]]:
    named = _format(typed) == "NAMED"
    if shown := headers.made_of(typed.header_shows, typed.header_handle):
        yield shown
    elif typed.header:
        header = {"type": "HEADER", "format": "TEXT", "text": typed.header}
        yield header | _example(
            "header_text", [(name, typed.header_example) for name in _variables(typed.header)], named
        )
    yield {"type": "BODY", "text": typed.body} | _example("body_text", body_of(typed), named)
    if typed.footer:
        yield {"type": "FOOTER", "text": typed.footer}


def _example(key: str, given: Sequence[tuple[str, str]], named: bool) -> dict[str, Any]:
    """Write examples as Meta takes them; none while one of them is missing."""
    if not given or not all(example for _, example in given):
        return {}
    if named:
        return {"example": {f"{key}_named_params": [{"param_name": name, "example": one} for name, one in given]}}
    values: list[Any] = [example for _, example in given]
    return {"example": {key: [values] if key == "body_text" else values}}


def _buttons(typed: Any) -> Iterable[dict[str, Any]]:
    made = [_button(typed, row) for row in _used(typed)]
    if made:
        yield {"type": "BUTTONS", "buttons": made}


def _used(typed: Any) -> list[int]:
    return [row for row in range(1, BUTTONS + 1) if _cell(typed, row, "type")]


def _cell(typed: Any, row: int, name: str) -> str:
    value: str = getattr(typed, f"button_{row}_{name}")
    return value


def _button(typed: Any, row: int) -> dict[str, Any]:
    kind = _cell(typed, row, "type")
    made: dict[str, Any] = {"type": kind}
    if kind == "COPY_CODE":
        return made | {"example": _cell(typed, row, "value")}
    made["text"] = _cell(typed, row, "text")
    if kind in _VALUES:
        made[_VALUES[kind]] = _cell(typed, row, "value")
    example = _cell(typed, row, "example")
    return made | {"example": [example]} if example and kind == "URL" else made


def _button_field(steps: Sequence[str], typed: Any) -> str:
    used, last = _used(typed), steps[-1]
    if len(steps) < 4 or not steps[3].isdigit() or int(steps[3]) >= len(used):
        return f"button_{used[0] if used else 1}_type"
    row = used[int(steps[3])]
    coupon = _cell(typed, row, "type") == "COPY_CODE"
    cell = {"text": "text", "url": "value", "phone_number": "value", "example": "value" if coupon else "example"}
    return f"button_{row}_{cell.get(last, 'type')}"


def _code(typed: Any) -> list[dict[str, Any]]:
    button: dict[str, Any] = {"type": "OTP", "otp_type": typed.otp_type}
    if typed.label:
        button["text"] = typed.label
    if typed.otp_type != "COPY_CODE":
        button["supported_apps"] = [{"package_name": typed.package, "signature_hash": typed.signature}]
    if typed.otp_type == "ZERO_TAP":
        button["zero_tap_terms_accepted"] = True
    body: dict[str, Any] = {"type": "BODY", "add_security_recommendation": typed.security}
    footer = [] if typed.minutes is None else [{"type": "FOOTER", "code_expiration_minutes": typed.minutes}]
    return [body, *footer, {"type": "BUTTONS", "buttons": [button]}]


def _raw(typed: Any) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(typed.components.encode(), type=list[dict[str, Any]])
    except (msgspec.DecodeError, RecursionError):
        text = "Write a JSON list of objects, each with a type, as Meta documents them."
        raise errors.invalid("/components", "invalid", text) from None


def _text_fields(draft: TemplateDraft) -> dict[str, str]:
    header, body = part(draft, "HEADER"), part(draft, "BODY")
    return {
        "header": str(header.get("text") or ""),
        "header_example": "".join(_examples(header, "header_text")),
        "body": str(body.get("text") or ""),
        "examples": "\n".join(_examples(body, "body_text")),
        "footer": str(part(draft, "FOOTER").get("text") or ""),
    } | headers.fields_of(header)


def _examples(found: Mapping[str, Any], key: str) -> list[str]:
    example = found.get("example")
    if not isinstance(example, dict):
        return []
    named = example.get(f"{key}_named_params")
    if isinstance(named, list):
        return [str(one.get("example")) for one in named if isinstance(one, dict)]
    listed = example.get(key)
    flat = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], list) else listed
    return [str(one) for one in flat] if isinstance(flat, list) else []


def _button_fields(draft: TemplateDraft) -> dict[str, str]:
    fields: dict[str, str] = {}
    listed = part(draft, "BUTTONS").get("buttons")
    for row, one in enumerate(listed if isinstance(listed, list) else [], start=1):
        kind = str(one.get("type")) if isinstance(one, dict) else ""
        if row > BUTTONS or kind not in dict(BUTTON_KINDS):
            continue  # the form cannot hold it, so that its JSON is shown
        example = one.get("example")
        first = str(example[0]) if isinstance(example, list) and example else str(example or "")
        fields[f"button_{row}_type"] = kind
        fields[f"button_{row}_text"] = str(one.get("text") or "")
        fields[f"button_{row}_value"] = first if kind == "COPY_CODE" else str(one.get(_VALUES.get(kind, "")) or "")
        fields[f"button_{row}_example"] = first if kind == "URL" else ""
    return fields


def _code_fields(draft: TemplateDraft) -> dict[str, str]:
    """Read a one-time code, as it was asked for or as Meta lists it: there its button is an address."""
    body, footer, button = part(draft, "BODY"), part(draft, "FOOTER"), _code_button(draft)
    found = _OTP_TYPE.search(str(button.get("url") or ""))
    app = next(iter(_apps(draft)), {})
    return {
        "kind": "code",
        "otp_type": str(button.get("otp_type") or (found[1] if found else "COPY_CODE")).upper(),
        "minutes": str(footer.get("code_expiration_minutes") or ""),
        "security": "true" if body.get("add_security_recommendation") else "",
        "package": str(app.get("package_name") or ""),
        "signature": str(app.get("signature_hash") or ""),
        "label": str(button.get("text") or ""),
    }


def _code_button(draft: TemplateDraft) -> Mapping[str, Any]:
    listed = part(draft, "BUTTONS").get("buttons")
    first = listed[0] if isinstance(listed, list) and listed else {}
    return first if isinstance(first, dict) else {}


def _apps(draft: TemplateDraft) -> list[Mapping[str, Any]]:
    apps = _code_button(draft).get("supported_apps")
    return [one for one in apps if isinstance(one, dict)] if isinstance(apps, list) else []
