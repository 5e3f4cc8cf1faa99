"""The rules: one word and one sentence for each, and the findings of those who break them.

Source: Meta's pages on template components, authentication templates, carousels, limited-time offers, time to live
and template management.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from quixess.errors import FieldError

RULES: dict[str, str] = {
    "name_form": "A name is made of a-z, 0-9 and _, at most 512 of them.",
    "language_known": "The language is one of Meta's codes, written exactly so: `en_US`, not `en-US`.",
    "category_known": "The category is AUTHENTICATION, MARKETING or UTILITY.",
    "ttl_range": "Seconds to live: 30-900 for AUTHENTICATION, 30-43200 for UTILITY, 43200-2592000 for MARKETING; "
    "-1 for the first two.",
    "parameter_format": "`parameter_format` is POSITIONAL or NAMED, and variables are written accordingly.",
    "component_known": "Components are HEADER, BODY, FOOTER, BUTTONS, CAROUSEL, LIMITED_TIME_OFFER, and few that Meta "
    "alone checks.",
    "component_once": "Each component is there once.",
    "component_fields": "A component has its own fields and no others, of the right type.",
    "body_required": "There is a BODY.",
    "text_required": "A text is there and is not blank.",
    "header_format": "A header is TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION.",
    "header_length": "A header has at most 60 characters.",
    "header_variables": "A header has one variable at most.",
    "header_plain": "A header is one line without marks for bold, italic or code.",
    "body_length": "A body has at most 1024 characters.",
    "footer_length": "A footer has at most 60 characters.",
    "footer_variables": "A footer has no variables.",
    "variable_form": "A variable is `{{1}}`, or `{{lower_snake}}` with `parameter_format` NAMED; nothing else stands "
    "in braces.",
    "variables_sequential": "Numbered variables are {{1}}, {{2}}, … without a gap.",
    "variables_apart": "Words stand between two variables.",
    "variables_inside": "A body does not start or end with a variable.",
    "variable_last": "Words stand after the last variable of a body: a full stop alone may not do.",
    "variables_ratio": "A body has enough words for its variables: more than two for each.",
    "example_required": "Whatever has a variable or shows a file has an example.",
    "example_fits": "There is one example for each variable, in the form that Meta wants.",
    "buttons_number": "There are 1 to 10 buttons.",
    "button_known": "A button has a type that Meta knows.",
    "button_fields": "A button has what its type needs.",
    "button_number": "At most 2 URL buttons, and one of PHONE_NUMBER, COPY_CODE and the other types that act.",
    "button_label": "A label has 1 to 25 characters and no variables.",
    "buttons_order": "Quick replies stand together, before or after the other buttons.",
    "url_form": "A URL starts with https:// or http:// and has at most 2000 characters.",
    "url_variable": "A URL has one variable at most, at its end.",
    "phone_form": "A phone number has a country code and at most 20 characters.",
    "coupon_form": "The example of a code to copy has at most 20 letters and digits.",
    "marketing_only": "A template with a CAROUSEL or a LIMITED_TIME_OFFER is MARKETING.",
    "carousel_alone": "Beside a CAROUSEL stands a BODY, and nothing else.",
    "cards_number": "A carousel has 2 to 10 cards.",
    "cards_alike": "All cards have the same components, the same format of header, and the same buttons in the same "
    "order.",
    "card_parts": "A card is made of HEADER, BODY and BUTTONS; one that shows a PRODUCT has no BODY.",
    "card_header": "A card has a HEADER: IMAGE, VIDEO or PRODUCT.",
    "card_length": "The body of a card has at most 160 characters.",
    "card_buttons": "A card has one or two buttons of QUICK_REPLY, URL and PHONE_NUMBER; one that shows a PRODUCT has "
    "one, SPM or URL.",
    "offer_text": "The text of an offer has 1 to 16 characters.",
    "offer_length": "The body beside an offer has at most 600 characters.",
    "offer_header": "The header above an offer is IMAGE or VIDEO.",
    "offer_footer": "There is no FOOTER below an offer.",
    "offer_buttons": "An offer has a URL button, and COPY_CODE before it when `has_expiration` is true.",
    "offer_code": "The example of an offer's code has at most 15 letters and digits.",
    "code_words_fixed": "The words of one-time codes are Meta's: BODY has no `text`, FOOTER none either, and there is "
    "no HEADER.",
    "code_expiration": "`code_expiration_minutes` is 1 to 90.",
    "code_button": "A one-time code has exactly one button: OTP, with `otp_type` COPY_CODE, ONE_TAP or ZERO_TAP.",
    "code_apps": "ONE_TAP and ZERO_TAP name 1 to 5 `supported_apps`: a package, and its signature hash of 11 "
    "characters.",
    "code_terms": "ZERO_TAP says `zero_tap_terms_accepted`: true.",
    "code_category": "One-time codes are AUTHENTICATION templates; in others Meta rejects them.",
    "checked_by_meta": "Some parts are looked at by Meta alone.",
    "name_taken": "A name has each language once.",
    "name_blocked": "A deleted name is blocked in its language for 30 days.",
    "content_repeated": "No other template of the language has the same body and footer; one-time codes may.",
    "unpause_state": "Only a PAUSED template can be unpaused.",
    "edit_empty": "An edit changes something.",
    "edit_state": "Only APPROVED, REJECTED and PAUSED templates can be edited.",
    "edit_category": "An approved template keeps its category.",
    "edit_pace": "An approved template is edited once in 24 hours and 10 times in 30 days.",
    "delete_state": "A DISABLED template cannot be deleted.",
}
"""What must hold, by the word that names it in an error."""

WARNINGS = frozenset({"header_plain", "variable_last", "variables_ratio", "code_category", "checked_by_meta"})
"""Rules that Meta judges with more than a count: they are told, and keep nothing from being submitted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of a rule; `pointer` is a JSON Pointer into the draft."""

    pointer: str
    rule: str
    detail: str

    @property
    def blocks(self) -> bool:
        """Whether Meta would refuse the template for it."""
        return self.rule not in WARNINGS


@dataclass(slots=True)
class Findings:
    """All that is found in a draft."""

    listed: list[Finding] = field(default_factory=list)

    def add(self, pointer: str, rule: str, detail: str | None = None) -> None:
        """Note a breach; without a detail the rule itself says what to do."""
        self.listed.append(Finding(pointer, rule, detail or RULES[rule]))

    def hold(self, holds: object, pointer: str, rule: str, detail: str | None = None) -> None:
        """Note a breach unless it holds."""
        if not holds:
            self.add(pointer, rule, detail)


def as_errors(findings: Iterable[Finding]) -> tuple[FieldError, ...]:
    """Give findings as entries of `errors`: the code is the rule."""
    return tuple(FieldError(one.pointer, one.rule, one.detail) for one in findings)
