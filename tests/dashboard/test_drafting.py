"""The editor of templates: what is typed becomes a draft that Meta takes, and comes back as it was typed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.dashboard import drafting, headers
from quixess.dashboard.drafting import Typed
from quixess.templates.linting import lint
from quixess.templates.presets import PRESETS
from tests.templates.drafting import BODY, FOOTER, HEADER, LINK, YES, buttons, code, draft

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)
NAMED = {
    "type": "BODY",
    "text": "Hello {{first_name}}, all is well.",
    "example": {"body_text_named_params": [{"param_name": "first_name", "example": "Ann"}]},
}
PHONE = {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+12818184370"}
PICTURE = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW"]}}
COUPON = {"type": "COPY_CODE", "example": "SAVE20"}


def typed(fields: dict[str, str]) -> Any:
    """What the form makes of these fields."""
    given = {name: value for name, value in fields.items() if name not in {"minutes", "ttl", "security"}}
    numbers = {name: int(fields[name]) for name in ("minutes", "ttl") if fields.get(name)}
    return Typed(**given, **numbers, security=fields.get("security") == "true")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_fits_into_the_form_and_comes_out_the_same(preset: str) -> None:
    wanted = PRESETS[preset].draft

    fields = drafting.typed_of(wanted)

    assert fields["kind"] == ("code" if wanted.category == "AUTHENTICATION" else "text")
    assert drafting.draft_of(typed(fields)) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        draft(HEADER, BODY, FOOTER),
        draft(PICTURE, BODY),
        draft({"type": "HEADER", "format": "LOCATION"}, BODY),
        buttons(YES, LINK, PHONE, COUPON),
        draft(NAMED, parameter_format="NAMED"),
        code(),
    ],
)
def test_what_has_fields_is_edited_in_them(wanted: Any) -> None:
    fields = drafting.typed_of(wanted)

    assert fields["kind"] != "raw"
    assert drafting.draft_of(typed(fields)).components == wanted.components


@pytest.mark.parametrize(
    "wanted",
    [
        draft(BODY, {"type": "CAROUSEL", "cards": []}),
        buttons({"type": "FLOW", "text": "Begin", "flow_id": "1"}),
        buttons(*[YES] * 11),
        code(supported_apps=[{"package_name": "a.b"}, {"package_name": "c.d"}]),
    ],
)
def test_what_has_no_fields_is_edited_as_json_and_loses_nothing(wanted: Any) -> None:
    fields = drafting.typed_of(wanted)

    assert fields["kind"] == "raw"
    assert drafting.draft_of(typed(fields)) == wanted


def test_an_example_that_meta_lists_as_an_address_is_asked_for_again() -> None:
    listed = PICTURE | {"example": {"header_handle": ["https://scontent.whatsapp.net/v/t61/1"]}}

    fields = drafting.typed_of(draft(listed, BODY))

    assert (fields["kind"], fields["header_shows"], fields["header_handle"]) == ("text", "IMAGE", "")
    (found,) = [one for one in lint(drafting.draft_of(typed(fields))) if one.blocks]
    assert drafting.in_words(found, drafting.draft_of(typed(fields)), typed(fields)) == ("Header", headers.GIVE)


@given(st.lists(st.dictionaries(st.sampled_from(["type", "text", "format", "buttons", "example"]), st.none() | TEXT)))
def test_no_template_of_metas_breaks_the_editor(components: list[dict[str, Any]]) -> None:
    wanted = draft(*components) if components else draft(BODY)

    assert drafting.draft_of(typed(drafting.typed_of(wanted))).components == wanted.components


@given(body=TEXT, header=TEXT, examples=TEXT, label=TEXT, value=TEXT)
def test_whatever_is_typed_can_be_checked(body: str, header: str, examples: str, label: str, value: str) -> None:
    given = Typed(
        kind="text",
        body=body,
        header=header,
        examples=examples,
        button_1_type="URL",
        button_1_text=label,
        button_1_value=value,
    )
    wanted = drafting.draft_of(given)
    known = {"", "ttl", *Typed.__struct_fields__}
    assert all(drafting.field_of(one, wanted, given) in known for one in lint(wanted))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": "Order!"}, "name"),
        ({"language": "xx"}, "language"),
        ({"category": "SPAM"}, "category"),
        ({"ttl": 1}, "ttl"),
        ({"body": ""}, "body"),
        ({"examples": ""}, "examples"),
        ({"header": "x" * 61}, "header"),
        ({"header_shows": "VIDEO"}, "header_file"),
        ({"header": "For {{1}}", "header_example": ""}, "header_example"),
        ({"footer": "x" * 61}, "footer"),
        ({"button_3_type": "URL", "button_3_text": "Go", "button_3_value": "shop"}, "button_3_value"),
        ({"button_3_type": "URL", "button_3_text": "Go", "button_3_value": "https://a.b/{{1}}"}, "button_3_example"),
        ({"button_2_type": "QUICK_REPLY"}, "button_2_text"),
        ({"button_2_type": "COPY_CODE"}, "button_2_value"),
        ({"kind": "code", "otp_type": "ONE_TAP", "package": "a.b"}, "signature"),
        ({"kind": "code", "otp_type": "ONE_TAP", "signature": "A" * 11}, "package"),
        ({"kind": "code", "label": "x" * 26}, "label"),
    ],
)
def test_a_fault_stands_beside_what_was_typed(more: dict[str, Any], field: str) -> None:
    sound = {
        "name": "order_left",
        "language": "en_US",
        "body": "Hello {{1}}, your order left our store.",
        "examples": "Ann",
    }
    given = Typed(**(sound | more))
    wanted = drafting.draft_of(given)

    assert field in [drafting.field_of(one, wanted, given) for one in lint(wanted)]


def test_a_code_is_asked_for_in_several_languages_once_each() -> None:
    given = Typed(kind="code", language="en_US", more_languages="de, es; en_US  pt_BR")

    assert drafting.languages_of(given) == ["en_US", "de", "es", "pt_BR"]
    assert drafting.languages_of(Typed(kind="text", language="de", more_languages="es")) == ["de"]
