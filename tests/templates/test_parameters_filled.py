"""Filling a template: friendly variables and Meta's components, everything that is wrong told at once."""

from typing import Any

import msgspec
import pytest

from quixess import templates
from quixess.errors import QuixessError
from quixess.templates import Template, Variables
from tests.templates import making
from tests.templates.making import button, text

EVERYTHING: dict[str, Any] = {
    "header": {"format": "TEXT", "text": "For {{1}}"},
    "buttons": [
        {"type": "QUICK_REPLY", "text": "Yes"},
        {"type": "URL", "text": "Track", "url": making.ADDRESS},
        {"type": "COPY_CODE", "text": "Copy"},
        {"type": "FLOW", "text": "Tell us"},
    ],
}


def fill(template: Template, **variables: Any) -> list[dict[str, Any]]:
    return templates.fill(template, msgspec.convert(variables, Variables))


def refusal(template: Template, components: Any = None, **variables: Any) -> QuixessError:
    with pytest.raises(QuixessError) as caught:
        fill(template, **variables) if components is None else templates.check(template, components)
    assert caught.value.code == "template_parameters"
    return caught.value


def details(error: QuixessError) -> tuple[list[str], list[str]]:
    found = error.extra["details"]
    return found["missing"], found["unexpected"]


def faults(error: QuixessError) -> list[tuple[str | None, str]]:
    return [(one.pointer, one.code) for one in error.errors]


def test_values_in_order_become_metas_parameters() -> None:
    template = making.template("Order {{2}} of {{1}}.")

    assert fill(template, body=["Ann", "A-1"]) == [making.body("Ann", "A-1")]
    assert fill(template, body={"2": "A-1", "1": "Ann"}) == [making.body("Ann", "A-1")]


def test_values_by_name_carry_their_names() -> None:
    template = making.template("Hi {{name}}, {{order_id}} is here.", named=True)

    assert fill(template, body={"order_id": "A-1", "name": "Ann"}) == [
        {"type": "body", "parameters": [text("Ann", "name"), text("A-1", "order_id")]}
    ]


def test_amounts_and_dates_go_out_as_meta_writes_them() -> None:
    amount = {"type": "currency", "currency": {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}}
    day = {"type": "date_time", "date_time": {"fallback_value": "May 5"}}
    template = making.template("{{1}} by {{2}}.")

    (made,) = fill(template, body=[amount, day])
    assert made["parameters"] == [amount, day]
    assert templates.render(template, [made])["body"] == "$1 by May 5."


def test_a_typed_value_has_the_member_that_its_type_names_and_no_other() -> None:
    money, day = {"fallback_value": "$1", "code": "USD", "amount_1000": 1000}, {"fallback_value": "May 5"}
    odd: list[dict[str, Any]] = [
        {"type": "currency"},
        {"type": "currency", "date_time": day},
        {"type": "date_time", "date_time": day, "currency": money},
    ]
    for value in odd:
        error = refusal(making.template("Hi {{1}}."), body=[value])
        assert faults(error) == [("/variables/body/0", "wrong_type")]


def test_every_kind_of_button_is_written_and_those_that_need_nothing_are_left_out() -> None:
    template = making.template("Hi.", **EVERYTHING)

    made = fill(
        template,
        header={"text": "Ann"},
        buttons=[
            {"index": 3, "flow_token": "t", "flow_data": {"size": "L"}},
            {"index": 2, "coupon_code": "SAVE20"},
            {"index": 1, "url_suffix": "A-1"},
            {"index": 0, "payload": "YES"},
        ],
    )
    assert made == [
        {"type": "header", "parameters": [text("Ann")]},
        button("quick_reply", "0", {"type": "payload", "payload": "YES"}),
        button("url", "1", text("A-1")),
        button("copy_code", "2", {"type": "coupon_code", "coupon_code": "SAVE20"}),
        button("flow", "3", {"type": "action", "action": {"flow_token": "t", "flow_action_data": {"size": "L"}}}),
    ]
    less = fill(
        template,
        header={"text": ["Ann"]},
        buttons=[{"index": 2, "coupon_code": "X"}, {"index": 1, "url_suffix": "A-1"}],
    )
    assert [part.get("index") for part in less] == [None, "1", "2", "3"]
    assert less[-1]["parameters"] == [{"type": "action", "action": {"flow_token": "unused"}}]


def test_headers_show_files_and_places() -> None:
    file = {"id": "med_01M82VZ3DNEMY9J7ZRQGTNWGM5", "filename": "bill.pdf"}
    spot = {"latitude": 37.44, "longitude": -122.16, "name": "Philz"}
    image = {"link": "https://shop.example/a.jpg"}
    for kind, given in (("document", file), ("location", spot), ("image", image), ("video", {"id": "1234"})):
        template = making.template(header={"format": kind.upper()})
        made = fill(template, header={kind: given})
        assert made == [{"type": "header", "parameters": [{"type": kind, kind: given}]}]


def test_a_code_fills_body_and_button() -> None:
    assert fill(making.otp(), body=["482913"]) == [making.body("482913"), button("url", "0", text("482913"))]
    assert fill(making.otp(), body={"1": "482913"}, buttons=[]) == fill(making.otp(), body=["482913"])


def test_all_that_is_missing_and_unexpected_is_told_at_once() -> None:
    template = making.template("{{name}} and {{order_id}}.", named=True, **EVERYTHING)

    error = refusal(
        template,
        body={"name": "Ann", "ordr_id": "A-1"},
        header={"image": {"link": "https://x.example/a.jpg"}},
        buttons=[{"index": 0, "url_suffix": "x"}, {"index": 7, "payload": "x"}],
    )
    assert details(error) == (
        ["header.1", "body.order_id", "buttons.1.url_suffix", "buttons.2.coupon_code"],
        ["header.image", "body.ordr_id", "buttons.0.url_suffix", "buttons.7"],
    )
    assert error.extra["details"]["expected"] == {
        "header": ["1"],
        "body": ["name", "order_id"],
        "buttons": [1, 2],
        "raw": [],
    }
    assert ("/variables/body/ordr_id", "unknown_field") in faults(error)
    assert ("/variables/body/order_id", "required") in faults(error)
    assert "body.order_id" in error.detail


def test_a_list_is_no_way_to_fill_names() -> None:
    error = refusal(making.template("{{name}}.", named=True), body=["Ann"])

    assert details(error) == (["body.name"], ["body.1"])


def test_nothing_given_where_nothing_is_asked_for_is_fine() -> None:
    assert fill(making.template("Hello.")) == []
    templates.check(making.template("Hello."), [])
    assert details(refusal(making.template("Hello."), body=["x"])) == ([], ["body.1"])
    assert details(refusal(making.template("Hello."), header={"text": "x"})) == ([], ["header.text"])


@pytest.mark.parametrize("bad", ["", "   ", "a\nb", "a\tb", "a\rb", "a     b", "a\u2028b"])
def test_a_value_has_no_line_breaks_no_tabs_and_at_most_four_spaces(bad: str) -> None:
    template = making.template("Hi {{1}}.")

    assert [pointer for pointer, _ in faults(refusal(template, body=[bad]))] == ["/variables/body/0"]
    assert faults(refusal(template, [making.body(bad)]))[0][0] == "/components/0/parameters/0/text"


@pytest.mark.parametrize("value", ["{{2}}", "{{1}}", "a    b", "\u202eabc", "a\u200bb", "<b>", "𝒜", "%s", "\\1"])
def test_a_value_is_literal(value: str) -> None:
    template = making.template("Hi {{1}} and {{2}}.")

    made = fill(template, body=[value, "Bob"])
    assert made[0]["parameters"][0]["text"] == value
    assert templates.render(template, made)["body"] == f"Hi {value} and Bob."


def test_text_and_values_have_1024_characters_together() -> None:
    template = making.template("Hi {{1}}.")

    assert fill(template, body=["x" * 1020])
    assert faults(refusal(template, body=["x" * 1021])) == [("/variables/body", "too_long")]
    assert faults(refusal(template, [making.body("x" * 2000)])) == [("/components", "too_long")]


def test_each_limit_is_told_by_name() -> None:
    template = making.template("Hi.", **EVERYTHING)

    error = refusal(
        template,
        header={"text": "ok"},
        buttons=[
            {"index": 0, "payload": "x" * 129},
            {"index": 1, "url_suffix": "a b\n"},
            {"index": 2, "coupon_code": "SAVE-20"},
            {"index": 3, "flow_token": ""},
        ],
    )
    assert details(error) == ([], [])
    assert faults(error) == [
        ("/variables/buttons/0/payload", "too_long"),
        ("/variables/buttons/1/url_suffix", "pattern"),
        ("/variables/buttons/2/coupon_code", "pattern"),
        ("/variables/buttons/3/flow_token", "wrong_type"),
    ]
    rest = [{"index": 1, "url_suffix": "x" * 2000}, {"index": 2, "coupon_code": "X" * 20}]
    error = refusal(template, header={"text": "x" * 61}, buttons=rest)
    assert faults(error) == [("/variables/header/text", "too_long"), ("/variables/buttons/0/url_suffix", "too_long")]


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"id": "1", "link": "https://x.example/a"},
        {"id": "med_x"},
        {"id": "../1"},
        {"id": ""},
        {"link": "ftp://x.example/a"},
        {"link": "https://x.example/a b"},
        {"link": "https://x.example/" + "a" * 2048},
        {"link": "https://x.example/a", "filename": "a\r\nX: y"},
        {"link": "https://x.example/a", "filename": "../../etc/passwd"},
        {"link": "https://x.example/a", "filename": "x" * 241},
    ],
)
def test_a_file_is_an_id_or_a_link_under_a_harmless_name(file: dict[str, str]) -> None:
    template = making.template(header={"format": "DOCUMENT"})

    raw = [{"type": "header", "parameters": [{"type": "document", "document": file}]}]
    for error in (refusal(template, header={"document": file}), refusal(template, raw)):
        assert details(error) == ([], [])
        assert file.get("filename", "\0") not in repr(error.errors)


def test_a_button_given_twice_is_refused() -> None:
    template = making.template("Hi.", buttons=[{"type": "QUICK_REPLY", "text": "Yes"}])

    twice = [{"index": 0, "payload": "a"}, {"index": 0, "payload": "b"}]
    assert faults(refusal(template, buttons=twice)) == [("/variables/buttons/1/index", "not_allowed")]


def test_parts_for_metas_form_alone_are_missing_from_friendly_variables() -> None:
    template = making.template("New, {{1}}.", {"type": "CAROUSEL", "cards": []})

    assert details(refusal(template, body=["Ann"])) == (["carousel"], [])
    assert details(refusal(template, [making.body("Ann")])) == (["carousel"], [])
    templates.check(template, [making.body("Ann"), {"type": "CAROUSEL", "cards": [{"anything": {"goes": 1}}]}])


def test_metas_form_passes_in_every_way_that_meta_takes_it() -> None:
    template = making.template("Hi {{1}}.", **EVERYTHING)
    parts: list[dict[str, Any]] = [
        {"type": "HEADER", "parameters": [text("Ann")]},
        {"type": "Body", "parameters": [text("Ann")]},
        button("URL", 1, text("A-1")),
        button("copy_code", "2", {"type": "coupon_code", "coupon_code": "SAVE20"}),
        {"type": "tap_target_configuration", "parameters": []},
    ]

    templates.check(template, parts)
    templates.check(template, parts[::-1])


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"type": 5},
        {"type": "body", "parameters": "x"},
        {"type": "body", "parameters": ["x"]},
        {"type": "body", "parameters": [{"text": "x"}]},
        {"type": "body", "parameters": [{"type": "text"}]},
        {"type": "body", "parameters": [{"type": "text", "text": 5}]},
        {"type": "body", "parameters": [{"type": "text", "text": "x", "brand_id": "x"}]},
        {"type": "body", "parameters": [{"type": "payload", "payload": "x"}]},
        {"type": "body", "parameters": [{"type": "currency", "currency": "x"}]},
        {"type": "body", "parameters": [{"type": "currency", "currency": {"fallback_value": "x"}}]},
        {"type": "body", "parameters": [text("x", "name")]},
        {"type": "body", "parameters": [text("x"), text("y")]},
        {"type": "body", "parameters": [text("x")], "brand_id": "x"},
        {"type": "body", "parameters": [text("x", "1"), text("y", "1")]},
        {"type": "button", "parameters": []},
        {"type": "button", "index": 0, "parameters": []},
        {"type": "button", "index": "-1", "sub_type": "url"},
        {"type": "button", "index": True, "sub_type": "url"},
        {"type": "button", "index": 0, "sub_type": "url", "parameters": [text("x")]},
        {"type": "button", "index": 0, "sub_type": "quick_reply", "parameters": [text("x")]},
        {"type": "button", "index": 1, "sub_type": "flow", "parameters": [{"type": "action", "action": "x"}]},
        {"type": "header", "parameters": [text("x")]},
    ],
)
def test_odd_components_are_refused_with_a_pointer_and_never_a_crash(odd: dict[str, Any]) -> None:
    template = making.template(
        "Hi {{1}}.", buttons=[{"type": "QUICK_REPLY", "text": "a"}, {"type": "FLOW", "text": "b"}]
    )

    error = refusal(template, [odd])
    assert all(one.pointer and one.pointer.startswith("/components") for one in error.errors)


def test_a_code_is_4_to_15_letters_and_digits_wherever_it_stands() -> None:
    for bad in ("", "482", "A" * 16, "482 913", "{{1}}", "https://x.io", "482913\n"):
        for error in (
            refusal(making.otp(), body=[bad]),
            refusal(making.otp(), [making.body(bad), button("url", 0, text(bad))]),
        ):
            assert not bad.strip() or bad not in repr(error.errors) + error.detail + repr(error.extra)
    assert details(refusal(making.otp(), [making.body("482913")])) == (["buttons.0.url_suffix"], [])
    assert details(refusal(making.otp(), body=["482913"], header={"text": "482913"}))[1] == ["header.text"]
    carousel = [making.body("482913"), button("url", 0, text("482913")), {"type": "carousel", "x": "482913"}]
    assert details(refusal(making.otp(), carousel)) == ([], ["carousel"])


def test_a_name_that_may_be_a_value_is_never_shown() -> None:
    for name in ("482913", "ZQ7K9XW4CANARY", "+12818184370", "a@b.c", "a/b"):
        for error in (
            refusal(making.template("Hi."), body={name: "x"}),
            refusal(making.template("Hi."), [{"type": "body", "parameters": [text("x", name)]}]),
            refusal(making.template("Hi."), [{"type": "body", "parameters": [], name: "x"}]),
            refusal(making.otp(), [{"type": name}]),
        ):
            assert name not in repr(error.errors) + error.detail + repr(error.extra)


def test_so_many_mistakes_make_a_short_answer() -> None:
    error = refusal(making.template("Hi."), body={f"name_{'x' * n}": "x" for n in range(1, 25)})
    assert len(error.errors) == 24
    error = refusal(making.template("Hi."), [making.body(*["x"] * 5000)])
    assert len(error.errors) == 50
    assert len(error.detail) < 1000


def test_history_shows_what_the_phone_shows() -> None:
    template = making.template("Hi {{1}}.", {"type": "FOOTER", "text": "Bordercart"}, **EVERYTHING)

    made = fill(
        template,
        body=["Ann"],
        header={"text": "Ann"},
        buttons=[{"index": 1, "url_suffix": "A-1"}, {"index": 2, "coupon_code": "SAVE20"}],
    )
    content = templates.render(template, made)
    assert content == {
        "header": {"type": "text", "text": "For Ann"},
        "body": "Hi Ann.",
        "footer": "Bordercart",
        "buttons": [
            {"type": "quick_reply", "text": "Yes"},
            {"type": "url", "text": "Track", "url": "https://shop.example/orders/A-1"},
            {"type": "copy_code", "text": "Copy", "coupon_code": "SAVE20"},
            {"type": "flow", "text": "Tell us"},
        ],
    }
    assert templates.words(content).splitlines() == [
        "For Ann",
        "Hi Ann.",
        "Bordercart",
        "Yes",
        "Track",
        "Copy",
        "Tell us",
    ]


def test_history_names_files_as_ours_or_metas() -> None:
    template = making.template(header={"format": "DOCUMENT"})
    ours, metas = {"id": "med_01M82VZ3DNEMY9J7ZRQGTNWGM5", "filename": "a.pdf"}, {"id": "1234"}

    shown = templates.render(template, fill(template, header={"document": ours}))["header"]
    assert shown == {"type": "document", "media_id": ours["id"], "filename": "a.pdf"}
    assert templates.render(template, fill(template, header={"document": metas}))["header"] == {
        "type": "document",
        "wa_media_id": "1234",
    }


def test_history_shows_the_cards_of_a_carousel() -> None:
    card = {"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{1}} off"}]}
    template = making.template("New.", {"type": "CAROUSEL", "cards": [card, card]})
    image = {"type": "image", "image": {"id": "1234"}}
    sent = {"card_index": 1, "components": [{"type": "header", "parameters": [image]}, making.body("10 %")]}

    content = templates.render(template, [{"type": "carousel", "cards": [sent, "odd", {"card_index": []}]}])
    assert content["cards"] == [
        {"header": {"type": "image"}, "body": "{{1}} off"},
        {"header": {"type": "image", "wa_media_id": "1234"}, "body": "10 % off"},
    ]
    assert templates.words(content).splitlines() == ["New.", "{{1}} off", "10 % off"]


def test_history_of_a_code_shows_none_and_all_values_are_secrets() -> None:
    made = fill(making.otp(), body=["482913"])

    assert templates.render(making.otp(), made) == {"body": "*••••••* is your verification code.", "redacted": True}
    assert templates.secrets(making.otp(), made) == ("482913",)
    assert templates.secrets(making.template("{{1}}."), [making.body("Ann")]) == ()
