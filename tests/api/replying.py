"""Answers in free form: how they are sent in the stories, one of every kind, and what Meta gets for each."""

from typing import Any

from tests.messages import hooks
from tests.world import PHONE, Answer, World, eventually

REPLY = "/api/v1/whatsapp/external/send/reply"
TEXT: dict[str, Any] = {"type": "text", "text": {"body": "Your parcel left today."}}
BUTTONS = {"buttons": [{"reply": {"id": "yes", "title": "Yes"}}, {"reply": {"id": "no", "title": "No"}}]}
LINK = "https://shop.example/label.png?a=1&b=%20#x"


async def reply(world: World, said: dict[str, Any] = TEXT, **more: Any) -> Answer:
    """Answer Frank, or whom `more` says. A header of `more` is its idempotency_key, a key its key."""
    headers = {"Idempotency-Key": more.pop("idempotency_key")} if "idempotency_key" in more else {}
    key = more.pop("key", None)
    whom = {} if {"recipient", "conversation_id", "to"} & {*said, *more} else {"to": PHONE}
    return await world.call("POST", REPLY, key=key, body=whom | said | more, headers=headers)


async def lay_files(world: World) -> None:
    """Have the files at Meta that `KINDS` name by Meta's own ids."""
    for file_id, mime_type in FILES.items():
        await world.meta.lever("media", {"id": file_id, "mime_type": mime_type, "data_base64": "UklGRg=="})


async def heard(world: World, text: str = "Hi", phone: str = PHONE) -> str:
    """Let the customer write, so that the window is open; returns the wamid when it is in the history."""
    wamid = await world.customer_says(text, phone)

    async def known() -> bool:
        return bool(await world.rows("SELECT id FROM message WHERE wamid = $1", wamid))

    await eventually(known)
    await hooks.rest(world)
    return wamid


def interactive(kind: str, action: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": "Well?"}, "action": action} | more}


def listed(*sections: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    named = [{"title": f"Part {n}", "rows": rows} for n, rows in enumerate(sections)]
    return interactive("list", {"button": "Choose", "sections": named} | more)


def flow(**more: Any) -> dict[str, Any]:
    return interactive("flow", {"parameters": {"flow_id": "745289014567321", "flow_cta": "Start"} | more})


CARD = {
    "name": {"formatted_name": "Ann Example", "first_name": "Ann"},
    "phones": [{"phone": "+1 415 555 0100", "type": "WORK", "wa_id": "14155550100"}],
    "emails": [{"email": "ann@shop.example"}],
    "addresses": [{"street": "101 Forest Ave", "country_code": "US", "type": "HOME"}],
    "urls": [{"url": "https://shop.example"}],
    "org": {"company": "Bordercart"},
    "birthday": "1990-02-28",
}
VIDEO, AUDIO, STICKER = "1003383421387256", "1003383421387257", "1003383421387258"
FILES = {VIDEO: "video/mp4", AUDIO: "audio/ogg", STICKER: "image/webp"}
# What is asked for, and Meta's object for it; None where it is the same.
KINDS: dict[str, tuple[dict[str, Any], Any]] = {
    "text": (TEXT, None),
    "text with preview": ({"type": "text", "text": {"body": "See https://a.example", "preview_url": True}}, None),
    "image": ({"type": "image", "media": {"link": LINK, "caption": "Label"}}, {"link": LINK, "caption": "Label"}),
    "video": ({"type": "video", "media": {"id": VIDEO}}, {"id": VIDEO}),
    "audio": ({"type": "audio", "media": {"id": AUDIO}}, {"id": AUDIO}),
    "voice": ({"type": "audio", "media": {"link": LINK, "voice": True}}, {"link": LINK, "voice": True}),
    "document": (
        {"type": "document", "media": {"link": LINK, "filename": "Rechnung März.pdf", "caption": "Bill"}},
        {"link": LINK, "filename": "Rechnung März.pdf", "caption": "Bill"},
    ),
    "sticker": ({"type": "sticker", "media": {"id": STICKER}}, {"id": STICKER}),
    "location": ({"type": "location", "location": {"latitude": 37.44, "longitude": -122, "name": "Shop"}}, None),
    "contacts": ({"type": "contacts", "contacts": [CARD]}, None),
    "buttons": (
        interactive("button", BUTTONS, header={"type": "text", "text": "H"}, footer={"text": "F"}),
        {
            "type": "button",
            "body": {"text": "Well?"},
            "header": {"type": "text", "text": "H"},
            "footer": {"text": "F"},
            "action": {"buttons": [{"type": "reply"} | one for one in BUTTONS["buttons"]]},
        },
    ),
    "buttons under an image": (
        interactive("button", BUTTONS, header={"type": "image", "image": {"link": LINK}}),
        {
            "type": "button",
            "body": {"text": "Well?"},
            "header": {"type": "image", "image": {"link": LINK}},
            "action": {"buttons": [{"type": "reply"} | one for one in BUTTONS["buttons"]]},
        },
    ),
    "list": (listed([{"id": "a", "title": "A", "description": "first"}], [{"id": "b", "title": "B"}]), None),
    "link button": (
        interactive("cta_url", {"parameters": {"display_text": "Track", "url": LINK}}),
        {
            "type": "cta_url",
            "body": {"text": "Well?"},
            "action": {"name": "cta_url", "parameters": {"display_text": "Track", "url": LINK}},
        },
    ),
    "flow": (
        flow(flow_token="t", flow_action_payload={"screen": "SIZE", "data": {"k": None, "n": [1, 2.5]}}),
        {
            "type": "flow",
            "body": {"text": "Well?"},
            "action": {
                "name": "flow",
                "parameters": {
                    "flow_message_version": "3",
                    "flow_id": "745289014567321",
                    "flow_cta": "Start",
                    "flow_token": "t",
                    "flow_action_payload": {"screen": "SIZE", "data": {"k": None, "n": [1, 2.5]}},
                },
            },
        },
    ),
    "location request": (
        interactive("location_request_message", {"name": "send_location"}),
        None,
    ),
}


def wanted(kind: str) -> Any:
    """Meta's object for one of `KINDS`."""
    said, meta = KINDS[kind]
    return said[said["type"]] if meta is None else meta
