from collections import Counter
from importlib import resources

import pytest

from quixess.meta import codes

CONFIGURATION = (0, 3, 10, 33, 104, 190, 200, 299, 131005, 131031, 131037, 131042, 131045, 133010, 2500)
RETRY = (1, 2, 130429, 131000, 131016, 131057, 133004)
WAIT = (4, 613, 80007, 131048, 131049, 131056, 132015, 133016)
PERMANENT = (100, 131008, 131009, 131047, 132000, 132001, 132012, 132016, 138018, 139004, 147003, 200006)
USER = (130472, 131026, 131050, 137000)


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (codes.Kind.CONFIGURATION, CONFIGURATION),
        (codes.Kind.RETRY, RETRY),
        (codes.Kind.WAIT, WAIT),
        (codes.Kind.PERMANENT, PERMANENT),
        (codes.Kind.USER, USER),
    ],
)
def test_a_code_tells_who_has_to_act(kind: codes.Kind, members: tuple[int, ...]) -> None:
    assert {code: codes.explain(code).kind for code in members} == dict.fromkeys(members, kind)


def test_only_trouble_that_passes_by_itself_is_retryable() -> None:
    assert all(codes.explain(code).retryable for code in RETRY + WAIT)
    assert not any(codes.explain(code).retryable for code in CONFIGURATION + PERMANENT + USER)


def test_a_subcode_says_more_than_its_code() -> None:
    assert "expired" in codes.explain(190, 463).meaning
    assert "password" in codes.explain(190, 460).meaning
    assert codes.explain(100, 33).kind is codes.Kind.CONFIGURATION
    assert "exists" in codes.explain(100, 2388024).meaning


def test_a_subcode_that_says_nothing_leaves_the_code_in_charge() -> None:
    assert codes.explain(190, 33) == codes.explain(190)
    assert codes.explain(131009, 2494055) == codes.explain(131009)


def test_a_parameter_count_mismatch_is_not_called_a_missing_template() -> None:
    assert "number of parameters" in codes.explain(132000).meaning
    assert "not exist" in codes.explain(132001).meaning


def test_a_code_of_tomorrow_is_permanent_and_says_that_it_is_unknown() -> None:
    explanation = codes.explain(999_999)
    assert (explanation.kind, explanation.known) == (codes.Kind.PERMANENT, False)
    assert explanation.meaning
    assert explanation.fix


def test_every_row_explains_itself_in_one_line_and_none_is_written_twice() -> None:
    rows = [
        line
        for line in (resources.files("quixess.meta") / "codes.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert Counter(row.split("|")[0].strip() for row in rows).most_common(1)[0][1] == 1
    assert len(codes.TABLE) == len(rows)
    assert all(one.meaning and one.fix.endswith(".") for one in codes.TABLE.values())
