"""Whether a process lives and takes work: asked on its own port and on the one that is not for the public."""

import asyncio
import signal
import socket
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from quixess.cli import process
from quixess.cli.rooms import Roles
from quixess.settings import Address
from tests import processes
from tests.database import outage
from tests.probes.looking import probes
from tests.world import World, eventually, settings_for


async def ask(http: aiohttp.ClientSession, url: str, **more: object) -> tuple[int, str]:
    async with http.get(url, **more) as answer:  # type: ignore[arg-type]
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.text()


async def test_a_process_at_work_says_so_on_both_ports_whatever_name_it_is_called_by(watched: World) -> None:
    for url in (watched.url, probes(watched).url):
        for host in ("127.0.0.1", "10.8.0.3:8800", "quixess.svc"):
            assert await ask(watched.http, f"{url}/livez", headers={"Host": host}) == (200, "ok")
            assert await ask(watched.http, f"{url}/readyz", headers={"Host": host}) == (200, '{"status":"ready"}')


async def test_numbers_are_not_shown_on_the_public_port(watched: World) -> None:
    assert (await watched.call("GET", "/metrics")).status == 404
    assert (await watched.call("POST", "/readyz")).status == 404
    assert (await watched.call("GET", "/readyz/")).status == 404


async def test_a_process_that_was_told_to_stop_says_so_at_once_and_goes_on_answering(watched: World) -> None:
    assert (await watched.send_otp()).headers.get("Connection") is None
    probes(watched).readiness.drain()

    assert await ask(watched.http, f"{watched.url}/readyz") == (503, '{"status":"not ready","because":["draining"]}')
    assert (await ask(watched.http, f"{watched.url}/livez"))[0] == 200
    answer = await watched.send_otp()
    assert answer.status == 200
    assert answer.headers["Connection"] == "close"


async def test_without_its_database_a_process_lives_and_is_not_ready(dsn: str, tmp_path: Path) -> None:
    with outage.road(dsn) as road:
        found = settings_for(tmp_path, metrics_address=Address("127.0.0.1", 0), log_level="error")
        async with (
            process.running(found, road.dsn, Roles(gateway=False, worker=True)) as worker,
            aiohttp.ClientSession() as http,
        ):
            url = worker.probes.url
            assert (await ask(http, f"{url}/readyz"))[0] == 200
            await road.cut()

            said = await eventually(lambda: refused(http, f"{url}/readyz"))
            assert said == '{"status":"not ready","because":["database"]}'
            assert (await ask(http, f"{url}/livez"))[0] == 200
            async with http.get(f"{url}/metrics") as answer:
                text = await answer.text()
            assert "quixess_database_up 0.0" in text
            assert "quixess_workers_alive" not in text.replace("# HELP quixess_workers_alive", "")
            assert "process_open_fds" in text

            road.mend()
            await eventually(lambda: accepted(http, f"{url}/readyz"))


async def refused(http: aiohttp.ClientSession, url: str) -> str | None:
    status, said = await ask(http, url)
    return said if status == 503 else None


async def accepted(http: aiohttp.ClientSession, url: str) -> bool:
    return (await ask(http, url))[0] == 200


async def test_a_database_that_lacks_a_migration_is_not_worked_with_and_a_newer_one_is(watched: World) -> None:
    readiness = probes(watched).readiness
    owner = await asyncpg.connect(watched.dsn)
    await owner.execute("INSERT INTO migration (name) VALUES ('9999_future.sql')")
    assert await readiness._look() == []
    await owner.execute("DELETE FROM migration WHERE name = '0001_ground.sql'")
    assert await readiness._look() == ["migrations"]
    await owner.close()


async def test_many_who_ask_at_once_make_one_question_to_the_database(watched: World) -> None:
    readiness = probes(watched).readiness
    asked: list[None] = []

    async def look() -> list[str]:
        asked.append(None)
        await asyncio.sleep(0.01)
        return []

    readiness._look = look  # type: ignore[method-assign]
    readiness._asked_at = float("-inf")
    assert await asyncio.gather(*(readiness.faults() for _ in range(50))) == [[]] * 50
    assert len(asked) == 1


async def test_nobody_is_sent_to_a_process_that_is_not_there_yet(watched: World) -> None:
    fresh = type(probes(watched).readiness)(watched.rooms.db)
    assert await fresh.faults() == ["starting"]
    fresh.open()
    assert await fresh.faults() == []


@pytest.mark.slow
async def test_sigterm_is_told_to_balancers_before_the_listener_closes(dsn: str, tmp_path: Path) -> None:
    async with (
        processes.running(dsn, tmp_path, "serve", stop_delay="1.5") as gateway,
        aiohttp.ClientSession() as http,
    ):
        assert (await ask(http, f"{gateway.url}/readyz"))[0] == 200
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGTERM)

        said = await eventually(lambda: refused(http, f"{gateway.url}/readyz"))
        assert said == '{"status":"not ready","because":["draining"]}'
        async with http.get(f"{gateway.url}/docs") as answer:
            assert answer.status == 200
        assert await gateway.process.wait() == 0


async def test_an_address_that_is_taken_is_told_in_plain_words(dsn: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = settings_for(tmp_path, metrics_address=Address("127.0.0.1", port))
        with pytest.raises(OSError, match=f"QUIXESS_METRICS_ADDRESS 127.0.0.1:{port}: [Aa]ddress already in use"):
            async with process.running(found, dsn, Roles(gateway=False, worker=True)):
                pass
