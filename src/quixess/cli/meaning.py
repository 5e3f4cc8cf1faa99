"""What settings mean: where the keyring lies, and which URLs tenants' endpoints may have."""

from pathlib import Path
from urllib.parse import urlsplit

from quixess import vault
from quixess.events.outward import Policy
from quixess.settings import Settings
from quixess.vault import Keyring


def read_keyring(settings: Settings) -> Keyring:
    """Read the keyring of this installation, or make it at the first start."""
    if settings.keyring is not None:
        return Keyring.loads(settings.keyring)
    return vault.read_or_make(keyring_file(settings))


def keyring_file(settings: Settings) -> Path:
    """Say where the keyring lies when it is a file of this installation."""
    return settings.data_dir / "keyring.json"


def outward_policy(settings: Settings) -> Policy:
    """Say which URLs tenants' endpoints may have."""
    return Policy(
        allow_http=settings.webhook_http,
        ports=frozenset(settings.webhook_ports) or None,
        networks=settings.webhook_networks,
        closed_ports=_database_ports(settings.database_url),
        denied_hosts=frozenset(host.partition(":")[0] for host in settings.allowed_hosts),
        show_private_answers=settings.webhook_private_answers,
    )


def _database_ports(url: str | None) -> frozenset[int]:
    """Read the ports of a PostgreSQL URL, which may name several hosts. The embedded one has none."""
    if url is None:
        return frozenset()
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition(":")[2] for host in hosts if not host.endswith("]")]
    return frozenset(int(port) for port in ports if port.isdigit()) | {5432}
