"""What narrows a key beside its scopes: templates, destinations, addresses, and how much.

A constraint that is not there narrows nothing; one that cannot be read refuses the key. They are given when a key is
minted and never change, so that what a key could do yesterday is what it can do today.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Annotated, Any

import msgspec
import phonenumbers
from msgspec import Meta
from phonenumbers import NumberParseException

from quixess.access.brands import AccessError
from quixess.errors import QuixessError

Address = IPv4Address | IPv6Address

_MOST = 200
_CALLING_CODES = frozenset(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)

_Template = Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,512}\Z")]
_Destination = Annotated[str, Meta(pattern=r"^([1-9][0-9]{0,14}|[A-Z]{2})\Z")]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class Constraints(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The constraints of a key; None where there is none.

    `templates` are names. `destinations` are ISO countries (`DE`) and beginnings of numbers (`1`, `4930`). `ip_allow`
    are CIDRs. The quotas count requests and messages of the key and of those it was rotated from.
    """

    templates: Annotated[tuple[_Template, ...], Meta(min_length=1, max_length=_MOST)] | None = None
    destinations: Annotated[tuple[_Destination, ...], Meta(min_length=1, max_length=_MOST)] | None = None
    ip_allow: Annotated[tuple[str, ...], Meta(min_length=1, max_length=_MOST)] | None = None
    requests_per_minute: _Count | None = None
    messages_per_minute: _Count | None = None
    messages_per_day: _Count | None = None

    def __post_init__(self) -> None:
        for place in self.destinations or ():
            _check_place(place)
        for network in self.ip_allow or ():
            _check_network(network)


UNCONSTRAINED = Constraints()


def constrain(**wishes: Any) -> Constraints:
    """Make constraints of what an operator wrote: `+49` and `de` are taken, an address becomes its network.

    Raises AccessError that says which one cannot be.
    """
    found = {name: wish for name, wish in wishes.items() if wish not in (None, (), [])}
    if places := found.get("destinations"):
        found["destinations"] = [place.strip().removeprefix("+").upper() for place in places]
    if networks := found.get("ip_allow"):
        found["ip_allow"] = [_write_network(network.strip()) for network in networks]
    try:
        return msgspec.convert(found, Constraints)
    except msgspec.ValidationError as error:
        raise AccessError(f"A constraint cannot be: {error}") from None


def write(constraints: Constraints) -> str:
    """Write constraints as the database keeps them."""
    return msgspec.json.encode(constraints).decode()


@lru_cache(4096)
def read(text: str) -> Constraints:
    """Read what `write` wrote. Raises `key_constraint` for anything else: such a key may do nothing."""
    try:
        return msgspec.json.decode(text, type=Constraints)
    except msgspec.DecodeError:
        raise QuixessError(
            "key_constraint", "The constraints of this key cannot be read here: ask the operator for a new key."
        ) from None


def check_address(constraints: Constraints, address: Address | None) -> None:
    """Let only the addresses of `ip_allow` in; an IPv4 address in IPv6's clothes is one. Raises `ip_not_allowed`."""
    allowed = constraints.ip_allow
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if allowed is not None and (address is None or not any(address in network for network in _networks(allowed))):
        raise QuixessError(
            "ip_not_allowed",
            "The key may not be used from this address: call from one that its ip_allow names. Behind a proxy, the "
            "operator has to trust that proxy.",
            extra={"constraint": "ip_allow"},
        )


def check_template(constraints: Constraints, name: str | None) -> None:
    """Let only the templates of `templates` through; None, a message without one, is none of its business.

    Raises `key_constraint`.
    """
    if constraints.templates is not None and name is not None and name not in constraints.templates:
        raise QuixessError(
            "key_constraint",
            "The key may not send this template: GET /me shows which it may, or use another key.",
            extra={"constraint": "templates"},
        )


def check_destination(constraints: Constraints, phone: str | None) -> None:
    """Let only the numbers (digits) of `destinations` through; None is somebody whose number nobody knows.

    Raises `destination_not_allowed`.
    """
    places = constraints.destinations
    if places is None or (phone is not None and _lies_in(phone, places)):
        return
    raise QuixessError(
        "destination_not_allowed",
        "The key may not send to this number: GET /me shows its destinations."
        if phone is not None
        else "The key has a list of destinations, and a user id tells no country: send to a phone number.",
        extra={"constraint": "destinations"},
    )


def _lies_in(phone: str, places: tuple[str, ...]) -> bool:
    if any(place.isdigit() and phone.startswith(place) for place in places):
        return True
    countries = [place for place in places if not place.isdigit()]
    return bool(countries) and _country(phone) in countries


def _country(phone: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{phone}"))
    except NumberParseException:
        return None


def _check_place(place: str) -> None:
    if place.isdigit():
        # A beginning shorter than a calling code would let many countries in: 4 is all from Romania to Germany.
        known = any(place[:length] in _CALLING_CODES for length in (1, 2, 3))
    else:
        known = place in phonenumbers.SUPPORTED_REGIONS
    if not known:
        raise ValueError(f"{place!r} is no destination: write a country such as DE, or a calling code such as 49")


def _check_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is no network: write a CIDR such as 203.0.113.0/24") from None


def _write_network(text: str) -> str:
    """Write a network as IPv4 where it is one: callers' addresses are compared so."""
    whole = text if "/" in text else f"{text}/{128 if ':' in text else 32}"
    try:
        network = ip_network(whole)
    except ValueError:
        return text  # it is refused by name when the struct is made
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return str(network if mapped is None or network.prefixlen < 96 else f"{mapped}/{network.prefixlen - 96}")


@lru_cache(1024)
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)
