"""Settings: each one is read, each mistake names its variable, and no secret is ever shown."""

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from quixess import settings
from quixess.settings import Address, Rate, Settings, SettingsError
from tests.cli.shell import Shell

READ: dict[str, tuple[str, Any]] = {
    "QUIXESS_DATA_DIR": ("/var/lib/quixess", Path("/var/lib/quixess")),
    "QUIXESS_DATABASE_URL": ("postgresql://db/quixess", "postgresql://db/quixess"),
    "QUIXESS_POSTGRES_BINARIES": ("/usr/lib/postgresql/18/bin", Path("/usr/lib/postgresql/18/bin")),
    "QUIXESS_KEYRING": ('{"keys": {}}', '{"keys": {}}'),
    "QUIXESS_HOST": ("0.0.0.0", "0.0.0.0"),
    "QUIXESS_PORT": ("9000", 9000),
    "QUIXESS_METRICS_ADDRESS": ("[::1]:9100", Address("::1", 9100)),
    "QUIXESS_TRACES": ("true", True),
    "QUIXESS_STOP_DELAY": ("2.5", 2.5),
    "QUIXESS_SIMULATOR_PORT": ("0", 0),
    "QUIXESS_SIMULATOR_URL": ("http://sim:8801/", "http://sim:8801"),
    "QUIXESS_PUBLIC_URL": ("https://wa.example.com/", "https://wa.example.com"),
    "QUIXESS_ALLOWED_HOSTS": ("api.example.com, localhost:8800,", ("api.example.com", "localhost:8800")),
    "QUIXESS_TRUSTED_PROXIES": ("10.1.0.0/16, ::1/128", (ip_network("10.1.0.0/16"), ip_network("::1/128"))),
    "QUIXESS_OTP_PER_RECIPIENT": ("1/30s, 5/1h", (Rate(1, 30), Rate(5, 3600))),
    "QUIXESS_BAD_KEYS_PER_MINUTE": ("100", 100),
    "QUIXESS_GRAPH_VERSION": ("v26.0", "v26.0"),
    "QUIXESS_GRAPH_URLS": ("http://sim:8801/, https://sim.example", ("http://sim:8801", "https://sim.example")),
    "QUIXESS_META_MEDIA_ORIGINS": (
        "http://127.0.0.1:8802/, https://media.example",
        ("http://127.0.0.1:8802", "https://media.example"),
    ),
    "QUIXESS_SEND_TIMEOUT": ("7.5", 7.5),
    "QUIXESS_SEND_LEASE": ("60", 60.0),
    "QUIXESS_UNKNOWN_AFTER": ("300", 300.0),
    "QUIXESS_GAP_AFTER": ("120", 120.0),
    "QUIXESS_UNKNOWN_WAIT": ("0.5", 0.5),
    "QUIXESS_DELIVERY_TIMEOUT": ("5", 5.0),
    "QUIXESS_DELIVERY_LEASE": ("45", 45.0),
    "QUIXESS_RETRY_LADDER": ("0.5, 10,60", (0.5, 10.0, 60.0)),
    "QUIXESS_WEBHOOK_HTTP": ("yes", True),
    "QUIXESS_WEBHOOK_PORTS": ("443, 9443", (443, 9443)),
    "QUIXESS_WEBHOOK_NETWORKS": ("10.0.0.0/8, fd00::/8", (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),
    "QUIXESS_WEBHOOK_PRIVATE_ANSWERS": ("1", True),
    "QUIXESS_EGRESS_PROXY_URL": ("http://u:p%40ss@proxy:3128/", "http://u:p%40ss@proxy:3128/"),
    "QUIXESS_MEDIA_DIR": ("/srv/media", Path("/srv/media")),
    "QUIXESS_EVENT_DAYS": ("7", 7),
    "QUIXESS_INTAKE_DAYS": ("3", 3),
    "QUIXESS_MESSAGE_DAYS": ("90", 90),
    "QUIXESS_MEDIA_DAYS": ("30", 30),
    "QUIXESS_REQUEST_LOG": ("Lines", "lines"),
    "QUIXESS_REQUEST_DAYS": ("3", 3),
    "QUIXESS_LOG_LEVEL": ("WARNING", "warning"),
    "QUIXESS_LOG_JSON": ("1", True),
    "QUIXESS_FAIL_AT": ("send.after_claim:2", "send.after_claim:2"),
}
SECRETS = ("QUIXESS_DATABASE_URL", "QUIXESS_KEYRING", "QUIXESS_EGRESS_PROXY_URL")
BAD = {
    "QUIXESS_PORT": ("-1", "65536", "http", "8800.0"),
    "QUIXESS_METRICS_ADDRESS": (
        "8802",
        ":8802",
        "127.0.0.1",
        "127.0.0.1:70000",
        "::1:8802",
        "[x]:1",
        "http://a:1",
        "a/b:1",
    ),
    "QUIXESS_TRACES": ("otlp",),
    "QUIXESS_STOP_DELAY": ("-1", "301", "soon", "nan"),
    "QUIXESS_SIMULATOR_PORT": ("99999", "any"),
    "QUIXESS_SIMULATOR_URL": ("sim", "http"),
    "QUIXESS_TRUSTED_PROXIES": ("10.0.0.1/8", "proxy", "any"),
    "QUIXESS_OTP_PER_RECIPIENT": ("5", "0/1m", "5/0s", "5/10", "-1/1m", "5/10w", "1000001/1m", "5/32d", "none", ","),
    "QUIXESS_BAD_KEYS_PER_MINUTE": ("0", "-1", "off"),
    "QUIXESS_GRAPH_VERSION": ("25.0", "v25", "latest", "v25.0/../"),
    "QUIXESS_GRAPH_URLS": ("sim:8801", "http://", "ftp://sim", "http://sim, ?", "http://a@sim", "http://sim/?x=y"),
    "QUIXESS_META_MEDIA_ORIGINS": ("media.example", "ftp://media.example", "https://media.example/x", "https://a@b.c"),
    "QUIXESS_SEND_TIMEOUT": ("0", "-1", "ten", "nan", "inf", "1e12"),
    "QUIXESS_SEND_LEASE": ("0", "half a minute"),
    "QUIXESS_UNKNOWN_AFTER": ("0", "soon"),
    "QUIXESS_GAP_AFTER": ("0", "never"),
    "QUIXESS_UNKNOWN_WAIT": ("0", "-3"),
    "QUIXESS_DELIVERY_TIMEOUT": ("0", "15s"),
    "QUIXESS_DELIVERY_LEASE": ("0", "30s"),
    "QUIXESS_RETRY_LADDER": ("1,5,x", "1;5", "1,0", "1,-5", ","),
    "QUIXESS_WEBHOOK_HTTP": ("on please", "2", "sure"),
    "QUIXESS_WEBHOOK_PORTS": ("https", "443,70000", "*", ","),
    "QUIXESS_WEBHOOK_NETWORKS": ("10.0.0.1/8", "10.0.0.0/40", "intranet"),
    "QUIXESS_WEBHOOK_PRIVATE_ANSWERS": ("perhaps",),
    "QUIXESS_EGRESS_PROXY_URL": (
        "proxy:3128",
        "https://proxy:3128",
        "socks5://proxy:1080",
        "http://proxy",
        "http://:3128",
        "http://proxy:0x50",
        "http://proxy:70000",
        "http://proxy:3128/path",
        "http://proxy:3128/?a=b",
        "http://a%3ab:c@proxy:3128",
        "http://proxy:3128\n",
    ),
    "QUIXESS_EVENT_DAYS": ("0", "1.5", "40000"),
    "QUIXESS_INTAKE_DAYS": ("-1", "two weeks"),
    "QUIXESS_MESSAGE_DAYS": ("0", "inf"),
    "QUIXESS_MEDIA_DAYS": ("0", "a month"),
    "QUIXESS_REQUEST_LOG": ("yes", "body"),
    "QUIXESS_REQUEST_DAYS": ("0", "a week"),
    "QUIXESS_LOG_LEVEL": ("loud", "20"),
    "QUIXESS_LOG_JSON": ("maybe",),
}


def test_this_page_knows_every_setting() -> None:
    assert set(READ) == {settings.variable(item.name) for item in fields(Settings)}
    assert {item.name for item in fields(Settings) if item.metadata["secret"]} == {
        name.removeprefix("QUIXESS_").lower() for name in SECRETS
    }


def test_every_setting_is_read_from_its_variable() -> None:
    found = settings.read({name: text for name, (text, _) in READ.items()})
    for name, (_, value) in READ.items():
        assert getattr(found, name.removeprefix("QUIXESS_").lower()) == value, name
    assert found == Settings(**{name.removeprefix("QUIXESS_").lower(): value for name, (_, value) in READ.items()})


def test_what_is_missing_or_empty_has_its_default() -> None:
    assert settings.read({}) == Settings()
    assert settings.read(dict.fromkeys(READ, "")) == Settings()


def test_ports_may_be_any() -> None:
    assert settings.read({"QUIXESS_WEBHOOK_PORTS": "Any"}).webhook_ports == ()


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_value_that_cannot_be_read_names_its_variable_and_what_it_takes(name: str, text: str) -> None:
    field = next(item for item in fields(Settings) if settings.variable(item.name) == name)
    with pytest.raises(SettingsError) as refused:
        settings.read({name: text})
    assert str(refused.value) == f"{name} is not valid: expected {field.metadata['expects']}."


@pytest.mark.parametrize("kind", ["SEND", "DELIVERY"])
def test_a_lease_that_could_end_before_its_work_is_refused(kind: str) -> None:
    lease, timeout = f"QUIXESS_{kind}_LEASE", f"QUIXESS_{kind}_TIMEOUT"
    with pytest.raises(SettingsError, match=f"{lease} must be longer than {timeout}"):
        settings.read({lease: "10", timeout: "10"})
    assert settings.read({lease: "11", timeout: "10"}) is not None


# Secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("  http://the:secret@host:1\n")
    found = settings.read({f"{name}_FILE": str(file)})
    assert getattr(found, name.removeprefix("QUIXESS_").lower()) == "http://the:secret@host:1"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_two_places_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2")
    with pytest.raises(SettingsError, match=f"{name} and {name}_FILE are both set") as refused:
        settings.read({name: "hunter3", f"{name}_FILE": str(file)})
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secrets_file_that_cannot_be_read_names_its_variable(tmp_path: Path, name: str) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "nowhere", tmp_path, binary, ""):
        with pytest.raises(SettingsError, match=f"{name}_FILE cannot be read"):
            settings.read({f"{name}_FILE": str(path)})


def test_only_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("9000")
    environ = {"QUIXESS_PORT_FILE": str(file)}
    assert settings.read(environ).port == Settings().port
    assert settings.unknown(environ) == ["QUIXESS_PORT_FILE"]


def test_no_secret_is_in_the_repr() -> None:
    proxy = "http://u:hunter4@proxy:3128"
    found = settings.read(dict(zip(SECRETS, ("postgresql://u:hunter2@db/q", "hunter3", proxy), strict=True)))
    assert "hunter" not in repr(found)
    assert "hunter" not in str(found)


def test_a_proxy_that_cannot_be_read_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        settings.read({"QUIXESS_EGRESS_PROXY_URL": "https://u:hunter4@proxy:3128"})
    assert "hunter" not in str(refused.value)


def test_a_variable_that_means_nothing_is_reported_and_others_are_left_alone(tmp_path: Path) -> None:
    known = dict.fromkeys(READ, "") | {f"{name}_FILE": "" for name in SECRETS}
    typos = {"QUIXESS_PROT": "9000", "QUIXESS_": "1", "QUIXESS_port": "1"}
    assert settings.unknown(known | typos | {"PATH": "/bin", "PORT": "1", "quixess_port": "1"}) == sorted(typos)


# `quixess settings` ----------------------------------------------------------------------------------------------


async def test_the_command_lists_every_setting_with_its_value_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "keyring").write_text("hunter3")
    plain = {name.removeprefix("QUIXESS_").lower(): text for name, (text, _) in READ.items() if name not in SECRETS}
    quixess = Shell("postgresql://u:hunter2@db/q", tmp_path, plain | {"egress_proxy_url": "http://u:hunter4@proxy:1"})
    said = await quixess.good("settings", keyring_file=str(tmp_path / "keyring"))

    assert said.err == ""
    lines = {line.split()[0]: line for line in said.lines[1:]}
    assert set(lines) == set(READ)
    assert lines["QUIXESS_PORT"].split()[1:3] == ["9000", "0-65535"]
    assert lines["QUIXESS_RETRY_LADDER"].split()[1] == "0.5,10,60"
    assert lines["QUIXESS_WEBHOOK_NETWORKS"].split()[1] == "10.0.0.0/8,fd00::/8"
    for name in SECRETS:
        assert lines[name].startswith(f"{name} (or _FILE)")
        assert " *** " in lines[name]
    assert "hunter" not in said.out


async def test_the_command_tells_of_a_typing_error_and_of_a_bad_value(tmp_path: Path) -> None:
    quixess = Shell("", tmp_path)
    said = await quixess.good("settings", prot="9000")
    assert "QUIXESS_PORT " in said.out
    assert "QUIXESS_PROT is no setting of Quixess" in said.err
    assert await quixess.refused("settings", port="nine") == "error: QUIXESS_PORT is not valid: expected 0-65535."
