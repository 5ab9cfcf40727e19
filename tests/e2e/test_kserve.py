"""The gateway as KServe's transformer: started by KServe's command, asked by its probes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.selection import Choice
from tests.e2e.questions import NORMAN
from tests.e2e.stack import STOP_SECONDS, Stack, settings_of, wait_until_ready
from tests.ports import free_ports

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def transformer(
    stack: Stack, choice: Choice, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A gateway that has its port and its Triton from KServe's flags alone."""
    (port,) = free_ports(1)
    log = tmp_path_factory.mktemp("kserve") / "gateway.log"
    appended = [
        *("--model_name", "answers", "--predictor_host", f"127.0.0.1:{stack.triton_grpc_port}"),
        *("--http_port", str(port)),
    ]
    settings = {"ELECTRA_QA_MODEL": choice.model, "ELECTRA_QA_API_KEYS": "key"}
    environment = settings_of(repository, free_ports(4), settings)
    del environment["ELECTRA_QA_PORT"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "serving", *appended],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(Stack(process, log, port, 0, 0, 0))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0


def test_it_answers(transformer: httpx.Client) -> None:
    told = transformer.post("/answer", json=NORMAN, headers={"authorization": "Bearer key"})
    assert told.json()["answer"] == "William the Conqueror"


def test_health_without_a_key(transformer: httpx.Client, choice: Choice) -> None:
    assert transformer.get("/v2/health/live").json() == {"live": True}
    assert transformer.get("/v2/health/ready").json() == {"ready": True}
    for name in ("answers", choice.model):
        for path in (f"/v2/models/{name}/ready", f"/v1/models/{name}"):
            assert transformer.get(path).json() == {"name": name, "ready": True}


@pytest.mark.parametrize("path", ["/v2/models/nothing/ready", "/v1/models/nothing"])
def test_an_unknown_model(transformer: httpx.Client, path: str) -> None:
    told = transformer.get(path)
    assert (told.status_code, told.json()["error"]["type"]) == (404, "unknown_model")


@pytest.mark.parametrize("path", ["/v2/models/answers/infer", "/v1/models/answers:predict"])
def test_what_is_no_probe_needs_a_key(transformer: httpx.Client, path: str) -> None:
    assert transformer.post(path, json={}).status_code == 401
