"""The real gateway under load, for a second or two."""

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import processes, start, wait_until_ready
from tests.loadtest.command import SECONDS, loadtest, result, started
from tests.ports import free_ports

pytestmark = pytest.mark.thorough

EXACT = ("--model", "electra_qa_onnx_fp32")
FEW = ("--questions", "10")


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _requests(page: str) -> int:
    return int(httpx.get(f"{page}/stats/requests").json()["stats"][-1]["num_requests"])


def test_both_loops_with_a_gateway_of_its_own(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway asks for a key, and gets it."""
    monkeypatch.setenv("ELECTRA_QA_API_KEYS", "a-key-of-sixteen,another-key-of-16")
    monkeypatch.setenv("LOADTEST_API_KEY", "another-key-of-16")
    code, out, err = loadtest(
        tmp_path,
        *("load", "--users", "2", "--rates", "4", "--seconds", "2", "--route", "huggingface"),
        *("--repository", str(repository), *EXACT, *FEW),
    )
    assert code == 0, err
    closed, open_ = (result(tmp_path, name).loads[0] for name in ("load-closed", "load-open"))
    for row in (closed, open_):
        assert (row.system, row.route) == ("gateway onnx_fp32", "/")
        assert row.latencies
        assert row.wrong == 0
        assert set(row.stages) == {"tokenize", "queue", "infer", "decode", "total"}
        assert row.stages["infer"] < row.stages["total"] < max(row.latencies)
        assert row.padding_ratio is not None
        assert 0.05 < row.padding_ratio < 0.4  # of SQuAD's windows, to multiples of 64
        assert row.mean_batch is not None
        assert 1 <= row.mean_batch <= 64
    assert "electra-mini-squad" in result(tmp_path, "load-closed").checkpoint
    assert "2 users" in out


def test_a_gateway_that_is_killed(tmp_path: Path, repository: Path) -> None:
    stack = start(repository, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_fp32")
    try:
        wait_until_ready(stack)
        arguments = ("--loop", "closed", "--users", "1 2 3 4", "--seconds", "1", *FEW)
        with started(tmp_path, "load", "--url", stack.url, *arguments) as process:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("closed loop, 1 users: ")
            stack.process.kill()
            _, err = process.communicate(timeout=SECONDS)
    finally:
        stack.process.kill()
        stack.process.wait()
        _wait_until(lambda: not processes(stack))  # Triton ends by itself
    assert process.returncode == 1
    assert f"error: nothing answers at {stack.url} any more" in err
    assert "Traceback" not in err
    kept = result(tmp_path, "load-closed")
    assert kept.partial is not None
    assert 2 <= len(kept.loads) < 4
    assert kept.loads[-1].failures["transport"] > 0


def test_a_model_that_does_not_exist(tmp_path: Path, repository: Path) -> None:
    code, _, err = loadtest(
        tmp_path, "load", "--model", "electra_qa_none", "--repository", str(repository)
    )
    assert code == 1
    assert err.startswith("error: the gateway did not start: there is no model 'electra_qa_none'")


def test_the_web_page(tmp_path: Path, repository: Path) -> None:
    (port,) = free_ports(1)
    page = f"http://127.0.0.1:{port}"
    asked = {"user_count": "2", "spawn_rate": "2", "user_classes": "AnswerUser"}
    arguments = ("--port", str(port), "--repository", str(repository), *EXACT, *FEW)
    with started(tmp_path, "web", *arguments) as process:
        _wait_until(lambda: _listens(port))
        begun = httpx.post(f"{page}/swarm", data=asked, timeout=60)
        assert begun.json()["success"], begun.text
        _wait_until(lambda: _requests(page) > 5)
        assert httpx.post(f"{page}/stop", timeout=60).status_code == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert "2 users" in out, err
    (row,) = result(tmp_path, "interactive").loads
    assert (row.route, row.level, row.wrong) == ("/answer", 2, 0)
    assert len(row.latencies) > 3
