"""Logs never tell a secret and never tell a lie."""

import io
import json
import logging
import math
import sys
import threading

import pytest
import structlog

from quixess import logs

API_KEY = "qxs_dZ4VJbDi" + "a1B2c3D4" * 4 + "xyz987"
META_TOKEN = "EAAGm0PX4ZCpsBO" + "k7Lq9" * 30


@pytest.fixture(autouse=True)
def _logging_as_found():
    root = logging.getLogger()
    found, root.handlers = (root.handlers, root.level), []
    yield
    logging.captureWarnings(capture=False)
    root.handlers, root.level = found
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def line(capsys):
    """Log something as JSON and read the one line back."""

    def read(event="something happened", **fields):
        logs.configure("info", json=True)
        structlog.get_logger().info(event, **fields)
        return only_line(capsys)

    return read


def only_line(capsys):
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert written.count("\n") == 1
    return json.loads(written)


def fail(error):
    raise error


def test_a_line_begins_with_time_level_and_event(line):
    written = line("message accepted", conversation="cnv_1")

    assert list(written) == ["timestamp", "level", "event", "conversation"]
    assert written["level"] == "info"
    assert written["event"] == "message accepted"


def test_time_is_utc_with_milliseconds(line):
    stamp = line()["timestamp"]

    assert len(stamp) == len("2026-05-15T10:30:00.234Z")
    assert stamp[-5] == "."
    assert stamp.endswith("Z")


def test_the_request_id_rides_along_from_the_context(line):
    structlog.contextvars.bind_contextvars(request_id="req_1")

    assert line()["request_id"] == "req_1"


@pytest.mark.parametrize(
    "name",
    [
        "code",
        "otp_code",
        "token",
        "access_token",
        "accessToken",
        "hub.verify_token",
        "app_secret",
        "webhook_secret",
        "authorization",
        "Authorization",
        "X-API-Key",
        "api_key",
        "password",
        "pin",
        "signature",
        "X-Hub-Signature-256",
        "X-Quixess-Signature-256",
        "Set-Cookie",
        "pepper",
    ],
)
@pytest.mark.parametrize("value", ["482913", 482913, b"482913", ["482913"], {"is": "482913"}])
def test_a_value_under_a_secret_name_is_masked(line, name, value):
    assert line(**{name: value})[name] == "***"


@pytest.mark.parametrize("name", ["status_code", "error_code", "phone_number_id", "tokens_left", "encoded", "shopping"])
def test_a_name_that_only_resembles_a_secret_keeps_its_value(line, name):
    assert line(**{name: 131008})[name] == 131008


def test_whether_there_is_a_secret_may_be_told(line):
    written = line(token=None, signature=False)

    assert written["token"] is None
    assert written["signature"] is False


def test_secrets_are_masked_at_any_depth(line):
    written = line(request={"headers": [{"X-API-Key": "hush"}], "body": {"template": {"code": "482913"}}})

    assert written["request"] == {"headers": [{"X-API-Key": "***"}], "body": {"template": {"code": "***"}}}


def test_a_structure_that_holds_itself_ends(line):
    loop: dict[str, object] = {"code": "482913"}
    loop["again"] = loop

    assert "482913" not in json.dumps(line(loop=loop))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"the key {API_KEY} is bad", "the key qxs_dZ4V…*** is bad"),
        (f"GET /me?key={API_KEY.replace('qxs', 'qxt')}", "GET /me?key=qxt_dZ4V…***"),
        (f"refused {META_TOKEN}.", "refused EAA…***."),
        ("signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "signed with whsec_***"),
        ("sent Bearer abc.def-ghi123", "sent Bearer ***"),
        ("GET /oauth?client_secret=abc123&id=7", "GET /oauth?client_secret=***&id=7"),
        ("{'password': 'hunter2', 'id': 7}", "{'password': '***', 'id': 7}"),
        ('{"to": 1, "code": "482913"}', '{"to": 1, "code": "***"}'),
        (r"{\"code\": \"482913\"}", r"{\"code\": \"***\"}"),
        ("Otp(code='482913')", "Otp(code='***')"),
        ("cannot reach +12818184370 today", "cannot reach +1281•••4370 today"),
        ("GET /messages?phone=12818184370&limit=5", "GET /messages?phone=1281•••4370&limit=5"),
        ("GET /messages?phone=%2B12818184370", "GET /messages?phone=%2B1281•••4370"),
        ("DETAIL:  Key (brand_id, phone)=(b, 12818184370) exists", "DETAIL:  Key (brand_id, phone)=(***)"),
        ("DETAIL:  Failing row contains (b, hi\nthere, 1281).", "DETAIL:  Failing row contains (***)"),
    ],
)
def test_a_secret_is_known_by_its_shape_wherever_it_stands(line, text, masked):
    assert line(text, note=text, nested=[{"deep": text.encode()}]) | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": masked,
        "note": masked,
        "nested": [{"deep": masked}],
    }


@pytest.mark.parametrize(
    "text",
    [
        "wamid.HBgLMTI4MTgxODQzNzAVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA",
        "evt_01KEAAABCDEFGHJKMNPQRSTVWX",
        "error code: 131008",
        "2026-05-15T10:30:00.234+02:00",
    ],
)
def test_what_is_no_secret_stays_readable(line, text):
    assert line(text)["event"] == text


@pytest.mark.parametrize("name", ["phone", "to", "from", "recipient", "wa_id", "recipient_id", "display_phone_number"])
@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+12818184370", "+1281•••4370"),
        ("12818184370", "1281•••4370"),
        (12818184370, "1281•••4370"),
        ("+1 (281) 818-4370", "+1281•••4370"),
        ("+2904567", "+2904567"),
        ("+29045678", "+29•••78"),
    ],
)
def test_a_phone_number_shows_its_ends_only(line, name, number, masked):
    assert line(**{name: number})[name] == masked


def test_a_secret_inside_an_exception_is_masked_too(capsys):
    logs.configure("info", json=True)
    try:
        fail(ConnectionError(f"POST failed: Authorization: Bearer {META_TOKEN}, key {API_KEY}"))
    except ConnectionError:
        structlog.get_logger().exception("sending failed")

    written = only_line(capsys)
    assert META_TOKEN not in written["exception"]
    assert API_KEY not in written["exception"]
    assert written["exception"].startswith("Traceback")
    assert written["level"] == "error"


HOSTILE = {
    "a json line": '\n{"level":"error","event":"forged"}',
    "a console line": "\r\n2026-05-15T10:30:00.234Z [error    ] forged",
    "escape sequences": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "8-bit controls": "\x9b31m and \x85 and \u2028 and \u2029",
    "direction marks": "\u202egnp.exe \u2066 \ufeff",
    "nul and backspace": "\x00 \x08\x08\x08 \x7f",
    "half a surrogate": "\ud800 alone",
    "a lookup": "${jndi:ldap://127.0.0.1/a}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_can_forge_a_json_line(line, capsys, text):
    """Attack 40: newline, escape sequences, lookups, in a name, a text and a user agent."""
    written = line(text, name=text, agent={text: [text]})

    assert written["event"] == text
    assert written["name"] == text
    assert written["agent"] == {text: [text]}
    assert written["level"] == "info"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_json_line_is_plain_ascii(capsys, text):
    logs.configure("info", json=True)
    structlog.get_logger().info(text, name=text)

    written = capsys.readouterr().err
    assert written.isascii()
    assert written.count("\n") == 1
    assert not any(control in written for control in "\r\x1b\x00\x08\x85")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_can_forge_a_console_line_or_steer_the_terminal(capsys, text):
    logs.configure("info", json=False)
    structlog.get_logger().info(text, name=text, agent={text: [text]})

    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert written[:-1].isprintable()


def test_a_traceback_on_the_console_keeps_its_lines_behind_a_bar(capsys):
    logs.configure("info", json=False)
    try:
        fail(ValueError("bad\n2026-05-15T10:30:00.234Z [error    ] forged \x1b[31m"))
    except ValueError:
        structlog.get_logger().exception("it broke")

    first, *rest = capsys.readouterr().err.splitlines()
    assert "it broke" in first
    assert len(rest) > 3
    assert all(row.startswith("  │ ") for row in rest)
    assert "\x1b" not in "".join(rest)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 10**5000, 2**63 - 1, object(), {1, 2}, (1, None), b"\xff\x00"],
    ids=["nan", "infinity", "endless", "64 bits", "object", "set", "tuple", "bytes"],
)
def test_any_value_becomes_valid_json(line, value):
    assert "value" in line(value=value)


def test_an_object_that_cannot_be_shown_is_named_by_its_type(line):
    class Broken:
        def __str__(self):
            raise RuntimeError("no text today")

    assert line(value=Broken())["value"] == "<Broken without a text>"


def test_an_endless_text_is_cut_in_the_middle(line):
    written = line("a" * 100_000 + "the end")["event"]

    assert len(written) < 17_000
    assert written.endswith("the end")


def test_a_level_below_the_chosen_one_is_silent_and_looks_at_nothing(capsys):
    class Watched:
        shown = 0

        def __str__(self):
            Watched.shown += 1
            return "watched"

    logs.configure("warning", json=True)
    structlog.get_logger().info("quiet", value=Watched())
    logging.getLogger("aiohttp.client").info("quiet %s", Watched())

    assert capsys.readouterr().err == ""
    assert Watched.shown == 0


def test_an_unknown_level_says_which_ones_there_are():
    with pytest.raises(ValueError, match="debug, info, warning, error, critical"):
        logs.configure("loud", json=True)


@pytest.mark.parametrize("name", ["uvicorn.error", "uvicorn.access", "aiohttp.server", "asyncio", "anything"])
def test_libraries_write_the_same_lines(capsys, name):
    logs.configure("info", json=True)
    structlog.contextvars.bind_contextvars(request_id="req_1")
    logging.getLogger(name).warning("refused %s\nnext", API_KEY)

    written = only_line(capsys)
    assert written["event"] == "refused qxs_dZ4V…***\nnext"
    assert written["level"] == "warning"
    assert written["logger"] == name
    assert written["request_id"] == "req_1"


def test_a_handler_that_uvicorn_brought_along_is_taken_off(capsys):
    logging.getLogger("uvicorn").addHandler(logging.StreamHandler(sys.stderr))
    logs.configure("info", json=True)
    logging.getLogger("uvicorn").info("started")

    assert only_line(capsys)["event"] == "started"


def test_a_librarys_exception_is_masked_too(capsys):
    logs.configure("info", json=True)
    try:
        fail(OSError(f"token {META_TOKEN}"))
    except OSError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")

    assert META_TOKEN not in json.dumps(only_line(capsys))


def test_a_librarys_broken_log_call_is_told_without_its_arguments(capsys):
    logs.configure("info", json=True)
    logging.getLogger("lib").info("number %d", API_KEY)

    written = only_line(capsys)
    assert written["event"] == "a broken log call"
    assert written["logger"] == "lib"


def test_a_closed_stderr_breaks_nobody(monkeypatch, tmp_path):
    logs.configure("info", json=True)
    with (tmp_path / "gone").open("w") as gone:
        monkeypatch.setattr(sys, "stderr", gone)
    structlog.get_logger().info("nobody hears this")

    assert (tmp_path / "gone").read_text() == ""


def test_lines_of_many_threads_do_not_mix(capsys):
    logs.configure("info", json=True)
    threads = [
        threading.Thread(target=lambda: [structlog.get_logger().info("x" * 500) for _ in range(50)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    written = capsys.readouterr().err.splitlines()
    assert [json.loads(row)["event"] for row in written] == ["x" * 500] * 400


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_told_otherwise(monkeypatch, no_color, coloured):
    monkeypatch.setenv("NO_COLOR", no_color)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    logs.configure("info", json=False)
    structlog.get_logger().info("ready")

    assert ("\x1b[" in terminal.getvalue()) is coloured
