"""A tenant may add a header for its own gate, and nothing that could mean more than that."""

import pytest

from quixess.events import outward
from tests.events import outward_traps as traps


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer abc.def-123"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"X-Api-Key": "k", "X-Tenant": "with inner spaces", "x-1": "~!@#$%^&*()"},
        {f"X-{number}": "v" for number in range(10)},
        {"X-Long": "v" * 1024, "X-" + "n" * 62: "v"},
    ],
)
def test_a_plain_header_may_be_added(headers):
    assert outward.check_headers(headers) == headers


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "Connection",
        "Upgrade",
        "Expect",
        "Cookie",
        "User-Agent",
        "Proxy-Authorization",
        "Forwarded",
        "Metadata-Flavor",
        "webhook-id",
        "webhook-signature",
        "X-Quixess-Event-Id",
        "x-quixess-signature-256",
        "X-Quixess",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded",
        "X-Real-IP",
        "X-aws-ec2-metadata-token",
        "X-Google-Metadata-Request",
        "X-Quixess_Event-Id",
        "X_Api_Key",
        "X-",
        "X",
        "X--A",
        "X-A-",
        "X-A ",
        " X-A",
        "X-A:",
        "X-A\r\nHost",
        "X-A\0",
        "X-é",
        "Authorization-Info",
        "X-" + "n" * 63,
        "",
    ],
)
def test_a_header_that_means_more_is_refused_by_name(name):
    with pytest.raises(outward.ForbiddenHeader) as refused:
        outward.check_headers({"X-Good": "v", name: "hunter2"})
    assert ascii(name[:64]) in refused.value.reason
    assert refused.value.reason.isprintable()
    assert "hunter2" not in refused.value.reason


@pytest.mark.parametrize(
    "value", ["", " ", " v", "v ", "a\r\nHost: evil", "a\nb", "a\rb", "a\0b", "a\tb", "é", "\x7f", "\ud800", "v" * 1025]
)
def test_a_value_is_printable_ascii_and_not_too_long(value):
    with pytest.raises(outward.ForbiddenHeader, match="X-Key: write 1-1024 printable ASCII") as refused:
        outward.check_headers({"X-Key": value})
    assert len(refused.value.reason) < 200


def test_ten_headers_are_the_most():
    with pytest.raises(outward.ForbiddenHeader, match="at most 10"):
        outward.check_headers({f"X-{number}": "v" for number in range(11)})


def test_one_name_in_two_spellings_is_refused():
    with pytest.raises(outward.ForbiddenHeader, match="one header of the name x-key"):
        outward.check_headers({"X-Key": "a", "x-key": "b"})


async def test_what_was_checked_goes_out_beside_our_own():
    heads = []

    async def play(visit):
        while request := await visit.hear():
            heads.append(request[0])
            visit.say(traps.OK)

    own = outward.check_headers({"Authorization": "Bearer abc", "X-Tenant": "t 1"})
    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL) as sender:
        assert (await sender.post(receiver.url, b"{}", own | {"X-Quixess-Event-Id": "evt_1"})).ok
    assert {"Authorization: Bearer abc", "X-Tenant: t 1", "X-Quixess-Event-Id: evt_1"} <= set(heads[0].split("\r\n"))
