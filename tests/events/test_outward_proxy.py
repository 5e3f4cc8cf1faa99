"""Through the operator's proxy: it carries everything, it is told apart from receivers, and it opens no door inside."""

import asyncio
import base64
import contextlib
import logging
import socket

import pytest
import yarl

from quixess.events import outward
from quixess.events.outward import OURS, Fault, wire
from tests.events import outward_traps as traps
from tests.events.test_outward_tls import certificate

PUBLIC = "8.8.8.8"  # what DNS says; nobody dials it, the proxy leads elsewhere
STRICT = outward.Policy(allow_http=True, ports=None)
REFUSED = b"HTTP/1.1 %d No\r\n%sContent-Length: 2\r\n\r\nno"


@contextlib.asynccontextmanager
async def sender_by(proxy, tls=None, policy=STRICT, user="", found=PUBLIC, **more):
    read = outward.read_proxy(f"http://{user}127.0.0.1:{proxy.port}")
    names = traps.Names([found])
    async with outward.Sender(policy, resolver=names, tls=tls, proxy=read, **more) as sender:
        yield sender


@pytest.fixture(name="tls")
def server_and_trust(tmp_path):
    server, pem = certificate(tmp_path)
    trusting = wire.trusted()
    trusting.load_verify_locations(pem)
    return server, trusting


async def test_https_goes_through_a_tunnel_and_the_certificate_is_still_the_receivers(tls):
    server, trusting = tls
    requests = []

    async def play(visit):
        while request := await visit.hear():
            requests.append(request)
            visit.say(traps.OK)

    async with traps.trap(play, tls=server) as receiver:
        relay = traps.Relay(receiver.port)
        async with traps.trap(relay) as proxy, sender_by(proxy, trusting, user="joe:p%40ss@") as sender:
            answer = await sender.post("https://hooks.example.com/in", b"{}", {"X-A": "b"})
            wrong = await sender.post("https://other.example.com/in", b"{}", {})
    assert answer == outward.Answer(200, None, answer.duration_ms, b"ok", None, public=True)
    assert wrong.fault is Fault.tls_error
    assert relay.heads[0].startswith("CONNECT hooks.example.com:443 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'joe:p@ss').decode()}\r\n" in relay.heads[0]
    [(head, body)] = requests
    assert head.startswith("POST /in HTTP/1.1\r\nHost: hooks.example.com\r\n")
    assert body == b"{}"
    assert "proxy" not in head.lower()


async def test_http_goes_as_an_absolute_url():
    async with traps.trap(traps.answer_well) as receiver:
        relay = traps.Relay(receiver.port)
        async with traps.trap(relay) as proxy, sender_by(proxy, user="joe:pass@") as sender:
            answer = await sender.post("http://hooks.example.com/in?a=b", b"{}", {})
    assert answer.ok
    assert relay.heads[0].startswith("POST http://hooks.example.com/in?a=b HTTP/1.1\r\nHost: hooks.example.com\r\n")
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'joe:pass').decode()}\r\n" in relay.heads[0]


async def test_the_page_of_an_http_answer_may_be_the_proxys_own_and_is_not_shown():
    async with traps.trap(traps.saying(REFUSED % (502, b""))) as proxy, sender_by(proxy) as sender:
        answer = await sender.post("http://hooks.example.com/", b"{}", {})
    assert (answer.status, answer.fault, answer.excerpt, answer.public) == (502, Fault.http_status, b"", False)


@pytest.mark.parametrize("found", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_receiver_is_judged_before_the_proxy_is_asked(found, scheme):
    async with traps.trap(traps.answer_well) as proxy, sender_by(proxy, found=found) as sender:
        for host in ("hooks.example.com", "[::1]", "127.0.0.1"):
            assert (await sender.post(f"{scheme}://{host}/", b"{}", {})).fault is Fault.blocked
    assert proxy.visits == []


async def test_a_literal_and_a_port_are_judged_too():
    """Even where the operator opened the network that the proxy would reach."""
    policy = outward.Policy(allow_http=True, ports=None, networks=traps.LOOPBACK, closed_ports=frozenset({5432}))
    async with traps.trap(traps.answer_well) as proxy, sender_by(proxy, policy=policy, found="127.0.0.1") as sender:
        for url in ("http://127.0.0.1:5432/", "http://db.example.com:5432/", "http://169.254.169.254/"):
            assert (await sender.post(url, b"{}", {})).fault is Fault.blocked
        assert proxy.visits == []
        assert (await sender.post("http://127.0.0.1:8080/", b"{}", {})).ok


async def test_a_receivers_name_that_is_gone_is_the_receivers_fault():
    async with traps.trap(traps.answer_well) as proxy:
        read = outward.read_proxy(f"http://127.0.0.1:{proxy.port}")
        gone = traps.Names(socket.gaierror(socket.EAI_NONAME, "no"))
        async with outward.Sender(STRICT, resolver=gone, proxy=read) as sender:
            assert (await sender.post("https://gone.example.com/", b"{}", {})).fault is Fault.dns_error
    assert proxy.visits == []


@pytest.mark.parametrize("url", ["https://hooks.example.com/", "http://hooks.example.com/"])
async def test_a_proxy_where_nobody_listens_is_no_fault_of_the_receiver(url):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    read = outward.read_proxy(f"http://127.0.0.1:{port}")
    async with outward.Sender(STRICT, resolver=traps.Names([PUBLIC]), proxy=read) as sender:
        answer = await sender.post(url, b"{}", {})
    assert (answer.status, answer.fault) == (None, Fault.proxy_error)
    assert answer.fault in OURS


async def test_a_proxy_whose_name_is_gone_or_that_never_accepts_is_no_fault_of_the_receiver():
    names = traps.Names([PUBLIC], socket.gaierror(socket.EAI_NONAME, "no"))
    nowhere = outward.read_proxy("http://proxy.internal:3128")
    async with outward.Sender(STRICT, resolver=names, proxy=nowhere) as sender:
        assert (await sender.post("https://hooks.example.com/", b"{}", {})).fault is Fault.proxy_error
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        port = full.getsockname()[1]
        for _ in range(4):
            filler = waiting.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        read = outward.read_proxy(f"http://127.0.0.1:{port}")
        dns = traps.Names([PUBLIC])
        async with outward.Sender(STRICT, resolver=dns, proxy=read, connect_timeout_s=0.2) as sender:
            assert (await sender.post("https://hooks.example.com/", b"{}", {})).fault is Fault.proxy_error


@pytest.mark.parametrize(
    "play",
    [
        traps.saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        traps.saying(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 65536 + b"\r\n\r\n"),
        traps.answer_well,
    ],
    ids=["no http", "huge headers", "hangs up"],
)
async def test_a_proxy_that_makes_no_sense_is_no_fault_of_the_receiver(play):
    async def hear_the_head(visit):
        await visit.reader.readuntil(b"\r\n\r\n")
        if play is not traps.answer_well:
            await play(_Heard(visit))

    async with traps.trap(hear_the_head) as proxy, sender_by(proxy, connections=1) as sender:
        for _ in range(2):
            assert (await sender.post("https://hooks.example.com/", b"{}", {})).fault is Fault.proxy_error


class _Heard:
    """A visit whose request was heard already."""

    def __init__(self, visit):
        self.reader, self.say = visit.reader, visit.say

    async def hear(self):
        return None


def refusing(status, headers=b""):
    async def play(visit):
        with contextlib.suppress(asyncio.IncompleteReadError):
            await visit.reader.readuntil(b"\r\n\r\n")
            visit.say(REFUSED % (status, headers))
            await visit.reader.read()

    return play


@pytest.mark.parametrize(
    ("status", "headers", "fault"),
    [
        (407, b"Proxy-Authenticate: Basic realm=x\r\n", Fault.proxy_error),
        (500, b"", Fault.proxy_error),
        (502, b"", Fault.proxy_error),
        (503, b"", Fault.proxy_error),
        (504, b"", Fault.proxy_error),
        (400, b"", Fault.proxy_error),
        (405, b"", Fault.proxy_error),
        (302, b"Location: http://127.0.0.1/login\r\n", Fault.proxy_error),
        (403, b"", Fault.blocked),
        (502, b"Proxy-Status: gw; error=connection_refused\r\n", Fault.connect_error),
        (504, b"Proxy-Status: gw;error=connection_timeout; details=x\r\n", Fault.connect_timeout),
        (502, b"Proxy-Status: gw; error=dns_error\r\n", Fault.dns_error),
        (502, b"Proxy-Status: gw; error=destination_ip_prohibited\r\n", Fault.blocked),
        (500, b"Proxy-Status: gw; error=proxy_internal_error\r\n", Fault.proxy_error),
        (503, b"X-Squid-Error: ERR_DNS_FAIL 0\r\n", Fault.dns_error),
        (503, b"X-Squid-Error: ERR_CONNECT_FAIL 111\r\n", Fault.connect_error),
        (407, b"X-Squid-Error: ERR_CACHE_ACCESS_DENIED 0\r\n", Fault.proxy_error),
        (407, b"X-Smokescreen-Error: Egress proxying is denied\r\n", Fault.blocked),
        (502, b"X-Smokescreen-Error: Failed to connect\r\n", Fault.connect_error),
        (504, b"X-Smokescreen-Error: Timed out\r\n", Fault.connect_timeout),
        (500, b"X-Smokescreen-Error: Internal\r\n", Fault.proxy_error),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_believed_when_it_says_whose_fault_it_is(status, headers, fault):
    async with traps.trap(refusing(status, headers)) as proxy, sender_by(proxy, connections=1) as sender:
        for _ in range(2):
            answer = await sender.post("https://hooks.example.com/", b"{}", {})
            assert (answer.status, answer.fault, answer.excerpt) == (None, fault, b"")


@pytest.mark.parametrize(("status", "fault"), [(502, Fault.connect_error), (504, Fault.connect_timeout)])
async def test_a_wordless_refusal_is_the_receivers_while_others_come_through(tls, status, fault):
    server, trusting = tls
    async with traps.trap(traps.answer_well, tls=server) as receiver:
        relay = traps.Relay(receiver.port)

        async def by_name(visit):
            if not proxy.visits[1:]:
                await relay(visit)
            else:
                await refusing(status)(visit)

        async with traps.trap(by_name) as proxy, sender_by(proxy, trusting) as sender:
            assert (await sender.post("https://hooks.example.com/", b"{}", {})).ok
            assert (await sender.post("https://dead.example.com/", b"{}", {})).fault is fault


async def test_credentials_that_the_proxy_does_not_take_are_no_fault_of_an_http_receiver():
    async with traps.trap(traps.saying(REFUSED % (407, b""))) as proxy, sender_by(proxy) as sender:
        answer = await sender.post("http://hooks.example.com/", b"{}", {})
    assert (answer.status, answer.fault) == (407, Fault.proxy_error)


async def test_a_tunnel_that_never_opens_is_a_connect_timeout_of_the_receiver():
    """The proxy took our call: it is most likely still dialling."""
    async with (
        traps.trap(lambda visit: visit.hang()) as proxy,
        sender_by(proxy, connections=1, connect_timeout_s=0.1, dns_timeout_s=0.1) as sender,
    ):
        for _ in range(2):
            assert (await sender.post("https://hooks.example.com/", b"{}", {})).fault is Fault.connect_timeout


async def test_a_tunnel_is_kept_for_the_brand_that_dug_it(tls):
    server, trusting = tls
    async with (
        traps.trap(traps.answer_well, tls=server) as receiver,
        traps.trap(traps.Relay(receiver.port)) as proxy,
        sender_by(proxy, trusting) as sender,
    ):
        for brand in ("a", "b", "a", "b", "a"):
            assert (await sender.post("https://hooks.example.com/", b"{}", {}, pool=brand)).ok
        assert len(proxy.visits) == 2


async def test_tunnels_that_close_are_counted_no_more(tls):
    """Only as many lines are kept as may be open: were closed tunnels still counted, none would be."""
    server, trusting = tls
    closing = traps.saying(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    async with traps.trap(traps.answer_well, tls=server) as kind, traps.trap(closing, tls=server) as closes:
        ways = {False: traps.Relay(kind.port), True: traps.Relay(closes.port)}

        async def play(visit):
            await ways[len(proxy.visits) <= 5](visit)

        async with traps.trap(play) as proxy, sender_by(proxy, trusting, connections=1) as sender:
            for _ in range(5 + 3):
                assert (await sender.post("https://hooks.example.com/", b"{}", {})).ok
            assert len(proxy.visits) == 6


async def test_no_more_lines_to_the_proxy_are_kept_than_may_be_open():
    """Three hosts in turn and one line allowed: only the first one's is kept."""
    async with traps.trap(traps.answer_well) as proxy, sender_by(proxy, connections=1) as sender:
        for host in ("a", "b", "c", "a", "b", "c"):
            assert (await sender.post(f"http://{host}.example.com/", b"{}", {})).ok
        assert len(proxy.visits) == 5


async def test_a_kept_line_to_the_proxy_that_closed_is_replaced_at_once():
    visits = []

    async def play(visit):
        visits.append(visit)
        await visit.hear()
        visit.say(traps.OK)
        if len(visits) == 1:
            await visit.hear()
            return
        await visit.reader.read()

    async with traps.trap(play) as proxy, sender_by(proxy) as sender:
        for _ in range(2):
            assert (await sender.post("http://hooks.example.com/", b"{}", {})).ok
    assert len(visits) == 2


async def test_the_proxys_password_is_in_no_log_and_no_repr(caplog):
    caplog.set_level(logging.DEBUG)
    async with traps.trap(refusing(407)) as proxy, sender_by(proxy, user="joe:hunter2@") as sender:
        answer = await sender.post("https://hooks.example.com/", b"{}", {})
        said = repr(outward.read_proxy("http://joe:hunter2@proxy:3128")) + repr(answer) + repr(vars(sender))
    assert answer.fault is Fault.proxy_error
    for secret in ("hunter2", base64.b64encode(b"joe:hunter2").decode()):
        assert secret not in said
        assert secret not in caplog.text


def test_a_proxys_url_is_taken_apart():
    read = outward.read_proxy("http://joe:p%40ss@proxy.example:3128/")
    assert read.url == yarl.URL("http://proxy.example:3128")
    assert read.headers == {"Proxy-Authorization": f"Basic {base64.b64encode(b'joe:p@ss').decode()}"}
    assert outward.read_proxy("http://[fd00::1]:3128").headers == {}
