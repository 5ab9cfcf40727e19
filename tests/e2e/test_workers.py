"""Several workers on one port: one that is killed is replaced, and nothing else is affected."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, processes, running, start
from tests.e2e.test_answer import NORMAN
from tests.e2e.test_observation import samples
from tests.e2e.test_overload import LONG
from tests.e2e.test_supervision import kill, restarts, wait_for_status


@pytest.fixture(scope="module")
def several(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(repository, tmp_path_factory.mktemp("workers"), WORKERS="2") as stack:
        wait_for_workers(stack)
        yield stack


def workers(stack: Stack) -> set[int]:
    """The gateway's processes but for their parent, which all run."""
    found = set()
    for thread in Path(f"/proc/{stack.process.pid}/task").iterdir():
        for pid in (thread / "children").read_text().split():
            with suppress(FileNotFoundError):  # it has ended meanwhile
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(int(pid))
    return found


def listening(pid: int) -> bool:
    """Whether that worker has come as far as to accept connections: it has an event loop."""
    with suppress(FileNotFoundError):  # a file is closed meanwhile
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
        return any("eventpoll" in str(link) for link in links)
    return False


def wait_for_workers(stack: Stack, dead: int | None = None) -> None:
    deadline = time.monotonic() + 60
    while len(alive := workers(stack) - {dead}) < 2 or not all(map(listening, alive)):
        assert time.monotonic() < deadline, stack.log.read_text()
        time.sleep(0.1)


def answered(stack: Stack) -> float:
    key = ("electra_qa_requests_total", "code=200", "method=POST", "route=/answer")
    return samples(stack).get(key, 0)


def test_metrics_are_summed(several: Stack) -> None:
    """Each request on a connection of its own; whichever worker is asked gives the same sum."""
    before = answered(several)
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda _: httpx.post(f"{several.url}/answer", json=NORMAN), range(40))
        )
    assert {reply.json()["answer"] for reply in replies} == {"William the Conqueror"}
    assert {answered(several) - before for _ in range(10)} == {40}
    seen = samples(several)
    assert seen["electra_qa_windows_in_flight",] == 0
    assert seen["electra_qa_requests_in_flight",] == 1  # the one that reads the metrics


def killed_under_load(stack: Stack, times: int) -> None:
    """Every reply is the known answer; a connection fails only when a worker was killed."""
    ending = threading.Event()
    replies: list[httpx.Response] = []
    broken: list[httpx.TransportError] = []

    def ask() -> None:
        while not ending.is_set():
            try:
                replies.append(httpx.post(f"{stack.url}/answer", json=NORMAN, timeout=60))
            except httpx.TransportError as error:
                broken.append(error)

    triton, counted = processes(stack), answered(stack)
    asking = [threading.Thread(target=ask) for _ in range(4)]
    for each in asking:
        each.start()
    try:
        for _ in range(times):
            time.sleep(0.5)
            victim = min(workers(stack))
            os.kill(victim, signal.SIGKILL)
            wait_for_workers(stack, victim)
    finally:
        ending.set()
        for each in asking:
            each.join()
    good = [reply for reply in replies if reply.status_code == 200]
    assert {reply.status_code for reply in replies} <= {200, 429}
    assert {reply.json()["answer"] for reply in good} == {"William the Conqueror"}
    assert len(broken) <= 4 * times  # what the killed ones had in hand
    assert processes(stack) == triton
    assert 0 <= answered(stack) - counted - len(good) <= len(broken)  # no count is lost
    assert samples(stack)["electra_qa_windows_in_flight",] == 0
    assert restarts(stack) == 0


def test_a_worker_killed_under_load_is_replaced(several: Stack) -> None:
    killed_under_load(several, times=1)


@pytest.mark.slow
def test_a_worker_killed_under_load_many_times(several: Stack) -> None:
    killed_under_load(several, times=20)


def test_the_stub_is_started_again_once(repository: Path, tmp_path: Path) -> None:
    """By the parent, which alone watches it; and its count is among the workers'."""
    with running(repository, tmp_path, WORKERS="2") as stack:
        wait_for_workers(stack)
        kill(stack, "stub")
        wait_for_status(stack, 503, 2)
        wait_for_status(stack, 200, 10)
        assert restarts(stack) == 1
        assert len(workers(stack)) == 2


def test_all_workers_answer_before_the_end(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path, WORKERS="2") as stack:
        wait_for_workers(stack)
        with ThreadPoolExecutor(3) as pool:
            asking = [
                pool.submit(httpx.post, f"{stack.url}/answer", json=LONG, timeout=60)
                for _ in range(3)
            ]
            time.sleep(0.3)
            assert not all(each.done() for each in asking)
            assert stack.stop() == 0
            answers = {each.result().json()["answer"] for each in asking}
        assert answers == {"William the Conqueror"}


def test_a_killed_parent_takes_its_workers_along(repository: Path, tmp_path: Path) -> None:
    stack = start(repository, tmp_path, WORKERS="2")
    wait_for_workers(stack)
    alive = workers(stack)
    stack.process.kill()
    stack.process.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in alive) or processes(stack):
        assert time.monotonic() < deadline
        time.sleep(0.1)
