"""KServe's resources, by KServe's own models."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.environment import variable
from serving.settings import Settings
from tests.conftest import ROOT
from tests.deploy.kubernetes.chart import environment
from tests.deploy.kubernetes.test_chart import KUBERNETES, invalid, unknown_fields

pytestmark = [pytest.mark.deploy, pytest.mark.usefixtures("tools")]

FOLDER = ROOT / "deploy" / "kserve"
SERVICE = FOLDER / "inferenceservice.yaml"


def spec() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(SERVICE.read_text())["spec"]
    return found


def test_known_to_kserve(tmp_path: Path) -> None:
    typo = tmp_path / "typo.yaml"
    typo.write_text(SERVICE.read_text().replace("scaleMetric:", "scaleMetrics:"))
    (found,) = unknown_fields(SERVICE, typo)
    assert found.endswith("transformer: unknown field 'scaleMetrics'")


@pytest.mark.parametrize("version", KUBERNETES)
def test_service_is_valid(version: str) -> None:
    assert invalid(version, FOLDER / "triton.yaml") == []


def test_gateway_finds_every_predictor() -> None:
    service = yaml.safe_load((FOLDER / "triton.yaml").read_text())
    name = yaml.safe_load(SERVICE.read_text())["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"app": f"isvc.{name}-predictor"}
    (gateway,) = spec()["transformer"]["containers"]
    has = environment(gateway)
    assert has["ELECTRA_QA_TRITON_URLS"] == f"{service['metadata']['name']}:8001"
    assert set(has) <= {variable(name) for name in Settings.model_fields}


def test_restricted_and_in_order() -> None:
    for part in ("predictor", "transformer"):
        pod = spec()[part]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        has = environment(container)
        before = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        drain = int(before[1]) if before else int(has["ELECTRA_QA_DRAIN_SECONDS"])
        assert pod["terminationGracePeriodSeconds"] > drain + int(has["ELECTRA_QA_GRACE_SECONDS"])
