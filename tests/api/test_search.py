"""`q`: messages found by their words, whatever the language, and only those of the brand."""

from typing import Any

import pytest

from tests.messages import hooks
from tests.messages.hooks import said, text
from tests.world import World

MESSAGES = "/api/v1/whatsapp/external/messages"


async def found(world: World, q: str, **query: str) -> list[str]:
    """The texts in which all words occur, newest first."""
    answer = await world.call("GET", MESSAGES, params={"q": q} | query)
    assert answer.status == 200, answer.json
    contents = [one["content"] for one in answer.json["data"]]
    return [one.get("body") or one.get("caption") or one.get("title") or one.get("text") or "" for one in contents]


async def test_all_words_must_occur_in_any_order_case_and_accent(world: World) -> None:
    await hooks.tell(
        world, messages=[text("Where is my PARCEL?"), text("My café, où est-il?"), text("Parcels are late")]
    )

    assert await found(world, "parcel where") == ["Where is my PARCEL?"]
    assert await found(world, "CAFE ou") == ["My café, où est-il?"]
    assert await found(world, "my") == ["My café, où est-il?", "Where is my PARCEL?"]
    assert await found(world, "my tailor") == []
    assert await found(world, "parc") == []


async def test_a_star_finds_words_that_begin_so(world: World) -> None:
    await hooks.tell(world, messages=[text("Where is my parcel?"), text("Parcels are late"), text("Particle")])

    assert sorted(await found(world, "parc*")) == ["Parcels are late", "Where is my parcel?"]
    assert await found(world, "parc* late") == ["Parcels are late"]
    assert await found(world, "lat* parc*") == ["Parcels are late"]
    assert await found(world, "parcels* my") == []


async def test_scripts_without_spaces_are_found_by_any_of_their_letters(world: World) -> None:
    await hooks.tell(
        world, messages=[text("你好，我的包裹在哪里"), text("สวัสดีครับ"), text("荷物はどこですか"), text("好")]
    )

    assert await found(world, "包裹") == ["你好，我的包裹在哪里"]
    assert await found(world, "裹") == ["你好，我的包裹在哪里"]
    assert sorted(await found(world, "好")) == ["你好，我的包裹在哪里", "好"]
    assert await found(world, "ครับ") == ["สวัสดีครับ"]
    assert await found(world, "どこ") == ["荷物はどこですか"]
    assert await found(world, "どれ") == []


async def test_captions_files_buttons_places_and_contacts_are_found(world: World) -> None:
    picture = {"id": "1", "mime_type": "image/jpeg", "sha256": "x", "caption": "A broken lamp"}
    bill = {"id": "2", "mime_type": "application/pdf", "sha256": "x", "filename": "invoice-2026.pdf"}
    choice = {"type": "button_reply", "button_reply": {"id": "a", "title": "Accept the offer"}}
    place = {"latitude": 1.5, "longitude": 2.5, "name": "Philz", "address": "101 Forest Ave"}
    person = [{"name": {"formatted_name": "Bob Builder"}}]
    await hooks.tell(
        world,
        messages=[
            said("image", picture),
            said("document", bill),
            said("interactive", choice),
            said("location", place),
            said("contacts", person),
            said("button", {"payload": "YES", "text": "Certainly"}),
        ],
    )

    for q in ("broken lamp", "invoice 2026", "accept offer", "philz forest", "bob builder", "certainly"):
        assert len(await found(world, q)) == 1, q
    assert await found(world, "yes") == []


async def test_search_goes_with_the_other_filters(world: World) -> None:
    await hooks.tell(world, messages=[text("red lamp"), text("red shoes", sender="5511987654321")])
    await hooks.tell(world, messages=[said("image", {"id": "1", "mime_type": "image/png", "caption": "red hat"})])

    assert await found(world, "red") == ["red hat", "red shoes", "red lamp"]
    assert await found(world, "red", phone="+5511987654321") == ["red shoes"]
    assert await found(world, "red", type="image") == ["red hat"]
    assert await found(world, "red", has_media="false", phone="12818184370") == ["red lamp"]
    assert await found(world, "red", direction="outbound") == []
    assert await found(world, "red", until="2020-01-01T00:00:00Z") == []


async def test_what_is_found_comes_in_pages(world: World) -> None:
    told = [text(f"order {n} of parcels") for n in range(7)]
    await hooks.tell(world, messages=told)

    for q in ("order", "order of", "parc*"):
        seen, cursor = [], None
        while True:
            query = {"q": q, "limit": "3"} | ({"cursor": cursor} if cursor else {})
            answer = (await world.call("GET", MESSAGES, params=query)).json
            seen += [one["wa_message_id"] for one in answer["data"]]
            if not (cursor := answer["next_cursor"]):
                break
        assert sorted(seen) == sorted(one["id"] for one in told), q


async def test_a_code_is_never_found_and_neither_is_its_message(world: World) -> None:
    await world.send_otp(code="482913")

    assert await found(world, "482913") == []
    assert await found(world, "verification") == []
    assert await world.rows("SELECT * FROM message_word") == []


async def test_the_past_of_the_phone_app_is_found_and_so_is_what_was_a_placeholder(world: World) -> None:
    place = {"from": hooks.DIGITS, "id": "wamid.past", "timestamp": "1700000000", "type": "media_placeholder"}
    past = place | {"type": "image", "image": {"id": "1", "mime_type": "image/png", "caption": "Old lamp"}}
    for message in (place, past):
        told: list[dict[str, Any]] = [{"threads": [{"id": hooks.DIGITS, "messages": [message]}]}]
        await hooks.tell(world, field="history", history=told)

    assert await found(world, "old lamp") == ["Old lamp"]


@pytest.mark.parametrize("q", ["?!", "*", " ", "a b c d e f g h i j k l m n o p q r", "x" * 201])
async def test_a_search_for_nothing_or_for_too_much_is_refused_by_name(world: World, q: str) -> None:
    answer = await world.call("GET", MESSAGES, params={"q": q})
    assert (answer.status, answer.json["errors"][0]["parameter"]) == (400, "q")


async def test_a_star_that_means_too_many_words_is_refused_with_the_way_out(world: World) -> None:
    bodies = [" ".join(f"w{n}x{m}" for m in range(50)) for n in range(5)]
    await hooks.tell(world, messages=[text(body) for body in bodies])

    refused = await world.call("GET", MESSAGES, params={"q": "w*"})
    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    assert "more letters" in refused.json["detail"]
    assert await found(world, "w3*") == [bodies[3]]
