"""What a process asks of the system, and what it lets tenants reach."""

import resource
import subprocess
import sys

import pytest

from quixess.cli import meaning
from quixess.settings import Settings

RAISE = """
import resource
from quixess.cli import process
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
process.raise_file_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_process_may_open_as_many_sockets_as_the_system_allows_within_reason():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    said = subprocess.run([sys.executable, "-c", RAISE], capture_output=True, text=True, timeout=60, check=True).stdout

    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    assert said.split() == [str(wanted), str(hard)]


@pytest.mark.parametrize(
    ("url", "closed"),
    [
        (None, set()),
        ("postgresql:///quixess", {5432}),
        ("postgresql://u:p@db/quixess", {5432}),
        ("postgresql://u:p%40x:9@db.example:6432/quixess", {5432, 6432}),
        ("postgresql://u:p@a:5433,[fd00::1]:5434,[fd00::2],c/quixess", {5432, 5433, 5434}),
    ],
)
def test_no_tenant_reaches_our_database_in_a_network_that_is_open(url, closed):
    assert meaning.outward_policy(Settings(database_url=url)).closed_ports == closed
