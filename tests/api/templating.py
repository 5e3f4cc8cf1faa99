"""Templates of every kind at the simulated Meta, and the send that fills them."""

from typing import Any

from tests.world import PHONE, Answer, World

PATH = "/api/v1/whatsapp/external/send/template"
TRACK = "https://shop.example/orders/{{1}}"
BUTTONS: list[dict[str, Any]] = [
    {"type": "QUICK_REPLY", "text": "Yes"},
    {"type": "URL", "text": "Track", "url": TRACK, "example": ["https://shop.example/orders/A-1"]},
    {"type": "COPY_CODE", "text": "Copy", "example": ["SAVE20"]},
]


def part(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind.upper()} | more


KINDS: dict[str, dict[str, Any]] = {
    "named": {
        "parameter_format": "NAMED",
        "components": [part("body", text="Hi {{name}}, order {{order_id}} is on its way.")],
    },
    "rich": {
        "components": [
            part("header", format="TEXT", text="For {{1}}"),
            part("body", text="Hi {{1}}, order {{2}} left."),
            part("footer", text="Bordercart"),
            part("buttons", buttons=BUTTONS),
        ]
    },
    "picture": {"components": [part("header", format="IMAGE"), part("body", text="Look.")]},
    "paper": {"components": [part("header", format="DOCUMENT"), part("body", text="Your bill.")]},
    "spot": {"components": [part("header", format="LOCATION"), part("body", text="Here we are.")]},
    "survey": {
        "components": [
            part("body", text="How was it?"),
            part("buttons", buttons=[{"type": "FLOW", "text": "Tell us", "flow_id": "1"}]),
        ]
    },
    "news": {"category": "MARKETING", "components": [part("body", text="Hello {{1}}, see what is new.")]},
    "cards": {
        "category": "MARKETING",
        "components": [
            part("body", text="New, {{1}}."),
            part(
                "carousel",
                cards=[{"components": [part("header", format="IMAGE"), part("body", text="{{1}} off")]}],
            ),
        ],
    },
}


async def make(world: World, *names: str) -> None:
    """Have some of the templates above at Meta, all of them by default; a send finds them by itself."""
    for name in names or KINDS:
        await world.meta.lever("templates", {"name": name, "language": "en_US"} | KINDS[name])


async def send(
    world: World, name: str, *, to: str | None = PHONE, idempotency_key: str | None = None, **more: Any
) -> Answer:
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    body = {"template_name": name} | ({"to": to} if to else {}) | more
    return await world.call("POST", PATH, body=body, headers=headers)


async def bubbles(world: World, phone: str = PHONE) -> list[dict[str, Any]]:
    """What the simulated phone shows."""
    chat = await world.meta.lever(f"phones/{phone.removeprefix('+')}/messages")
    return list(chat["messages"])
