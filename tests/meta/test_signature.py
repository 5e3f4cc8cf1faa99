import hashlib
import hmac
import json

import pytest

from quixess.meta import webhooks

SECRET = b"app-secret"
# What Meta puts on the wire: escaped letters in lower-case hex, and `/`, `@`, `<`, `%` escaped too.
ESCAPED = rb'{"name":"J\u00fcrgen \ud83d\ude00","url":"https:\/\/a.example\/\u003C\u0025","at":"\u0040me"}'


def sign(raw: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()


def test_the_bytes_from_the_wire_pass_with_their_escapes() -> None:
    assert webhooks.verify([SECRET], sign(ESCAPED), ESCAPED)
    assert webhooks.verify([SECRET], sign(ESCAPED).encode(), ESCAPED)


def test_the_same_json_written_anew_does_not_pass() -> None:
    for anew in (json.dumps(json.loads(ESCAPED)), json.dumps(json.loads(ESCAPED), ensure_ascii=False)):
        assert not webhooks.verify([SECRET], sign(ESCAPED), anew.encode())
        assert not webhooks.verify([SECRET], sign(anew.encode()), ESCAPED)


def test_either_of_two_secrets_passes_while_one_replaces_the_other() -> None:
    secrets = [b"new-secret", SECRET]
    assert webhooks.verify(secrets, sign(ESCAPED), ESCAPED)
    assert webhooks.verify(secrets, sign(ESCAPED, b"new-secret"), ESCAPED)
    assert not webhooks.verify(secrets, sign(ESCAPED, b"other-app"), ESCAPED)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha1=" + hmac.new(SECRET, ESCAPED, hashlib.sha1).hexdigest(),
        "sha256=" + hmac.new(SECRET, ESCAPED, hashlib.sha1).hexdigest(),
        sign(ESCAPED).removeprefix("sha256="),
        sign(ESCAPED).upper(),
        "sha256=" + sign(ESCAPED).removeprefix("sha256=").upper(),
        "SHA256=" + sign(ESCAPED).removeprefix("sha256="),
        sign(ESCAPED)[:-1],
        sign(ESCAPED)[:-2],
        sign(ESCAPED) + "0",
        sign(ESCAPED) + "\n",
        " " + sign(ESCAPED),
        sign(ESCAPED) + "," + sign(ESCAPED),
        sign(ESCAPED, b"other-app"),
        sign(ESCAPED + b"\n"),
        "sha256=" + "é" * 64,
        "sha256=" + "٣" * 64,
        "sha256=" + "\udcff" * 64,
        b"sha256=" + b"\xff" * 64,
        b"\x00" * 71,
    ],
)
def test_any_other_header_is_refused_and_nothing_is_raised(header: str | bytes | None) -> None:
    assert not webhooks.verify([SECRET], header, ESCAPED)


def test_without_a_secret_nobody_passes() -> None:
    assert not webhooks.verify([], sign(ESCAPED), ESCAPED)
    assert not webhooks.verify([b""], sign(ESCAPED, b""), ESCAPED)


def test_meta_gets_its_challenge_back_for_the_right_token() -> None:
    assert webhooks.challenge("subscribe", "token", "1158201444", "token") == "1158201444"


@pytest.mark.parametrize(
    ("mode", "token", "challenge", "expected"),
    [
        ("subscribe", "wrong", "1", "token"),
        ("subscribe", None, "1", "token"),
        ("subscribe", "", "1", ""),
        ("subscribe", "tökén\udcff", "1", "token"),
        ("unsubscribe", "token", "1", "token"),
        (None, "token", "1", "token"),
        ("subscribe", "token", None, "token"),
        ("subscribe", "token", "", "token"),
        ("subscribe", "token", "<script>alert(1)</script>", "token"),
        ("subscribe", "token", "1\n", "token"),
        ("subscribe", "token", "١٢", "token"),
        ("subscribe", "token", "1" * 129, "token"),
    ],
)
def test_a_handshake_that_is_not_metas_gets_nothing(
    mode: str | None, token: str | None, challenge: str | None, expected: str
) -> None:
    assert webhooks.challenge(mode, token, challenge, expected) is None
