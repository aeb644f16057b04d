"""The manifests are Kubernetes' own kinds, and name only what there is: commands, probes, ports, variables, files."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from lightkube.models import apps_v1, batch_v1, core_v1, policy_v1

from agents import settings
from agents.access_settings import VARIABLES
from agents.assignment import STOP_DRAIN_LIMIT_SECONDS
from agents.supervisor import PAUSE_SECONDS_MAX, STOP_LIMIT_SECONDS
from agents.watchdog import STUCK_SECONDS
from streams import topics
from tests.conftest import Ended

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "config" / "kubernetes"
PAGE = (ROOT / "docs" / "deployment.md").read_text()
KINDS: dict[str, Any] = {
    "Deployment": apps_v1.Deployment,
    "Job": batch_v1.Job,
    "Namespace": core_v1.Namespace,
    "PodDisruptionBudget": policy_v1.PodDisruptionBudget,
    "Service": core_v1.Service,
}
KEDA = {"ScaledObject", "TriggerAuthentication"}


def read(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


FILES = {path.relative_to(FOLDER): read(path) for path in sorted(FOLDER.rglob("*.yaml"))}
MANIFESTS = {one["kind"]: one for documents in FILES.values() for one in documents if one["kind"] != "Kustomization"}
BASE, AUTOSCALING = (FILES[Path(name) / "kustomization.yaml"][0] for name in ("base", "autoscaling"))
PODS = {name: MANIFESTS[name]["spec"]["template"]["spec"] for name in ("Deployment", "Job")}
CONTAINERS = {name: pod["containers"][0] for name, pod in PODS.items()}
SERVERS = dict(literal.split("=", 1) for literal in BASE["configMapGenerator"][0]["literals"])


def without_none(value: Any) -> Any:
    """As it was written: a class' fields that nobody set are None."""
    if isinstance(value, dict):
        return {key: without_none(one) for key, one in value.items() if one is not None}
    return [without_none(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_has_the_fields_of_its_kind_and_no_other(kind: str) -> None:
    manifest = MANIFESTS[kind]
    assert without_none(msgspec.to_builtins(msgspec.convert(manifest, KINDS[kind]))) == manifest


def test_every_manifest_is_listed_and_of_a_kind_that_is_checked() -> None:
    assert KINDS.keys() | KEDA == MANIFESTS.keys()
    listed = {Path("base") / name for name in BASE["resources"]}
    listed |= {Path("autoscaling") / name for name in AUTOSCALING["resources"] if name != "../base"}
    assert listed == {path for path in FILES if path.name != "kustomization.yaml"}
    assert "../base" in AUTOSCALING["resources"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_nobody_in_particular_and_writes_nowhere(name: str) -> None:
    pod, container = PODS[name], CONTAINERS[name]
    user = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [(str(pod["securityContext"]["runAsUser"]), str(pod["securityContext"]["runAsGroup"]))] == user
    assert pod["securityContext"]["runAsNonRoot"]
    assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def named(name: str) -> dict[str, str]:
    """A container's whole environment."""
    return SERVERS | {one["name"]: one["value"] for one in CONTAINERS[name]["env"]}


@pytest.mark.parametrize("name", PODS)
def test_the_environment_is_accepted_once_its_secrets_are_there(name: str, tmp_path: Path) -> None:
    known = {settings.KAFKA, settings.REDIS, settings.HTTP, settings.CONFIG, *VARIABLES}
    assert named(name).keys() <= known
    [mount] = CONTAINERS[name]["volumeMounts"]
    files = {value for value in named(name).values() if value.startswith("/")}
    assert {str(Path(path).parent) for path in files} == {mount["mountPath"]}
    environment = {key: value.replace(mount["mountPath"], str(tmp_path)) for key, value in named(name).items()}
    for path in files:
        (tmp_path / Path(path).name).write_text("secret")
    with pytest.raises(settings.SettingsError) as refused:  # the authority is no certificate yet
        settings.load(environment)
    lines = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"BELLWETHER_{one}_SSL_CAFILE" for one in ("KAFKA", "REDIS")]


def secrets() -> Iterator[tuple[str, set[str]]]:
    """Every Secret that the manifests name, with the keys that are read from it."""
    for name, pod in PODS.items():
        [volume] = pod["volumes"]
        keys = {Path(value).name for value in named(name).values() if value.startswith("/")}
        yield volume["secret"]["secretName"], keys
    references = MANIFESTS["TriggerAuthentication"]["spec"]["secretTargetRef"]
    assert {one["parameter"] for one in references} == {"username", "password", "ca"}
    yield references[0]["name"], {one["key"] for one in references}


def test_the_page_makes_every_secret_with_its_keys() -> None:
    for secret, keys in secrets():
        [made] = re.findall(rf"^kubectl create secret generic {secret} ((?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
        assert set(re.findall(r"--from-(?:file|literal)=([\w.-]+)=", made)) == keys


def test_the_job_that_cannot_be_changed_goes_before_each_apply() -> None:
    lines = PAGE.splitlines()
    before = [lines[at - 1] for at, line in enumerate(lines) if line.startswith("kubectl apply -k")]
    name = MANIFESTS["Job"]["metadata"]["name"]
    assert before == [f"kubectl delete job {name} --namespace bellwether --ignore-not-found"] * 2


def test_pods_run_commands_of_ours(bellwether: Callable[..., Ended]) -> None:
    said = [*CONTAINERS["Deployment"]["args"], *CONTAINERS["Job"]["args"][0].split(" && ")]
    assert said[0] == "worker"
    assert MANIFESTS["Job"]["spec"]["template"]["spec"]["containers"][0]["command"] == ["sh", "-ec"]
    for line in said:
        words = [word for word in line.split() if word != "bellwether"]
        options = [word for word in words if word.startswith("--")]
        ended = bellwether(*[word for word in words if word.isalpha()], "--help")
        assert ended.code == 0
        assert [option for option in options if option not in ended.out] == []


def test_probes_ask_a_worker_where_it_answers_and_wait_for_what_it_does_itself() -> None:
    worker, served = CONTAINERS["Deployment"], (ROOT / "agents" / "health.py").read_text()
    [port] = worker["ports"]
    assert f":{port['containerPort']}" in (ROOT / "Dockerfile").read_text()
    patience = {}
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = worker[name]
        assert probe["httpGet"]["port"] == port["name"]
        assert probe["httpGet"]["path"] in served
        patience[name] = probe["periodSeconds"] * probe["failureThreshold"]
    assert patience["livenessProbe"] > PAUSE_SECONDS_MAX + STOP_LIMIT_SECONDS
    assert patience["startupProbe"] > STUCK_SECONDS
    grace_seconds = PODS["Deployment"]["terminationGracePeriodSeconds"]
    assert grace_seconds > STOP_LIMIT_SECONDS > STOP_DRAIN_LIMIT_SECONDS
    service = MANIFESTS["Service"]["spec"]
    assert service["ports"] == [{"name": "http", "port": port["containerPort"], "targetPort": port["name"]}]


def test_selectors_find_the_workers() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    spread = PODS["Deployment"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]
    budget = MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]
    own = MANIFESTS["Deployment"]["spec"]["selector"]["matchLabels"]
    assert spread == budget == own == MANIFESTS["Service"]["spec"]["selector"] == labels


def test_workers_follow_the_lag_of_our_group_and_are_never_more_than_partitions() -> None:
    scaled = MANIFESTS["ScaledObject"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == MANIFESTS["Deployment"]["metadata"]["name"]
    assert scaled["maxReplicaCount"] == topics.PARTITIONS >= scaled["minReplicaCount"]
    [trigger] = scaled["triggers"]
    assert trigger["metadata"]["consumerGroup"] == topics.APP
    assert trigger["metadata"]["bootstrapServers"] == SERVERS[settings.KAFKA]
    assert trigger["authenticationRef"]["name"] == MANIFESTS["TriggerAuthentication"]["metadata"]["name"]
    assert "replicas" not in MANIFESTS["Deployment"]["spec"], "each apply would undo what KEDA said"
    assert f"kubectl scale --namespace bellwether deployment/worker --replicas={scaled['minReplicaCount']}\n" in PAGE


def test_the_image_is_of_the_version_that_compose_builds() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    [image] = BASE["images"]
    assert f"{image['name']}:{image['newTag']}" == compose["services"]["worker"]["image"]
    assert {container["image"] for container in CONTAINERS.values()} == {image["name"]}
