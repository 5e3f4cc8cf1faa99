"""An embedded server is killed in every way there is, and comes back with what was committed."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from quixess.database import embedded
from quixess.database.embedded import places, postmaster
from tests.database.embedded import servers


def test_committed_rows_survive_a_kill_9_of_the_postmaster(data_dir: Path) -> None:
    server = embedded.EmbeddedPostgres(data_dir)
    servers.write_a_row(server.start())
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    servers.wait_until(lambda: server.pid is None)
    assert servers.ask(server.start(), "SELECT id FROM kept") == 7
    server.stop()


def test_committed_rows_survive_a_kill_9_of_everything(data_dir: Path) -> None:
    with servers.starter(data_dir, "untied") as other:
        dsn, pid = servers.heard(other)
        servers.write_a_row(dsn)
        other.kill()
        for victim in servers.processes(data_dir):
            os.kill(victim, signal.SIGKILL)
        server = embedded.EmbeddedPostgres(data_dir)
        assert servers.ask(server.start(), "SELECT id FROM kept") == 7
        assert server.pid != pid
        server.stop()


def test_a_backend_too_busy_to_notice_its_postmasters_death_does_not_block_the_next_start(
    data_dir: Path,
) -> None:
    server = embedded.EmbeddedPostgres(data_dir)
    dsn = server.start()
    assert server.pid is not None
    psql = places.find_programs(None).folder / "psql"
    busy = "/* busy */ DO $$ BEGIN LOOP END LOOP; END $$"
    with subprocess.Popen([psql, dsn, "-c", busy], stderr=subprocess.DEVNULL):
        servers.wait_until(lambda: servers.ask(dsn, "SELECT true FROM pg_stat_activity WHERE query LIKE '/* busy */%'"))
        os.kill(server.pid, signal.SIGKILL)
        servers.wait_until(lambda: server.pid is None)
        assert servers.ask(server.start(), "SELECT 1") == 1
    server.stop()


def test_a_killed_parent_takes_its_server_with_it(data_dir: Path) -> None:
    with servers.starter(data_dir) as other:
        servers.heard(other)
        other.kill()
    servers.wait_until(lambda: not servers.processes(data_dir))


def test_an_untied_server_outlives_its_killed_parent_and_is_found_again(data_dir: Path) -> None:
    with servers.starter(data_dir, "untied") as other:
        dsn, pid = servers.heard(other)
        servers.write_a_row(dsn)
        other.kill()
    server = embedded.EmbeddedPostgres(data_dir)
    assert servers.ask(server.start(), "SELECT id FROM kept") == 7
    assert server.pid == pid


def test_a_kill_9_during_initdb_leaves_no_half_made_cluster(empty_dir: Path) -> None:
    with servers.starter(empty_dir) as other:
        servers.wait_until(lambda: list(empty_dir.glob("postgres.new-*/PG_VERSION")))
        other.kill()
    server = embedded.EmbeddedPostgres(empty_dir)
    assert servers.ask(server.start(), "SELECT 1") == 1
    assert not list(empty_dir.glob("postgres.new-*"))
    server.stop()


@pytest.mark.parametrize("program", ["sleep", "true"], ids=["a stranger's", "a zombie's"])
def test_a_stale_pid_file_does_not_block_a_start_though_its_pid_is_alive(data_dir: Path, program: str) -> None:
    server = embedded.EmbeddedPostgres(data_dir)
    server.start()
    remains = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    server.stop()
    with subprocess.Popen([program, "1000"]) as stranger:
        if program == "true":
            servers.wait_until(lambda: postmaster.working_directory(stranger.pid) is None)
        stale = "\n".join([str(stranger.pid), *remains[1:]]) + "\n"
        (data_dir / "postgres" / "postmaster.pid").write_text(stale)
        places.make_socket_dir(servers.socket_dir(data_dir), places.choose_user(data_dir / "postgres"))
        (servers.socket_dir(data_dir) / ".s.PGSQL.5432.lock").write_text(stale)
        assert embedded.attach(data_dir) is None
        assert servers.ask(server.start(), "SELECT 1") == 1
        os.kill(stranger.pid, 0)
        stranger.kill()
    server.stop()
