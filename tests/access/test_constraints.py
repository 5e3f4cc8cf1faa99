"""Constraints of a key: what can be asked for, what is kept, and what is let through."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quixess import access
from quixess.access import AccessError, Constraints
from quixess.access import constraints as narrowing
from quixess.errors import QuixessError

Address = IPv4Address | IPv6Address


def plain(address: Address) -> Address:
    """Write an IPv4 address that came in IPv6's clothes as itself (RFC 4291 §2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped if mapped is not None else address


def lets(check: str, constraints: Constraints, what: object) -> bool:
    try:
        getattr(access, check)(constraints, what)
    except QuixessError:
        return False
    return True


def test_a_key_without_constraints_is_narrowed_by_nothing() -> None:
    nothing = access.constrain(templates=[], destinations=None, ip_allow=(), requests_per_minute=None)
    assert nothing == Constraints()
    assert narrowing.write(nothing) == "{}"
    for check in ("check_template", "check_destination", "check_address"):
        assert lets(check, nothing, None)
    assert lets("check_destination", nothing, "12818184370")


def test_what_an_operator_writes_is_kept_in_one_form() -> None:
    made = access.constrain(
        destinations=[" +49 ", "de", "Us"], ip_allow=["203.0.113.7", "2001:db8::/48", "::ffff:10.0.0.0/104", "::1"]
    )
    assert made.destinations == ("49", "DE", "US")
    assert made.ip_allow == ("203.0.113.7/32", "2001:db8::/48", "10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(
    "wish",
    [
        {"templates": ["A"]},
        {"templates": ["signup_otp\n"]},
        {"templates": [""]},
        {"templates": ["a"] * 201},
        {"destinations": [""]},
        {"destinations": ["*"]},
        {"destinations": ["0"]},
        {"destinations": ["9" * 16]},
        {"destinations": ["٤٩"]},
        {"destinations": ["DEU"]},
        {"destinations": ["ZZ"]},
        {"destinations": ["001"]},
        {"ip_allow": ["0.0.0.0/33"]},
        {"ip_allow": ["10.0.0.1/255.0.0.1"]},
        {"ip_allow": [""]},
        {"requests_per_minute": 0},
        {"requests_per_minute": -5},
        {"messages_per_minute": 1_000_001},
        {"messages_per_day": True},
        {"anything": 1},
    ],
    ids=str,
)
def test_a_constraint_that_means_nothing_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises(AccessError):
        access.constrain(**wish)


@pytest.mark.parametrize("short", ["4", "3", "9", "21", "42", "88"])
def test_a_prefix_shorter_than_a_calling_code_would_let_many_countries_in(short: str) -> None:
    with pytest.raises(AccessError, match="no destination"):
        access.constrain(destinations=[short])


CONSTRAINTS = st.builds(
    access.constrain,
    templates=st.none() | st.lists(st.from_regex(r"\A[a-z0-9_]{1,20}\Z"), min_size=1, max_size=5),
    destinations=st.none() | st.lists(st.sampled_from(["DE", "US", "49", "1", "4930", "44"]), min_size=1),
    ip_allow=st.none() | st.lists(st.ip_addresses().map(str), min_size=1, max_size=5),
    requests_per_minute=st.none() | st.integers(1, 1_000_000),
    messages_per_minute=st.none() | st.integers(1, 1_000_000),
    messages_per_day=st.none() | st.integers(1, 1_000_000),
)


@given(constraints=CONSTRAINTS)
def test_what_is_written_is_read_as_it_was(constraints: Constraints) -> None:
    assert narrowing.read(narrowing.write(constraints)) == constraints


@given(text=st.text() | st.dictionaries(st.text(), st.integers() | st.text(), min_size=1).map(str))
def test_anything_else_is_read_as_a_refusal(text: str) -> None:
    with pytest.raises(QuixessError, match="key_constraint"):
        narrowing.read(text)


@given(address=st.ip_addresses(), network=st.ip_addresses())
@example(address=ip_address("::ffff:0:0"), network=ip_address("0.0.0.0"))
def test_only_the_address_that_is_named_is_let_in(address: Address, network: Address) -> None:
    same = plain(address) == plain(network)
    assert lets("check_address", access.constrain(ip_allow=[str(network)]), address) == same


def test_networks_of_one_kind_say_nothing_of_the_other() -> None:
    everybody_four, everybody_six = access.constrain(ip_allow=["0.0.0.0/0"]), access.constrain(ip_allow=["::/0"])
    four, six = ip_address("192.0.2.1"), ip_address("2001:db8::1")
    assert [lets("check_address", everybody_four, one) for one in (four, six, None)] == [True, False, False]
    assert [lets("check_address", everybody_six, one) for one in (four, six, None)] == [False, True, False]


@pytest.mark.parametrize(
    ("places", "phone", "may"),
    [
        (["DE"], "493012345678", True),
        (["DE"], "4915123456789", True),
        (["DE"], "43120123456", False),
        (["4930"], "493012345678", True),
        (["4930"], "494012345678", False),
        (["1"], "15550100001", True),
        (["US"], "12818184370", True),
        (["US"], "14165550123", False),
        (["KZ"], "77012345678", True),
        (["RU"], "77012345678", False),
        (["GB"], "447781123456", False),
        (["GG"], "447781123456", True),
        (["MX"], "5215512345678", True),
        (["AR"], "5491123456789", True),
        (["BR"], "551155256325", True),
        (["DE", "FR"], "33612345678", True),
    ],
)
def test_a_number_lies_where_the_plans_of_the_world_say(places: list[str], phone: str, may: bool) -> None:
    assert lets("check_destination", access.constrain(destinations=places), phone) == may
