"""DNS is the tenant's. Whatever it says, only an allowed address is dialled."""

import dataclasses
import errno
import ipaddress
import socket

import aiohttp
import pytest

from quixess.events import outward
from quixess.events.outward import names, wire
from tests.events import outward_traps as traps

ONE_ADDRESS = outward.Policy(allow_http=True, ports=None, networks=(ipaddress.IPv4Network("127.0.0.2/32"),))


async def test_a_name_is_resolved_and_called_by_its_name():
    heads = []

    async def play(visit):
        while request := await visit.hear():
            heads.append(request[0])
            visit.say(traps.OK)

    dns = traps.Names(["127.0.0.1"])
    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL, resolver=dns) as sender:
        answer = await sender.post(receiver.url_of("hooks.example.com"), b"{}", {})
    assert answer.ok
    assert dns.asked == ["hooks.example.com"]
    assert f"Host: hooks.example.com:{receiver.port}\r\n" in heads[0]


async def test_a_name_that_turns_inward_between_two_calls_is_blocked():
    """The first answer is allowed and closes its connection; the second answer leads to a trap."""
    rebinding = traps.Names(["127.0.0.2"], ["127.0.0.1"])
    closing = traps.saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    async with traps.trap(closing, host="127.0.0.2") as allowed, traps.trap(traps.answer_well) as inner:
        url = "http://rebind.example.com:{}/".format
        async with outward.Sender(ONE_ADDRESS, resolver=rebinding, dns_kept_s=0) as sender:
            first = await sender.post(url(allowed.port), b"", {})
            second = await sender.post(url(inner.port), b"", {})
    assert first.ok
    assert second.fault is outward.Fault.blocked
    assert inner.visits == []


async def test_a_name_that_turned_inward_after_it_was_saved_is_blocked():
    """The URL was checked at creation, when its name was public; the dial is what counts."""
    async with traps.trap(traps.answer_well) as inner:
        policy = outward.Policy(allow_http=True, ports=None)
        url = inner.url_of("rebind.example.com")
        outward.check_url(url, policy)
        async with outward.Sender(policy, resolver=traps.Names(["127.0.0.1"])) as sender:
            answer = await sender.post(url, b"", {})
    assert answer.fault is outward.Fault.blocked
    assert inner.visits == []


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.2", "::1"],
        ["::1", "127.0.0.2"],
        ["127.0.0.2", "::ffff:127.0.0.1"],
        ["127.0.0.2", "64:ff9b::7f00:1"],
        ["127.0.0.2", "169.254.169.254"],
        ["127.0.0.2", "fe80::1%eth0"],
        ["127.0.0.2", "not an address"],
    ],
)
async def test_one_forbidden_answer_refuses_the_whole_name(found):
    async with traps.trap(traps.answer_well, host="127.0.0.2") as allowed:
        async with outward.Sender(ONE_ADDRESS, resolver=traps.Names(found)) as sender:
            answer = await sender.post(allowed.url_of("mixed.example.com"), b"", {})
        assert answer.fault is outward.Fault.blocked
        assert allowed.visits == []


@pytest.mark.parametrize(
    "found",
    [
        [],
        socket.gaierror(socket.EAI_NONAME, "NXDOMAIN"),
        socket.gaierror(socket.EAI_AGAIN, "SERVFAIL"),
        socket.gaierror(socket.EAI_FAIL, "refused"),
    ],
)
async def test_a_name_without_an_address_is_a_dns_error_and_frees_the_slot(found):
    dns = traps.Names(found, ["127.0.0.1"])
    async with (
        traps.trap(traps.answer_well) as receiver,
        outward.Sender(traps.LOCAL, resolver=dns, connections=1) as sender,
    ):
        assert (await sender.post(receiver.url_of("gone.example.com"), b"", {})).fault is outward.Fault.dns_error
        assert (await sender.post(receiver.url_of("here.example.com"), b"", {})).ok


async def test_a_dns_that_hangs_has_a_budget_of_its_own():
    async with (
        traps.trap(traps.answer_well) as receiver,
        outward.Sender(traps.LOCAL, resolver=traps.HangingNames(), connections=1, dns_timeout_s=0.05) as sender,
    ):
        assert (await sender.post(receiver.url_of("slow.example.com"), b"", {})).fault is outward.Fault.dns_error
        assert (await sender.post(receiver.url, b"", {})).ok


async def test_a_dns_that_hangs_ends_with_the_deadline_too():
    async with outward.Sender(traps.LOCAL, resolver=traps.HangingNames(), total_timeout_s=0.05) as sender:
        answer = await sender.post("http://slow.example.com/", b"", {})
    assert answer.fault is outward.Fault.timeout


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "[::1]"])
async def test_the_socket_itself_refuses_a_literal_that_nobody_checked(host):
    """aiohttp asks its resolver for names only; the socket factory sees every address."""
    known = names.Names(traps.Names(["127.0.0.1"]), timeout_s=1, kept_s=1)
    lines = wire.guarded(outward.Policy(), known, tls=wire.trusted(), kept=1)
    async with traps.trap(traps.answer_well) as inner, aiohttp.ClientSession(connector=lines) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.post(inner.url_of(host))
    assert isinstance(refused.value.os_error, wire.BlockedError)
    assert inner.visits == []


async def test_a_resolver_out_of_sockets_is_our_fault_and_not_the_names():
    async with outward.Sender(traps.LOCAL, resolver=traps.Names(OSError(errno.EMFILE, "no"))) as sender:
        answer = await sender.post("http://hooks.example.com/", b"", {})
    assert answer.fault is outward.Fault.local_error


async def test_a_url_that_is_not_allowed_is_blocked_again_at_sending():
    async with outward.Sender(outward.Policy()) as sender:
        for url in ("http://example.com/", "https://127.0.0.1/", "https://a@example.com/", "nonsense"):
            assert (await sender.post(url, b"", {})).fault is outward.Fault.blocked


async def test_our_databases_port_stays_closed_in_a_network_that_is_open():
    async with traps.trap(traps.answer_well) as database, traps.trap(traps.answer_well) as receiver:
        policy = dataclasses.replace(traps.LOCAL, closed_ports=frozenset({database.port}))
        async with outward.Sender(policy, resolver=traps.Names(["127.0.0.1"])) as sender:
            for url in (database.url, database.url_of("db.example.com"), database.url_of("[::ffff:127.0.0.1]")):
                assert (await sender.post(url, b"", {})).fault is outward.Fault.blocked
            assert (await sender.post(receiver.url, b"", {})).ok
        assert database.visits == []


async def test_the_system_resolver_knows_localhost_and_says_so_when_a_name_is_unknown():
    resolver = outward.SystemResolver()
    assert set(await resolver.addresses("localhost")) <= {"127.0.0.1", "::1"}
    with pytest.raises(socket.gaierror):
        await resolver.addresses("does-not-exist.invalid.")
