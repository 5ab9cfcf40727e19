"""A real Prometheus beside the stack: every query has data, and every alert fires on its fault.

Only the times differ: minutes in deploy/prometheus are seconds here.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from qa.squad import SAMPLE, read_examples
from tests.conftest import ROOT
from tests.deploy.compose import Deployment, quickened
from tests.deploy.engine import Engine
from tests.e2e.stack import wait_for

PROMETHEUS = ROOT / "deploy" / "prometheus"
BOARD = json.loads((ROOT / "deploy/grafana/dashboards/electra-qa.json").read_text())
QUESTIONS = read_examples(SAMPLE)
SHORT = {"question": QUESTIONS[0].question, "context": QUESTIONS[0].context}
LONG = {
    "question": QUESTIONS[0].question,
    "context": " ".join(each.context for each in QUESTIONS[:40]),
}
DATA_SECONDS = 120
CPUS = str(os.cpu_count())

pytestmark = pytest.mark.deploy

QUERIES = [
    pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")
    for panel in BOARD["panels"]
    for target in panel["targets"]
]


def rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@contextmanager
def asking(deployment: Deployment, body: dict[str, str], clients: int = 1) -> Iterator[list[int]]:
    """Have clients ask while the block runs; the statuses that they got, 0 for none."""
    statuses: list[int] = []
    ending = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=deployment.url, timeout=60) as client:
            while not ending.is_set():
                try:
                    statuses.append(client.post("/answer", json=body).status_code)
                except httpx.TransportError:
                    statuses.append(0)
                    time.sleep(0.1)
                else:
                    time.sleep(0.02)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for each in threads:
        each.start()
    try:
        yield statuses
    finally:
        ending.set()
        for each in threads:
            each.join()


@pytest.fixture(scope="module")
def asked(deployment: Deployment) -> Iterator[None]:
    """Questions, good and bad, as long as the queries are tried."""
    with asking(deployment, SHORT), asking(deployment, {"question": ""}):
        yield


def test_promtool_takes_configuration_and_rules(engine: Engine, tmp_path: Path) -> None:
    for name in ("rules.yaml", "alerts.yaml"):
        engine.run("promtool", "check", "rules", PROMETHEUS / name)
    text = (PROMETHEUS / "prometheus.yaml").read_text()
    config = tmp_path / "prometheus.yaml"
    config.write_text(text.replace("/etc/prometheus", str(PROMETHEUS)))
    engine.run("promtool", "check", "config", config)


def test_every_panel_has_its_query_and_the_provisioned_source() -> None:
    source = yaml.safe_load(
        (ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"][0]
    assert len(BOARD["panels"]) == len({panel["id"] for panel in BOARD["panels"]})
    for panel in BOARD["panels"]:
        assert panel["targets"], panel["title"]
        for each in (panel, *panel["targets"]):
            assert each["datasource"] == {"type": source["type"], "uid": source["uid"]}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.usefixtures("asked")
def test_a_panel_has_data(deployment: Deployment, query: str) -> None:
    assert_data(deployment, query)


@pytest.mark.parametrize("rule", [each["record"] for each in rules("rules.yaml")])
@pytest.mark.usefixtures("asked")
def test_a_rule_has_data(deployment: Deployment, rule: str) -> None:
    assert_data(deployment, rule)


def assert_data(deployment: Deployment, query: str) -> None:
    """At least one value of the query must be a number."""

    def has_data() -> bool:
        values = [float(each["value"][1]) for each in deployment.query(quickened(query))]
        return any(value == value for value in values)  # NaN is none

    wait_for(has_data, DATA_SECONDS)


def test_nothing_fires_without_a_fault(deployment: Deployment) -> None:
    wait_for(lambda: not deployment.firing(), DATA_SECONDS)


def test_a_stopped_gateway(deployment: Deployment) -> None:
    deployment.compose("stop", "gateway")
    deployment.wait_until_firing("GatewayDown")
    deployment.compose("start", "gateway")
    deployment.wait_until_quiet("GatewayDown")
    deployment.wait_until_answering()


def test_a_stopped_triton(deployment: Deployment) -> None:
    with asking(deployment, SHORT) as statuses:
        deployment.compose("stop", "triton-cpu")
        deployment.wait_until_firing("TritonDown", "RequestsFail")
        deployment.compose("start", "triton-cpu")
        deployment.wait_until_answering()
        deployment.wait_until_quiet("TritonDown", "RequestsFail")
    assert 503 in statuses
    assert set(statuses) <= {200, 429, 503}


def test_a_dead_stub(deployment: Deployment) -> None:
    triton = deployment.container("triton-cpu")
    table = deployment.engine.docker("top", triton, "-eo", "pid,args").splitlines()
    stubs = [int(line.split()[0]) for line in table if "triton_python_backend_stub" in line]
    assert len(stubs) == 2
    with asking(deployment, SHORT):
        for pid in stubs:
            os.kill(pid, signal.SIGKILL)
        deployment.wait_until_firing("ModelFails")
        deployment.engine.docker("restart", triton)
        deployment.wait_until_answering()
        deployment.wait_until_quiet("ModelFails")


def test_a_starved_triton_under_load(deployment: Deployment) -> None:
    triton, gateway = deployment.container("triton-cpu"), deployment.container("gateway")
    deployment.engine.docker("restart", gateway)  # so that it knows no rate yet, and admits all
    deployment.wait_until_ready()
    deployment.engine.docker("update", "--cpus", "0.2", triton)
    try:
        with asking(deployment, LONG, clients=60):
            deployment.wait_until_firing("TritonQueueLong")
            deployment.wait_until_firing("RequestsRejected")
            deployment.wait_until_firing("AnswersSlow")
            deployment.engine.docker("update", "--cpus", CPUS, triton)
            deployment.engine.docker("restart", "--time", "0", triton)  # what waits is dropped
    finally:
        deployment.engine.docker("update", "--cpus", CPUS, triton)
    deployment.wait_until_answering()


def test_a_gateway_that_crashes_again_and_again(deployment: Deployment) -> None:
    gateway = deployment.container("gateway")
    for _ in range(3):
        before = deployment.engine.inspect(gateway)["RestartCount"]
        os.kill(deployment.engine.inspect(gateway)["State"]["Pid"], signal.SIGKILL)
        wait_for(partial(_restarted, deployment, gateway, before))
        deployment.wait_until_answering()
        time.sleep(2)  # so that it is scraped
    deployment.wait_until_firing("RestartsOften")


def _restarted(deployment: Deployment, container: str, before: int) -> bool:
    return bool(deployment.engine.inspect(container)["RestartCount"] > before)


def test_a_full_gpu(deployment: Deployment) -> None:
    deployment.set_gpu_memory(97)
    deployment.wait_until_firing("GpuMemoryFull")
    deployment.set_gpu_memory(50)


FAULTS = {
    "GatewayDown": test_a_stopped_gateway,
    "TritonDown": test_a_stopped_triton,
    "RequestsFail": test_a_stopped_triton,
    "ModelFails": test_a_dead_stub,
    "AnswersSlow": test_a_starved_triton_under_load,
    "TritonQueueLong": test_a_starved_triton_under_load,
    "RequestsRejected": test_a_starved_triton_under_load,
    "RestartsOften": test_a_gateway_that_crashes_again_and_again,
    "GpuMemoryFull": test_a_full_gpu,
}


def test_every_alert_has_its_fault_here() -> None:
    assert set(FAULTS) == {each["alert"] for each in rules("alerts.yaml")}


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    for each in rules("alerts.yaml"):
        assert set(each["annotations"]) == {"summary", "action"}
        assert each["labels"]["severity"] in ("page", "ticket")
