"""Which of the four outcomes each accident on the wire is. A wrong one means a message lost, or sent twice."""

import asyncio
import datetime as dt
import gzip
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quixess.meta import graph
from tests.meta import wire

CREDENTIALS = graph.Credentials("106540352242922", "102290129340398", "EAAtoken", "app-secret")
PAYLOAD = b'{"messaging_product":"whatsapp","to":"+16505551234"}'
PATIENT, HASTY = 30.0, 1.0
MANAGING = json.dumps({"1": [{"type": "whatsapp_business_management", "estimated_time_to_regain_access": 60}]})
HUGE = json.dumps(wire.ACCEPTED).encode() + b" " * (2 << 20)


async def outcome(base_url: str, **settings: Any) -> graph.Accepted | graph.Outcome:
    settings = {"connect_timeout_s": PATIENT, "total_timeout_s": PATIENT, **settings}
    async with graph.Graph(base_url=base_url, **settings) as client:
        try:
            return await client.send(CREDENTIALS, PAYLOAD)
        except graph.Outcome as end:
            return end


async def after(mood: wire.Mood, **settings: Any) -> graph.Accepted | graph.Outcome:
    async with wire.meta(mood) as meta:
        end = await outcome(meta.base_url, **settings)
        assert len(meta.requests) == 1, "a message is sent once, whatever happens"
        return end


def usage(*minutes: int) -> str:
    return json.dumps({"102290129340398": [{"estimated_time_to_regain_access": one} for one in minutes]})


async def test_a_message_with_an_id_is_accepted() -> None:
    assert await after(wire.answer(200, wire.ACCEPTED)) == graph.Accepted(
        "wamid.OUT0001", "16505551234", None, "accepted"
    )


@pytest.mark.parametrize("contacts", [{}, {"contacts": []}, {"contacts": [{"user_id": "US.1"}]}, {"contacts": "?"}])
async def test_an_answer_without_a_number_or_a_status_is_accepted_too(contacts: dict[str, Any]) -> None:
    end = await after(wire.answer(201, {"messages": [{"id": "wamid.X"}], **contacts}))
    assert isinstance(end, graph.Accepted)
    assert (end.wamid, end.wa_id, end.message_status) == ("wamid.X", None, None)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, c) for c in (100, 131008, 131009, 131026, 131047, 131048, 131049, 132000, 132012, 368, 999_999)]
    + [(404, 132001), (401, 190), (401, 0), (403, 10), (403, 200), (403, 299), (403, 131005), (403, 131031)],
)
async def test_a_refusal_with_a_code_is_certain(status: int, code: int) -> None:
    end = await after(wire.error(status, code, error_data={"details": "why"}, error_subcode=33))
    assert isinstance(end, graph.Rejected)
    assert (end.error.status, end.error.code, end.error.subcode) == (status, code, 33)
    assert (end.error.message, end.error.details) == (f"(#{code}) No", "why")


async def test_metas_body_is_kept_byte_for_byte() -> None:
    body = b'{ "error" : {"code":131008, "message":"caf\\u00e9", "fbtrace_id":"Az8"}}\n'
    end = await after(wire.answer(400, body))
    assert isinstance(end, graph.Rejected)
    assert end.error.body == body


@pytest.mark.parametrize("code", [4, 613, 80007, 130429, 131056])
async def test_being_told_to_slow_down_means_not_sent(code: int) -> None:
    end = await after(wire.error(400, code))
    assert isinstance(end, graph.NotSent)
    assert end.error is not None
    assert end.error.code == code


@pytest.mark.parametrize(
    ("code", "headers", "seconds"),
    [
        (130429, {"Retry-After": "7"}, 7),
        (130429, {}, None),
        (130429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (130429, {"Retry-After": "9" * 30}, None),
        (131056, {}, 6),
        (80007, {"x-business-use-case-usage": usage(0, 3)}, 180),
        (80007, {"x-business-use-case-usage": usage(99_999)}, 86_400),
        (80007, {"x-business-use-case-usage": MANAGING}, 3600),
        (130429, {"x-business-use-case-usage": MANAGING}, None),
        (131056, {"x-business-use-case-usage": MANAGING}, 6),
        (80007, {"x-business-use-case-usage": "{}"}, None),
        (80007, {"x-business-use-case-usage": "nonsense"}, None),
        (999_999, {"Retry-After": "2"}, 2),
    ],
)  # fmt: skip
async def test_the_pause_is_told_where_it_is_known(code: int, headers: dict[str, str], seconds: int | None) -> None:
    end = await after(wire.error(429, code, headers))
    assert isinstance(end, graph.NotSent)
    assert end.retry_after_s == seconds


@pytest.mark.parametrize("code", [1, 2, 131000, 131016, 131057, 133004])
async def test_a_code_that_says_something_broke_at_meta_is_unknown(code: int) -> None:
    end = await after(wire.error(400, code))
    assert isinstance(end, graph.Unknown)
    assert end.error is not None
    assert end.error.code == code


async def test_an_unknown_code_that_calls_itself_transient_is_unknown() -> None:
    assert isinstance(await after(wire.error(400, 999_999, is_transient=True)), graph.Unknown)
    assert isinstance(await after(wire.error(400, 131008, is_transient=True)), graph.Rejected)


@pytest.mark.parametrize("code", [2, 100, 131008, 130429, 190])
async def test_any_5xx_is_unknown_whatever_its_code_says(code: int) -> None:
    end = await after(wire.error(500, code))
    assert isinstance(end, graph.Unknown)
    assert end.error is not None


@pytest.mark.parametrize(
    "mood",
    [
        wire.answer(500, b"<html>Sorry, something went wrong.</html>"),
        wire.answer(502, b""),
        wire.answer(429, b"Too many requests"),
        wire.answer(403, b"<html>blocked by a proxy</html>"),
        wire.answer(400, {"error": "invalid_request"}),
        wire.answer(400, {"error": {"message": "no code"}}),
        wire.answer(400, b'{"error":{"code":100,"message":"\xff"}}'),
        wire.answer(400, b'{"error":{"code":100,"error_data":' + b"[" * 50_000 + b"]" * 50_000 + b"}}"),
        wire.answer(200, {}),
        wire.answer(200, {"success": True}),
        wire.answer(200, {"messages": []}),
        wire.answer(200, {"messages": [{"id": ""}]}),
        wire.answer(200, b"OK"),
        wire.answer(200, b'{"messages":[{"id":"wamid.\xff"}]}'),
        wire.answer(200, b'{"contacts":' + b"[" * 50_000 + b"]" * 50_000 + b',"messages":[{"id":"wamid.X"}]}'),
        wire.error(200, 131008),
        wire.answer(204, b""),
        wire.answer(302, b"", {"Location": "/elsewhere"}),
        wire.answer(307, b"", {"Location": "/elsewhere"}),
        wire.raw(b""),
        wire.raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
        wire.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"messages":[{"id":"wamid.X"}]}'),
        wire.raw(b"SMTP ready\r\n\r\n"),
        wire.raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
        wire.reset,
        wire.answer(200, HUGE),
        wire.answer(200, gzip.compress(HUGE), {"Content-Encoding": "gzip"}),
        wire.answer(200, b"not gzip", {"Content-Encoding": "gzip"}),
    ],
)
async def test_whatever_leaves_a_doubt_is_unknown_and_is_not_sent_again(mood: wire.Mood) -> None:
    assert isinstance(await after(mood), graph.Unknown)


@pytest.mark.parametrize(
    "mood", [wire.stall(), wire.stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), wire.stall(b"HTTP/1.1 200")]
)
async def test_silence_after_the_request_is_unknown(mood: wire.Mood) -> None:
    assert isinstance(await after(mood, total_timeout_s=HASTY), graph.Unknown)


async def test_a_kept_connection_that_meta_drops_on_the_next_request_is_unknown() -> None:
    async with (
        wire.meta(wire.answer(200, wire.ACCEPTED), wire.reset) as meta,
        graph.Graph(base_url=meta.base_url) as client,
    ):
        await client.send(CREDENTIALS, PAYLOAD)
        with pytest.raises(graph.Unknown):
            await client.send(CREDENTIALS, PAYLOAD)
        assert (meta.accepts, len(meta.requests)) == (1, 2)


async def test_a_refused_connection_means_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        assert isinstance(await outcome(f"http://127.0.0.1:{taken.getsockname()[1]}"), graph.NotSent)


async def test_a_name_that_does_not_exist_means_not_sent() -> None:
    end = await outcome("http://nonexistent.invalid", connect_timeout_s=HASTY)
    assert isinstance(end, graph.NotSent)


async def test_waiting_in_vain_for_a_free_connection_means_not_sent() -> None:
    async with (
        wire.meta(wire.stall()) as meta,
        graph.Graph(base_url=meta.base_url, connections=1, connect_timeout_s=HASTY) as client,
    ):
        first = asyncio.create_task(client.send(CREDENTIALS, PAYLOAD))
        await meta.asked.wait()
        with pytest.raises(graph.NotSent):
            await client.send(CREDENTIALS, PAYLOAD)
        assert len(meta.requests) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_a_server_that_does_not_speak_tls_means_not_sent() -> None:
    async def answer_in_plain_text(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer_in_plain_text, "127.0.0.1", 0) as server:
        end = await outcome(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert isinstance(end, graph.NotSent)


@pytest.fixture
def stranger(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server whose certificate nobody vouches for."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    dated = builder.not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    pem = tmp_path / "stranger.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_nobody_vouches_for_means_not_sent(stranger: ssl.SSLContext) -> None:
    async with wire.meta(wire.answer(200, wire.ACCEPTED), tls=stranger) as meta:
        assert isinstance(await outcome(meta.base_url), graph.NotSent)
        assert meta.requests == []


@pytest.fixture
async def closed() -> graph.Graph:
    client = graph.Graph()
    await client.open()
    await client.close()
    return client


async def test_a_client_that_is_closed_means_not_sent(closed: graph.Graph) -> None:
    with pytest.raises(graph.NotSent):
        await closed.send(CREDENTIALS, PAYLOAD)
    with pytest.raises(graph.NotSent):
        await graph.Graph().send(CREDENTIALS, PAYLOAD)


async def test_no_outcome_shows_the_code_the_token_or_the_proof() -> None:
    echo = {"error": {"code": 131008, "message": "123456", "error_data": {"details": "123456"}}}
    ends = [await after(wire.answer(400, echo)), await after(wire.reset), await after(wire.error(400, 4))]
    ends.append(await after(wire.stall(), total_timeout_s=HASTY))
    for end in ends:
        shown = f"{end} {end!r} {vars(end)!r}"
        assert isinstance(end, graph.Outcome)
        assert end.__suppress_context__ or end.__context__ is None
        assert not any(secret in shown for secret in ("123456", "EAAtoken", "proof", json.dumps(echo)))
