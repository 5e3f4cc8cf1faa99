"""A header that shows a file: put into a draft, and nothing else of it changed."""

import pytest

from quixess.errors import QuixessError
from quixess.templates import drafts
from tests.templates.drafting import BODY, FOOTER, HEADER, draft

SHOWN = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW"]}}


def test_a_draft_without_a_header_gets_one_at_its_top() -> None:
    bare = draft(BODY, FOOTER)

    assert drafts.show(bare, "IMAGE", "4::aW").components == [SHOWN, BODY, FOOTER]
    assert bare.components == [BODY, FOOTER]


@pytest.mark.parametrize("kind", ["HEADER", "header"])
def test_a_header_that_shows_such_a_file_gets_the_handle_where_it_stands(kind: str) -> None:
    unsaid = {"type": kind, "format": "image", "example": {"header_handle": ["old"]}}

    assert drafts.show(draft(BODY, unsaid), "IMAGE", "4::aW").components == [BODY, SHOWN]


@pytest.mark.parametrize("header", [HEADER, {"type": "HEADER", "format": "VIDEO"}, {"type": "HEADER"}])
def test_a_header_that_shows_something_else_is_left_to_its_owner(header: dict[str, object]) -> None:
    with pytest.raises(QuixessError, match="a header with the format IMAGE") as refused:
        drafts.show(draft(BODY, header), "IMAGE", "4::aW")

    assert [(one.code, one.pointer) for one in refused.value.errors] == [("header_format", "/components/1/format")]
