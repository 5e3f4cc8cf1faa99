"""In TLS the name counts, and the word of the authorities that the operator trusts."""

import datetime as dt
import ssl
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quixess.events import outward
from quixess.events.outward import Fault, wire
from tests.events import outward_traps as traps


def certificate(tmp_path, host="hooks.example.com", days=1):
    """Make a self-signed certificate and return a server's context and the file to trust it by."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=10))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, pem


@pytest.fixture(name="names")
def loopback_names():
    return traps.Names(["127.0.0.1"])


async def test_tls_is_judged_by_the_name_and_not_by_the_address(tmp_path, names):
    server, pem = certificate(tmp_path)
    asked = []
    server.sni_callback = lambda _, name, __: asked.append(name)
    trusting = ssl.create_default_context(cafile=pem)
    async with (
        traps.trap(traps.answer_well, tls=server) as receiver,
        outward.Sender(traps.LOCAL, resolver=names, tls=trusting, connections=1) as sender,
    ):
        right = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
        wrong = await sender.post(receiver.url_of("other.example.com", "https"), b"{}", {})
        again = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
    assert (right.ok, wrong.fault, again.ok) == (True, Fault.tls_error, True)
    assert asked == ["hooks.example.com", "other.example.com"]


async def test_a_certificate_that_nobody_vouches_for_is_a_tls_error(tmp_path, names, monkeypatch):
    server, pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with (
        traps.trap(traps.answer_well, tls=server) as receiver,
        outward.Sender(traps.LOCAL, resolver=names, connections=1) as sender,
    ):
        answer = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
    assert (answer.status, answer.fault) == (None, Fault.tls_error)


async def test_an_expired_certificate_is_a_tls_error(tmp_path, names):
    server, pem = certificate(tmp_path, days=-1)
    async with (
        traps.trap(traps.answer_well, tls=server) as receiver,
        outward.Sender(traps.LOCAL, resolver=names, tls=ssl.create_default_context(cafile=pem)) as sender,
    ):
        answer = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
    assert answer.fault is Fault.tls_error


async def test_tls_older_than_1_2_is_a_tls_error(tmp_path, names):
    """The same server, the same trust: only the version is too old."""
    server, pem = certificate(tmp_path)
    trusting = wire.trusted()
    trusting.load_verify_locations(pem)
    async with traps.trap(traps.answer_well, tls=server) as receiver:
        url = receiver.url_of("hooks.example.com", "https")
        async with outward.Sender(traps.LOCAL, resolver=names, tls=trusting) as sender:
            assert (await sender.post(url, b"{}", {})).ok
        server.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            server.minimum_version = ssl.TLSVersion.TLSv1
            server.maximum_version = ssl.TLSVersion.TLSv1_1
        async with outward.Sender(traps.LOCAL, resolver=names, tls=trusting) as sender:
            assert (await sender.post(url, b"{}", {})).fault is Fault.tls_error


@pytest.mark.parametrize("said", [b"", b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x04\x02\0\0\0"])
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_server_that_hangs_up_on_our_tls_greeting_is_a_tls_error(names, said, how):
    """Without a word, with the alert "protocol version", or in the middle of its own greeting."""

    async def play(visit):
        await visit.reader.read(2000)
        visit.say(said)
        await visit.writer.drain()
        if how == "fin":
            visit.writer.close()
            await visit.reader.read()

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL, resolver=names) as sender:
        answer = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
    assert answer.fault is Fault.tls_error


async def test_a_tls_handshake_that_drips_ends_with_its_time(names):
    async def play(visit):
        await visit.reader.read(1)
        visit.say(b"\x16\x03\x03\x3f\xff\x02")
        await visit.say_for_ever(b"\0", pause_s=0.01)

    async with (
        traps.trap(play) as receiver,
        outward.Sender(traps.LOCAL, resolver=names, connections=1, connect_timeout_s=0.2) as sender,
    ):
        answer = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
    assert answer.fault in {Fault.connect_timeout, Fault.tls_error}


async def test_a_plain_answer_to_a_tls_greeting_is_a_tls_error(names):
    async def play(visit):
        await visit.reader.read(100)
        visit.say(traps.OK)
        await visit.reader.read()

    async with traps.trap(play) as receiver, outward.Sender(traps.LOCAL, resolver=names) as sender:
        answer = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
    assert answer.fault is Fault.tls_error


async def test_a_tls_handshake_that_hangs_is_a_connect_timeout(names):
    async with (
        traps.trap(lambda visit: visit.hang()) as receiver,
        traps.trap(traps.answer_well) as kind,
        outward.Sender(traps.LOCAL, resolver=names, connections=1, connect_timeout_s=0.2) as sender,
    ):
        answer = await sender.post(receiver.url_of("hooks.example.com", "https"), b"{}", {})
        assert answer.fault is Fault.connect_timeout
        assert (await sender.post(kind.url, b"{}", {})).ok
