"""Which URLs may be called, judged by their text alone.

The reading is ours, strict, and happens once: parsers that disagree about backslashes, `@`, `#` or `0x7f.1` are how
such checks are passed by. What is left after it means the same to every parser. It is the early and friendly
net; the address that is dialled is judged again, in `addresses`.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address

import yarl

from quixess.events.outward import addresses

_MOST_CHARACTERS = 2048
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_PARTS = re.compile(r"(https?)://([^/?]+)(.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_STARTS_WITH_LETTER = re.compile(r"[a-z]")
_LETTER_TLD = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_INTERNAL_TLDS = frozenset({"localhost", "local", "internal", "svc", "localdomain"})


class ForbiddenUrl(ValueError):  # noqa: N818 - reads as the verdict it is; callers turn it into a 400
    """This URL may not be called. `reason` names the fix and repeats nothing of the URL."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check_url(url: str, policy: addresses.Policy) -> yarl.URL:
    """Read a receiver's URL strictly and return it in canonical form, its path and query untouched.

    Raises ForbiddenUrl. An IP literal passes only when one of the policy's networks holds it. Names that only
    resolve inside a network (`support.internal`, `receiver`) pass only when the policy opens some network.
    """
    scheme, authority, rest = _parts(url)
    if scheme == "http" and not policy.allow_http:
        raise ForbiddenUrl("Use https.")
    found = _AUTHORITY.fullmatch(authority)
    if found is None:
        raise ForbiddenUrl("Write the host as a DNS name, with at most one port after a colon.")
    host, usual = found[1].lower(), 443 if scheme == "https" else 80
    port = int(found[2] or usual)
    _check_port(port, policy)
    _check_host(host, policy)
    netloc = host if port == usual else f"{host}:{port}"
    slash = "" if rest.startswith("/") else "/"
    return yarl.URL(f"{scheme}://{netloc}{slash}{rest}", encoded=True)


def _parts(url: str) -> tuple[str, str, str]:
    if len(url) > _MOST_CHARACTERS:
        raise ForbiddenUrl(f"Shorten the URL to at most {_MOST_CHARACTERS} characters.")
    if not _PRINTABLE.fullmatch(url):
        raise ForbiddenUrl(
            "Use printable ASCII without spaces and backslashes; an international host in its xn-- form."
        )
    if "#" in url:
        raise ForbiddenUrl("Remove the fragment (# and what follows).")
    found = _PARTS.fullmatch(url)
    if found is None:
        raise ForbiddenUrl("Start the URL with https:// and a host.")
    if "@" in found[2]:
        raise ForbiddenUrl("Remove the user name and password before the host.")
    return found[1].lower(), found[2], found[3]


def _check_port(port: int, policy: addresses.Policy) -> None:
    if port > 65535:
        raise ForbiddenUrl("Use a port between 1 and 65535.")
    if policy.ports is not None and port not in policy.ports:
        allowed = ", ".join(map(str, sorted(policy.ports)))
        raise ForbiddenUrl(f"Use one of these ports: {allowed}.")


def _check_host(host: str, policy: addresses.Policy) -> None:
    if _is_literal(host):
        if not addresses.opened(host.strip("[]"), policy):
            raise ForbiddenUrl("Use a DNS name instead of an IP address.")
        return
    labels = host.split(".")
    if len(host) > 253 or not all(map(_is_label, labels)) or not _STARTS_WITH_LETTER.match(labels[-1]):
        raise ForbiddenUrl("Write the host as a DNS name: letters, digits and hyphens between single dots.")
    if host in policy.denied_hosts or host == "metadata.google.internal":
        raise ForbiddenUrl("Use a host that is neither this installation nor a metadata service.")
    if _is_internal(labels) and not _reaches_inside(labels, policy):
        raise ForbiddenUrl("Use a full public DNS name, such as hooks.example.com.")


def _is_literal(host: str) -> bool:
    if host.startswith("["):
        return True
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _is_label(label: str) -> bool:
    return bool(_LABEL.fullmatch(label)) and (not label.startswith("xn--") or _is_plain_punycode(label))


def _is_plain_punycode(label: str) -> bool:
    """Whether an xn-- label stands for visible characters in their one normal form (no full-width digits)."""
    try:
        text = label[4:].encode().decode("punycode")
    except UnicodeError:
        return False
    visible = all(unicodedata.category(character)[0] in "LMN" for character in text if character != "-")
    return visible and not text.isascii() and unicodedata.normalize("NFKC", text) == text


def _is_internal(labels: list[str]) -> bool:
    return len(labels) == 1 or labels[-1] in _INTERNAL_TLDS or not _LETTER_TLD.fullmatch(labels[-1])


def _reaches_inside(labels: list[str], policy: addresses.Policy) -> bool:
    if labels[-1] == "localhost":
        return addresses.opened("127.0.0.1", policy) or addresses.opened("::1", policy)
    return bool(policy.networks)
