"""POST /send/reply: Meta's limits, each by its name, and what hostile callers put into the fields."""

from typing import Any

import pytest

from tests.api.replying import BUTTONS, CARD, LINK, VIDEO, flow, heard, interactive, lay_files, listed, reply
from tests.world import World

MEDIA = VIDEO
ACTION = "/interactive/action"


def text(body: Any, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": {"body": body} | more}


def media(kind: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, "media": members}


def buttons(*choices: tuple[str, str], **more: Any) -> dict[str, Any]:
    return interactive(
        "button", {"buttons": [{"reply": {"id": id_, "title": title}} for id_, title in choices]}, **more
    )


def card(**more: Any) -> dict[str, Any]:
    return {"type": "contacts", "contacts": [CARD | more]}


def said(body: str, kind: str = "button", action: Any = BUTTONS, **more: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": body}, "action": action} | more}


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [{"id": f"r{n}", "title": f"Row {n}"} for n in range(first, first + count)]


def places(latitude: Any, longitude: Any = 0, **more: Any) -> dict[str, Any]:
    return {"type": "location", "location": {"latitude": latitude, "longitude": longitude} | more}


def reaction(emoji: str) -> dict[str, Any]:
    return {"type": "reaction", "reaction": {"message_id": "wamid.X", "emoji": emoji}}


def header(**more: Any) -> dict[str, Any]:
    return buttons(("a", "A"), header=more)


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no type": ({}, "/type", "required"),
    "an unknown type": ({"type": "poll"}, "/type", "not_allowed"),
    "a template": ({"type": "template"}, "/type", "not_allowed"),
    "no object": ({"type": "text"}, "/text", "required"),
    "no media": ({"type": "image"}, "/media", "required"),
    "another object": ({"type": "text", "media": {"id": MEDIA}, "text": {"body": "x"}}, "/media", "not_allowed"),
    "Meta's own name": ({"type": "image", "image": {"id": MEDIA}}, "/image", "unknown_field"),
    "a brand": (text("x") | {"brand_id": "brd_01KAR3TZW4D1K7P3S6V8X0A2C4"}, "/brand_id", "unknown_field"),
    "a brand within": (text("x", brand_id="x"), "/text/brand_id", "unknown_field"),
    "a long text": (text("x" * 4097), "/text/body", "too_long"),
    "an empty text": (text(""), "/text/body", "too_short"),
    "a blank text": (text(" \n\t "), "/text/body", "pattern"),
    "a NUL": (text("a\x00b"), "/text/body", "control_character"),
    "a carriage return": (text("a\r\nb"), "/text/body", "control_character"),
    "no file": (media("image"), "/media/id", "required"),
    "two files": (media("image", id=MEDIA, link=LINK), "/media/link", "not_allowed"),
    "a long caption": (media("image", id=MEDIA, caption="x" * 1025), "/media/caption", "too_long"),
    "a caption on a sound": (media("audio", id=MEDIA, caption="x"), "/media/caption", "not_allowed"),
    "a caption on a sticker": (media("sticker", id=MEDIA, caption="x"), "/media/caption", "not_allowed"),
    "a name on an image": (media("image", id=MEDIA, filename="a.png"), "/media/filename", "not_allowed"),
    "a voice that is a film": (media("video", id=MEDIA, voice=True), "/media/voice", "not_allowed"),
    "a file of letters": (media("image", id="abc"), "/media/id", "pattern"),
    "a path for an id": (media("image", id="../../1"), "/media/id", "pattern"),
    "a long link": (media("image", link="https://a.example/" + "x" * 2048), "/media/link", "too_long"),
    "a link to nowhere": (media("image", link="https://"), "/media/link", "pattern"),
    "a file link": (media("image", link="file:///etc/passwd"), "/media/link", "pattern"),
    "a script": (media("image", link="javascript:alert(1)"), "/media/link", "pattern"),
    "a link with a line": (media("image", link="https://a.example/\nHost: b"), "/media/link", "pattern"),
    "an emoji and a word": (reaction("👍 good"), "/reaction/emoji", "not_allowed"),
    "two emoji": (reaction("👍👎"), "/reaction/emoji", "not_allowed"),
    "a letter": (reaction("x"), "/reaction/emoji", "not_allowed"),
    "beyond the pole": (places(90.1), "/location/latitude", "too_large"),
    "beyond the date line": (places(0, -180.5), "/location/longitude", "too_small"),
    "a place in words": (places("37.4"), "/location/latitude", "wrong_type"),
    "no cards": ({"type": "contacts", "contacts": []}, "/contacts", "too_short"),
    "too many cards": ({"type": "contacts", "contacts": [{"name": CARD["name"]}] * 258}, "/contacts", "too_long"),
    "a card without a part": (card(name={"formatted_name": "Ann"}), "/contacts/0/name", "required"),
    "a card without a name": (card(name={"first_name": "Ann"}), "/contacts/0/name/formatted_name", "required"),
    "a birthday in words": (card(birthday="28 Feb"), "/contacts/0/birthday", "pattern"),
    "an unknown interactive": (interactive("poll", {}), "/interactive/type", "not_allowed"),
    "a long body": (said("x" * 1025), "/interactive/body/text", "too_long"),
    "a long footer": (said("x", footer={"text": "x" * 61}), "/interactive/footer/text", "too_long"),
    "a long header": (header(type="text", text="x" * 61), "/interactive/header/text", "too_long"),
    "an empty header": (header(type="image", image={}), "/interactive/header/image/id", "required"),
    "a named image": (
        header(type="image", image={"id": MEDIA, "filename": "x"}),
        "/interactive/header/image/filename",
        "not_allowed",
    ),
    "a sticker above": (header(type="sticker", sticker={"id": MEDIA}), "/interactive/header/type", "not_allowed"),
    "no buttons": (buttons(), f"{ACTION}/buttons", "too_short"),
    "four buttons": (buttons(*((str(n), str(n)) for n in range(4))), f"{ACTION}/buttons", "too_long"),
    "a long button": (buttons(("a", "x" * 21)), f"{ACTION}/buttons/0/reply/title", "too_long"),
    "a blank button": (buttons(("a", " ")), f"{ACTION}/buttons/0/reply/title", "pattern"),
    "a long id": (buttons(("x" * 257, "A")), f"{ACTION}/buttons/0/reply/id", "too_long"),
    "twin buttons": (buttons(("a", "A"), ("a", "B")), f"{ACTION}/buttons/1/reply/id", "repeated"),
    "a list under an image": (
        said(
            "x",
            "list",
            {"button": "B", "sections": [{"rows": rows(1)}]},
            header={"type": "image", "image": {"id": MEDIA}},
        ),
        "/interactive/header/type",
        "not_allowed",
    ),
    "a list without rows": (listed([]), f"{ACTION}/sections/0/rows", "too_short"),
    "a list without sections": (listed(), f"{ACTION}/sections", "too_short"),
    "eleven rows": (listed(rows(6), rows(5, 6)), f"{ACTION}/sections", "too_long"),
    "eleven rows at once": (listed(rows(11)), f"{ACTION}/sections/0/rows", "too_long"),
    "twin rows": (listed(rows(2), rows(1)), f"{ACTION}/sections/1/rows/0/id", "repeated"),
    "a section without title": (
        interactive("list", {"button": "B", "sections": [{"title": "A", "rows": rows(1)}, {"rows": rows(1, 1)}]}),
        f"{ACTION}/sections/1/title",
        "required",
    ),
    "a long section": (
        interactive("list", {"button": "B", "sections": [{"title": "x" * 25, "rows": rows(1)}]}),
        f"{ACTION}/sections/0/title",
        "too_long",
    ),
    "a long row": (listed([{"id": "a", "title": "x" * 25}]), f"{ACTION}/sections/0/rows/0/title", "too_long"),
    "a long row's id": (listed([{"id": "x" * 201, "title": "x"}]), f"{ACTION}/sections/0/rows/0/id", "too_long"),
    "a long row's words": (
        listed([{"id": "a", "title": "a", "description": "x" * 73}]),
        f"{ACTION}/sections/0/rows/0/description",
        "too_long",
    ),
    "a long opener": (
        interactive("list", {"button": "x" * 21, "sections": [{"rows": rows(1)}]}),
        f"{ACTION}/button",
        "too_long",
    ),
    "a long body of a list": (
        said("x" * 4097, "list", {"button": "B", "sections": [{"rows": rows(1)}]}),
        "/interactive/body/text",
        "too_long",
    ),
    "a long link button": (
        interactive("cta_url", {"parameters": {"display_text": "x" * 21, "url": LINK}}),
        f"{ACTION}/parameters/display_text",
        "too_long",
    ),
    "a link button to a phone": (
        interactive("cta_url", {"parameters": {"display_text": "Call", "url": "tel:+1"}}),
        f"{ACTION}/parameters/url",
        "pattern",
    ),
    "a flow by both names": (flow(flow_name="x"), f"{ACTION}/parameters/flow_name", "not_allowed"),
    "a flow by none": (flow(flow_id=None), f"{ACTION}/parameters/flow_id", "required"),
    "a long flow button": (flow(flow_cta="x" * 31), f"{ACTION}/parameters/flow_cta", "too_long"),
    "a flow with nothing": (
        flow(flow_action_payload={"screen": "A", "data": {}}),
        f"{ACTION}/parameters/flow_action_payload/data",
        "too_short",
    ),
    "a flow that asks first": (
        flow(flow_action="data_exchange", flow_action_payload={"screen": "A"}),
        f"{ACTION}/parameters/flow_action_payload",
        "not_allowed",
    ),
    "an unknown mode": (flow(mode="beta"), f"{ACTION}/parameters/mode", "not_allowed"),
}
FILENAMES = {
    "a header": "a.pdf\r\nX-Evil: 1",
    "a line": "a\nb.pdf",
    "a tab": "a\tb.pdf",
    "a NUL": "a\x00.pdf",
    "a path": "../../etc/passwd",
    "a path of Windows": "C:\\a.pdf",
    "a C1 control": "a\x85b.pdf",
    "backwards": "invoice\u202efdp.exe",
    "an isolate": "a\u2067b.pdf",
    "a line separator": "a\u2028b.pdf",
    "a long one": "x" * 241,
    "nothing": "",
}
FITTING: dict[str, dict[str, Any]] = {
    "4,096 letters": text("x" * 4096),
    "emoji and lines": text("Grüße \U0001f600\n\n\tund\u202edas"),
    "1,024 letters of a caption": media("video", id=MEDIA, caption="x" * 1024),
    "three full buttons": buttons(*((str(n) * 256, f"{n:020}") for n in range(3))),
    "ten rows": listed(rows(5), rows(5, 5)),
    "full rows": listed([{"id": "x" * 200, "title": "x" * 24, "description": "x" * 72}]),
    "a long list": said("x" * 4096, "list", {"button": "x" * 20, "sections": [{"rows": rows(10)}]}),
    "a flow by name": flow(flow_id=None, flow_name="sizes", mode="draft", flow_action="data_exchange"),
    "the pole": places(-90, 180),
    "many cards": {"type": "contacts", "contacts": [{"name": CARD["name"]}] * 257},
    "a long name": media("document", id=MEDIA, filename="x" * 236 + ".pdf"),
    "a document above": header(type="document", document={"link": LINK, "filename": "a.pdf"}),
}


async def expect_refused(world: World, asked: dict[str, Any], pointer: str, code: str | None, what: str) -> None:
    refused = await reply(world, asked, idempotency_key="k")
    assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json"), what
    told = refused.json["errors"][0]
    assert (told["pointer"], told["code"]) == (pointer, code or told["code"]), (what, refused.json["detail"])


async def test_each_limit_is_named_with_its_place(world: World) -> None:
    await heard(world)
    for what, (asked, pointer, code) in REFUSED.items():
        await expect_refused(world, asked, pointer, code, what)
    assert await world.sends() == []
    assert await world.rows("SELECT key FROM idempotency") == []


async def test_a_files_name_is_a_name_and_nothing_else(world: World) -> None:
    await heard(world)
    for what, name in FILENAMES.items():
        await expect_refused(world, media("document", id=MEDIA, filename=name), "/media/filename", None, what)
        above = header(type="document", document={"id": MEDIA, "filename": name})
        await expect_refused(world, above, "/interactive/header/document/filename", None, what)
    assert await world.sends() == []


async def test_what_just_fits_is_sent(world: World) -> None:
    await lay_files(world)
    await heard(world)
    for what, asked in FITTING.items():
        answer = await reply(world, asked)
        assert answer.status == 200, (what, answer.json)
    assert len(await world.sends()) == len(FITTING)


@pytest.mark.parametrize("member", ["text", "media", "interactive", "contacts", "location", "reaction"])
async def test_an_object_that_is_none_is_refused(world: World, member: str) -> None:
    kind = "image" if member == "media" else member
    for value in ("x", 1, True, [["x"]]):
        refused = await reply(world, {"type": kind, member: value})
        assert (refused.status, refused.json["code"]) == (400, "invalid_request"), value
        assert refused.json["errors"][0]["pointer"].startswith(f"/{member}"), value
