"""Two Tritons and two gateways behind HAProxy, asked by Locust while they are disturbed.

With ``REPORT=FILE`` the counts are written there, as docs/benchmarks has them.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from qa.squad import SAMPLE, read_examples
from tests.conftest import ROOT, export_bundled
from tests.deploy.compose import Deployment, deployed
from tests.deploy.conftest import FOLDER
from tests.deploy.engine import Engine
from tests.deploy.images import make_haproxy
from tests.e2e.stack import wait_for

pytestmark = [pytest.mark.deploy, pytest.mark.slow]

MODEL = "electra_qa_onnx_fp32"  # whose answers do not depend on the other windows of a batch
REPLICAS = ("deploy/compose.yaml", "deploy/compose.replicas.yaml")
QUESTIONS = 50
USERS = 4
SETTLED_SECONDS = 5  # before and after a disturbance
DISTURBED_SECONDS = 20
NOTICED_SECONDS = 5  # after a restart, as docs/deploy.md says
CLEAR = {"right", "503", "504"}


@dataclass(frozen=True)
class Replicas:
    """The stack, and the questions whose answers it gave undisturbed."""

    deployment: Deployment
    known: Path
    told: dict[str, dict[str, int]] = field(default_factory=dict)  # by disturbance

    def of(self, service: str) -> list[str]:
        return self.deployment.compose("ps", "--quiet", service).split()

    def restart_one_by_one(self, service: str) -> None:
        for each in self.of(service):
            self.deployment.engine.docker("restart", "--time", "30", each)
            wait_for(lambda each=each: self._is_healthy(each))  # type: ignore[misc]
            time.sleep(NOTICED_SECONDS)

    def _is_healthy(self, container: str) -> bool:
        state = self.deployment.engine.inspect(container)["State"]
        return bool(state["Health"]["Status"] == "healthy")

    @contextmanager
    def under_load(self, name: str) -> Iterator[dict[str, int]]:
        """Have Locust ask while the block runs; after it, the counts of replies are there."""
        told = self.known.with_name("told.json")
        told.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "tests/deploy/locustfile.py")),
            *("--headless", "--users", str(USERS), "--spawn-rate", str(USERS)),
            *("--host", self.deployment.url, "--stop-timeout", "60", "--only-summary"),
        ]
        environment = {**os.environ, "KNOWN": str(self.known), "TOLD": str(told)}
        locust = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        counts: dict[str, int] = {}
        try:
            time.sleep(SETTLED_SECONDS)
            yield counts
            time.sleep(SETTLED_SECONDS)
        finally:
            locust.terminate()
            locust.wait(90)
        counts.update(json.loads(told.read_text()))
        self.told[name] = counts


@pytest.fixture(scope="module")
def replicas(images: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    make_haproxy(images, FOLDER)
    services = ("triton-cpu", "gateway", "haproxy")
    with deployed(
        *(images, export_bundled("onnx_fp32"), FOLDER, MODEL, REPLICAS, services),
        ELECTRA_QA_MAX_QUEUE_SECONDS="20",  # a slow machine refuses nothing
    ) as deployment:
        known = tmp_path_factory.mktemp("load") / "known.json"
        known.write_text(json.dumps(list(answered(deployment))))
        replicas = Replicas(deployment, known)
        yield replicas
        if report := os.environ.get("REPORT"):
            Path(report).write_text(json.dumps(replicas.told, indent=1) + "\n")


def answered(deployment: Deployment) -> Iterator[dict[str, str]]:
    sample = read_examples(SAMPLE)
    with httpx.Client(base_url=deployment.url, timeout=60) as client:
        for each in sample[:QUESTIONS]:
            asked = {"question": each.question, "context": each.context}
            yield {**asked, "answer": client.post("/answer", json=asked).json()["answer"]}


@pytest.mark.parametrize("service", ["triton-cpu", "gateway"])
def test_a_rolling_restart_fails_no_request(replicas: Replicas, service: str) -> None:
    with replicas.under_load(f"rolling restart of {service}") as told:
        replicas.restart_one_by_one(service)
    assert set(told) == {"right"}, told


def pause(replicas: Replicas, container: str) -> None:
    engine = replicas.deployment.engine
    said = engine.docker("pause", container, check=False)
    if "unable to freeze" in said:
        pytest.skip("this kernel cannot freeze a container")
    time.sleep(DISTURBED_SECONDS)
    engine.docker("unpause", container)


def cut(replicas: Replicas, container: str) -> None:
    engine = replicas.deployment.engine
    engine.docker("network", "disconnect", "electra-qa_inference", container)
    time.sleep(DISTURBED_SECONDS)
    engine.docker(*("network", "connect", "--alias", "triton", "electra-qa_inference", container))


def starve(replicas: Replicas, container: str) -> None:
    engine = replicas.deployment.engine
    engine.docker("update", "--cpus", "0.1", container)
    time.sleep(DISTURBED_SECONDS)
    engine.docker("update", "--cpus", str(os.cpu_count()), container)


def lose_packets(replicas: Replicas, container: str) -> None:
    """Drop 30 % of what reaches the container, in its network namespace."""
    pid = replicas.deployment.engine.inspect(container)["State"]["Pid"]
    inside = ("nsenter", "-t", str(pid), "-n", "nft")
    engine = replicas.deployment.engine
    engine.run(*inside, "add", "table", "inet", "lossy")
    hook = "{ type filter hook input priority 0; }"
    engine.run(*inside, "add", "chain", "inet", "lossy", "input", hook)
    drop = ("tcp", "dport", "8001", "numgen", "random", "mod", "100", "<", "30", "drop")
    engine.run(*inside, "add", "rule", "inet", "lossy", "input", *drop)
    time.sleep(DISTURBED_SECONDS)
    engine.run(*inside, "delete", "table", "inet", "lossy")


@pytest.mark.parametrize("disturb", [pause, cut, starve, lose_packets])
def test_a_disturbed_triton_costs_no_answer_and_wrongs_none(
    replicas: Replicas, disturb: Callable[[Replicas, str], None]
) -> None:
    with replicas.under_load(disturb.__name__) as told:
        disturb(replicas, replicas.of("triton-cpu")[0])
    assert set(told) <= CLEAR, told
    assert told["right"] > 0
    with replicas.under_load(f"after {disturb.__name__}") as told:
        pass
    assert set(told) == {"right"}, told
