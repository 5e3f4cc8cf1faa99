"""What a page shows of an event, against what was told: ids, times and numbers of a run are not compared."""

import json
import re
from typing import Any

from tests.docs import pages

_ID = re.compile(r"\b(evt|msg|cnv|med|tpl|end|brd)_[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_METAS = re.compile(r"(wamid\.|wacid\.)[A-Za-z0-9+/=]+")
_ORIGIN = re.compile(r"https?://[a-z0-9.:]+")
_OF_THE_RUN = {"phone_number_id", "waba_id", "meta_template_id", "display_phone_number", "failing_s"}


def example(kind: str) -> Any:
    """Give the JSON that the page shows for a type of event."""
    section = pages.section("docs/events.md", f"### {kind}")
    (code,) = re.findall(r"^```json\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return json.loads(code)


def plain(value: Any) -> str:
    """Write JSON, members in order, without what is another one in each run."""
    return json.dumps(_plain(value, ""), ensure_ascii=False)


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, name) for one in value]
    if name in _OF_THE_RUN and value is not None:
        return type(value).__name__
    return _same(value) if isinstance(value, str) else value


def _same(text: str) -> str:
    text = _METAS.sub(r"\1", _MOMENT.sub("a moment", _ID.sub(r"\1_", text)))
    return _ORIGIN.sub("https://", text) if text.endswith("/webhooks/quixess") else text
