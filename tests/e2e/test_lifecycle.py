"""Start, stop, and what happens when a part of the stack is missing or dies."""

import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.questions import ask
from tests.e2e.stack import (
    PORTS,
    START_SECONDS,
    STOP_SECONDS,
    Stack,
    check_that_nothing_is_left,
    leftovers,
    listens,
    paused,
    processes,
    running,
    start,
    wait_for,
    wait_until_ready,
    windows_in_flight,
)

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]


def refused(stack: Stack) -> str:
    """Wait for a gateway that cannot start; return what it said."""
    assert stack.process.wait(START_SECONDS) == 1, stack.log.read_text()
    check_that_nothing_is_left(stack)
    said = stack.log.read_text()
    assert "Traceback" not in said
    return said


def copied(repository: Path, folder: Path, *models: str) -> Path:
    """A copy that a test may change: all of ``models``, and only the configs of the others.

    Copying hundreds of megabytes would take seconds.
    """

    def left_out(path: str, _: list[str]) -> set[str]:
        return set() if Path(path).name in models else {"1"}

    return Path(shutil.copytree(repository, folder, ignore=left_out))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_answered_before_the_end(
    repository: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    with running(repository, tmp_path) as stack, ThreadPoolExecutor(1) as pool:
        with paused(stack):
            asking = pool.submit(ask, stack)
            wait_for(lambda: windows_in_flight(stack) > 0)
            stack.process.send_signal(sent)
            wait_for(lambda: not listens(stack.port))  # nobody takes it for ready
            assert not asking.done()
        assert asking.result().json()["answer"] == "William the Conqueror"
        assert stack.process.wait(STOP_SECONDS) == 0
        check_that_nothing_is_left(stack)


@pytest.mark.parametrize("started", [0, 1, 2])
def test_a_signal_during_the_start_leaves_nothing(
    repository: Path, tmp_path: Path, started: int
) -> None:
    """Sent as soon as so many processes of Triton run: none, the server, its stub too."""
    stack = start(repository, tmp_path)
    wait_for(lambda: len(processes(stack)) >= started)
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait(STOP_SECONDS) in (0, -signal.SIGTERM)
    wait_for(lambda: not leftovers(stack))


def test_a_killed_gateway_takes_its_triton_along(repository: Path, tmp_path: Path) -> None:
    stack = start(repository, tmp_path)
    wait_until_ready(stack)
    assert processes(stack)
    stack.process.kill()
    stack.process.wait()
    wait_for(lambda: not processes(stack))
    with running(repository, tmp_path):  # the next one tidies up after it
        pass
    check_that_nothing_is_left(stack)


def test_a_port_in_use(repository: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for name in PORTS:
            stack = start(repository, tmp_path, **{name: port})
            assert stack.process.wait(START_SECONDS) == 1
            said = stack.log.read_text()
            assert f"port {port} on 127.0.0.1 cannot be used (Address already in use)" in said
            assert f"choose another with {name}=" in said
            assert not processes(stack)


def test_a_missing_model(repository: Path, tmp_path: Path) -> None:
    said = refused(start(repository, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_fp64"))
    assert said.startswith("error: there is no model 'electra_qa_onnx_fp64' in ")
    assert "electra_qa_onnx_int8" in said
    said = refused(start(tmp_path, tmp_path))
    assert said.startswith("error: there is no tokenizer at ")
    assert "run make export" in said


def test_a_model_that_was_not_exported(repository: Path, tmp_path: Path) -> None:
    bare = copied(repository, tmp_path / "bare")
    said = refused(start(bare, tmp_path))
    assert said == f"error: {bare} holds no exported model; run make export\n"
    said = refused(start(bare, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_int8"))
    missing = bare / "electra_qa_onnx_int8" / "1" / "model.onnx"
    assert said.startswith(f"error: {missing} is missing; restore it, or run make export")


def test_a_model_that_was_changed_since_its_export(repository: Path, tmp_path: Path) -> None:
    changed = copied(
        repository, tmp_path / "changed", "electra_qa_onnx_int8", "electra_qa_onnx_fp32"
    )
    model = changed / "electra_qa_onnx_int8" / "1" / "model.onnx"
    model.write_bytes(model.read_bytes()[:1000])
    said = refused(start(changed, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_int8"))
    assert said.startswith(f"error: {model} has changed since its export: ")
    assert "run make export" in said
    with running(changed, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_fp32"):
        pass  # the others are served


def test_a_repository_that_was_made_by_hand(repository: Path, tmp_path: Path) -> None:
    by_hand = copied(repository, tmp_path / "by-hand", "electra_qa_onnx_int8")
    (by_hand / "report.json").unlink()
    said = refused(start(by_hand, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_int8"))
    assert f"{by_hand} was not made by make export: there is no report.json" in said
    # nor can a model be chosen, not even for a Triton elsewhere
    said = refused(start(by_hand, tmp_path, ELECTRA_QA_TRITON_URL="127.0.0.1:1"))
    assert f"there is no report.json in {by_hand}; run make export, or name the model" in said


def test_a_model_that_triton_cannot_load(repository: Path, tmp_path: Path) -> None:
    broken = copied(repository, tmp_path / "broken", "electra_qa_onnx_int8")
    config = broken / "electra_qa_onnx_int8" / "config.pbtxt"
    config.write_text(config.read_text().replace('backend: "onnxruntime"', 'backend: "onnxrt"'))
    said = refused(start(broken, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_int8"))
    assert "error: Triton ended with code 1 instead of coming up" in said
    assert "onnxrt" in said  # the log's last lines


def test_a_triton_that_does_not_come_up_in_time(repository: Path, tmp_path: Path) -> None:
    said = refused(start(repository, tmp_path, ELECTRA_QA_TRITON_START_SECONDS="0.001"))
    assert "error: Triton did not come up within 0.001 s (ELECTRA_QA_TRITON_START_SECONDS)" in said


def test_wrong_settings_are_named(repository: Path, tmp_path: Path) -> None:
    said = refused(start(repository, tmp_path, ELECTRA_QA_MAX_WINDOWS="many"))
    assert said.startswith("error: ELECTRA_QA_MAX_WINDOWS='many': ")


def test_triton_down_is_503_at_once_and_back_when_it_is(repository: Path, tmp_path: Path) -> None:
    """A gateway whose Triton belongs to another process, which ends and comes back."""
    with running(repository, tmp_path) as first:
        port = str(first.triton_grpc_port)
        url = f"127.0.0.1:{port}"
        with running(
            repository, tmp_path, ELECTRA_QA_TRITON_URL=url, ELECTRA_QA_READY_IN_OUTAGE="false"
        ) as gateway:
            assert first.stop() == 0
            started = time.monotonic()
            down = ask(gateway)
            assert time.monotonic() - started < 10  # a request has 30
            assert (down.status_code, down.json()["error"]["type"]) == (503, "unavailable")
            assert httpx.get(f"{gateway.url}/health/ready").status_code == 503
            assert httpx.get(f"{gateway.url}/health/live").status_code == 200
            with running(repository, tmp_path, ELECTRA_QA_TRITON_GRPC_PORT=port):
                wait_until_ready(gateway)
                up = ask(gateway)
                assert up.json()["answer"] == "William the Conqueror"


def test_an_answer_that_takes_too_long_is_504(repository: Path, tmp_path: Path) -> None:
    """A client's own limit may shorten the time, but not extend it."""
    # so patient a probe does not take Triton for dead meanwhile
    with running(
        repository, tmp_path, ELECTRA_QA_REQUEST_SECONDS="0.2", ELECTRA_QA_READY_SECONDS="60"
    ) as stack:
        with paused(stack):
            for headers in ({}, {"x-request-timeout-ms": "60000"}):
                late = ask(stack, headers)
                assert late.status_code == 504
                assert late.json()["error"]["type"] == "deadline_exceeded"
        wait_until_ready(stack)


def test_a_full_queue_is_429_for_those_it_does_not_hold(repository: Path, tmp_path: Path) -> None:
    small = copied(repository, tmp_path / "small", "electra_qa_onnx_int8")
    config = small / "electra_qa_onnx_int8" / "config.pbtxt"
    bounded = "dynamic_batching { default_queue_policy { max_queue_size: 2 }"
    assert "dynamic_batching {" in config.read_text()
    config.write_text(config.read_text().replace("dynamic_batching {", bounded))
    named = running(small, tmp_path, ELECTRA_QA_MODEL="electra_qa_onnx_int8")
    with named as stack, ThreadPoolExecutor(60) as pool:
        with paused(stack):  # they all reach it at once, when it goes on
            asked = [pool.submit(ask, stack) for _ in range(60)]
            wait_for(lambda: windows_in_flight(stack) == 60)
        replies = [each.result() for each in asked]
    refused = [reply for reply in replies if reply.status_code == 429]
    answered = [reply for reply in replies if reply.status_code == 200]
    assert refused
    for reply in refused:
        assert reply.json()["error"]["type"] == "overloaded"
        assert "are waiting for the model" in reply.json()["error"]["message"]
        assert int(reply.headers["retry-after"]) >= 1
    assert len(refused) + len(answered) == 60
    assert {reply.json()["answer"] for reply in answered} == {"William the Conqueror"}
