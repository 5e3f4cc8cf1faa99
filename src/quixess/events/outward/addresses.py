"""Which IP addresses may be dialled.

Our own list and not `ipaddress.is_global`: that one calls multicast, `::127.0.0.1`, site-local and NAT64 forms
of the metadata address global, and its tables differ between Python releases. The list follows IANA's
special-purpose registries (RFC 6890) plus the cloud addresses that hand out credentials.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator allows outgoing calls to reach.

    `ports` is None for any port. `networks` opens otherwise forbidden ranges, such as 10.0.0.0/8; it can open
    neither 169.254.0.0/16 nor fd00:ec2::254. `closed_ports` stay closed in those networks: our own database's.
    `denied_hosts` are our own public host names, in lower case. `show_private_answers` keeps what a server in
    those networks says, for tenants to read.
    """

    allow_http: bool = False
    ports: frozenset[int] | None = frozenset({443, 8443})
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    closed_ports: frozenset[int] = frozenset()
    denied_hosts: frozenset[str] = frozenset()
    show_private_answers: bool = False


_NOTHING_OPENED = Policy()

# Instance metadata lives here on every large cloud: no allow-list of an operator opens it to a tenant.
_NEVER = (IPv4Network("169.254.0.0/16"), IPv6Network("fd00:ec2::254/128"))

_FORBIDDEN_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's wire server, on an address that is public everywhere else
    )
)

_PUBLIC_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

# These two carry an IPv4 address that is reached for real. NAT64 is judged, not refused, because it is the
# only way out of an IPv6-only cluster.
_WRAPPERS = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


def forbidden(address: str, policy: Policy, port: int = 0) -> str | None:
    """Say why `address` may not be dialled, or None when it may. What is no IP address is forbidden too."""
    ip = _read(address)
    if ip is None:
        return "this is not an IP address, or it has a scope id"
    if _in_any(ip, _NEVER):
        return "link-local and metadata addresses are never reachable"
    if _in_any(ip, policy.networks):
        return "this port is not for tenants" if port in policy.closed_ports else None
    return _not_public(ip)


def is_public(address: str) -> bool:
    """Whether anyone on the internet could reach `address`: what its server says is no secret of this network."""
    return forbidden(address, _NOTHING_OPENED) is None


def is_literal(host: str) -> bool:
    """Whether `host` is an IP address and no name."""
    return _read(host) is not None


def opened(address: str, policy: Policy) -> bool:
    """Whether the operator opened a network that holds `address`; a public address alone is not enough."""
    ip = _read(address)
    return ip is not None and _in_any(ip, policy.networks) and not _in_any(ip, _NEVER)


def _read(address: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    if ip.version == 4:
        return ip
    if ip.scope_id is not None:
        return None
    return IPv4Address(int(ip) & 0xFFFF_FFFF) if _in_any(ip, _WRAPPERS) else ip


def _in_any(ip: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    return any(ip in network for network in networks)


def _not_public(ip: IPv4Address | IPv6Address) -> str | None:
    if ip.version == 6 and ip not in _PUBLIC_V6:
        return f"only {_PUBLIC_V6} is public in IPv6"
    blocks = _FORBIDDEN_V4 if ip.version == 4 else _FORBIDDEN_V6
    block = next((block for block in blocks if ip in block), None)
    return None if block is None else f"{block} is not public"
