"""Whatever we let pass, Meta takes: our checks and those of the simulated Meta, written apart, agree."""

from typing import Any

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from quixess import templates
from quixess.errors import QuixessError
from quixess.simulator.model import Category, TemplateStatus
from quixess.simulator.model import Template as Remote
from quixess.simulator.templates import rendering
from quixess.templates import Template, Variables
from tests.templates import making

NAMES = st.lists(st.sampled_from(["name", "order_id", "day", "image"]), max_size=3, unique=True)
NUMBERS = st.integers(0, 12).map(lambda count: [str(number + 1) for number in range(count)])
HARD = st.sampled_from(["", " ", "a\nb", "a     b", "{{1}}", "{{name}}", "x" * 61, "x" * 1025, "\u2028", "\u202e"])
WORDS = st.text("abcZ019 -_.:/{}é", min_size=1, max_size=25) | HARD
BUTTONS: list[dict[str, Any]] = [
    {"type": "QUICK_REPLY", "text": "Yes"},
    {"type": "URL", "text": "Track", "url": making.ADDRESS},
    {"type": "URL", "text": "Shop", "url": "https://shop.example/"},
    {"type": "COPY_CODE", "text": "Copy"},
    {"type": "FLOW", "text": "Tell us"},
    {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550783881"},
    {"type": "CATALOG", "text": "All"},
]
FILLINGS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "QUICK_REPLY": {"payload": WORDS},
    "URL": {"url_suffix": WORDS},
    "COPY_CODE": {"coupon_code": st.text("aZ09", min_size=1, max_size=21) | WORDS},
    "FLOW": {"flow_token": WORDS, "flow_data": st.dictionaries(WORDS, WORDS, max_size=2)},
}
MONEY = st.builds(
    lambda text, code: {
        "type": "currency",
        "currency": {"fallback_value": text, "code": code, "amount_1000": 1000},
    },
    WORDS,
    st.sampled_from(["USD", "EUR"]),
)
DAYS = st.builds(lambda text: {"type": "date_time", "date_time": {"fallback_value": text}}, WORDS)
VALUES = WORDS | WORDS | MONEY | DAYS
FILES = st.sampled_from([{"id": "1234"}, {"link": "https://x.example/a"}, {}, {"id": "x"}])
SPOTS = st.sampled_from([{"latitude": 1, "longitude": 2.5}, {"latitude": 1.5, "longitude": 2, "name": "Philz"}])


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bool, list[str]]:
    named = draw(st.booleans())
    names = draw(NAMES if named else NUMBERS)
    shuffled = draw(st.permutations(names))
    return "Hi " + ", ".join(f"{{{{{name}}}}}" for name in shuffled) + ".", named, names


@st.composite
def asked(draw: st.DrawFn) -> tuple[Template, dict[str, Any]]:
    """A template, and variables that fit it most of the time."""
    body, named, names = draw(bodies())
    header = draw(st.sampled_from([None, "TEXT", "WORDS", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"]))
    buttons = draw(st.lists(st.sampled_from(BUTTONS), max_size=4))
    variables: dict[str, Any] = {"body": {name: draw(VALUES) for name in names}}
    if draw(st.booleans()) and not named:
        variables["body"] = list(variables["body"].values())
    if header == "TEXT":
        variables["header"] = {"text": draw(WORDS)}
    elif header in {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}:
        variables["header"] = {header.lower(): draw(SPOTS if header == "LOCATION" else FILES)}
    filled = [(index, FILLINGS.get(one["type"], {})) for index, one in enumerate(buttons)]
    chosen = [(index, draw(st.fixed_dictionaries({}, optional=members))) for index, members in filled]
    variables["buttons"] = [{"index": index} | members for index, members in chosen if members]
    shown = {None: None, "TEXT": {"format": "TEXT", "text": "For {{1}}"}, "WORDS": {"format": "TEXT", "text": "Hi"}}
    top: Any = shown.get(header, {"format": header}) if not (named and header == "TEXT") else {"text": "For {{name}}"}
    return making.template(body, header=top, buttons=buttons or None, named=named), variables


def filled(template: Template, variables: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Fill a template; None when that is refused in the one way it may be refused."""
    try:
        return templates.fill(template, msgspec.convert(variables, Variables))
    except QuixessError as error:
        if error.code != "template_parameters" or not error.errors:
            raise
        return None


def passes(template: Template, components: list[dict[str, Any]]) -> bool:
    try:
        templates.check(template, components)
    except QuixessError as error:
        if error.code != "template_parameters" or not error.errors:
            raise
        return False
    return True


def remote(template: Template) -> Remote:
    return Remote(
        id="1",
        name=template.name,
        language=template.language,
        category=Category(template.category),
        status=TemplateStatus.APPROVED,
        components=template.components,
        parameter_format=template.parameter_format,
    )


@given(asked())
def test_what_we_fill_meta_takes_and_shows_as_our_history_does(drawn: tuple[Template, dict[str, Any]]) -> None:
    template, variables = drawn
    components = filled(template, variables)
    event(f"taken: {components is not None}")
    if components is None:
        return
    bubble = rendering.render(remote(template), components)
    content = templates.render(template, components)
    templates.check(template, components)
    assert bubble.text == content["body"]
    assert [one.url for one in bubble.buttons] == [one.get("url") for one in content.get("buttons", [])]
    if content.get("header", {}).get("type") == "text":
        assert bubble.header == content["header"]["text"]


@given(asked(), st.data())
def test_what_we_let_pass_in_metas_form_meta_takes(drawn: tuple[Template, dict[str, Any]], data: st.DataObject) -> None:
    """Components of one template, sent with another."""
    template, variables = drawn
    other = data.draw(asked())[0] if data.draw(st.booleans()) else template
    components = [part for part in filled(template, variables) or [] if data.draw(st.integers(0, 9))]
    for part in components:
        if part["type"] == "button" and data.draw(st.booleans()):
            part["index"] = data.draw(st.integers(0, 4))
    taken = passes(other, components)
    event(f"taken: {taken}")
    if taken:
        assert rendering.render(remote(other), components).text == templates.render(other, components)["body"]


@given(st.text("aZ09 -", max_size=17))
def test_codes_that_we_let_pass_meta_takes(code: str) -> None:
    components = filled(making.otp(), {"body": [code]})
    assert (components is not None) is (code.isalnum() and 4 <= len(code) <= 15)
    if components is not None:
        assert rendering.render(remote(making.otp()), components).code == code


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["text", "body", "url", "0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "parameters", "sub_type", "index", "text", "image", "action", "cards", "x"]), inner
        )
    ),
    max_leaves=12,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["header", "body", "button", "carousel", "BODY"])},
    optional={"parameters": JSON, "sub_type": JSON, "index": JSON, "cards": JSON},
)


@given(asked(), st.lists(PART, max_size=4))
def test_no_json_breaks_the_checks_or_the_history(
    drawn: tuple[Template, dict[str, Any]], components: list[dict[str, Any]]
) -> None:
    template = drawn[0]
    if passes(template, components):
        msgspec.json.encode(templates.render(template, components))
