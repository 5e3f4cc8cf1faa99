"""Lint names the rule of Meta's that a draft breaks, and points at the place."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.templates.drafts import TemplateDraft
from quixess.templates.linting import RULES, WARNINGS, as_errors, lint
from tests.docs import pages
from tests.templates.drafting import APP, BODY, FOOTER, HEADER, LINK, TRACK, YES, broken, buttons, code, draft

PHONE = {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550783881"}
COUPON = {"type": "COPY_CODE", "example": "SAVE20"}
FLOW = {"type": "FLOW", "text": "Tell us", "flow_id": "1"}
STATEFUL = {
    *("name_taken", "name_blocked", "content_repeated"),
    *("edit_empty", "edit_state", "edit_category", "edit_pace", "unpause_state", "delete_state"),
}


def body(text: str, *examples: str) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "BODY", "text": text}
    return part | {"example": {"body_text": [list(examples)]}} if examples else part


def header(**more: Any) -> dict[str, Any]:
    return {"type": "HEADER"} | more


PICTURE = header(format="IMAGE", example={"header_handle": ["4::aW"]})
PRODUCT = header(format="PRODUCT")
WORDS = body("A plant from our own garden.")
VIEW = {"type": "BUTTONS", "buttons": [{"type": "SPM", "text": "View"}]}
OFFER = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Soon over!", "has_expiration": True}}


def of(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(listed)}


BUTTONS_OF_A_CARD = of(YES, LINK)


def card(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"components": list(parts) or [PICTURE, WORDS, BUTTONS_OF_A_CARD]}


def carousel(
    *cards: dict[str, Any], beside: dict[str, Any] | None = None, category: str = "MARKETING"
) -> TemplateDraft:
    shown = {"type": "CAROUSEL", "cards": list(cards) or [card(), card()]}
    return draft(BODY, shown, *([beside] if beside else []), category=category)


def offer(*parts: dict[str, Any], category: str = "MARKETING") -> TemplateDraft:
    return draft(*parts, category=category)


def lasting(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": text} | more}


OFFERED = of(COUPON, LINK)
# After the example requests on Meta's pages of media card carousels and limited-time offers.
METAS_CARDS: dict[str, Any] = {
    "name": "cards_v1",
    "language": "en_US",
    "category": "marketing",
    "components": [
        {
            "type": "body",
            "text": "Rare plants for sale! {{1}}, add these to your collection. Each of these is {{2}} if you "
            "check out using code {{3}}. Shop now and add some to your collection!",
            "example": {"body_text": [["Pablo", "30%", "30OFF"]]},
        },
        {
            "type": "carousel",
            "cards": [
                {
                    "components": [
                        {"type": "header", "format": "image", "example": {"header_handle": ["4::an"]}},
                        {
                            "type": "buttons",
                            "buttons": [
                                {"type": "quick_reply", "text": "Send me more like this!"},
                                {
                                    "type": "url",
                                    "text": "Shop",
                                    "url": "https://www.shop.example/plants/{{1}}",
                                    "example": [name],
                                },
                            ],
                        },
                    ]
                }
                for name in ("BLUE_ELF", "BUDDHA", "BLACK_PRINCE")
            ],
        },
    ],
}
METAS_OFFER: dict[str, Any] = {
    "name": "offer_2023",
    "language": "en_US",
    "category": "marketing",
    "components": [
        {"type": "header", "format": "image", "example": {"header_handle": ["4::aW"]}},
        {"type": "limited_time_offer", "limited_time_offer": {"text": "Expiring offer!", "has_expiration": True}},
        {
            "type": "body",
            "text": "Good news, {{1}}! Use code {{2}} to get 25% off all packages to the islands!",
            "example": {"body_text": [["Pablo", "CARIBE25"]]},
        },
        {
            "type": "buttons",
            "buttons": [
                {"type": "copy_code", "example": "CARIBE25"},
                {
                    "type": "url",
                    "text": "Book now!",
                    "url": "https://travel.example/offers?code={{1}}",
                    "example": ["https://travel.example/offers?ref=n3mtql"],
                },
            ],
        },
    ],
}
SOUND = {
    "texts": draft(),
    "a body alone": draft(body("Hello, your order left our store.")),
    "lower case, as Meta takes it": draft(body("Hello there.") | {"type": "body"}, category="utility"),
    "named variables": draft(
        {
            "type": "BODY",
            "text": "Hello {{first_name}}, your order {{order_id}} left our store.",
            "example": {
                "body_text_named_params": [
                    {"param_name": "first_name", "example": "Ann"},
                    {"param_name": "order_id", "example": "A-1"},
                ]
            },
        },
        parameter_format="NAMED",
    ),
    "a variable that comes twice": draft(body("Hello {{1}}, dear {{1}}, your order left our store.", "Ann")),
    "a picture": draft(header(format="IMAGE", example={"header_handle": ["4::aW"]}), BODY),
    "a place": draft(header(format="LOCATION"), BODY),
    "buttons, quick replies first": buttons(YES, YES | {"text": "No"}, LINK, PHONE, COUPON, FLOW),
    "buttons, quick replies last": buttons(LINK, YES),
    "a link without a variable": buttons({"type": "URL", "text": "Shop", "url": "https://shop.example/?a=b"}),
    "a link with a value alone as example": buttons(LINK | {"example": ["A-1001"]}),
    "a link with another address as example": buttons(LINK | {"example": ["https://shop.example/o?ref=A-1001"]}),
    "cards": carousel(),
    "ten cards without words, lower case": carousel(*[card(PICTURE, BUTTONS_OF_A_CARD | {"type": "buttons"})] * 10),
    "cards with products": carousel(card(PRODUCT, VIEW), card(PRODUCT, VIEW)),
    "an offer that runs out": offer(OFFER, BODY, OFFERED, category="MARKETING"),
    "an offer below a picture, without a code": offer(
        PICTURE, OFFER | {"limited_time_offer": {"text": "Until Sunday"}}, BODY, {"type": "BUTTONS", "buttons": [LINK]}
    ),
    "a long life": draft(message_send_ttl_seconds=-1),
    "a code": code(),
    "a code for one tap": code("ONE_TAP", supported_apps=[APP], autofill_text="Fill in"),
    "a code without a tap": code("ZERO_TAP", supported_apps=[APP] * 5, zero_tap_terms_accepted=True),
}


@pytest.mark.parametrize("one", SOUND.values(), ids=SOUND)
def test_a_sound_template_breaks_no_rule(one: TemplateDraft) -> None:
    assert lint(one) == []


B = "/components/0"
TEXT = f"{B}/text"
BUTTONS = "/components/1/buttons"
UNSOUND: list[tuple[TemplateDraft, str, str]] = [
    (draft(name="Order-Left"), "name_form", "/name"),
    (draft(name="a" * 513), "name_form", "/name"),
    (draft(name=""), "name_form", "/name"),
    (draft(language="en-US"), "language_known", "/language"),
    (draft(language="tlh"), "language_known", "/language"),
    (draft(category="OTHER"), "category_known", "/category"),
    (draft(message_send_ttl_seconds=29), "ttl_range", "/message_send_ttl_seconds"),
    (draft(message_send_ttl_seconds=43_201), "ttl_range", "/message_send_ttl_seconds"),
    (draft(message_send_ttl_seconds=-1, category="MARKETING"), "ttl_range", "/message_send_ttl_seconds"),
    (draft(message_send_ttl_seconds=3600, category="MARKETING"), "ttl_range", "/message_send_ttl_seconds"),
    (draft(parameter_format="MIXED"), "parameter_format", "/parameter_format"),
    (draft(FOOTER), "body_required", "/components"),
    (draft(BODY, BODY), "component_once", "/components/1/type"),
    (draft(BODY, {"type": "SIDEBAR"}), "component_known", "/components/1/type"),
    (draft(BODY, {}), "component_known", "/components/1/type"),
    (draft(body("  ")), "text_required", TEXT),
    (draft({"type": "BODY", "text": 7}), "text_required", TEXT),
    (draft(body("x" * 1025)), "body_length", TEXT),
    (draft(body("{{1}}, your order left our store.", "Ann")), "variables_inside", TEXT),
    (draft(body("Your order left our store, {{1}} ", "Ann")), "variables_inside", TEXT),
    (draft(body("Hello there dear {{1}} {{2}}, your order left.", "Ann", "Lee")), "variables_apart", TEXT),
    (draft(body("Hello there dear {{1}} and {{3}}, your order left.", "Ann", "Lee")), "variables_sequential", TEXT),
    (draft(body("Hello there dear {{0}}, your order left.", "Ann")), "variables_sequential", TEXT),
    (draft(body("Hello there dear {{name}}, your order left.", "Ann")), "parameter_format", TEXT),
    (draft(body("Hello there dear {{$1}}, your order left.")), "variable_form", TEXT),
    (draft(body("Hello there dear {{1, your order left.")), "variable_form", TEXT),
    (draft(body("Your order left our store, {{1}}!", "Ann")), "variable_last", TEXT),
    (draft(body("Hello {{1}} and {{2}}, dear.", "Ann", "Lee")), "variables_ratio", TEXT),
    (draft(body("Hello {{1}}, your order left our store.")), "example_required", f"{B}/example"),
    (draft(body("Hello {{1}}, your order left our store.", "A", "B")), "example_fits", f"{B}/example/body_text"),
    (draft(body("Hello {{1}}, your order left our store.", " ")), "example_fits", f"{B}/example/body_text"),
    (
        draft(body("Hello {{1}}, your order left our store.") | {"example": {"body_text": ["Ann"]}}),
        "example_fits",
        f"{B}/example/body_text",
    ),
    (draft(body("Hello dear {{1}}, code {{2}} is your verification code.", "A", "1")), "code_category", TEXT),
    (draft(header(format="TEXT", text=""), BODY), "text_required", TEXT),
    (draft(header(text="Hi"), BODY), "header_format", f"{B}/format"),
    (draft(header(format="TEXT", text="x" * 61), BODY), "header_length", TEXT),
    (
        draft(header(format="TEXT", text="{{1}} and {{2}}", example={"header_text": ["a", "b"]}), BODY),
        "header_variables",
        TEXT,
    ),
    (draft(header(format="TEXT", text="*News*"), BODY), "header_plain", TEXT),
    (draft(header(format="TEXT", text="For {{1}}"), BODY), "example_required", f"{B}/example"),
    (draft(header(format="IMAGE"), BODY), "example_required", f"{B}/example"),
    (draft(header(format="VIDEO", example={"header_handle": []}), BODY), "example_required", f"{B}/example"),
    (draft(BODY, FOOTER | {"text": "x" * 61}), "footer_length", "/components/1/text"),
    (draft(BODY, FOOTER | {"text": "By {{1}}"}), "footer_variables", "/components/1/text"),
    (draft(BODY, {"type": "BUTTONS"}), "component_fields", BUTTONS),
    (draft(BODY, {"type": "CALL_PERMISSION_REQUEST"}), "checked_by_meta", "/components/1"),
    (buttons(), "buttons_number", BUTTONS),
    (buttons(*[YES | {"text": str(n)} for n in range(11)]), "buttons_number", BUTTONS),
    (buttons(YES, LINK, YES), "buttons_order", BUTTONS),
    (buttons(LINK, YES, PHONE), "buttons_order", BUTTONS),
    (buttons({"type": "LEVER", "text": "Pull"}), "button_known", f"{BUTTONS}/0/type"),
    (buttons({"type": "OTP", "otp_type": "COPY_CODE"}), "code_button", f"{BUTTONS}/0/type"),
    (buttons(LINK, LINK, LINK), "button_number", f"{BUTTONS}/2"),
    (buttons(PHONE, PHONE), "button_number", f"{BUTTONS}/1"),
    (buttons(COUPON, COUPON), "button_number", f"{BUTTONS}/1"),
    (buttons(YES | {"text": "x" * 26}), "button_label", f"{BUTTONS}/0/text"),
    (buttons({"type": "QUICK_REPLY"}), "button_label", f"{BUTTONS}/0/text"),
    (buttons(YES | {"text": "Hi {{1}}"}), "button_label", f"{BUTTONS}/0/text"),
    (buttons(LINK | {"url": "shop.example/{{1}}"}), "url_form", f"{BUTTONS}/0/url"),
    (buttons(LINK | {"url": "https://shop.example/" + "x" * 2000}), "url_form", f"{BUTTONS}/0/url"),
    (buttons(LINK | {"url": "https://{{1}}"}), "url_form", f"{BUTTONS}/0/url"),
    (buttons(LINK | {"url": "https://shop.example/{{1}}/x"}), "url_variable", f"{BUTTONS}/0/url"),
    (buttons(LINK | {"url": "https://shop.example/{{1}}{{2}}"}), "url_variable", f"{BUTTONS}/0/url"),
    (buttons(LINK | {"example": None}), "example_required", f"{BUTTONS}/0/example"),
    (buttons(LINK | {"example": ["A 1"]}), "example_fits", f"{BUTTONS}/0/example"),
    (buttons(LINK | {"example": [TRACK]}), "example_fits", f"{BUTTONS}/0/example"),
    (buttons(PHONE | {"phone_number": "call me"}), "phone_form", f"{BUTTONS}/0/phone_number"),
    (buttons(PHONE | {"phone_number": "+" + "1" * 20}), "phone_form", f"{BUTTONS}/0/phone_number"),
    (buttons({"type": "COPY_CODE"}), "example_required", f"{BUTTONS}/0/example"),
    (buttons({"type": "COPY_CODE", "example": "x" * 21}), "coupon_form", f"{BUTTONS}/0/example"),
    (buttons({"type": "FLOW", "text": "Go"}), "button_fields", f"{BUTTONS}/0"),
    (buttons(FLOW | {"flow_name": "survey"}), "button_fields", f"{BUTTONS}/0"),
]


@pytest.mark.parametrize(("one", "rule", "pointer"), UNSOUND, ids=[f"{n}-{r}" for n, (_, r, _) in enumerate(UNSOUND)])
def test_what_breaks_a_rule_is_named_with_its_place(one: TemplateDraft, rule: str, pointer: str) -> None:
    assert (rule, pointer) in broken(one)


CARDS = "/components/1/cards"
CARD = f"{CARDS}/1/components"
ASIDE: list[tuple[TemplateDraft, str, str]] = [
    (carousel(category="UTILITY"), "marketing_only", "/components/1"),
    (carousel(beside=FOOTER), "carousel_alone", "/components/2"),
    (draft(BODY, {"type": "CAROUSEL", "cards": [1, 2]}, category="MARKETING"), "component_fields", CARDS),
    (draft(BODY, {"type": "CAROUSEL", "cards": [{"components": []}]}, category="MARKETING"), "component_fields", CARDS),
    (carousel(card()), "cards_number", CARDS),
    (carousel(*[card()] * 11), "cards_number", CARDS),
    (carousel(card(), card(PICTURE, BUTTONS_OF_A_CARD)), "cards_alike", f"{CARDS}/1"),
    (carousel(card(), card(PICTURE | {"format": "VIDEO"}, WORDS, BUTTONS_OF_A_CARD)), "cards_alike", f"{CARDS}/1"),
    (carousel(card(), card(PICTURE, WORDS, of(LINK, YES))), "cards_alike", f"{CARDS}/1"),
    (carousel(card(), card(PICTURE, WORDS, FOOTER)), "card_parts", f"{CARD}/2/type"),
    (carousel(card(), card(PRODUCT, WORDS, VIEW)), "card_parts", f"{CARD}/1/type"),
    (carousel(card(), card(PICTURE, PICTURE)), "component_once", f"{CARD}/1/type"),
    (carousel(card(), card(WORDS, BUTTONS_OF_A_CARD)), "card_header", CARD),
    (carousel(card(), card(HEADER, WORDS, BUTTONS_OF_A_CARD)), "card_header", f"{CARD}/0/format"),
    (
        carousel(card(), card({"type": "HEADER", "format": "IMAGE"}, WORDS, BUTTONS_OF_A_CARD)),
        "example_required",
        f"{CARD}/0/example",
    ),
    (carousel(card(), card(PICTURE, WORDS | {"text": "x" * 161}, BUTTONS_OF_A_CARD)), "card_length", f"{CARD}/1/text"),
    (
        carousel(card(), card(PICTURE, WORDS | {"text": "{{1}} is new"}, BUTTONS_OF_A_CARD)),
        "variables_inside",
        f"{CARD}/1/text",
    ),
    (carousel(card(), card(PICTURE, WORDS, {"type": "BUTTONS"})), "card_buttons", f"{CARD}/2/buttons"),
    (carousel(card(), card(PICTURE, of(YES, LINK, PHONE))), "card_buttons", f"{CARD}/1/buttons"),
    (carousel(card(), card(PICTURE, of(COUPON))), "card_buttons", f"{CARD}/1/buttons/0/type"),
    (carousel(card(), card(PICTURE, of(YES | {"text": ""}))), "button_label", f"{CARD}/1/buttons/0/text"),
    (carousel(card(), card(PRODUCT, of(YES))), "card_buttons", f"{CARD}/1/buttons/0/type"),
    (carousel(card(), card(PRODUCT, of({"type": "SPM"}))), "button_label", f"{CARD}/1/buttons/0/text"),
    (offer(OFFER, BODY, OFFERED, category="UTILITY"), "marketing_only", B),
    (offer({"type": "LIMITED_TIME_OFFER"}, BODY, OFFERED), "component_fields", f"{B}/limited_time_offer"),
    (offer(lasting("x" * 17), BODY, OFFERED), "offer_text", f"{B}/limited_time_offer/text"),
    (offer(lasting(" "), BODY, OFFERED), "offer_text", f"{B}/limited_time_offer/text"),
    (
        offer(lasting("Soon over", has_expiration="yes"), BODY, OFFERED),
        "component_fields",
        f"{B}/limited_time_offer/has_expiration",
    ),
    (offer(OFFER, body("x" * 601), OFFERED), "offer_length", "/components/1/text"),
    (offer(HEADER, OFFER, BODY, OFFERED), "offer_header", f"{B}/format"),
    (offer(OFFER, BODY, FOOTER, OFFERED), "offer_footer", "/components/2"),
    (offer(OFFER, BODY), "offer_buttons", "/components"),
    (offer(OFFER, BODY, of(COUPON)), "offer_buttons", "/components/2/buttons"),
    (offer(OFFER, BODY, of(LINK)), "offer_buttons", "/components/2/buttons"),
    (offer(OFFER, BODY, of(LINK, COUPON)), "offer_buttons", "/components/2/buttons"),
    (offer(OFFER, BODY, of(COUPON | {"example": "x" * 16}, LINK)), "offer_code", "/components/2/buttons/0/example"),
]


@pytest.mark.parametrize(("one", "rule", "pointer"), ASIDE, ids=[f"{n}-{r}" for n, (_, r, _) in enumerate(ASIDE)])
def test_cards_and_offers_have_rules_of_their_own(one: TemplateDraft, rule: str, pointer: str) -> None:
    assert (rule, pointer) in broken(one)


def test_the_examples_of_metas_own_pages_break_no_rule() -> None:
    found = [lint(TemplateDraft(**one)) for one in (METAS_CARDS, METAS_OFFER)]

    assert [[two.rule for two in one if two.blocks] for one in found] == [[], []]


BUTTON = "/components/2/buttons/0"
CODES: list[tuple[TemplateDraft, str, str]] = [
    (draft(BODY, category="AUTHENTICATION"), "code_words_fixed", TEXT),
    (draft(HEADER, {"type": "BODY"}, category="AUTHENTICATION"), "code_words_fixed", B),
    (draft({"type": "BODY"}, FOOTER, category="AUTHENTICATION"), "code_words_fixed", "/components/1/text"),
    (draft({"type": "BODY"}, category="AUTHENTICATION"), "code_button", "/components"),
    (
        draft({"type": "BODY", "add_security_recommendation": "yes"}, category="AUTHENTICATION"),
        "component_fields",
        f"{B}/add_security_recommendation",
    ),
    *(
        (
            draft({"type": "BODY"}, {"type": "FOOTER", "code_expiration_minutes": minutes}, category="AUTHENTICATION"),
            "code_expiration",
            "/components/1/code_expiration_minutes",
        )
        for minutes in (0, 91, "10", True, None)
    ),
    (code("FINGERPRINT"), "code_button", f"{BUTTON}/otp_type"),
    (code(type="URL"), "code_button", f"{BUTTON}/type"),
    (code(text="x" * 26), "button_label", f"{BUTTON}/text"),
    (code("ONE_TAP"), "code_apps", f"{BUTTON}/supported_apps"),
    (code("ONE_TAP", supported_apps=[APP] * 6), "code_apps", f"{BUTTON}/supported_apps"),
    (code("ONE_TAP", supported_apps=[APP], autofill_text="x" * 26), "button_label", f"{BUTTON}/autofill_text"),
    (
        code("ONE_TAP", supported_apps=[APP | {"signature_hash": "short"}]),
        "code_apps",
        f"{BUTTON}/supported_apps/0/signature_hash",
    ),
    (code("ONE_TAP", supported_apps=["app"]), "code_apps", f"{BUTTON}/supported_apps/0/package_name"),
    (code("ZERO_TAP", supported_apps=[APP]), "code_terms", f"{BUTTON}/zero_tap_terms_accepted"),
]


@pytest.mark.parametrize(("one", "rule", "pointer"), CODES, ids=[f"{n}-{r}" for n, (_, r, _) in enumerate(CODES)])
def test_the_words_and_the_button_of_a_code_are_metas(one: TemplateDraft, rule: str, pointer: str) -> None:
    assert (rule, pointer) in broken(one)


def test_a_code_lives_for_15_minutes_at_most() -> None:
    one = code()
    longer = TemplateDraft(one.name, one.language, one.category, one.components, message_send_ttl_seconds=901)

    assert broken(longer) == [("ttl_range", "/message_send_ttl_seconds")]


def test_every_rule_about_a_draft_is_broken_by_some_test() -> None:
    assert {rule for _, rule, _ in UNSOUND + ASIDE + CODES} == RULES.keys() - STATEFUL


def test_warnings_keep_nothing_from_being_submitted() -> None:
    found = lint(draft(header(format="TEXT", text="*News*"), BODY))

    assert [(one.rule, one.blocks) for one in found] == [("header_plain", False)]
    assert RULES.keys() > WARNINGS


def test_every_rule_is_told_in_the_documentation() -> None:
    listed = pages.rows(pages.section("docs/templates.md", "## Rules"))

    assert {row[0].strip("`"): row[1] for row in listed} == RULES
    assert {row[0].strip("`") for row in listed if row[2] == "warns"} == WARNINGS


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text("ab{}1 ", max_size=8)
    | st.sampled_from(["{{1}}", "TEXT", "OTP", "URL"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "format", "example", "buttons", "body_text", "url", "supported_apps"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "X"])},
    optional={"text": JSON, "format": JSON, "example": JSON, "buttons": st.lists(JSON, max_size=3) | JSON},
)


@given(
    components=st.lists(PART, max_size=3),
    category=st.sampled_from(["UTILITY", "AUTHENTICATION", "MARKETING", "?"]),
    format_=st.sampled_from(["NAMED", "POSITIONAL"]),
)
def test_no_draft_makes_lint_fail_or_echo_it(components: list[dict[str, Any]], category: str, format_: str) -> None:
    found = lint(TemplateDraft("secret_name_7", "en_US", category, components, parameter_format=format_))

    assert all(one.rule in RULES for one in found)
    assert not any("secret_name_7" in error.detail for error in as_errors(found))
