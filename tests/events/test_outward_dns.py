"""DNS can hang, and a tenant can have a hundred names that do: nobody else waits for them."""

import asyncio
import socket
import subprocess
import sys

import pytest

from quixess.events import outward
from quixess.events.outward import Fault, names
from tests.events import outward_traps as traps

GOODBYE = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a DNS rings no bell when it is asked
            await asyncio.sleep(0.005)


async def test_a_hundred_names_that_hang_stop_nobody_elses():
    dns = traps.PatchyNames()
    async with (
        traps.trap(traps.answer_well) as receiver,
        outward.Sender(traps.LOCAL, resolver=dns, dns_timeout_s=30, total_timeout_s=30) as sender,
        asyncio.TaskGroup() as loud,
    ):
        for number in range(100):
            loud.create_task(sender.post(receiver.url_of(f"hang-{number}.example.com"), b"", {}, pool="loud"))
        await until(lambda: len(dns.asked) >= 4)
        quiet = await sender.post(receiver.url_of("quiet.example.com"), b"", {}, pool="quiet")
        assert quiet.ok
        assert [name for name in dns.asked if name.startswith("hang")] == [f"hang-{n}.example.com" for n in range(4)]
        dns.heal.set()
    assert len(dns.asked) == 101


async def test_a_name_that_somebody_waits_for_in_vain_is_free_for_others_to_ask():
    """The loud one has four names that hang, and waits to ask for a fifth, which is a neighbour's too."""
    dns = traps.PatchyNames()
    async with (
        traps.trap(traps.answer_well) as receiver,
        outward.Sender(traps.LOCAL, resolver=dns, dns_timeout_s=30, total_timeout_s=30) as sender,
        asyncio.TaskGroup() as loud,
    ):
        for host in ("hang-1", "hang-2", "hang-3", "hang-4", "shared"):
            loud.create_task(sender.post(receiver.url_of(f"{host}.example.com"), b"", {}, pool="loud"))
        await until(lambda: len(dns.asked) == 4)
        assert (await sender.post(receiver.url_of("shared.example.com"), b"", {}, pool="quiet")).ok
        dns.heal.set()
    assert dns.asked.count("shared.example.com") == 1


async def test_a_name_is_asked_for_once_however_many_wait():
    dns = traps.PatchyNames()
    async with traps.trap(traps.answer_well) as receiver, outward.Sender(traps.LOCAL, resolver=dns) as sender:
        url = receiver.url_of("hang.example.com")
        posts = [asyncio.create_task(sender.post(url, b"", {}, pool=f"{number % 3}")) for number in range(9)]
        await until(lambda: dns.asked)
        await asyncio.sleep(0.05)
        dns.heal.set()
        assert all(answer.ok for answer in await asyncio.gather(*posts))
    assert dns.asked == ["hang.example.com"]


@pytest.mark.parametrize(("kept_s", "questions"), [(60.0, 1), (0.0, 3)])
async def test_an_answer_of_dns_is_kept_for_its_time(kept_s, questions):
    dns = traps.Names(["127.0.0.1"])
    async with (
        traps.trap(traps.saying(GOODBYE)) as receiver,
        outward.Sender(traps.LOCAL, resolver=dns, dns_kept_s=kept_s) as sender,
    ):
        for _ in range(3):
            assert (await sender.post(receiver.url_of("hooks.example.com"), b"", {})).ok
    assert len(receiver.visits) == 3
    assert len(dns.asked) == questions


async def test_a_name_that_is_gone_is_not_asked_for_again_at_once():
    dns = traps.Names(socket.gaierror(socket.EAI_NONAME, "no"))
    async with outward.Sender(traps.LOCAL, resolver=dns) as sender:
        for _ in range(3):
            assert (await sender.post("http://gone.example.com/", b"", {})).fault is Fault.dns_error
    assert len(dns.asked) == 1


async def test_a_name_that_still_hangs_keeps_nobody_waiting_a_second_time():
    """The first waits its time in vain. Who comes while the question is still open is told at once."""
    dns = traps.PatchyNames()
    async with (
        traps.trap(traps.answer_well) as receiver,
        outward.Sender(traps.LOCAL, resolver=dns, dns_timeout_s=0.1) as sender,
    ):
        url = receiver.url_of("hang.example.com")
        assert (await sender.post(url, b"", {})).fault is Fault.dns_error
        assert (await sender.post(url, b"", {})).fault is Fault.dns_error
        assert len(dns.asked) == 1
        dns.heal.set()
        await asyncio.sleep(0.01)
        assert (await sender.post(url, b"", {})).ok, "the late answer is an answer"


async def test_who_asks_for_a_name_that_hangs_too_long_is_told_without_a_wait():
    dns = traps.PatchyNames()
    known = names.Names(dns, timeout_s=0.05, kept_s=60)
    with pytest.raises(socket.gaierror):
        await known.addresses("hang.example.com", asker="a")
    question = known.addresses("hang.example.com", asker="b")
    with pytest.raises(socket.gaierror):
        question.send(None)  # one step; to wait would be to give something back
    await known.close()


async def test_what_is_kept_is_bounded():
    dns = traps.Names(["127.0.0.1"])
    known = names.Names(dns, timeout_s=5, kept_s=60)
    for number in range(5000):
        await known.addresses(f"n{number}.example.com", asker="")
    assert len(known._known) == 4096
    await known.addresses("n4999.example.com", asker="")
    assert len(dns.asked) == 5000
    await known.addresses("n0.example.com", asker="")
    assert len(dns.asked) == 5001


async def test_nothing_is_kept_of_askers_who_have_nothing_to_ask():
    known = names.Names(traps.Names(["127.0.0.1"]), timeout_s=5, kept_s=0)
    for number in range(10):
        await known.addresses("hooks.example.com", asker=f"brand {number}")
    assert not known._flights
    assert not list(known._shares)


async def test_a_sender_that_closes_waits_for_no_name():
    sender = outward.Sender(traps.LOCAL, resolver=traps.HangingNames(), dns_timeout_s=0.02)
    async with sender:
        assert (await sender.post("http://hang.example.com/", b"", {})).fault is Fault.dns_error
    assert not [task for task in asyncio.all_tasks() if "_fly" in repr(task.get_coro())]


def test_a_lookup_that_hangs_does_not_hold_up_the_end_of_the_process():
    program = """
import asyncio, socket, time
from quixess.events import outward
socket.getaddrinfo = lambda *_, **__: time.sleep(600)
async def main():
    async with outward.Sender(outward.Policy(allow_http=True, ports=None), dns_timeout_s=0.1) as sender:
        print((await sender.post("http://hang.example.com/", b"", {})).fault)
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.stdout, ended.returncode) == ("dns_error\n", 0), ended.stderr
