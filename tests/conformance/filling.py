"""Meta's examples of sends with their gaps filled: `<IMAGE_OBJECT_ID>` becomes a file that is there, and so on.

Templates that an example sends are made at the simulated Meta first, in the shape that the example fills.
"""

import base64
import re
from typing import Any

from tests.simulator.driving import PHONE, Simulator

_GAP = re.compile(r"<[^<>]*>|\{\{[^{}]*\}\}")
_LINK = re.compile(r"<?http\(s\)://[^<>]*>?")
_MEDIA = {
    "audio": "audio/mpeg",
    "document": "application/pdf",
    "image": "image/jpeg",
    "sticker": "image/webp",
    "video": "video/mp4",
}
_A_LANGUAGE = "language-and-locale-code"
_PAGE = "https://shop.example/a"


async def filled(example: dict[str, Any], meta: Simulator) -> dict[str, Any]:
    """Give the example as somebody would send it who has read the page around it."""
    message: dict[str, Any] = _words(example)
    kind = str(message.get("type", "text"))
    if "to" in message:
        message["to"] = PHONE
    if "id" in message.get(kind, ()) and kind in _MEDIA:
        message[kind]["id"] = await _file(meta, _MEDIA[kind])
    for holder in (message.get("context"), message.get("reaction"), message):
        if holder and "message_id" in holder:
            holder["message_id"] = await meta.writes({"text": "Hello"})
    if kind == "template":
        await _template(meta, message["template"])
    return message


def _words(node: Any) -> Any:
    if isinstance(node, dict):
        return {_words(key): _words(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_words(one) for one in node]
    return _GAP.sub(_word, _LINK.sub(_PAGE, node)) if isinstance(node, str) else node


def _word(gap: re.Match[str]) -> str:
    """Give a word that is short enough for every field, and the same for the same gap."""
    return "w" + "".join(filter(str.isalnum, gap[0])).lower()[-15:]


async def _file(meta: Simulator, mime_type: str) -> str:
    data = base64.b64encode(b"RIFF" + bytes(64)).decode()
    return str((await meta.lever("media", {"mime_type": mime_type, "data_base64": data}))["id"])


async def _template(meta: Simulator, sent: dict[str, Any]) -> None:
    """Have the template at Meta that this send would fill."""
    parts = {part["type"].lower(): part for part in sent.get("components", [])}
    made: list[dict[str, Any]] = []
    if "header" in parts:
        made.append({"type": "HEADER", "format": parts["header"]["parameters"][0]["type"].upper()})
    gaps = len(parts.get("body", {}).get("parameters", []))
    made.append({"type": "BODY", "text": "Hello" + "".join(f", {{{{{n + 1}}}}}" for n in range(gaps)) + "!"})
    buttons = [_button(part) for part in sent.get("components", []) if part["type"].lower() == "button"]
    if buttons:
        made.append({"type": "BUTTONS", "buttons": buttons})
    sent["name"] = sent["name"].replace("-", "_")
    if sent["language"]["code"] == _A_LANGUAGE:
        sent["language"]["code"] = "en_US"
    known = {"name": sent["name"], "language": sent["language"]["code"], "category": "MARKETING"}
    await meta.lever("templates", known | {"components": made})


def _button(part: dict[str, Any]) -> dict[str, Any]:
    kind = part["sub_type"].upper()
    more = {"URL": {"url": _PAGE + "/{{1}}"}, "FLOW": {"flow_id": "1"}}.get(kind, {})
    return {"type": kind, "text": f"Button {part['index']}"} | more
