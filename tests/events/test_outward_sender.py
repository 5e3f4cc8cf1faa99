"""What a good receiver sees, how connections are kept, and what of its wishes is heard."""

import asyncio
import dataclasses
import email.utils
import os
import resource
import time

import pytest

from quixess.events import outward
from quixess.events.outward import Fault, answers
from tests.events import outward_traps as traps


async def test_a_post_carries_our_headers_and_body_and_nothing_of_the_house():
    requests = []

    async def play(visit):
        while request := await visit.hear():
            requests.append(request)
            visit.say(traps.OK)

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL, user_agent="Quixess/9") as sender:
        answer = await sender.post(receiver.url, b'{"a":1}', {"X-Quixess-Event-Id": "evt_1", "Content-Type": "a/b"})
    head, body = requests[0]
    assert answer == outward.Answer(200, None, answer.duration_ms, b"ok", None)
    assert body == b'{"a":1}'
    assert head.startswith("POST /hook HTTP/1.1\r\n")
    assert dict(line.split(": ") for line in head.split("\r\n")[1:] if line) == {
        "Host": f"127.0.0.1:{receiver.port}",
        "User-Agent": "Quixess/9",
        "Accept-Encoding": "identity",
        "X-Quixess-Event-Id": "evt_1",
        "Content-Type": "a/b",
        "Accept": "*/*",
        "Content-Length": "7",
    }


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_2xx_is_a_delivery(status):
    head = f"HTTP/1.1 {status} Fine\r\n" + ("" if status == 204 else "Content-Length: 0\r\n")
    async with traps.trap(traps.saying(f"{head}\r\n".encode())) as receiver, outward.Sender(traps.LOCAL) as sender:
        answer = await sender.post(receiver.url, b"", {})
    assert (answer.status, answer.fault, answer.ok) == (status, None, True)


async def test_cookies_are_not_kept():
    heads = []

    async def play(visit):
        while request := await visit.hear():
            heads.append(request[0])
            visit.say(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")

    async with (
        traps.trap(play) as receiver,
        outward.Sender(traps.LOCAL, resolver=traps.Names(["127.0.0.1"])) as sender,
    ):
        for _ in range(2):
            assert (await sender.post(receiver.url_of("a.example.com"), b"", {})).ok
    assert "cookie" not in "".join(heads).lower()


@pytest.mark.parametrize("value", ["a\r\nHost: evil", "a\nb", "a\rb", "a\0b", "é", "\x7f", "\ud800"])
async def test_a_header_with_anything_but_printable_ascii_is_our_own_mistake(value):
    async with traps.trap(traps.answer_well) as receiver, outward.Sender(traps.LOCAL) as sender:
        with pytest.raises(ValueError, match="ASCII"):
            await sender.post(receiver.url, b"", {"X-Name": value})
        with pytest.raises(ValueError, match="ASCII"):
            await sender.post(receiver.url, b"", {value: "x"})
    assert receiver.visits == []


async def test_the_proxies_of_the_environment_are_ignored(monkeypatch):
    async with traps.trap(traps.answer_well) as proxy, traps.trap(traps.answer_well) as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "")
        async with outward.Sender(traps.LOCAL) as sender:
            assert (await sender.post(receiver.url, b"", {})).ok
    assert proxy.visits == []


async def test_a_connection_is_used_again():
    async with traps.trap(traps.answer_well) as receiver, outward.Sender(traps.LOCAL) as sender:
        for _ in range(5):
            assert (await sender.post(receiver.url, b"{}", {})).ok
    assert len(receiver.visits) == 1


async def test_two_brands_never_share_a_connection_even_to_one_host():
    """Each visit is one connection; a brand comes back on its own and on nobody else's."""
    heard: list[tuple[int, bytes]] = []

    async def play(visit):
        me = len(receiver.visits)
        while request := await visit.hear():
            heard.append((me, request[1]))
            visit.say(traps.OK)

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL) as sender:
        for brand in ("a", "b", "a", "b", "a"):
            assert (await sender.post(receiver.url, brand.encode(), {}, pool=brand)).ok
    assert heard == [(1, b"a"), (2, b"b"), (1, b"a"), (2, b"b"), (1, b"a")]


async def test_a_large_event_arrives_whole():
    """2 MiB: more than aiohttp takes as bytes without a warning, which would be an error here."""
    body = bytes(range(256)) * 8192
    heard: list[tuple[str, bytes]] = []

    async def play(visit):
        while request := await visit.hear():
            heard.append(request)
            visit.say(traps.OK)

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL) as sender:
        for _ in range(2):
            assert (await sender.post(receiver.url, body, {"Content-Type": "application/json"})).ok
    assert [found == body for _, found in heard] == [True, True]
    assert f"Content-Length: {len(body)}\r\n" in heard[0][0]
    assert "Content-Type: application/json\r\n" in heard[0][0]
    assert len(receiver.visits) == 1


async def test_what_a_private_server_says_is_not_for_tenants_unless_the_operator_shows_it():
    said = b"HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nsecret"
    hiding = dataclasses.replace(traps.LOCAL, show_private_answers=False)
    async with traps.trap(traps.saying(said)) as inner:
        async with outward.Sender(hiding) as sender:
            hidden = await sender.post(inner.url, b"", {})
        async with outward.Sender(traps.LOCAL) as sender:
            shown = await sender.post(inner.url, b"", {})
    assert (hidden.status, hidden.fault, hidden.excerpt, hidden.public) == (500, Fault.http_status, b"", False)
    assert (shown.status, shown.fault, shown.excerpt, shown.public) == (500, Fault.http_status, b"secret", False)


async def test_no_more_connections_are_kept_than_may_be_open():
    """Three hosts answer in turn and one connection is allowed: only the first one's is kept."""
    async with (
        outward.Sender(traps.LOCAL, connections=1) as sender,
        traps.trap(traps.answer_well) as a,
        traps.trap(traps.answer_well) as b,
        traps.trap(traps.answer_well) as c,
    ):
        for receiver in (a, b, c, a, b, c):
            assert (await sender.post(receiver.url, b"{}", {})).ok
        await asyncio.wait([*b.tasks, *c.tasks])
        assert [len(receiver.visits) for receiver in (a, b, c)] == [1, 2, 2]


class ClosesLate:
    """Answers the first request of a connection well and hangs up on the next one, unanswered."""

    def __init__(self, visits_that_behave=0):
        self.asked = 0
        self.behaves_after = visits_that_behave
        self.visits = 0

    async def __call__(self, visit):
        self.visits += 1
        behaves = self.behaves_after and self.visits > self.behaves_after
        first = True
        while await visit.hear():
            self.asked += 1
            if not (first or behaves):
                return
            first = False
            visit.say(traps.OK)


async def test_a_kept_connection_that_turns_out_closed_is_replaced_at_once():
    receiver_play = ClosesLate()
    async with traps.trap(receiver_play) as receiver, outward.Sender(traps.LOCAL, connections=1) as sender:
        answers_ = [await sender.post(receiver.url, b"{}", {}) for _ in range(2)]
    assert all(answer.ok for answer in answers_)
    assert receiver_play.asked == 3
    assert len(receiver.visits) == 2


async def test_it_is_replaced_once_and_not_twice():
    """Two kept connections have gone stale. The retry takes the second, and that is the end of it."""
    play = ClosesLate()
    both_heard = asyncio.Barrier(2)

    async def together(visit):
        await asyncio.wait_for(both_heard.wait(), 5)
        await play(visit)

    async with traps.trap(together) as receiver, outward.Sender(traps.LOCAL) as sender:
        first, second = await asyncio.gather(*(sender.post(receiver.url, b"{}", {}) for _ in range(2)))
        assert first.ok
        assert second.ok
        asked = play.asked
        stale = await sender.post(receiver.url, b"{}", {})
    assert stale.fault is Fault.reset
    assert play.asked - asked == 2


async def test_a_new_connection_that_closes_unanswered_is_not_tried_again():
    asked = []

    async def play(visit):
        asked.append(await visit.hear())

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL) as sender:
        assert (await sender.post(receiver.url, b"{}", {})).fault is Fault.reset
    assert len(asked) == 1


async def test_a_kept_connection_that_closes_in_the_middle_of_an_answer_is_not_tried_again():
    asked = []

    async def play(visit):
        while request := await visit.hear():
            asked.append(request)
            if len(asked) == 2:
                visit.say(b"HTTP/1.1 2")
                await visit.writer.drain()
                await asyncio.sleep(0.05)
                return
            visit.say(traps.OK)

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL) as sender:
        assert (await sender.post(receiver.url, b"{}", {})).ok
        assert (await sender.post(receiver.url, b"{}", {})).fault is Fault.reset
    assert len(asked) == 2


async def test_the_second_try_has_a_deadline_too():
    play = ClosesLate()

    async def slow_after_the_first(visit):
        if len(receiver.visits) > 1:
            await visit.hang()
        await play(visit)

    async with (
        traps.trap(slow_after_the_first) as receiver,
        outward.Sender(traps.LOCAL, connections=1, total_timeout_s=0.3) as sender,
    ):
        assert (await sender.post(receiver.url, b"{}", {})).ok
        assert (await sender.post(receiver.url, b"{}", {})).fault is Fault.timeout


async def test_waiting_for_a_slot_is_not_held_against_the_receiver():
    """One slot; the post that waits behind a hanging one for a whole deadline still has its own."""
    async with (
        traps.trap(lambda visit: visit.hang()) as slow,
        traps.trap(traps.answer_well) as kind,
        outward.Sender(traps.LOCAL, connections=1, total_timeout_s=0.3) as sender,
    ):
        hung, served = await asyncio.gather(sender.post(slow.url, b"", {}), sender.post(kind.url, b"", {}))
    assert hung.fault is Fault.timeout
    assert served.ok


async def test_running_out_of_sockets_is_our_fault_and_not_the_receivers():
    async with traps.trap(traps.answer_well) as receiver, outward.Sender(traps.LOCAL, connections=1) as sender:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        next_free = os.dup(0)
        os.close(next_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, hard))
        try:
            answer = await sender.post(receiver.url, b"", {})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert answer.fault is Fault.local_error
        assert (await sender.post(receiver.url, b"", {})).ok


def http_date(seconds_from_now):
    return email.utils.formatdate(time.time() + seconds_from_now, usegmt=True)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("999999999", 3600.0),
    ],
)
def test_retry_after_is_read_and_capped_at_an_hour(wish, seconds):
    assert answers.retry_after({"Retry-After": wish}) == seconds


@pytest.mark.parametrize(
    "wish",
    [
        "",
        "-1",
        "1.5",
        "1e3",
        "soon",
        "９",
        "9" * 5000,
        "Mon, 99 Foo 2025 99:99:99 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Thu, 01 Jan 99999999999 00:00:00 GMT",
        "\xff\xfe",
    ],
)
def test_a_retry_after_that_is_garbage_or_past_is_no_wish(wish):
    assert answers.retry_after({"Retry-After": wish}) is None


def test_a_retry_after_date_is_counted_from_now_and_capped_too():
    assert answers.retry_after({"Retry-After": http_date(10 * 365 * 86400)}) == 3600.0
    wish = answers.retry_after({"Retry-After": http_date(1800)})
    assert wish is not None
    assert 0 < wish <= 1800


async def test_a_receiver_that_asks_for_time_is_heard():
    later = b"HTTP/1.1 429 Slow Down\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"
    async with traps.trap(traps.saying(later)) as receiver, outward.Sender(traps.LOCAL) as sender:
        answer = await sender.post(receiver.url, b"{}", {})
    assert (answer.status, answer.retry_after_s) == (429, 30.0)
