"""A URL is read one way only, and what could be read two ways is refused."""

import ipaddress

import pytest

from quixess.events import outward

STRICT = outward.Policy(denied_hosts=frozenset({"api.quixess.example"}))
HOME = outward.Policy(
    allow_http=True,
    ports=None,
    networks=(ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv4Network("10.0.0.0/8")),
)

LOOPBACK_SPELLINGS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0177.0.0.1/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1./",
    "https://127.0.0.1%00.example.com/",
    "https://127.0.0.1\x00.example.com/",
    "https://１２７.0.0.1/",
    "https://127。0。0。1/",
    "https://①②⑦.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:ffff:7f00:0001]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1%25eth0]/",
    "https://[::1",
    "https://::1/",
]
OTHER_LITERALS = ["https://8.8.8.8/", "https://169.254.169.254/", "https://10.0.0.1/", "https://[2606:4700::1111]/"]
INTERNAL_NAMES = [
    "https://localhost/",
    "https://LOCALHOST/",
    "https://app.localhost/",
    "https://printer.local/",
    "https://db.internal/",
    "https://metadata.google.internal/",
    "https://quixess.default.svc/",
    "https://quixess.default.svc.cluster.local/",
    "https://receiver/",
    "https://example.c0m/",
    "https://example.123/",
]
TRICKS = [
    "",
    "https://",
    "https:///hook",
    "//example.com/",
    "example.com/hook",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "https:example.com",
    "https:/example.com",
    "https:\\\\example.com\\",
    "https://example.com\\@127.0.0.1/",
    "https://user:secret@example.com/",
    "https://a@b",
    "https://@example.com/",
    "https://example.com@127.0.0.1/",
    "https://example.com#@127.0.0.1/",
    "https://example.com/#fragment",
    "https://example.com/#",
    "https://exa mple.com/",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/\thook",
    "https://example.com/\r\nHost: evil",
    "https://exam\u200bple.com/",
    "https://example\u3002com/",
    "https://exämple.com/",
    "https://example.com/\u00e4",
    "https://.example.com/",
    "https://example..com/",
    "https://example.com./",
    "https://-example.com/",
    "https://example-.com/",
    "https://exa_mple.com/",
    "https://xn--/",
    "https://xn--a.example.com/",
    "https://xn--a-ecp.com/",
    "https://xn--99999999.com/",
    f"https://{'a' * 64}.com/",
    f"https://{'a.' * 130}com/",
    f"https://example.com/{'a' * 2048}",
    "https://example.com:/",
    "https://example.com:0/",
    "https://example.com:0443/",
    "https://example.com:443:443/",
    "https://example.com:+443/",
    "https://example.com:４４３/",
    "https://example.com:99999/",
    "https://example.com:443@127.0.0.1/",
]


@pytest.mark.parametrize("url", LOOPBACK_SPELLINGS + OTHER_LITERALS + INTERNAL_NAMES + TRICKS)
def test_a_url_that_could_lead_inside_is_refused_with_a_reason(url):
    with pytest.raises(outward.ForbiddenUrl) as refused:
        outward.check_url(url, STRICT)
    assert refused.value.reason.endswith(".")


@pytest.mark.parametrize("port", [22, 25, 80, 5432, 6379, 8080])
def test_only_the_usual_ports_are_called(port):
    with pytest.raises(outward.ForbiddenUrl, match="443, 8443"):
        outward.check_url(f"https://example.com:{port}/", STRICT)


@pytest.mark.parametrize("url", ["https://api.quixess.example/", "https://API.Quixess.example:8443/api"])
def test_our_own_host_is_no_receiver(url):
    with pytest.raises(outward.ForbiddenUrl, match="this installation"):
        outward.check_url(url, STRICT)


def test_plain_http_must_be_allowed():
    with pytest.raises(outward.ForbiddenUrl, match="https"):
        outward.check_url("http://example.com/", STRICT)
    allowed = outward.Policy(allow_http=True, ports=frozenset({80}))
    assert str(outward.check_url("http://example.com/", allowed)) == "http://example.com/"


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://hooks.example.com/in", "https://hooks.example.com/in"),
        ("HTTPS://Hooks.Example.COM/In?A=b", "https://hooks.example.com/In?A=b"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("https://example.com/@me/%2e%2e/a//b?u=http://x@y", "https://example.com/@me/%2e%2e/a//b?u=http://x@y"),
        ("https://xn--mnchen-3ya.de/", "https://xn--mnchen-3ya.de/"),
        ("https://example.xn--p1ai/", "https://example.xn--p1ai/"),
    ],
)
def test_a_good_url_keeps_its_path_and_query(url, canonical):
    checked = outward.check_url(url, STRICT)
    assert str(checked) == canonical
    assert checked.raw_path_qs == canonical.split("/", 3)[3].join(["/", ""])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hook",
        "http://10.1.2.3/",
        "http://[::ffff:10.1.2.3]/",
        "http://localhost:9000/hook",
        "http://receiver:3000/",
        "http://support.internal/",
        "https://example.com/",
    ],
)
def test_an_open_network_lets_its_addresses_and_inner_names_in(url):
    outward.check_url(url, HOME)


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "http://192.168.0.1/",
        "http://169.254.169.254/",
        "http://[::1]/",
        "http://metadata.google.internal/",
        "http://2130706433/",
        "http://0x7f000001/",
    ],
)
def test_an_open_network_lets_nothing_else_in(url):
    with pytest.raises(outward.ForbiddenUrl):
        outward.check_url(url, HOME)


def test_localhost_needs_loopback_to_be_open():
    with pytest.raises(outward.ForbiddenUrl):
        outward.check_url("https://localhost/", outward.Policy(networks=(ipaddress.IPv4Network("10.0.0.0/8"),)))
