"""A part of the embedded Triton is killed: noticed, started again, and no answer is wrong."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, processes, running
from tests.e2e.test_answer import NORMAN

PARTS = {"stub": "triton_python_backend_stub", "server": "bin/tritonserver"}
NOTICED_SECONDS = 2
ANSWERING_SECONDS = 10


def kill(stack: Stack, part: str, sent: signal.Signals = signal.SIGKILL) -> float:
    """Send that part of Triton a signal; return when."""
    (pid,) = [pid for pid, line in processes(stack).items() if PARTS[part] in line.split()[0]]
    os.kill(pid, sent)
    return time.monotonic()


def wait_for_status(stack: Stack, status: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while httpx.get(f"{stack.url}/health/ready", timeout=30).status_code != status:
        assert time.monotonic() < deadline, stack.log.read_text()
        time.sleep(0.05)


def restarts(stack: Stack) -> int:
    text = httpx.get(f"{stack.url}/metrics").text
    found = re.search(r"^electra_qa_triton_restarts_total (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


@pytest.mark.parametrize("part", PARTS)
def test_what_was_killed_is_started_again(repository: Path, tmp_path: Path, part: str) -> None:
    with running(repository, tmp_path) as stack:
        before = processes(stack)
        killed = kill(stack, part)
        wait_for_status(stack, 503, NOTICED_SECONDS)
        wait_for_status(stack, 200, ANSWERING_SECONDS - (time.monotonic() - killed))
        answer = httpx.post(f"{stack.url}/answer", json=NORMAN, timeout=10)
        assert answer.json()["answer"] == "William the Conqueror"
        assert restarts(stack) == 1, stack.log.read_text()
        assert not set(before) & set(processes(stack))  # not a stub is left of the old one
        assert "Triton has died" in stack.log.read_text()


@pytest.mark.parametrize("part", PARTS)
def test_what_hangs_is_started_again(repository: Path, tmp_path: Path, part: str) -> None:
    """When nothing was answered for as long as a request has: until then it may be busy."""
    with running(repository, tmp_path, REQUEST_SECONDS="4", READY_SECONDS="1") as stack:
        before = processes(stack)
        stopped = kill(stack, part, signal.SIGSTOP)
        wait_for_status(stack, 503, NOTICED_SECONDS)
        wait_for_status(stack, 200, 4 + ANSWERING_SECONDS - (time.monotonic() - stopped))
        answer = httpx.post(f"{stack.url}/answer", json=NORMAN, timeout=10)
        assert answer.json()["answer"] == "William the Conqueror"
        assert restarts(stack) == 1, stack.log.read_text()
        assert not set(before) & set(processes(stack))


def test_ending_while_it_is_started_again(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path) as stack:
        kill(stack, "server")
        time.sleep(0.7)
        started = time.monotonic()
        assert stack.stop() == 0
        assert time.monotonic() - started < 10


def killed_under_load(stack: Stack, part: str, times: int) -> None:
    """Ask without pause meanwhile: every reply is the known answer or says that there is none."""
    ending = threading.Event()
    replies: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=stack.url, timeout=60) as client:
            while not ending.is_set():
                replies.append(client.post("/answer", json=NORMAN))
                if replies[-1].status_code != 200:
                    time.sleep(0.05)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for each in asking:
        each.start()
    try:
        for _ in range(times):
            time.sleep(0.5)
            done = restarts(stack)
            kill(stack, part)
            deadline = time.monotonic() + 60
            while restarts(stack) == done:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            wait_for_status(stack, 200, 60)
    finally:
        ending.set()
        for each in asking:
            each.join()
    assert {reply.status_code for reply in replies} <= {200, 429, 503, 504}
    answers = {reply.json()["answer"] for reply in replies if reply.status_code == 200}
    assert answers == {"William the Conqueror"}


@pytest.mark.parametrize("part", PARTS)
def test_killed_under_load(repository: Path, tmp_path: Path, part: str) -> None:
    with running(repository, tmp_path) as stack:
        killed_under_load(stack, part, times=1)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_killed_under_load_many_times(repository: Path, tmp_path: Path, part: str) -> None:
    with running(repository, tmp_path) as stack:
        killed_under_load(stack, part, times=20)
