"""The chart: rendered for five places, valid, and as the gateway and Triton need it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from pydantic_settings import CliApp

from serving.environment import variable
from serving.metrics import Metrics
from serving.settings import Settings
from tests.conftest import ROOT
from tests.deploy.kubernetes.chart import (
    CHART,
    EXAMPLES,
    Manifest,
    environment,
    find,
    pod_of,
    render,
    template,
)
from tests.deploy.kubernetes.tools import run

pytestmark = [pytest.mark.deploy, pytest.mark.usefixtures("tools")]

KUBERNETES = ("1.29.0", "1.33.0", "1.37.0")
# kinds that Kubernetes has no schema for, and where they are checked
CUSTOM = {
    "ServiceMonitor": "test_custom_resources",
    "HTTPRoute": "test_canary",
}
SETTINGS = {variable(name) for name in Settings.model_fields}


@pytest.fixture(scope="session")
def rendered(tools: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:  # noqa: ARG001
    """Each example as a file of manifests."""
    folder = tmp_path_factory.mktemp("rendered")
    files = {}
    for name, values in EXAMPLES.items():
        text, error = template([values])
        assert text, error
        files[name] = folder / f"{name}.yaml"
        files[name].write_text(text)
    return files


@pytest.fixture(params=EXAMPLES)
def manifests(request: pytest.FixtureRequest, rendered: dict[str, Path]) -> list[Manifest]:
    return [each for each in yaml.safe_load_all(rendered[request.param].read_text()) if each]


def test_examples_are_the_five() -> None:
    assert set(EXAMPLES) == {"laptop-cpu", "one-t4", "a100-pool", "s3", "tls-and-keys"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_lint(name: str) -> None:
    done = run("helm", "lint", "--strict", CHART, "--values", EXAMPLES[name])
    assert done.returncode == 0, done.stdout + done.stderr


def invalid(version: str, *files: Path) -> list[str]:
    """What kubernetes-validate finds in the files, except for kinds that it has no schema for."""
    done = run("kubernetes-validate", "--strict", "-k", version, *files)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    bad = [line for line in said if not line.startswith("INFO") and "passed" not in line]
    known = [line for line in bad if "find schema" in line and any(k in line for k in CUSTOM)]
    assert done.returncode == 0 or len(bad) > len(known), said
    return [line for line in bad if line not in known]


@pytest.mark.parametrize("version", KUBERNETES)
def test_valid_for_kubernetes(rendered: dict[str, Path], version: str) -> None:
    assert invalid(version, *rendered.values()) == []


def test_a_typo_is_found(rendered: dict[str, Path], tmp_path: Path) -> None:
    text = rendered["laptop-cpu"].read_text()
    for number, (right, wrong) in enumerate(
        (
            ("minReadySeconds", "minReadySecond"),
            ("timeoutSeconds: 3", "timeoutSeconds: three"),
            ("maxUnavailable: 0", "maxUnavailabel: 0"),
        )
    ):
        assert right in text
        (tmp_path / f"typo-{number}.yaml").write_text(text.replace(right, wrong))
    files = sorted(tmp_path.glob("typo-*.yaml"))
    found = "\n".join(invalid(KUBERNETES[0], *files))
    assert all(file.name in found for file in files)


def unknown_fields(*files: Path) -> list[str]:
    """What in the files' custom resources is unknown to their own models."""
    script = Path(__file__).with_name("custom_resources.py")
    done = run("python", script, *files)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def test_custom_resources(rendered: dict[str, Path], tmp_path: Path) -> None:
    typo = tmp_path / "typo.yaml"
    typo.write_text(rendered["tls-and-keys"].read_text().replace("serverName", "serverNames"))
    (found,) = unknown_fields(*rendered.values(), typo)
    assert found.endswith("tlsConfig: unknown field 'serverNames'")


def test_checkov(rendered: dict[str, Path]) -> None:
    files = [part for file in rendered.values() for part in ("--file", file)]
    config = ROOT / "deploy" / "helm" / "checkov.yaml"
    options = ("--skip-download", "--quiet", "--compact", "--output", "json")
    done = run("checkov", "--config-file", config, *options, *files)
    report = json.loads(done.stdout)
    failed = [
        f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]
    ]
    assert failed == []
    assert report["summary"]["passed"] > 500


def test_every_argued_check_would_fail(rendered: dict[str, Path]) -> None:
    """An exception that is no longer needed is deleted."""
    argued = yaml.safe_load((ROOT / "deploy/helm/checkov.yaml").read_text())["skip-check"]
    files = [part for file in rendered.values() for part in ("--file", file)]
    options = ("--framework", "kubernetes", "--skip-download", "--quiet", "--output", "json")
    done = run("checkov", "--check", ",".join(argued), *options, *files)
    failed = json.loads(done.stdout)["results"]["failed_checks"]
    assert {each["check_id"] for each in failed} == set(argued)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["gateway.replica=3"], "replica"),
        (['gateway.settings={"MODEL": "electra_qa_onnx_fp32"}'], "MODEL"),
        (['gateway.settings={"API_KEYS": "secret"}'], "API_KEYS"),
        (['triton.modelRepository.source="volume"'], "existingClaim"),
        (['triton.modelRepository.source="s3"'], "url"),
        (['triton.modelRepository.source="gcs"'], "source"),
        (['triton.strategy={"maxSurge": 0, "maxUnavailable": 0}'], "strategy"),
        (['triton.gpu.resource="gpu"'], "resource"),
        (["route.canary.weight=10"], "service"),
        (["route.enabled=true"], "parentRefs"),
        (['model=""'], "model"),
        (
            [
                "triton.autoscaling.enabled=true",
                "triton.autoscaling.pendingRequests=0",
                "triton.autoscaling.rejectionsPerSecond=0",
            ],
            "autoscaling",
        ),
        (
            ["serviceMonitor.enabled=true", 'gateway.apiKeys.existingSecret="keys"'],
            "serviceMonitor.bearer.existingSecret",
        ),
    ],
)
def test_refused_by_name(sets: list[str], said: str) -> None:
    text, error = template([], *sets)
    assert text == ""
    assert said in error


def containers(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest]]:
    """Every pod's specification and container, that of `helm test` among them."""
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
        elif manifest["kind"] == "Pod":
            pod = manifest["spec"]
        else:
            continue
        for container in pod["containers"]:
            yield pod, container


def test_restricted(manifests: list[Manifest]) -> None:
    """The pod security standard "restricted", a read-only root, and no token."""
    found = list(containers(manifests))
    assert len(found) == 3
    for pod, container in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == (
            1000 if container["name"] == "triton" else 10001
        )
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert "memory" in container["resources"]["limits"]
        allowed = {"emptyDir", "configMap", "secret", "persistentVolumeClaim"}
        assert all(set(volume) - {"name"} <= allowed for volume in pod.get("volumes", []))
    accounts = [each for each in manifests if each["kind"] == "ServiceAccount"]
    assert len(accounts) == 2
    assert all(each["automountServiceAccountToken"] is False for each in accounts)


def test_probes(manifests: list[Manifest]) -> None:
    """Every probe waits longer than what it asks takes to fail, and load gets no pod killed."""
    ready_seconds = Settings.model_fields["ready_seconds"].default
    for name in ("electra-qa-gateway", "electra-qa-triton"):
        (container,) = pod_of(manifests, name)["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe]["timeoutSeconds"] > ready_seconds
        liveness = container["livenessProbe"]
        assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 30
        command = liveness.get("exec", {}).get("command", [])
        if command:
            own = int(command[command.index("--max-time") + 1])
            assert own < liveness["timeoutSeconds"]  # curl says why, before it is killed


def test_stopping(manifests: list[Manifest]) -> None:
    """A pod first leaves the Service or DNS, then finishes, and only then is killed."""
    gateway = pod_of(manifests, "electra-qa-gateway")
    has = environment(gateway["containers"][0])
    assert "lifecycle" not in gateway["containers"][0]  # the gateway waits by itself
    readiness = gateway["containers"][0]["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert float(has["ELECTRA_QA_DRAIN_SECONDS"]) > noticed
    in_all = float(has["ELECTRA_QA_DRAIN_SECONDS"]) + float(has["ELECTRA_QA_GRACE_SECONDS"])
    assert gateway["terminationGracePeriodSeconds"] > in_all
    assert (
        float(has["ELECTRA_QA_GRACE_SECONDS"]) >= Settings.model_fields["request_seconds"].default
    )

    triton = pod_of(manifests, "electra-qa-triton")
    (container,) = triton["containers"]
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    exit_seconds = int(environment(container)["ELECTRA_QA_GRACE_SECONDS"])
    assert triton["terminationGracePeriodSeconds"] > int(seconds) + exit_seconds


def test_environment_is_that_of_the_gateway(
    manifests: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name is a setting of the gateway, which accepts the value."""
    (container,) = pod_of(manifests, "electra-qa-gateway")["containers"]
    has = environment(container)
    assert {name for name in has if name not in SETTINGS} <= {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    for name, value in has.items():
        if isinstance(value, str) and "_TLS_" not in name:  # files, which must exist
            monkeypatch.setenv(name, value)
    settings = CliApp.run(Settings, [])
    assert settings.triton_url_list == ["electra-qa-triton.qa.svc:8001"]
    assert settings.model == has["ELECTRA_QA_MODEL"]


def test_one_endpoint_for_each_triton(manifests: list[Manifest]) -> None:
    service = find(manifests, "Service", "electra-qa-triton")["spec"]
    assert service["clusterIP"] == "None"
    assert {each["port"] for each in service["ports"]} == {8001, 8002}


def test_only_the_gateway_reaches_triton(manifests: list[Manifest]) -> None:
    policy = find(manifests, "NetworkPolicy", "electra-qa-triton")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    asks = [rule for rule in policy["ingress"] if rule["ports"] != [metrics_port()]]
    assert len(asks) == 1
    (peer,) = asks[0]["from"]
    assert peer["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "electra-qa",
        "app.kubernetes.io/instance": "electra-qa",
        "app.kubernetes.io/component": "gateway",
    }
    assert asks[0]["ports"] == [{"port": "grpc", "protocol": "TCP"}]


def metrics_port() -> dict[str, Any]:
    return {"port": "metrics", "protocol": "TCP"}


def test_triton_goes_nowhere_but_to_s3() -> None:
    without = find(render(), "NetworkPolicy", "electra-qa-triton")["spec"]
    assert without["egress"] == []
    with_s3 = find(render([EXAMPLES["s3"]]), "NetworkPolicy", "electra-qa-triton")["spec"]
    assert [port["port"] for rule in with_s3["egress"] for port in rule["ports"]] == [53, 53, 443]


def test_spread_and_disruption(manifests: list[Manifest]) -> None:
    for part in ("gateway", "triton"):
        spread = pod_of(manifests, f"electra-qa-{part}")["topologySpreadConstraints"]
        keys = [each["topologyKey"] for each in spread]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
        budget = find(manifests, "PodDisruptionBudget", f"electra-qa-{part}")["spec"]
        pod = find(manifests, "Deployment", f"electra-qa-{part}")["spec"]
        assert budget["selector"] == pod["selector"]
        assert budget["maxUnavailable"] == 1


def test_gpu() -> None:
    def limits(name: str) -> Any:
        (container,) = pod_of(render([EXAMPLES[name]]), "electra-qa-triton")["containers"]
        return container["resources"]["limits"]

    assert limits("one-t4")["nvidia.com/gpu"] == 1
    assert limits("a100-pool")["nvidia.com/mig-1g.5gb"] == 1
    assert "nvidia.com/gpu" not in limits("laptop-cpu")
    pod = pod_of(render([EXAMPLES["a100-pool"]]), "electra-qa-triton")
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_autoscaling() -> None:
    manifests = render([EXAMPLES["a100-pool"]])
    for part in ("gateway", "triton"):
        scaler = find(manifests, "HorizontalPodAutoscaler", f"electra-qa-{part}")["spec"]
        assert scaler["scaleTargetRef"]["name"] == f"electra-qa-{part}"
        deployment = find(manifests, "Deployment", f"electra-qa-{part}")["spec"]
        assert "replicas" not in deployment  # or each `helm upgrade` would undo the scaling
    assert not [each for each in render() if each["kind"] == "HorizontalPodAutoscaler"]


def test_metrics_to_scale_on_exist() -> None:
    """The adapter makes the metrics that the autoscalers ask for, from those that there are."""
    manifests = render([EXAMPLES["a100-pool"]])
    asked = set()
    for part in ("gateway", "triton"):
        spec = find(manifests, "HorizontalPodAutoscaler", f"electra-qa-{part}")["spec"]
        for metric in spec["metrics"]:
            kind = metric["type"].lower()
            if kind in ("pods", "object"):
                asked.add(metric[kind]["metric"]["name"])
    adapter = yaml.safe_load((ROOT / "deploy/helm/prometheus-adapter.yaml").read_text())
    made = {rule["name"]["as"]: rule for rule in adapter["rules"]["custom"]}
    assert asked == set(made)
    has = generate_latest(Metrics().registry).decode()
    for rule in made.values():
        series = rule["seriesQuery"].partition("{")[0]
        if series.startswith("electra_qa_"):
            assert f"# TYPE {series.removesuffix('_total')}" in has


def test_canary() -> None:
    """A tenth of the requests goes to the gateway of a second release."""
    route = find(render([EXAMPLES["a100-pool"]]), "HTTPRoute", "electra-qa-gateway")
    assert set(route["spec"]) == {"parentRefs", "hostnames", "rules"}
    (rule,) = route["spec"]["rules"]
    assert sum(each["weight"] for each in rule["backendRefs"]) == 100
    stable, canary = rule["backendRefs"]
    assert (stable["name"], stable["weight"]) == ("electra-qa-gateway", 90)
    second = render(release="electra-qa-canary")
    service = find(second, "Service", canary["name"])["spec"]
    assert service["ports"][0]["port"] == canary["port"]
    # each release asks its own Triton
    urls = environment(pod_of(second, canary["name"])["containers"][0])["ELECTRA_QA_TRITON_URLS"]
    assert urls == "electra-qa-canary-triton.qa.svc:8001"
    assert find(second, "Service", "electra-qa-canary-triton")


def test_dashboard() -> None:
    """The ConfigMap holds the board that compose mounts, as it is."""
    config = find(render([EXAMPLES["a100-pool"]]), "ConfigMap", "electra-qa-dashboard")
    boards = {path.name: path.read_text() for path in (CHART / "dashboards").glob("*.json")}
    assert boards
    assert config["data"] == boards
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_volume_is_shared_with_the_gateway() -> None:
    """The gateway takes the tokenizer from where the models are."""
    manifests = render([EXAMPLES["tls-and-keys"]])
    for part in ("gateway", "triton"):
        pod = pod_of(manifests, f"electra-qa-{part}")
        (volume,) = [each for each in pod["volumes"] if each["name"] == "models"]
        assert volume["persistentVolumeClaim"] == {
            "claimName": "electra-qa-models",
            "readOnly": True,
        }
        assert environment(pod["containers"][0])["ELECTRA_QA_MODEL_REPOSITORY"] == "/models"


def test_keys_and_certificates_are_no_values() -> None:
    """Secrets are named, never written: a release keeps its values in the clear."""
    manifests = render([EXAMPLES["tls-and-keys"]])
    assert not [each for each in manifests if each["kind"] == "Secret"]
    has = environment(pod_of(manifests, "electra-qa-gateway")["containers"][0])
    assert has["ELECTRA_QA_API_KEYS"] == {
        "secretKeyRef": {"name": "electra-qa-keys", "key": "api-keys"}
    }
    files = (has["ELECTRA_QA_TLS_CERT"], has["ELECTRA_QA_TLS_KEY"])
    assert files == ("/tls/tls.crt", "/tls/tls.key")
    monitor = find(manifests, "ServiceMonitor", "electra-qa-gateway")["spec"]["endpoints"][0]
    assert monitor["scheme"] == "https"
    assert monitor["authorization"]["credentials"]["name"] == "electra-qa-monitoring-key"


def test_extra_environment_comes_last() -> None:
    """So it overrides what is before it."""
    manifests = render([], 'gateway.extraEnv=[{"name": "ELECTRA_QA_LOG_FORMAT", "value": "text"}]')
    (container,) = pod_of(manifests, "electra-qa-gateway")["containers"]
    assert container["env"][-1] == {"name": "ELECTRA_QA_LOG_FORMAT", "value": "text"}


def test_s3_by_role_and_by_keys() -> None:
    by_role = pod_of(render([EXAMPLES["s3"]]), "electra-qa-triton")
    has = environment(by_role["containers"][0])
    assert has["ELECTRA_QA_MODEL_REPOSITORY"] == "s3://models.example.com/electra-qa"
    assert "AWS_ACCESS_KEY_ID" not in has
    account = find(render([EXAMPLES["s3"]]), "ServiceAccount", by_role["serviceAccountName"])
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    secret = 'triton.modelRepository.s3.existingSecret="models"'
    by_keys = pod_of(render([EXAMPLES["s3"]], secret), "electra-qa-triton")
    has = environment(by_keys["containers"][0])
    assert has["AWS_SECRET_ACCESS_KEY"]["secretKeyRef"]["name"] == "models"
