"""What stands in deploy/ agrees with the program and with itself. None of it is run here: deploy/README.md says so."""

import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import typer.main
import yaml

from quixess import __version__, api, cli, settings
from quixess.api import edge, manage
from quixess.dashboard import PAGES
from quixess.database.core import Database
from quixess.media.kinds import LARGEST
from quixess.settings import Settings
from tests.deploy import files
from tests.deploy.files import DEPLOY, Json
from tests.house.source import PACKAGE, ROOT

CONNECTIONS = 19  # of one process, at most: docs/operations.md, "Your own"
UNPRIVILEGED = "10001"


def test_every_setting_that_a_file_names_exists() -> None:
    known = {settings.variable(item.name) for item in fields(Settings)}
    known |= {f"{settings.variable(item.name)}_FILE" for item in fields(Settings) if item.metadata["secret"]}

    for path in files.TEXTS:
        assert set(re.findall(r"QUIXESS_[A-Z_]+[A-Z]", path.read_text())) <= known, path


def test_every_value_that_a_file_gives_to_a_setting_is_one() -> None:
    (configmap,) = files.objects("ConfigMap")
    compose = files.compose()["services"]["gateway"]["environment"]
    lines = dict(re.findall(r"^(QUIXESS_\w+)=(.*)$", files.read("systemd/quixess.env"), re.MULTILINE))
    services = [value.replace("%i", "1") for path in files.UNITS for value in files.unit(path)["Environment"]]
    units = dict(one.split("=", 1) for value in services for one in value.split())
    named = {
        name: value.split(":?")[0].replace("${DOMAIN", "example.com").strip("}") for name, value in compose.items()
    }

    for given in (files.environment(), configmap["data"], named, lines, units):
        ours = {name: value for name, value in given.items() if name.startswith("QUIXESS_") and "_FILE" not in name}
        settings.read(ours)
        assert settings.unknown(given) == []


def test_every_command_that_a_file_runs_exists() -> None:
    told = dict(files.commands())

    assert {"Dockerfile", "compose migrate", "kubernetes quixess-worker", "quixess-gateway@.service"} <= set(told)
    program = typer.main.get_command(cli.app)
    for where, words in told.items():
        command = program.get_command(None, words[0])  # type: ignore[attr-defined]
        assert command is not None, where
        options = {option for one in command.params for option in one.opts}
        assert {word for word in words[1:] if word.startswith("-")} <= options, where


def test_every_image_has_a_version_and_ours_is_this_one() -> None:
    for where, image in files.images():
        name, _, tag = image.rpartition(":")
        assert re.match(r"\d", tag), f"{where}: {image} names no version."
        if name.endswith("quixess"):
            assert tag == __version__, where
    (kustomization,) = files.objects("Kustomization")
    assert [one["newTag"] for one in kustomization["images"]] == [__version__]
    assert f"quixess:{__version__}" in files.read("Dockerfile")


def test_the_image_holds_what_is_pinned_and_runs_as_nobody() -> None:
    steps = files.instructions()
    final = steps[max(index for index, (word, _) in enumerate(steps) if word == "FROM") :]

    assert {word for word, _ in steps} <= {
        "FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT",
        "CMD",
    }  # fmt: skip
    installs = [one for word, rest in steps if word == "RUN" for one in rest.split("&&") if "pip install" in one]
    assert installs
    for one in installs:
        assert "--require-hashes" in one or "--no-index" in one, one
    users = [rest for word, rest in final if word == "USER"]
    assert users == [f"{UNPRIVILEGED}:{UNPRIVILEGED}"]
    assert not [rest for word, rest in final if word == "RUN" and "pip" in rest]
    for word, rest in steps:
        assert "node" not in rest or word == "COPY", "Node has no place in the image."
        for source in rest.split()[:-1] if word == "COPY" and not rest.startswith("--from") else ():
            assert (ROOT / source).exists(), source


def test_the_build_gets_what_it_copies_and_nothing_secret() -> None:
    let_in = re.findall(r"^!(\S+)", files.read("Dockerfile.dockerignore"), re.MULTILINE)
    copied = {
        source.split("/")[0]
        for word, rest in files.instructions()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }

    assert files.read("Dockerfile.dockerignore").splitlines()[1] == "*"
    assert set(let_in) == copied


def test_ports_agree() -> None:
    image = files.environment()
    port, watched = image["QUIXESS_PORT"], image["QUIXESS_METRICS_ADDRESS"].rpartition(":")[2]
    exposed = next(rest for word, rest in files.instructions() if word == "EXPOSE").split()
    assert exposed == [port, watched]
    assert f"127.0.0.1:{watched}/livez" in next(rest for word, rest in files.instructions() if word == "HEALTHCHECK")
    assert re.findall(r"^\s+port (\d+)$", files.read("compose/Caddyfile"), re.MULTILINE) == [port]
    for name, _, container in files.pods():
        known = {one["name"]: str(one["containerPort"]) for one in container.get("ports", [])}
        expected = {"quixess-gateway": {"http": port, "metrics": watched}, "quixess-worker": {"metrics": watched}}
        assert known == expected.get(name, {}), name
    (service,) = files.objects("Service")
    (policy,) = files.objects("NetworkPolicy")
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    assert [str(one["ports"][0]["port"]) for one in policy["spec"]["ingress"]] == [port, watched]


def test_probes_ask_what_is_answered() -> None:
    answered = set(re.findall(r'Route\("(/[a-z]+)"', "".join(path.read_text() for path in PACKAGE.glob("probes/*.py"))))
    for name, _, container in files.pods():
        known = {one["name"] for one in container.get("ports", [])}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe") if known else ():
            asked = container[probe]["httpGet"]
            assert asked["port"] in known, name
            assert asked["path"] in answered, name
            assert (asked["path"] == "/readyz") == (probe == "readinessProbe"), name


def test_nothing_is_ended_before_it_has_finished() -> None:
    in_order = 20 + 20 + 5  # docs/operations.md, "The parts"
    for _, spec, container in files.pods():
        delay = sum(float(one["value"]) for one in container.get("env", []) if one["name"] == "QUIXESS_STOP_DELAY")
        assert spec.get("terminationGracePeriodSeconds", 0) >= in_order + delay or not container.get("ports")
    for name in ("gateway", "worker"):
        service = files.compose()["services"][name]
        delay = float(service["environment"].get("QUIXESS_STOP_DELAY", 0))
        assert float(service["stop_grace_period"].rstrip("s")) >= in_order + delay, name
    for path in files.UNITS:
        if "migrate" not in path.name:
            assert float(files.unit(path)["TimeoutStopSec"][0]) >= in_order + 5, path


@pytest.mark.parametrize(
    ("name", "spec", "container"), files.pods(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_pods_may_do_nothing_that_they_need_not(name: str, spec: Json, container: Json) -> None:
    assert spec["securityContext"]["runAsNonRoot"] is True, name
    assert str(spec["securityContext"]["runAsUser"]) == UNPRIVILEGED
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert {"requests", "limits"} <= set(container["resources"])
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in spec["volumes"]}


def test_what_selects_pods_finds_them() -> None:
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"] for one in files.objects("Deployment")
    }
    for kind in ("PodDisruptionBudget", "Deployment"):
        for one in files.objects(kind):
            assert one["spec"]["selector"]["matchLabels"] == labels[one["metadata"]["name"]]
    (service,) = files.objects("Service")
    assert service["spec"]["selector"] == labels[service["metadata"]["name"]]
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in files.objects("HorizontalPodAutoscaler")}
    assert scaled == set(labels)
    (kustomization,) = files.objects("Kustomization")
    there = {path.name for path in DEPLOY.glob("kubernetes/*.yaml")}
    by_hand = {"kustomization.yaml", "migrate.yaml", "secret.example.yaml"}
    assert set(kustomization["resources"]) == there - by_hand


def test_secrets_of_the_example_are_those_that_the_settings_read() -> None:
    (secret,) = files.objects("Secret")
    (configmap,) = files.objects("ConfigMap")
    read = {value.rpartition("/")[2] for name, value in configmap["data"].items() if name.endswith("_FILE")}

    assert set(secret["stringData"]) == read
    mounted = {one["mountPath"] for _, _, pod in files.pods() for one in pod["volumeMounts"]}
    assert {value.rpartition("/")[0] for name, value in configmap["data"].items() if name.endswith("_FILE")} <= mounted


def test_a_proxy_lets_through_what_there_is_and_no_more() -> None:
    asked = [one.route for one in api.ENDPOINTS] + [one.route for one in manage.MANAGEMENT]
    asked += [page.path for page in PAGES]
    asked += ["/", "/docs", "/docs/errors", "/docs/assets/reference.css", "/openapi.json"]
    asked += ["/webhooks/meta/{app_id}", "/static/{mark}/{name}"]
    line = re.search(r"@doors path (.+)", files.read("compose/Caddyfile"))
    (ingress,) = files.objects("Ingress")
    rules = ingress["spec"]["rules"][0]["http"]["paths"]
    assert line is not None

    for path in asked:
        assert any(_caddy(rule, path) for rule in line[1].split()), path
        assert any(_ingress(rule, path) for rule in rules), path
    for path in ("/metrics", "/livez", "/readyz", "/anything"):
        assert not any(_caddy(rule, path) for rule in line[1].split()), path
        assert not any(_ingress(rule, path) for rule in rules), path


def _caddy(rule: str, path: str) -> bool:
    return path.startswith(rule[:-1]) if rule.endswith("*") else path == rule


def _ingress(rule: Json, path: str) -> bool:
    """Match as Kubernetes does: by whole parts of the path."""
    if rule["pathType"] == "Exact":
        return bool(path == rule["path"])
    return f"{path}/".startswith(f"{rule['path'].rstrip('/')}/")


def test_the_proxy_takes_bodies_as_large_as_the_gateway_does() -> None:
    sizes = [int(size) << 20 for size in re.findall(r"max_size (\d+)MiB", files.read("compose/Caddyfile"))]

    assert LARGEST + 64 * 1024 <= max(sizes) < LARGEST + (2 << 20)
    assert min(sizes) == max(edge.BODY_LIMIT, *edge.BODY_LIMITS.values())
    assert len(sizes) == 2


def test_the_database_has_room_for_every_process_that_may_run() -> None:
    allowed = int(re.findall(r"^max_connections = (\d+)", files.read("postgresql/postgresql.conf"), re.MULTILINE)[0])
    most = sum(one["spec"]["maxReplicas"] + 1 for one in files.objects("HorizontalPodAutoscaler"))

    assert most * CONNECTIONS + 20 <= allowed


async def test_postgresql_knows_every_setting_of_ours(db: Database) -> None:
    given = dict(re.findall(r"^(\w+) = ([^#\n]+?)\s*$", files.read("postgresql/postgresql.conf"), re.MULTILINE))
    async with db.transaction() as tx:
        known = {row["name"]: row for row in await tx.rows("SELECT name, vartype, enumvals FROM pg_settings")}

    assert len(given) > 20
    assert set(given) <= set(known)
    for name, value in given.items():
        if known[name]["vartype"] == "enum":
            assert value in known[name]["enumvals"], name
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        assert given[name] == "on"
    assert given["log_parameter_max_length"] == given["log_parameter_max_length_on_error"] == "0"


def test_units_have_the_same_walls_around_them() -> None:
    walls = [path.read_text().partition("# The next lines")[2].partition("[Install]")[0] for path in files.UNITS]

    assert len(walls) == 3
    assert len(set(walls)) == 1
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=\n",
        "User=quixess",
        "UMask=0077",
    ):
        assert line in walls[0]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in DEPLOY.glob("systemd/quixess*.*"):
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/quixess/bin/quixess ", "/bin/true "))
    units = ["quixess-migrate.service", "quixess-gateway@1.service", "quixess-worker@1.service", "quixess.target"]

    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / one) for one in units)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr.replace("Failed to open /dev/kmsg", "")) == (0, "")


def test_yaml_says_nothing_twice() -> None:
    for path in DEPLOY.rglob("*.y*ml"):
        for document in yaml.compose_all(path.read_text()):
            _expect_no_twins(document, path)


def _expect_no_twins(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        assert len(names) == len(set(names)), (path, names)
        for _, value in node.value:
            _expect_no_twins(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            _expect_no_twins(one, path)


def test_no_source_asks_the_installation_for_its_version() -> None:
    """`make up` installs none: the page of the API answered 500 on a fresh machine."""
    for path in PACKAGE.rglob("*.py"):
        assert "metadata.version" not in path.read_text(), f"{path}: take quixess.__version__."
