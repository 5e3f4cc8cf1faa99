"""Values: texts of environment variables, read into what settings hold. One that does not fit is a ValueError."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Rate(NamedTuple):
    """At most so many in so many seconds; written such as 5/10m."""

    most: int
    seconds: int

    def __str__(self) -> str:
        for letter, span in (("d", 86_400), ("h", 3600), ("m", 60)):
            if self.seconds % span == 0:
                return f"{self.most}/{self.seconds // span}{letter}"
        return f"{self.most}/{self.seconds}s"


class Address(NamedTuple):
    """A host and a port to listen on; written such as 127.0.0.1:8802 or [::1]:8802."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def flag(text: str) -> bool:
    """Read 1, true, yes, 0, false or no."""
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]


def port(text: str) -> int:
    """Read a port; 0 for any that is free."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


def address(text: str) -> Address:
    """Read an address to listen on: host:port, an IPv6 address in brackets."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", text)
    if match is None:
        raise ValueError
    return Address(str(ip_address(match[1])) if match[1] else match[2], port(match[3]))


def delay(text: str) -> float:
    """Read seconds that may be none, up to five minutes."""
    number = float(text)
    if not 0 <= number <= 300:
        raise ValueError
    return number


def positive(text: str) -> float:
    """Read a number above zero."""
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError
    return number


def days(text: str) -> int:
    """Read a number of days, up to 100 years."""
    number = int(text)
    if not 1 <= number <= 36_500:
        raise ValueError
    return number


def words(text: str) -> tuple[str, ...]:
    """Read words with commas between them; none is allowed."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def ports(text: str) -> tuple[int, ...]:
    """Read ports with commas between them."""
    return () if text.lower() == "any" else tuple(port(word) for word in some_words(text))


def ladder(text: str) -> tuple[float, ...]:
    """Read the waits between attempts, in seconds."""
    return tuple(positive(word) for word in some_words(text))


def some_words(text: str) -> tuple[str, ...]:
    """Read words, at least one: by mistake no port would mean any port, no step no second attempt."""
    if not (found := words(text)):
        raise ValueError
    return found


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks in CIDR notation."""
    return tuple(ip_network(word) for word in words(text))


def rates(text: str) -> tuple[Rate, ...]:
    """Read rates such as 5/10m, with commas between them."""
    if text.lower() == "off":
        return ()
    return tuple(_rate(word) for word in some_words(text))


def _rate(word: str) -> Rate:
    match = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,5})([smhd])", word)
    if match is None:
        raise ValueError
    rate = Rate(int(match[1]), int(match[2]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[3]])
    if not (1 <= rate.most <= 1_000_000 and 1 <= rate.seconds <= 31 * 86_400):
        raise ValueError
    return rate


def many(text: str) -> int:
    """Read a whole number of at least one."""
    number = int(text)
    if not 1 <= number <= 1_000_000:
        raise ValueError
    return number


def proxy_url(text: str) -> str:
    """Read the address of a proxy."""
    parts = urlsplit(text)
    extras = parts.path.strip("/") or parts.query or parts.fragment or ":" in unquote(parts.username or "")
    if parts.scheme != "http" or not parts.port or not parts.hostname or extras or not re.fullmatch(r"[!-~]+", text):
        raise ValueError
    return text


def base_url(text: str) -> str:
    """Read an http(s) address, without the slash at its end."""
    parts = urlsplit(text)
    extras = parts.query or parts.fragment or parts.username or parts.port == 0
    if parts.scheme not in {"http", "https"} or not parts.hostname or extras or not re.fullmatch(r"[!-~]+", text):
        raise ValueError
    return text.rstrip("/")


def kept(text: str) -> str:
    """Read how much of the request log is kept."""
    if text.lower() not in {"bodies", "lines", "off"}:
        raise ValueError
    return text.lower()


def base_urls(text: str) -> tuple[str, ...]:
    """Read http(s) addresses with commas between them."""
    return tuple(base_url(word) for word in words(text))


def _origin(text: str) -> str:
    url = base_url(text)
    if urlsplit(url).path:
        raise ValueError
    return url


def origins(text: str) -> tuple[str, ...]:
    """Read origins: scheme, host and port."""
    return tuple(_origin(word) for word in words(text))


def level(text: str) -> str:
    """Read a log level."""
    if text.lower() not in {"debug", "info", "warning", "error"}:
        raise ValueError
    return text.lower()


def version(text: str) -> str:
    """Read a version of Graph: v25.0."""
    if not re.fullmatch(r"v[0-9]+\.[0-9]+", text):
        raise ValueError
    return text
