"""POST /send/template: what is taken, what the phone shows, what history keeps."""

import asyncio
import dataclasses
import json
from typing import Any

import aiohttp
from aiohttp import web

from quixess.api.send.template import SEND_TEMPLATE
from quixess.database import ids
from tests.api import connecting, templating
from tests.media import files, uploads
from tests.world import CODE, PHONE, World

USER = "US.13491208655302741918"


async def history(world: World) -> list[dict[str, Any]]:
    rows = await world.rows("SELECT content FROM message WHERE direction = 'outbound' ORDER BY id")
    return [json.loads(row["content"]) for row in rows]


async def test_named_values_reach_the_phone_and_the_answer_names_the_template(world: World) -> None:
    await templating.make(world, "named")

    answer = await templating.send(
        world, "named", variables={"body": {"order_id": "A-1042", "name": "Frank"}}, metadata={"order": "A-1042"}
    )
    (shown,) = await templating.bubbles(world)
    (sent,) = await world.sends()
    assert answer.status == 200
    assert answer.json["template"] == {"name": "named", "language": "en_US", "category": "UTILITY"}
    assert (answer.json["wa_message_id"], answer.json["metadata"]) == (sent["wamid"], {"order": "A-1042"})
    assert sent["opaque"] == f"qx1:{answer.json['id']}:1"
    assert shown["text"] == "Hi Frank, order A-1042 is on its way."
    assert await history(world) == [{"body": "Hi Frank, order A-1042 is on its way."}]


async def test_header_body_and_buttons_are_filled_and_kept_as_they_are_shown(world: World) -> None:
    await templating.make(world, "rich")

    answer = await templating.send(
        world,
        "rich",
        variables={
            "header": {"text": "Frank"},
            "body": ["Frank", "{{1}}"],
            "buttons": [
                {"index": 0, "payload": "yes"},
                {"index": 1, "url_suffix": "A-1"},
                {"index": 2, "coupon_code": "SAVE20"},
            ],
        },
    )
    assert answer.status == 200
    (shown,) = await templating.bubbles(world)
    assert (shown["header"], shown["text"], shown["footer"]) == (
        "For Frank",
        "Hi Frank, order {{1}} left.",
        "Bordercart",
    )
    assert shown["buttons"][1]["url"] == "https://shop.example/orders/A-1"
    (kept,) = await history(world)
    assert kept["header"] == {"type": "text", "text": shown["header"]}
    assert (kept["body"], kept["footer"]) == (shown["text"], shown["footer"])
    assert kept["buttons"][1]["url"] == shown["buttons"][1]["url"]


async def test_metas_own_components_do_the_same(world: World) -> None:
    await templating.make(world, "rich", "cards")
    text = {"type": "text", "text": "Frank"}
    image = {"type": "image", "image": {"link": "https://shop.example/1.jpg"}}
    cards = [{"card_index": 0, "components": [part("header", image), part("body", text)]}]

    rich = await templating.send(
        world,
        "rich",
        components=[
            part("header", text),
            part("body", text, text),
            part("button", text, sub_type="url", index=1),
            part("button", {"type": "coupon_code", "coupon_code": "SAVE20"}, sub_type="copy_code", index="2"),
        ],
    )
    carousel = await templating.send(
        world, "cards", components=[part("body", text), {"type": "carousel", "cards": cards}]
    )
    assert (rich.status, carousel.status) == (200, 200)
    kept = await history(world)
    assert kept[0]["body"] == "Hi Frank, order Frank left."
    assert kept[1] == {
        "body": "New, Frank.",
        "cards": [{"header": {"type": "image", "link": "https://shop.example/1.jpg"}, "body": "Frank off"}],
    }


def part(kind: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": list(parameters)} | more


async def test_places_and_flows_go_out(world: World) -> None:
    await templating.make(world, "spot", "survey")
    spot = {"latitude": 37.44, "longitude": -122.16, "name": "Philz", "address": "101 Forest Ave"}

    here = await templating.send(world, "spot", variables={"header": {"location": spot}})
    survey = await templating.send(world, "survey")
    assert (here.status, survey.status) == (200, 200)
    assert (await history(world))[0]["header"] == {"type": "location"} | spot


async def test_everything_wrong_is_told_at_once_before_meta_is_asked(world: World) -> None:
    await templating.make(world, "named")

    refused = await templating.send(world, "named", variables={"body": {"name": "a\nb", "odrer": "x"}})
    assert (refused.status, refused.json["code"]) == (400, "template_parameters")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json["details"] == {
        "missing": ["body.order_id"],
        "unexpected": ["body.odrer"],
        "expected": {"header": [], "body": ["name", "order_id"], "buttons": [], "raw": []},
    }
    assert [(one["pointer"], one["code"]) for one in refused.json["errors"]] == [
        ("/variables/body/order_id", "required"),
        ("/variables/body/odrer", "unknown_field"),
        ("/variables/body/name", "pattern"),
    ]
    assert await world.sends() == []
    assert await world.rows("SELECT id FROM message") == []
    assert (await templating.send(world, "named", variables={"body": {"name": "a", "order_id": "b"}})).status == 200


async def test_a_send_says_to_whom_and_in_one_way_with_what(world: World) -> None:
    both: list[tuple[dict[str, Any], str]] = [
        ({"to": None}, "/to"),
        ({"recipient": USER}, "/recipient"),
        ({"variables": {}, "components": []}, "/components"),
    ]
    for more, pointer in both:
        refused = await templating.send(world, "order_update", **more)
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, pointer)
    assert await world.sends() == []


async def test_a_person_without_a_number_is_written_to_by_user_id(world: World) -> None:
    await world.meta.lever(f"phones/{PHONE[1:]}", {"user_id": USER, "hide_phone": True})

    sent = await templating.send(world, "order_update", to=None, recipient=USER, variables={"body": ["a", "b"]})
    code = await templating.send(world, "signup_otp", to=None, recipient=USER, variables={"body": [CODE]})
    assert sent.status == 200
    assert sent.json["to"] == {"phone": None, "wa_id": None, "user_id": USER}
    assert [one["text"] for one in await templating.bubbles(world)] == ["Hello a, your order b is on its way."]
    assert (code.status, code.json["code"]) == (400, "bsuid_not_supported")
    assert len(await world.sends()) == 1


async def test_a_one_time_code_fills_body_and_button_and_is_hidden(world: World) -> None:
    answer = await templating.send(world, "signup_otp", variables={"body": [CODE]})

    assert answer.status == 200
    assert (await templating.bubbles(world))[0]["code"] == CODE
    assert await history(world) == [
        {
            "body": "*••••••* is your verification code. For your security, do not share this code.",
            "redacted": True,
        }
    ]


async def test_marketing_stops_where_a_person_stopped_it(world: World) -> None:
    await templating.make(world, "news")
    news: dict[str, Any] = {"variables": {"body": ["Frank"]}}
    assert (await templating.send(world, "news", **news)).status == 200

    await world.rows(
        """UPDATE contact SET preferences = '{"marketing_messages": {"value": "stop", "at": 1700000000}}'"""
    )
    refused = await templating.send(world, "news", idempotency_key="k", **news)
    assert (refused.status, refused.json["code"]) == (409, "recipient_opted_out")
    assert refused.json["details"] == {"category": "MARKETING", "opted_out_at": "2023-11-14T22:13:20.000Z"}
    useful = await templating.send(world, "order_update", variables={"body": ["a", "b"]})
    other = await templating.send(world, "news", to="+12818184371", **news)
    assert (useful.status, other.status) == (200, 200)
    await world.rows(
        """UPDATE contact SET preferences = '{"marketing_messages": {"value": "resume", "at": 1700000001}}'"""
    )
    assert (await templating.send(world, "news", idempotency_key="k", **news)).status == 200


async def test_a_stop_is_known_by_every_name_of_a_person(world: World) -> None:
    await templating.make(world, "news")
    await templating.send(world, "news", to=PHONE, variables={"body": ["Frank"]})
    await world.rows(
        """UPDATE contact SET user_id = $1, preferences = '{"marketing_messages": {"value": "stop", "at": 1}}'""", USER
    )
    await world.rows(
        "INSERT INTO phone_alias (brand_id, phone, contact_id) SELECT brand_id, '5215551', id FROM contact"
    )

    by_user = await templating.send(world, "news", to=None, recipient=USER, variables={"body": ["Frank"]})
    assert by_user.json["code"] == "recipient_opted_out"
    await world.rows("UPDATE contact SET phone = '1999' WHERE user_id = $1", USER)
    await world.rows("UPDATE phone_alias SET phone = $1", PHONE[1:])
    by_old_number = await templating.send(world, "news", variables={"body": ["Frank"]})
    assert by_old_number.json["code"] == "recipient_opted_out"


async def test_a_file_of_ours_goes_to_meta_under_metas_id(world: World) -> None:
    await templating.make(world, "picture", "paper", "survey", "cards")
    image = (await uploads.upload(world, files.JPEG, "a.jpg")).json["id"]
    assert (await templating.send(world, "picture", variables={"header": {"image": {"id": image}}})).status == 200
    posted: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/media"):
            return web.json_response({"id": "4242"})
        posted.append(await request.json())
        accepted = {"contacts": [{"input": PHONE, "wa_id": PHONE[1:]}], "messages": [{"id": f"wamid.{len(posted)}"}]}
        return web.json_response({"messaging_product": "whatsapp"} | accepted)

    async with connecting.meta_saying(answer) as url:
        await connecting.reconnect(world, url)
        await world.rows("DELETE FROM media_handle")
        document = part("header", {"type": "document", "document": {"id": image}})
        greeting = part("body", {"type": "text", "text": "Frank"})
        form = {"image": {"id": image}}
        card = {"card_index": 0, "components": [part("header", {"type": "image", "image": {"id": image}})]}
        sent = [
            await templating.send(world, "picture", variables={"header": {"image": {"id": image}}}),
            await templating.send(world, "picture", variables={"header": {"image": {"id": "99"}}}),
            await templating.send(world, "paper", components=[document]),
            await templating.send(world, "survey", variables={"buttons": [{"index": 0, "flow_data": form}]}),
            await templating.send(world, "cards", components=[{"type": "carousel", "cards": [card]}, greeting]),
        ]
    assert [one.status for one in sent] == [200] * 5
    shown = [one["template"]["components"][0]["parameters"][0] for one in posted[:3]]
    assert posted[3]["template"]["components"][0]["parameters"][0]["action"]["flow_action_data"] == form
    assert '"image": {"id": "4242"}' in json.dumps(posted[4])
    assert (posted[4]["template"]["components"][1], image in json.dumps(posted[4])) == (greeting, False)
    assert shown == [
        {"type": "image", "image": {"id": "4242"}},
        {"type": "image", "image": {"id": "99"}},
        {"type": "document", "document": {"filename": "a.jpg", "id": "4242"}},
    ]
    assert [one.get("header") for one in await history(world)][1:4] == [
        {"type": "image", "media_id": image},
        {"type": "image", "wa_media_id": "99"},
        {"type": "document", "media_id": image},
    ]


async def test_a_file_that_is_not_there_or_does_not_fit_is_refused(world: World) -> None:
    await templating.make(world, "picture")
    paper = (await uploads.upload(world, files.PDF, "a.pdf", "application/pdf")).json["id"]

    unknown = {"header": {"image": {"id": ids.show("med", ids.new())}}}
    missing = await templating.send(world, "picture", variables=unknown)
    wrong = await templating.send(world, "picture", variables={"header": {"image": {"id": paper}}})
    assert (missing.status, missing.json["code"]) == (404, "media_not_found")
    assert (wrong.status, wrong.json["code"]) == (400, "media_type_mismatch")
    assert wrong.json["errors"][0]["pointer"] == "/variables/header/image/id"
    assert await world.sends() == []


async def test_200_parallel_requests_with_one_key_are_one_send(world: World) -> None:
    variables = {"body": ["Frank", "A-1"]}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        crowd = dataclasses.replace(world, http=http)
        answers = await asyncio.gather(
            *(templating.send(crowd, "order_update", idempotency_key="one", variables=variables) for _ in range(200))
        )

    assert len(await world.sends()) == 1
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert {answer.json["code"] for answer in answers if answer.status == 409} <= {"idempotency_in_progress"}
    assert len(await world.rows("SELECT id FROM message")) == 1


async def test_a_key_belongs_to_everything_that_was_asked(world: World) -> None:
    await templating.make(world, "named")
    first = await templating.send(
        world, "named", idempotency_key="k", variables={"body": {"name": "Ann", "order_id": "A-1"}}
    )
    again = await templating.send(
        world, "named", idempotency_key="k", variables={"body": {"order_id": "A-1", "name": "Ann"}}
    )
    assert (again.status, again.body) == (200, first.body)

    others: list[dict[str, Any]] = [
        {"variables": {"body": {"name": "Bob", "order_id": "A-1"}}},
        {"variables": {"body": {"name": "Ann", "order_id": "A-1"}}, "language": "en_US"},
        {"variables": {"body": {"name": "Ann", "order_id": "A-1"}}, "metadata": {"a": "b"}},
        {"variables": {"body": {"name": "Ann", "order_id": "A-1"}}, "to": "+12818184371"},
        {"components": []},
    ]
    for other in others:
        reused = await templating.send(world, "named", idempotency_key="k", **other)
        assert (reused.status, reused.json["code"]) == (422, "idempotency_key_reused")
    assert len(await world.sends()) == 1


async def test_every_documented_example_is_a_good_body(world: World) -> None:
    for name, example in SEND_TEMPLATE.examples.items():
        answer = await world.call("POST", templating.PATH, body=example)
        assert answer.json.get("code") in {None, "template_not_found", "template_parameters"}, name
