"""The stack of compose.yaml: locked up, and answering as the one without containers does."""

import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from qa.squad import SAMPLE, read_examples
from tests.conftest import ROOT
from tests.deploy.compose import MODEL, Deployment
from tests.deploy.engine import Engine
from tests.e2e.stack import running

pytestmark = pytest.mark.deploy

README = (ROOT / "README.md").read_text()


def test_every_container_is_a_user_with_nothing_to_write_to(deployment: Deployment) -> None:
    containers = deployment.containers()
    assert len(containers) == 4
    for each in containers:
        found = deployment.engine.inspect(each)
        name, host = found["Name"], found["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["Memory"] > 0, name
        status = Path(f"/proc/{found['State']['Pid']}/status").read_text()
        uids = re.search(r"^Uid:\s+(.*)$", status, re.MULTILINE)
        assert uids, name
        assert "0" not in uids[1].split(), name
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE), name
        touched = deployment.engine.docker("exec", each, "touch", "/here", check=False)
        assert "Read-only file system" in touched, name


def test_only_the_loopback_interface_is_published(deployment: Deployment) -> None:
    for each in deployment.containers():
        for bindings in deployment.engine.inspect(each)["HostConfig"]["PortBindings"].values():
            assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}


def test_200_questions_are_answered_as_without_containers(
    deployment: Deployment, served: Path, tmp_path: Path
) -> None:
    asked = [{"question": each.question, "context": each.context} for each in read_examples(SAMPLE)]
    assert len(asked) == 200
    answers = ask(deployment.url, asked)
    with running(served, tmp_path, ELECTRA_QA_MODEL=MODEL) as stack:
        assert answers == ask(stack.url, asked)


def test_our_openvino_backend_answers_too(deployment: Deployment) -> None:
    question = {
        "question": "Who came?",
        "context": "Ada came.",
        "model": "electra_qa_openvino_int8",
    }
    assert ask(deployment.url, [question]) == ["Ada"]


def test_the_readme_is_true_of_it(deployment: Deployment) -> None:
    (command,) = re.findall(r"curl -s localhost:8080/answer.*?}'", README, re.DOTALL)
    url = deployment.url.removeprefix("http://")
    done = subprocess.run(
        ["bash", "-c", command.replace("localhost:8080", url)], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["answer"] == "William the Conqueror"


def ask(url: str, questions: list[dict[str, str]]) -> list[str]:
    with httpx.Client(base_url=url, timeout=60) as client:
        replies = [client.post("/answer", json=each) for each in questions]
    assert {each.status_code for each in replies} == {200}
    return [each.json()["answer"] for each in replies]


def test_the_commands_of_the_docs_are_understood(images: Engine) -> None:
    """Those that bring it up, as far as they go without a GPU, Grafana and a build."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/deploy.md").read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines()]
    compose = [line for line in commands if line.startswith("docker compose")]
    assert len(compose) >= 3
    for line in compose:
        files, _, verb = line.partition(" up ")
        files = files.removesuffix(" down --volumes") if not verb else files
        images.run("bash", "-c", f"cd {ROOT} && {files} config --quiet")


def test_the_profile_of_a_gpu_asks_for_one(images: Engine) -> None:
    said = images.docker(
        *("compose", "-f", str(ROOT / "deploy/compose.yaml")),
        *("--env-file", str(ROOT / "deploy/gpu.env"), "config", "--format", "json"),
    )
    services = json.loads(said)["services"]
    assert "triton-cpu" not in services
    (device,) = services["triton-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia"
    assert services["gateway"]["environment"]["ELECTRA_QA_MODEL"] == "electra_qa_onnx_fp16"
    assert services["triton-gpu"]["build"]["args"]["BACKENDS"] == ""


def test_every_service_is_locked_up(images: Engine) -> None:
    said = images.docker(
        *("compose", "-f", str(ROOT / "deploy/compose.yaml"), "config", "--format", "json")
    )
    for name, service in json.loads(said)["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].split(":")[0] not in ("", "0", "root"), name
        assert service["mem_limit"], name
        assert service["healthcheck"]["test"], name
