"""A receiver may do what it likes: the answer has a name, and the next post finds a free slot.

Every test runs with room for one request at a time, so that a slot which leaks would hang the next post.
"""

import asyncio
import contextlib
import gzip
import socket
import struct

import pytest

from quixess.events import outward
from quixess.events.outward import Fault
from tests.events import outward_traps as traps

HEAD = b"HTTP/1.1 200 OK\r\n"
LARGE = b"x" * 30_000_000  # more than the kernel takes off our hands for a receiver that does not read


@contextlib.asynccontextmanager
async def one_at_a_time(play, total_timeout_s=5.0):
    """A hostile receiver and a sender with one slot, which must be free again at the end."""
    async with (
        traps.trap(play) as hostile,
        traps.trap(traps.answer_well) as kind,
        outward.Sender(traps.LOCAL, connections=1, total_timeout_s=total_timeout_s) as sender,
    ):
        yield sender, hostile
        assert (await sender.post(kind.url, b"{}", {})).ok


async def judged(play, total_timeout_s=5.0):
    async with one_at_a_time(play, total_timeout_s) as (sender, hostile):
        return await sender.post(hostile.url, b"{}", {})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_not_followed(status):
    async with traps.trap(traps.answer_well) as inner:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n"
        answer = await judged(traps.saying(moved.encode()))
    assert (answer.status, answer.fault) == (status, Fault.redirect)
    assert inner.visits == []


async def test_refresh_and_alt_svc_lead_nowhere():
    async with traps.trap(traps.answer_well) as inner:
        head = f'HTTP/1.1 200 OK\r\nRefresh: 0; url={inner.url}\r\nAlt-Svc: h2=":{inner.port}"\r\n'
        answer = await judged(traps.saying(head.encode() + b"Content-Length: 0\r\n\r\n"))
    assert answer.ok
    assert inner.visits == []


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503, 599])
async def test_an_error_status_is_a_failure_with_its_status(status):
    answer = await judged(traps.saying(f"HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno".encode()))
    assert (answer.status, answer.fault, answer.excerpt) == (status, Fault.http_status, b"no")


@pytest.mark.parametrize(
    ("framing", "piece"),
    [
        (b"Content-Length: 10000000000\r\n\r\n", b"x" * 4096),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (b"Connection: close\r\n\r\n", b"x" * 4096),
    ],
)
async def test_an_endless_body_is_cut_and_judged_by_its_status(framing, piece):
    hung_up = asyncio.Event()

    async def play(visit):
        await visit.hear()
        visit.say(HEAD + framing)
        await visit.say_for_ever(piece)
        hung_up.set()

    async with one_at_a_time(play) as (sender, hostile):
        answer = await sender.post(hostile.url, b"{}", {})
        await hung_up.wait()
    assert answer.ok
    assert answer.excerpt == b"x" * 1024


async def test_a_body_that_drips_past_the_deadline_is_a_timeout_although_a_200_was_seen():
    async def play(visit):
        await visit.hear()
        visit.say(HEAD + b"Content-Length: 1000\r\n\r\n")
        await visit.say_for_ever(b"x", pause_s=0.02)

    answer = await judged(play, total_timeout_s=0.3)
    assert (answer.status, answer.fault, answer.ok) == (200, Fault.timeout, False)
    assert answer.excerpt.startswith(b"x")


async def test_headers_that_drip_past_the_deadline_are_a_timeout():
    async def play(visit):
        await visit.hear()
        visit.say(HEAD)
        await visit.say_for_ever(b"X", pause_s=0.02)

    answer = await judged(play, total_timeout_s=0.3)
    assert (answer.status, answer.fault) == (None, Fault.timeout)


async def test_a_receiver_that_accepts_and_says_nothing_is_a_timeout():
    answer = await judged(lambda visit: visit.hang(), total_timeout_s=0.2)
    assert (answer.status, answer.fault) == (None, Fault.timeout)


async def test_a_receiver_that_does_not_read_is_a_timeout_and_its_connection_is_dropped():
    look, taken = asyncio.Event(), []

    async def play(visit):
        await look.wait()
        with contextlib.suppress(ConnectionError):
            while piece := await visit.reader.read(1 << 20):
                taken.append(len(piece))

    async with one_at_a_time(play, total_timeout_s=0.5) as (sender, hostile):
        answer = await sender.post(hostile.url, LARGE, {})
        look.set()
        await asyncio.wait(hostile.tasks)
    assert answer.fault is Fault.timeout
    assert sum(taken) < len(LARGE)


async def test_an_answer_before_the_request_was_read_counts_and_closes():
    async def play(visit):
        await visit.reader.readuntil(b"\r\n\r\n")
        visit.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await visit.hang()

    async with one_at_a_time(play) as (sender, hostile):
        answer = await sender.post(hostile.url, LARGE, {})
        again = await sender.post(hostile.url, b"{}", {})
        assert len(hostile.visits) == 2
    assert (answer.status, answer.fault) == (413, Fault.http_status)
    assert again.status == 413


@pytest.mark.parametrize(
    "headers",
    [
        b"X-Long: " + b"x" * 65536 + b"\r\n\r\n",
        b"X" * 65536 + b": x\r\n\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(60)) + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(60)),
        b"X-Long: " + b"x" * 10_000_000,
    ],
    ids=["long-value", "long-name", "many", "many-unended", "unended"],
)
async def test_huge_headers_are_refused(headers):
    answer = await judged(traps.saying(HEAD + headers))
    assert (answer.status, answer.fault) == (None, Fault.too_large)


async def test_endless_headers_are_refused_before_the_deadline():
    async def play(visit):
        await visit.hear()
        visit.say(HEAD)
        await visit.say_for_ever(b"X-More: and more\r\n")

    answer = await judged(play, total_timeout_s=30.0)
    assert answer.fault in {Fault.too_large, Fault.invalid_response}


async def test_a_flood_of_interim_answers_is_cut_off():
    async def play(visit):
        await visit.hear()
        await visit.say_for_ever(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)

    answer = await judged(play, total_timeout_s=30.0)
    assert (answer.status, answer.fault) == (None, Fault.invalid_response)


async def test_a_few_interim_answers_are_fine():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert (await judged(traps.saying(early * 3 + traps.OK))).ok


async def test_a_gzip_bomb_is_not_opened():
    bomb = gzip.compress(b"\0" * 20_000_000, mtime=0)
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    answer = await judged(traps.saying(head + bomb))
    assert answer.ok
    assert answer.excerpt == bomb[:1024]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/9.9.9 200 OK\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        HEAD + b"no colon here\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05hello",
        b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_an_invalid_response(nonsense):
    assert (await judged(traps.saying(nonsense))).fault is Fault.invalid_response


async def test_a_broken_chunk_is_a_failure_although_a_200_was_seen():
    async def play(visit):
        await visit.hear()
        visit.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await visit.writer.drain()
        await asyncio.sleep(0.05)
        visit.say(b"zz\r\nhello")
        await visit.reader.read()

    answer = await judged(play)
    assert (answer.status, answer.fault, answer.excerpt) == (200, Fault.invalid_response, b"abc")


@pytest.mark.parametrize(
    ("said", "status"),
    [(b"", None), (b"HTTP/1.1 2", None), (HEAD + b"X: y\r\n", None), (HEAD + b"Content-Length: 9\r\n\r\nabc", 200)],
)
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_connection_that_ends_midway_is_a_reset(said, status, how):
    async def play(visit):
        await visit.hear()
        visit.say(said)
        await visit.writer.drain()
        await asyncio.sleep(0.05)
        if how == "rst":
            hang_up_now = struct.pack("ii", 1, 0)
            visit.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hang_up_now)

    answer = await judged(play)
    assert (answer.status, answer.fault) == (status, Fault.reset)


async def test_a_port_where_nobody_listens_is_a_connect_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with outward.Sender(traps.LOCAL, connections=1) as sender:
        answer = await sender.post(f"http://127.0.0.1:{port}/", b"", {})
    assert (answer.status, answer.fault) == (None, Fault.connect_error)


async def test_a_host_that_never_accepts_is_a_connect_timeout():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        with contextlib.ExitStack() as waiting:
            for _ in range(4):
                filler = waiting.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            async with outward.Sender(traps.LOCAL, connect_timeout_s=0.2) as sender:
                answer = await sender.post(f"http://127.0.0.1:{port}/", b"", {})
    assert answer.fault is Fault.connect_timeout


async def test_an_answer_sent_before_its_question_is_not_taken_for_it():
    """A receiver that pushes a second 200 into an idle connection does not answer the next event with it."""
    pushed = asyncio.Event()

    async def play(visit):
        if not await visit.hear():
            return
        visit.say(traps.OK)
        await visit.writer.drain()
        await asyncio.sleep(0.05)
        visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        await visit.writer.drain()
        pushed.set()
        await visit.reader.read()

    async with one_at_a_time(play) as (sender, hostile):
        assert (await sender.post(hostile.url, b"1", {})).ok
        await pushed.wait()
        await asyncio.sleep(0.05)
        assert (await sender.post(hostile.url, b"2", {})).excerpt == b"ok"
        assert len(hostile.visits) == 2


async def test_a_post_that_is_cancelled_frees_its_slot_and_hangs_up():
    heard = asyncio.Event()

    async def play(visit):
        await visit.hear()
        heard.set()
        await visit.reader.read()

    async with one_at_a_time(play) as (sender, hostile):
        post = asyncio.create_task(sender.post(hostile.url, b"{}", {}))
        await heard.wait()
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post
        await asyncio.wait(hostile.tasks)
