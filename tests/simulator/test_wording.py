"""What Meta checks in the texts of a new template, and in an edit: each rule by its subcode."""

from typing import Any

import pytest

from tests.simulator.driving import Answer, Simulator

GOOD = "Hello {{1}}, your order has left."
ANN = {"body_text": [["Ann"]]}


def body(text: str, *examples: str) -> dict[str, Any]:
    return {"type": "BODY", "text": text} | ({"example": {"body_text": [list(examples)]}} if examples else {})


def header(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "HEADER", "format": "TEXT", "text": text} | more


def buttons(*listed: dict[str, Any]) -> list[dict[str, Any]]:
    return [body("Tell us."), {"type": "BUTTONS", "buttons": list(listed)}]


YES = {"type": "QUICK_REPLY", "text": "Yes"}
CALL = {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550783881"}
SHOP = {"type": "URL", "text": "Shop", "url": "https://shop.example/{{1}}", "example": ["https://shop.example/a"]}
REFUSED: dict[str, tuple[list[dict[str, Any]], int]] = {
    "a long body": ([body("x" * 1025)], 2388040),
    "a long header": ([header("x" * 61), body("Hi.")], 2388040),
    "a long footer": ([body("Hi."), {"type": "FOOTER", "text": "x" * 61}], 2388040),
    "a long label": (buttons(YES | {"text": "x" * 26}), 2388040),
    "a long address": (buttons(SHOP | {"url": "https://shop.example/" + "x" * 2000}), 2388040),
    "no body": ([header("Hi")], 2388043),
    "a body without words": ([body("  ")], 2388043),
    "a body without a sample": ([body(GOOD)], 2388043),
    "a body with a sample too many": ([body(GOOD, "Ann", "Bob")], 2388043),
    "a header without a sample": ([header("For {{1}}"), body("Hi.")], 2388043),
    "a button without a sample": (buttons(SHOP | {"example": None}), 2388043),
    "a coupon without a sample": (buttons({"type": "COPY_CODE"}), 2388043),
    "a header of two lines": ([header("a\nb"), body("Hi.")], 2388047),
    "a bold header": ([header("*New*"), body("Hi.")], 2388047),
    "two variables in a header": ([header("{{1}} and {{2}}"), body("Hi.")], 2388047),
    "a variable in a footer": ([body("Hi."), {"type": "FOOTER", "text": "By {{1}}"}], 2388073),
    "a footer of two lines": ([body("Hi."), {"type": "FOOTER", "text": "a\nb"}], 2388073),
    "variables with a gap": ([body("You get {{1}} and {{3}} for all your many nice orders.", "a", "b")], 2388072),
    "a name among numbers": ([body("Hello {{name}}, your order has left.", "a")], 2388072),
    "a brace too few": ([body("Hello {{1}, your order has left.")], 2388072),
    "variables side by side": ([body("Here are {{1}} {{2}} for all of the orders that you made.", "a", "b")], 2388072),
    "a variable first": ([body("{{1}}, your order has left.", "Ann")], 2388299),
    "a variable last": ([body("Your order has left for {{1}}", "Ann")], 2388299),
    "a variable last but for a stop": ([body("Your order has left for {{1}}.", "Ann")], 2388299),
    "too few words": ([body("Hi {{1}}, it is {{2}} now.", "Ann", "May")], 2388293),
}


async def create(simulator: Simulator, components: Any, **more: Any) -> Answer:
    asked = {"name": "news", "language": "en_US", "category": "UTILITY", "components": components} | more
    return await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=asked)


def subcode(answer: Answer) -> int | None:
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (400, 100), error
    found: int | None = error.get("error_subcode")
    return found


@pytest.mark.parametrize("name", REFUSED)
async def test_a_text_that_breaks_a_rule_is_refused_by_its_subcode(simulator: Simulator, name: str) -> None:
    components, wanted = REFUSED[name]
    answer = await create(simulator, components)
    assert subcode(answer) == wanted
    assert answer.json["error"]["error_user_title"]
    assert answer.json["error"]["error_user_msg"]


@pytest.mark.parametrize(
    "components",
    [
        [body("Buttons of no list."), {"type": "BUTTONS", "buttons": {}}],
        [body("Buttons of no objects."), {"type": "BUTTONS", "buttons": ["Yes"]}],
        buttons(*[YES] * 11),
        buttons(YES, CALL, YES),
        [{"type": "HEADER", "format": "HOLOGRAM"}, body("Hi.")],
    ],
)
async def test_parts_of_the_wrong_form_are_refused_without_one(simulator: Simulator, components: Any) -> None:
    assert subcode(await create(simulator, components)) is None


async def test_a_phone_number_that_is_none_has_a_code_of_its_own(simulator: Simulator) -> None:
    assert (await create(simulator, buttons(CALL | {"phone_number": "home"}))).json["error"]["code"] == 192


async def test_sound_texts_of_every_kind_are_taken(simulator: Simulator) -> None:
    rich = [
        header("For {{1}}", example={"header_text": ["Ann"]}),
        body(GOOD, "Ann"),
        {"type": "FOOTER", "text": "The shop"},
        {"type": "BUTTONS", "buttons": [YES, SHOP, CALL]},
    ]
    assert (await create(simulator, rich)).status == 200
    place = [{"type": "HEADER", "format": "LOCATION"}, body("We are here.")]
    assert (await create(simulator, place, name="place")).status == 200
    examples = [{"param_name": "first", "example": "Ann"}]
    named: dict[str, Any] = {"type": "BODY", "text": "Hello {{first}}, your order has left."}
    named["example"] = {"body_text_named_params": examples}
    assert (await create(simulator, [named], name="named", parameter_format="NAMED")).status == 200
    wrong = named | {"text": "Hello {{First}}, your order has left."}
    assert subcode(await create(simulator, [wrong], name="other", parameter_format="NAMED")) == 2388072


async def test_the_words_of_a_code_are_metas_own(simulator: Simulator) -> None:
    otp = {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]}
    own = await create(simulator, [body("Your code is {{1}} for now.", "1"), otp], category="AUTHENTICATION")
    assert subcode(own) == 2388042
    assert "unexpected field(s) (text)" in own.json["error"]["error_user_msg"]
    late = [{"type": "BODY"}, {"type": "FOOTER", "code_expiration_minutes": 91}, otp]
    assert subcode(await create(simulator, late, category="AUTHENTICATION")) is None


async def test_an_edit_is_checked_too_and_what_it_leaves_out_is_not(simulator: Simulator) -> None:
    made = (await create(simulator, [body("Hi.")])).json["id"]
    await simulator.lever("templates/news", {"event": "APPROVED"})
    worse = await simulator.graph("POST", made, json={"components": [body("{{1}}", "x")]})
    assert subcode(worse) == 2388299
    listed = await simulator.lever("templates", {"name": "free", "components": [body("{{1}}")]})
    assert (await simulator.graph("POST", listed["id"], json={"message_send_ttl_seconds": 60})).status == 200
