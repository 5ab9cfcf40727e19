"""Every command in the README and in docs/ but `make test`, run as it stands but for the ports.

They run in a copy of the project, so that a user's exported model and running server are left
alone.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from embedded.cpu import read_cpu
from embedded.selection import choose
from qa.squad import SAMPLE
from qa.tensors import INPUTS
from tests.conftest import ROOT
from tests.e2e.stack import PORTS, START_SECONDS, STOP_SECONDS, is_up, wait_for
from tests.ports import free_ports

pytestmark = pytest.mark.thorough

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "build", "__pycache__", ".*_cache", ".hypothesis", "1", "warmup", "report.json"
)


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(ROOT, folder, ignore=LEFT_OUT)  # keeps the times: nothing is set up again
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    ports = dict(zip(PORTS, map(str, free_ports(4)), strict=True))
    ports["PORT"] = ports["ELECTRA_QA_PORT"]  # for `make eval`
    # without what make passes on to the makes below it
    told = {name for name in os.environ if "MAKE" in name}
    return {name: value for name, value in os.environ.items() if name not in told} | ports


@contextmanager
def served(command: str, folder: Path, environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a `make serve` as a terminal does, whose Ctrl-C goes to all of its process group."""
    ready = f"http://localhost:{environment['PORT']}/health/ready"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        return is_up(ready)

    try:
        wait_for(answers, 2 * START_SECONDS)  # the model may have to be exported
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(STOP_SECONDS)
    assert not is_up(ready)


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    command = command.replace("localhost:8080", f"localhost:{environment['PORT']}")
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme(copy: Path, environment: dict[str, str], tmp_path: Path) -> None:
    serve, curl, test, evaluate = blocks(ROOT / "README.md", "sh")
    (expected,) = blocks(ROOT / "README.md", "json")
    assert (serve.strip(), test.strip()) == ("make serve", "make test")
    with served(serve, copy, environment, tmp_path / "serve.log"):
        reply, shown = json.loads(run(curl, copy, environment)), json.loads(expected)
        # another CPU rounds int8 differently
        assert reply.pop("score") == pytest.approx(shown.pop("score"), abs=0.15)
        assert reply == shown
        chosen = choose(copy / "model_repository", read_cpu()).model
        assert chosen in run(evaluate, copy, environment)
        one, many = blocks(ROOT / "docs" / "answering.md", "sh")
        assert len(json.loads(run(one, copy, environment))["answers"]) == 2
        answered, refused = json.loads(run(many, copy, environment))["answers"]
        assert answered["answer"] == "William"
        assert refused["error"]["type"] == "invalid_request"
        (client,) = blocks(ROOT / "docs" / "answering.md", "python")
        client = client.replace("client.q", "print(client.q")[:-1] + ".answer)"
        assert run(f".venv/bin/python -c '{client}'", copy, environment) == "William\n"
        (evaluate,) = blocks(ROOT / "docs" / "evaluating.md", "sh")
        assert "best of 3" in run(evaluate, copy, environment)
        assert len(json.loads((copy / "answers.json").read_text())) == 50


def test_the_page_on_exporting(copy: Path, environment: dict[str, str]) -> None:
    export, compare, install = blocks(ROOT / "docs" / "exporting.md", "sh")
    assert "tests.tokens.compare" in compare  # needs transformers: tests/tokens runs it
    said = run(export, copy, environment)
    assert "onnx_int8" in said
    assert f"--model-repository={copy / 'model_repository.served' / 'onnxruntime'}" in said
    run(install, copy, environment)
    assert (copy / "build" / "backends" / "openvino" / "model.py").is_file()


def test_the_page_on_serving(copy: Path, environment: dict[str, str], tmp_path: Path) -> None:
    (serve,) = blocks(ROOT / "docs" / "serving.md", "sh")
    assert "PORT=8081 MODEL=electra_qa_onnx_fp32" in serve
    serve = serve.replace("8081", environment["ELECTRA_QA_PORT"])
    with served(serve, copy, environment, tmp_path / "serve.log"):
        info = httpx.get(f"http://localhost:{environment['PORT']}/info").json()
        assert info["name"] == "electra_qa_onnx_fp32"


def test_the_page_on_benchmarking(copy: Path, environment: dict[str, str]) -> None:
    """With less of everything, and without versus, whose environment takes long to make."""
    bench, load, versus, loadgen, windows, report, compare = blocks(
        ROOT / "docs" / "benchmarking.md", "sh"
    )
    assert versus.strip() == "make versus"
    assert '"1 128 256 512"' in bench
    bench = bench.replace('"1 128 256 512"', '"1 2"').replace("ROUNDS=2", "ROUNDS=1")
    assert 'USERS="1 2 4 8" RATES="5 10 20"' in load
    load = load.replace('"1 2 4 8"', '"1 2"').replace('"5 10 20"', "5")
    few = json.loads(SAMPLE.read_text())
    few["data"] = few["data"][:10]
    (copy / "few.json").write_text(json.dumps(few))
    quick = {bench: 1, load: 0.5, loadgen: 1}
    for commands, seconds in quick.items():
        given = f"make DATASET=few.json SECONDS={seconds} "
        run(commands.replace("make ", given), copy, environment)
    run(windows, copy, environment)
    (first, *_) = json.loads((copy / "build" / "windows.json").read_text())["data"]
    assert {name: len(values) for name, values in first.items()} == dict.fromkeys(INPUTS, 384)
    run(report, copy, environment)
    assert (copy / "results" / "report" / "index.html").is_file()
    assert "A / B" in run(compare, copy, environment)


def test_make_help_lists_every_verb(environment: dict[str, str]) -> None:
    listed = {line.split()[0] for line in run("make help", ROOT, environment).splitlines()}
    verbs = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed == set(verbs)
    assert listed >= {"setup", "serve", "export", "eval", "check", "test", "clean"}
