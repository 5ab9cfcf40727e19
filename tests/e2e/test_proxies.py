"""What runs on this machine is reached without a proxy, other servers as the environment says."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from qa.squad import SAMPLE
from tests.e2e.proxy import DEAD, proxies, proxy_to
from tests.e2e.questions import ask
from tests.e2e.stack import Stack, running
from tests.e2e.test_evaluation import run_evaluation
from tests.loadtest.command import loadtest

pytestmark = pytest.mark.thorough

EVALUATION = (str(SAMPLE), "--limit", "3")
LOAD = ("load", "--loop", "closed", "--users", "1", "--seconds", "1", "--questions", "3")
BENCH = ("bench", "--variants", "onnx_fp32", "--batches", "1", "--batches-per-row", "2")
QUICK = ("--warmup-seconds", "0", "--questions", "1")


def use(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_gateway_and_a_triton_of_this_machine(
    exact_stack: Stack, repository: Path, tmp_path: Path, host: str
) -> None:
    triton = f"{host}:{exact_stack.triton_grpc_port}"
    with running(
        repository,
        tmp_path,
        **DEAD,
        ELECTRA_QA_TRITON_URL=triton,
        ELECTRA_QA_MODEL="electra_qa_onnx_fp32",
    ) as stack:
        reply = ask(stack)
    assert reply.json()["answer"] == "William the Conqueror"


def test_a_gateway_with_a_triton_of_its_own(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path, **DEAD, ELECTRA_QA_TRITON_START_SECONDS="180") as stack:
        reply = ask(stack)
    assert reply.json()["answer"] == "William the Conqueror"


def test_our_clients_of_this_machine(
    exact_stack: Stack, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(DEAD, monkeypatch)
    evaluated = run_evaluation(*EVALUATION, "--url", exact_stack.url)
    assert evaluated.returncode == 0, evaluated.stderr
    code, _, said = loadtest(tmp_path, *LOAD, "--url", exact_stack.url)
    assert code == 0, said
    models = ("--repository", str(repository))
    code, _, said = loadtest(tmp_path, *BENCH, *QUICK, *models)  # with a Triton of its own
    assert code == 0, said


def test_a_gateway_that_is_named_is_reached_by_the_proxy(
    exact_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_to(exact_stack.port) as proxy:
        use(proxies(proxy.url), monkeypatch)
        evaluated = run_evaluation(*EVALUATION, "--url", "http://gateway.example:81")
        assert evaluated.returncode == 0, evaluated.stderr
        assert proxy.asked[0] == "GET http://gateway.example:81/info HTTP/1.1"
        proxy.asked.clear()
        code, _, said = loadtest(tmp_path, *LOAD, "--url", "http://gateway.example:81")
        assert code == 0, said
        assert "POST http://gateway.example:81/answer HTTP/1.1" in proxy.asked


def test_a_triton_that_is_named_is_reached_by_the_proxy(
    exact_stack: Stack, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_to(exact_stack.triton_grpc_port) as proxy:
        settings = {
            "ELECTRA_QA_TRITON_URL": "triton.example:8001",
            "ELECTRA_QA_MODEL": "electra_qa_onnx_fp32",
        }
        with running(repository, tmp_path, **proxies(proxy.url), **settings) as stack:
            reply = ask(stack)
        assert reply.json()["answer"] == "William the Conqueror"
        assert set(proxy.asked) == {"CONNECT triton.example:8001 HTTP/1.1"}
        proxy.asked.clear()
        use(proxies(proxy.url), monkeypatch)
        models = ("--repository", str(repository))
        code, _, said = loadtest(tmp_path, *BENCH, *QUICK, *models, "--url", "triton.example:8001")
        assert code == 0, said
        assert set(proxy.asked) == {"CONNECT triton.example:8001 HTTP/1.1"}


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "http://127.0.0.1:many"])
def test_a_proxy_that_cannot_be_used(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(proxies(proxy), monkeypatch)
    evaluated = run_evaluation(*EVALUATION, "--url", "http://gateway.example")
    assert evaluated.returncode == 1
    assert "error: a proxy that the environment names cannot be used: " in evaluated.stderr
    assert "Traceback" not in evaluated.stderr
    code, _, said = loadtest(tmp_path, *LOAD, "--url", "http://gateway.example")
    assert code == 1
    assert f"the environment names the proxy {proxy!r} for http://gateway.example" in said
    assert "use an http:// proxy, or name the host in no_proxy" in said
