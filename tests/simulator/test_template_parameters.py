"""What the simulated Meta refuses in a template send: parameters of header, body and buttons."""

from typing import Any

import pytest

from tests.simulator.driving import DIGITS, Simulator

TEXT = {"type": "text", "text": "x"}
BUTTONS = [
    {"type": "URL", "text": "Track", "url": "https://shop.example/{{1}}"},
    {"type": "COPY_CODE", "text": "Copy", "example": ["SAVE20"]},
    {"type": "QUICK_REPLY", "text": "Yes"},
    {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550783881"},
    {"type": "URL", "text": "Shop", "url": "https://shop.example/"},
]
HEADER = {"type": "header", "parameters": [TEXT]}
BODY = {"type": "body", "parameters": [TEXT | {"text": "one"}, TEXT | {"text": "two"}]}


def button(index: int, sub_type: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "button", "sub_type": sub_type, "index": index, "parameters": list(parameters)}


def coupon(code: str) -> dict[str, Any]:
    return button(1, "copy_code", {"type": "coupon_code", "coupon_code": code})


URL = button(0, "url", TEXT)
GOOD = [HEADER, BODY, URL, coupon("SAVE20")]


async def send(simulator: Simulator, name: str, components: list[dict[str, Any]]) -> Any:
    body = {
        "messaging_product": "whatsapp",
        "to": f"+{DIGITS}",
        "type": "template",
        "template": {"name": name, "language": {"code": "en_US"}, "components": components},
    }
    return await simulator.graph("POST", f"{simulator.world['phone_number_id']}/messages", json=body)


async def make(simulator: Simulator, name: str, *components: dict[str, Any], **more: Any) -> None:
    await simulator.lever("templates", {"name": name, "language": "en_US", "components": list(components)} | more)


async def make_rich(simulator: Simulator) -> None:
    await make(
        simulator,
        "rich",
        {"type": "HEADER", "format": "TEXT", "text": "For {{1}}"},
        {"type": "BODY", "text": "Second {{2}}, first {{1}}."},
        {"type": "BUTTONS", "buttons": BUTTONS},
    )


async def test_numbered_parameters_go_by_their_numbers(simulator: Simulator) -> None:
    await make_rich(simulator)

    assert (await send(simulator, "rich", GOOD)).status == 200
    chat = await simulator.lever(f"phones/{DIGITS}/messages")
    assert chat["messages"][0]["text"] == "Second two, first one."


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ([HEADER, BODY, URL], 131008),
        ([HEADER, BODY, coupon("SAVE20")], 131008),
        ([HEADER, BODY, URL, coupon("SAVE-20")], 131009),
        ([HEADER, BODY, URL, coupon("S" * 21)], 131009),
        ([*GOOD, button(2, "quick_reply", {"type": "payload", "payload": "x" * 129})], 131009),
        ([*GOOD, button(2, "quick_reply", {"type": "coupon_code", "coupon_code": "X"})], 132012),
        ([*GOOD, button(2, "url", TEXT)], 132012),
        ([*GOOD, button(3, "phone_number", TEXT)], 132018),
        ([*GOOD, button(4, "url", TEXT)], 132018),
        ([*GOOD, button(5, "url", TEXT)], 131009),
        ([HEADER, BODY, button(0, "url", TEXT, TEXT), coupon("X")], 132012),
        ([HEADER, BODY, button(0, "url", TEXT | {"text": "x" * 2000}), coupon("X")], 131009),
        ([{"type": "header", "parameters": [TEXT | {"text": "x" * 61}]}, BODY, URL, coupon("X")], 132005),
        ([HEADER, {"type": "body", "parameters": [TEXT, TEXT | {"text": " "}]}, URL, coupon("X")], 131008),
        ([HEADER, {"type": "body", "parameters": [TEXT, TEXT | {"text": "x" * 1024}]}, URL, coupon("X")], 132005),
    ],
)
async def test_wrong_parameters_are_refused(simulator: Simulator, components: list[Any], code: int) -> None:
    await make_rich(simulator)

    assert (await send(simulator, "rich", components)).json["error"]["code"] == code


async def test_amounts_need_all_their_members(simulator: Simulator) -> None:
    await make(simulator, "price", {"type": "BODY", "text": "It is {{1}} now."})
    money = {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}

    async def pay(**wrong: Any) -> Any:
        parameter = {"type": "currency", "currency": money | wrong}
        return await send(simulator, "price", [{"type": "body", "parameters": [parameter]}])

    assert (await pay()).status == 200
    for wrong in ({"code": "dollar"}, {"amount_1000": "1000"}, {"fallback_value": ""}):
        assert (await pay(**wrong)).json["error"]["code"] == 131008


async def test_named_parameters_need_their_names(simulator: Simulator) -> None:
    await make(simulator, "named", {"type": "BODY", "text": "Hi {{name}}."}, parameter_format="NAMED")

    async def greet(parameter: dict[str, Any]) -> Any:
        return await send(simulator, "named", [{"type": "body", "parameters": [parameter]}])

    assert (await greet(TEXT | {"parameter_name": "name"})).status == 200
    assert (await greet(TEXT)).json["error"]["code"] == 132012


async def test_a_header_shows_one_file_or_a_place(simulator: Simulator) -> None:
    words = {"type": "BODY", "text": "Look."}
    await make(simulator, "picture", {"type": "HEADER", "format": "IMAGE"}, words)
    await make(simulator, "spot", {"type": "HEADER", "format": "LOCATION"}, words)

    async def show(name: str, kind: str, content: Any) -> int:
        answer = await send(simulator, name, [{"type": "header", "parameters": [{"type": kind, kind: content}]}])
        return int(answer.status if answer.status == 200 else answer.json["error"]["code"])

    assert await show("picture", "image", {"link": "https://x.example/a.jpg"}) == 200
    assert await show("picture", "image", {"id": "1", "link": "https://x.example/a.jpg"}) == 131008
    assert await show("picture", "image", {}) == 131008
    assert await show("picture", "image", None) == 131008
    film = await simulator.lever("media", {"mime_type": "video/mp4", "data_base64": "AAAA"})
    assert await show("picture", "video", {"id": film["id"]}) == 132012
    assert await show("spot", "location", {"latitude": 1, "longitude": 2}) == 200
    assert await show("spot", "location", {"latitude": 1}) == 131008
