"""docker-compose.yml, Dockerfile and prometheus.yml fit together, as far as that shows without a container engine."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from streams.topics import APP

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
ONE_SHOTS = {
    needed
    for service in SERVICES.values()
    for needed, how in service.get("depends_on", {}).items()
    if how["condition"] == "service_completed_successfully"
}
# An image name, maybe with a registry, then a tag that begins with a number: `redis:7.4.6-alpine`, not `redis:alpine`.
PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?")


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments) of the Dockerfile, continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def arguments_of(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_an_image_of_a_fixed_version(name: str) -> None:
    assert PINNED.fullmatch(SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_health_check_unless_it_ends(name: str) -> None:
    check = SERVICES[name].get("healthcheck")
    if name in ONE_SHOTS:
        assert check == {"disable": True}
    elif check is None:
        assert SERVICES[name]["build"] == "."  # the image brings its own
    else:
        assert check["test"][0] == "CMD"
        assert all(isinstance(word, str) for word in check["test"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_services_that_get_there(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in ONE_SHOTS else "service_healthy"
        assert how["condition"] == expected
        assert "disable" not in SERVICES[needed].get("healthcheck", {}) or needed in ONE_SHOTS


def test_services_do_not_wait_for_each_other() -> None:
    started: set[str] = set()
    while ready := {n for n, s in SERVICES.items() if set(s.get("depends_on", {})) <= started} - started:
        started |= ready
    assert started == set(SERVICES)


def test_a_one_shot_is_not_started_again_after_success() -> None:
    assert sorted(ONE_SHOTS) == ["topics"]
    assert SERVICES["topics"]["restart"].startswith("on-failure")
    assert SERVICES["topics"]["command"] == ["bellwether topics create && bellwether config apply"]


def test_ports_of_this_machine_are_unique_and_local() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)
    outside = [port.split(":")[1] for port in published]
    assert len(outside) == len(set(outside))


def test_a_service_with_copies_publishes_no_port() -> None:
    copied = [service for service in SERVICES.values() if service.get("deploy", {}).get("replicas", 1) > 1]
    assert copied == [SERVICES["worker"]]
    assert "ports" not in SERVICES["worker"]


def test_addresses_name_services_and_the_ports_they_listen_on() -> None:
    kafka = SERVICES["kafka"]["environment"]
    told = kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    listening = {name: port for name, _, port in (word.split(":") for word in kafka["KAFKA_LISTENERS"].split(","))}
    for name in ("topics", "worker"):
        environment = SERVICES[name]["environment"]
        assert f"INSIDE://{environment['BELLWETHER_KAFKA']}" in told
        assert environment["BELLWETHER_REDIS"] == "redis://redis:6379/0"
    assert all(listening[name] == port for name, _, port in (word.split(":") for word in told))
    published = SERVICES["kafka"]["ports"][0].split(":")
    assert f"OUTSIDE://localhost:{published[1]}" in told


def test_mounted_files_and_volumes_exist() -> None:
    for service in SERVICES.values():
        for source in (volume.split(":")[0] for volume in service.get("volumes", [])):
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]


def test_prometheus_scrapes_the_workers_where_they_answer() -> None:
    jobs = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
    [discovery] = jobs["bellwether"]["dns_sd_configs"]
    assert set(discovery["names"]) <= set(SERVICES)
    assert jobs["bellwether"]["metrics_path"] == "/metrics"
    for name in discovery["names"]:
        assert SERVICES[name]["environment"]["BELLWETHER_HTTP"] == f"0.0.0.0:{discovery['port']}"


def test_prometheus_scrapes_the_exporter_of_lag_where_it_answers() -> None:
    check = SERVICES["kafka-exporter"]["healthcheck"]["test"]
    targets = [
        target
        for job in PROMETHEUS["scrape_configs"]
        for static in job.get("static_configs", [])
        for target in static["targets"]
    ]
    assert "kafka-exporter:9308" in targets
    assert check[-1] == "http://127.0.0.1:9308/healthz"
    command = SERVICES["kafka-exporter"]["command"]
    assert f"--kafka.server={SERVICES['worker']['environment']['BELLWETHER_KAFKA']}" in command
    assert f"--group.filter=^{APP}$$" in command  # compose makes one dollar of two


def test_grafana_finds_prometheus_and_the_dashboards_where_they_are_mounted() -> None:
    provisioning = ROOT / "config" / "grafana" / "provisioning"
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in SERVICES["grafana"]["volumes"])
    assert mounts["./config/grafana/provisioning"] == "/etc/grafana/provisioning"
    providers = [one for path in provisioning.glob("dashboards/*.y*ml") for one in loaded(path)["providers"]]
    assert {one["options"]["path"] for one in providers} == {mounts["./config/grafana/dashboards"]}
    sources = [one for path in provisioning.glob("datasources/*.y*ml") for one in loaded(path)["datasources"]]
    assert {one["url"] for one in sources} == {"http://prometheus:9090"}
    assert list((ROOT / "config" / "grafana" / "dashboards").glob("*.json"))


def test_tools_start_only_when_they_are_asked_for() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == {
        "akhq": ["tools"]
    }
    needed = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert "akhq" not in needed
    connections = yaml.safe_load(SERVICES["akhq"]["environment"]["AKHQ_CONFIGURATION"])["akhq"]["connections"]
    assert connections["bellwether"]["properties"]["bootstrap.servers"] == "kafka:9092"


def test_the_file_is_one_of_compose() -> None:
    tool = str(Path(sys.executable).with_name("check-jsonschema"))
    words = (tool, "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml"))
    done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603 - a package that is pinned
    assert done.returncode == 0, done.stdout + done.stderr


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_our_services_can_write_nowhere_and_are_not_root() -> None:
    for name in ("topics", "worker"):
        service = SERVICES[name]
        assert (service["build"], service["read_only"], service["cap_drop"]) == (".", True, ["ALL"])
    assert arguments_of("USER") == ["10001:10001"]


def test_the_image_copies_only_what_exists_and_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for copy in arguments_of("COPY")
        if not copy.startswith("--from")
        for source in (word for word in shlex.split(copy)[:-1])
    }
    assert copied == let_in
    assert {source for source in copied if not (ROOT / source).exists()} == set()


def test_the_image_starts_from_a_fixed_version_of_python() -> None:
    bases = [base.split()[0] for base in arguments_of("FROM")]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert PINNED.fullmatch(bases[0])
    assert bases[0].startswith("python:3.11.")


def test_the_image_installs_only_wheels_with_known_hashes() -> None:
    installs = [part for run in arguments_of("RUN") for part in run.split("&&") if "pip install" in part]
    assert len(installs) == 3
    assert all(
        "--only-binary=:all: --no-deps --require-hashes -r " in part or "--no-index --no-deps" in part
        for part in installs
    )


def test_the_image_runs_our_worker_and_gives_it_signals() -> None:
    entry, command = (json.loads(arguments_of(word)[0]) for word in ("ENTRYPOINT", "CMD"))  # exec form: JSON
    assert (entry, command) == (["bellwether"], ["worker"])
    assert 'bellwether = "agents.cli:main"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("words", [["worker"], ["topics", "create"], ["config", "apply"]])
def test_containers_run_commands_of_ours(words: list[str]) -> None:
    line = [sys.executable, "-c", "from agents.cli import main; main()", *words, "--help"]
    done = subprocess.run(line, check=False, capture_output=True, text=True, cwd=ROOT)  # noqa: S603 -- our own command
    assert done.returncode == 0, done.stderr
    assert " ".join(["Usage: bellwether", *words]) in done.stdout


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE])
def test_the_image_asks_its_worker_whether_it_is_ready(status: HTTPStatus) -> None:
    [check] = arguments_of("HEALTHCHECK")
    words = json.loads(check[check.index("[") :])
    assert words[0] == "python"
    with worker_that_says(status) as (port, asked):
        environment = {"BELLWETHER_HTTP": f"0.0.0.0:{port}"}
        done = subprocess.run([sys.executable, *words[1:]], check=False, capture_output=True, env=environment)  # noqa: S603
    assert asked == ["/readyz"]
    assert (done.returncode == 0) == (status == HTTPStatus.OK)


@contextmanager
def worker_that_says(status: HTTPStatus) -> Iterator[tuple[int, list[str]]]:
    """A server on a free port that answers everything alike; what it was asked."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_image_keeps_nothing_that_installs() -> None:
    *_, last = [number for number, (word, _) in enumerate(instructions()) if word == "FROM"]
    [run] = [rest for word, rest in instructions()[last:] if word == "RUN"]
    assert "pip uninstall --yes pip setuptools wheel" in run
    assert "rm -r /usr/local/lib/python3.11/ensurepip" in run
    assert "compileall" in run
