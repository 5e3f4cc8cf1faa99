"""Files in sends: an id must be known and be this number's, and the file of a type that such a message can show.

Links are not fetched: there is no network here. A host under `.invalid`, which never resolves (RFC 6761), stands for
a link that Meta could not fetch.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from quixess.simulator import errors
from quixess.simulator.drafts import Draft
from quixess.simulator.freeform import MEDIA
from quixess.simulator.model import File, Json

NOT_SHOWN = 131053
_SHOWN = {
    "image": ("image/jpeg", "image/png"),
    "sticker": ("image/webp",),
    "video": ("video/mp4", "video/3gpp"),
    "audio": ("audio/",),
}


def check(files: dict[str, File], draft: Draft, number_id: str, now: float) -> int | None:
    """Return the code with which the send fails after it was accepted, or None.

    Raises GraphError 100 for an id that is unknown, expired or another number's.
    """
    fails = [_check(files, where, kind, shown, number_id, now) for where, kind, shown in _shown(draft)]
    return next((code for code in fails if code is not None), None)


def _check(files: dict[str, File], where: str, kind: str, shown: Json, number_id: str, now: float) -> int | None:
    if shown.get("link"):
        return NOT_SHOWN if _host(where, shown["link"]).endswith(".invalid") else None
    if not shown.get("id"):
        return None  # the type's own check says what is missing
    file = files.get(str(shown["id"]))
    if file is None or now > file.ends_at or file.number_id not in (None, number_id):
        raise errors.parameter(f"Param {where}['id'] is not a valid whatsapp business account media attachment ID")
    return None if file.mime_type.startswith(_SHOWN.get(kind, "")) else NOT_SHOWN


def _host(where: str, link: Any) -> str:
    try:
        return urlsplit(str(link)).hostname or ""
    except ValueError:
        raise errors.parameter(f"Param {where}['link'] is not a valid URI.") from None


def _shown(draft: Draft) -> Iterator[tuple[str, str, Json]]:
    """List the files of a send that was read: Meta's name of the place, the type, the object with `id` or `link`."""
    content: Any = draft.content
    if draft.type in MEDIA:
        yield draft.type, draft.type, content
    elif draft.type == "interactive":
        yield from _named("interactive['header']", content.get("header"))
    elif draft.type == "template":
        yield from _in_components("template['components']", content.get("components"))


def _in_components(where: str, components: Any) -> Iterator[tuple[str, str, Json]]:
    for place, part in enumerate(_objects(components)):
        here = f"{where}[{place}]"
        for index, given in enumerate(_objects(part.get("parameters"))):
            if str(part.get("type", "")).lower() == "header":
                yield from _named(f"{here}['parameters'][{index}]", given)
        for index, card in enumerate(_objects(part.get("cards"))):
            yield from _in_components(f"{here}['cards'][{index}]['components']", card.get("components"))


def _named(where: str, holder: Any) -> Iterator[tuple[str, str, Json]]:
    kind = str(holder.get("type", "")).lower() if isinstance(holder, dict) else ""
    if kind in MEDIA and isinstance(holder.get(kind), dict):
        yield f"{where}['{kind}']", kind, holder[kind]


def _objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
