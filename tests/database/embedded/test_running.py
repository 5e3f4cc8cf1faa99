"""An embedded server starts, is shared, is set up as told, and stops."""

import asyncio
import stat
import threading
from pathlib import Path

import asyncpg
import pytest

from quixess.database import embedded
from tests.database.embedded import servers


def test_the_first_start_makes_a_private_checked_utf8_database_and_the_next_one_finds_its_rows(
    empty_dir: Path,
) -> None:
    server = embedded.EmbeddedPostgres(empty_dir)
    dsn = server.start()
    servers.write_a_row(dsn)
    assert server.start() == server.dsn == dsn, "starting twice is starting once"
    assert servers.ask(dsn, "SHOW server_encoding") == "UTF8"
    assert servers.ask(dsn, "SHOW data_checksums") == "on"
    assert servers.ask(dsn, "SHOW fsync") == "on"
    assert servers.ask(dsn, "SHOW listen_addresses") == ""
    assert servers.ask(dsn, "SELECT upper('é') || current_database() || current_user") == "Équixessquixess"
    assert stat.S_IMODE(servers.socket_dir(empty_dir).stat().st_mode) == 0o700
    assert server.notice is None
    assert server.pid is not None
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    server.stop()
    assert servers.ask(server.start(), "SELECT id FROM kept") == 7
    server.stop()


def test_stop_leaves_nothing_running_and_may_come_twice(data_dir: Path) -> None:
    server = embedded.EmbeddedPostgres(data_dir)
    server.stop()
    server.start()
    assert servers.processes(data_dir)
    server.stop()
    server.stop()
    assert servers.processes(data_dir) == []
    assert not servers.socket_dir(data_dir).exists()
    assert server.pid is None
    assert embedded.attach(data_dir) is None
    with pytest.raises(embedded.EmbeddedPostgresError, match=r"call start\(\) first"):
        _ = server.dsn


def test_a_client_with_an_open_transaction_does_not_hold_up_the_stop(data_dir: Path) -> None:
    async def leave_it_open(dsn: str) -> None:
        connection = await asyncpg.connect(dsn=dsn)
        await connection.execute("BEGIN")
        await asyncio.to_thread(server.stop)
        connection.terminate()

    server = embedded.EmbeddedPostgres(data_dir)
    asyncio.run(leave_it_open(server.start()))
    assert servers.processes(data_dir) == []


def test_two_processes_that_start_at_once_share_one_server(empty_dir: Path) -> None:
    with servers.starter(empty_dir) as one, servers.starter(empty_dir) as two:
        assert servers.heard(one) == servers.heard(two)
        one.communicate()
        two.communicate()
    assert servers.processes(empty_dir) == []


def test_a_server_that_another_process_started_is_shared_and_left_running(data_dir: Path) -> None:
    assert embedded.attach(data_dir) is None
    with servers.starter(data_dir) as other:
        dsn, pid = servers.heard(other)
        assert embedded.attach(data_dir) == dsn
        server = embedded.EmbeddedPostgres(data_dir)
        assert (server.start(), server.pid) == (dsn, pid)
        server.stop()
        assert servers.ask(dsn, "SELECT 1") == 1
        other.communicate()
    assert embedded.attach(data_dir) is None


def test_a_server_started_in_a_short_lived_thread_stays(data_dir: Path) -> None:
    server = embedded.EmbeddedPostgres(data_dir)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    pid = server.pid
    assert servers.ask(server.dsn, "SELECT 1 FROM pg_sleep(0.2)") == 1
    assert server.pid == pid
    server.stop()


def test_settings_replace_our_defaults_but_never_open_a_port(data_dir: Path) -> None:
    server = embedded.EmbeddedPostgres(data_dir, settings={"max_connections": "37", "work_mem": "5MB"})
    dsn = server.start()
    assert (servers.ask(dsn, "SHOW max_connections"), servers.ask(dsn, "SHOW work_mem")) == ("37", "5MB")
    server.stop()
    with pytest.raises(embedded.EmbeddedPostgresError, match="listen_addresses"):
        embedded.EmbeddedPostgres(data_dir, settings={"listen_addresses": "*"})


def test_what_a_client_sends_never_reaches_the_log(data_dir: Path) -> None:
    async def err(dsn: str) -> None:
        connection = await asyncpg.connect(dsn=dsn)
        await connection.execute("CREATE TABLE code (value text PRIMARY KEY)")
        await connection.execute("INSERT INTO code VALUES ($1)", "code-483920")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO code VALUES ($1)", "code-483920")
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await connection.fetchval("SELECT $1::text::int", "code-483920")
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await connection.execute("INSERT code-483920")
        await connection.close()

    server = embedded.EmbeddedPostgres(data_dir)
    asyncio.run(err(server.start()))
    server.stop()
    log = (data_dir / "postgres.log").read_text()
    assert "database system is shut down" in log
    assert "483920" not in log
