"""What a sender must fill, read from what Meta listed."""

from typing import Any

import msgspec
import pytest

from quixess import templates
from tests.templates import making


def described(template: templates.Template) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(templates.describe_parameters(template))
    return found


def test_numbered_variables_stand_in_the_order_of_their_numbers_with_metas_examples() -> None:
    template = making.template(
        "Order {{2}} of {{1}} and {{10}} is here, {{1}}.",
        example={"body_text": [["Ann", "A-1", "x", "x", "x", "x", "x", "x", "x", "ten"]]},
    )

    assert described(template)["body"] == [
        {"name": "1", "type": "text", "required": True, "example": "Ann"},
        {"name": "2", "type": "text", "required": True, "example": "A-1"},
        {"name": "10", "type": "text", "required": True, "example": "ten"},
    ]


def test_named_variables_stand_in_the_order_of_the_text() -> None:
    template = making.template(
        "Hi {{name}}, {{order_id}} is here.",
        named=True,
        header={
            "format": "TEXT",
            "text": "For {{who}}",
            "example": {"header_text_named_params": [{"param_name": "who", "example": "Ann"}]},
        },
        example={"body_text_named_params": [{"param_name": "name", "example": "Ann"}]},
    )

    found = described(template)
    assert found["header"] == [{"name": "who", "type": "text", "required": True, "example": "Ann"}]
    assert [(one["name"], one["example"]) for one in found["body"]] == [("name", "Ann"), ("order_id", None)]


def test_a_header_that_shows_something_must_be_given_each_time() -> None:
    for kind in ("IMAGE", "VIDEO", "DOCUMENT", "LOCATION"):
        (only,) = described(making.template(header={"format": kind, "example": {"header_handle": ["4::x"]}}))["header"]
        assert only == {"name": kind.lower(), "type": kind.lower(), "required": True, "example": None}


def test_each_button_tells_what_fills_it() -> None:
    template = making.template(
        buttons=[
            {"type": "QUICK_REPLY", "text": "Yes"},
            {"type": "URL", "text": "Track", "url": making.ADDRESS, "example": ["https://shop.example/orders/A-1"]},
            {"type": "URL", "text": "Shop", "url": "https://shop.example/"},
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550783881"},
            {"type": "COPY_CODE", "text": "Copy", "example": ["SAVE20"]},
            {"type": "FLOW", "text": "Tell us", "flow_id": "1"},
            {"type": "CATALOG", "text": "All"},
        ]
    )

    found = described(template)
    assert found["raw"] == []
    assert [tuple(one.values()) for one in found["buttons"]] == [
        (0, "quick_reply", "payload", False, "Yes", None),
        (1, "url", "url_suffix", True, "Track", "A-1"),
        (4, "copy_code", "coupon_code", True, "Copy", "SAVE20"),
        (5, "flow", "flow_token", False, "Tell us", None),
        (5, "flow", "flow_data", False, "Tell us", None),
    ]


def test_a_one_time_code_is_asked_for_in_the_body_alone() -> None:
    found = described(making.otp())

    assert [one["name"] for one in found["body"]] == ["1"]
    (button,) = found["buttons"]
    assert (button["type"], button["name"], button["required"]) == ("otp", "url_suffix", False)


def test_a_one_time_code_preset_without_its_words_still_has_its_code() -> None:
    preset = making.otp()
    del preset.components[0]["text"]
    preset.components[1]["buttons"] = [{"type": "OTP", "otp_type": "COPY_CODE"}]

    found = described(preset)
    assert [one["name"] for one in found["body"]] == ["1"]
    assert [one["type"] for one in found["buttons"]] == ["otp"]


def test_parts_that_only_metas_form_can_fill_are_named() -> None:
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon", "has_expiration": True}}
    endless = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon", "has_expiration": False}}

    assert described(making.template("New.", {"type": "CAROUSEL", "cards": []}))["raw"] == ["carousel"]
    assert described(making.template("New.", offer))["raw"] == ["limited_time_offer"]
    assert described(making.template("New.", endless))["raw"] == []
    assert described(making.template(header={"format": "PRODUCT"}))["raw"] == ["header"]
    assert described(making.template(buttons=[{"type": "MPM", "text": "Items"}]))["raw"] == ["buttons.0"]


def test_what_makes_no_sense_has_nothing_to_fill() -> None:
    odd: list[Any] = [
        {"type": "BODY", "text": None, "example": "x"},
        {"type": "HEADER", "format": None, "text": 7, "example": {"header_text": "x"}},
        {"type": "BUTTONS", "buttons": [None, {"type": None}, {"type": "URL", "url": 5}]},
        {"type": "FOOTER"},
    ]
    template = making.template()
    template.components[:] = odd

    found = described(template)
    assert (found["header"], found["body"], found["buttons"]) == ([], [], [])


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (["https://shop.example/orders/A-1"], "A-1"),
        (["A-1"], "A-1"),
        ("A-1", "A-1"),
        (["https://shop.example/o?ref=A-1"], None),
        (None, None),
    ],
)
def test_the_example_of_a_link_is_its_value_however_meta_was_told_it(written: Any, shown: str | None) -> None:
    link = {"type": "URL", "text": "Track", "url": making.ADDRESS, "example": written}

    (only,) = described(making.template(buttons=[link]))["buttons"]

    assert only["example"] == shown
