"""Several workers on one port: one that is killed is replaced, and nothing else is affected."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.questions import ask, asking
from tests.e2e.stack import (
    STOP_SECONDS,
    Stack,
    counted,
    kill,
    listens,
    paused,
    processes,
    running,
    start,
    wait_for,
    wait_until_answering,
    windows_in_flight,
)
from tests.serving.test_observation import samples

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

# two workers that refuse nothing, even on a slow machine
TWO = {"ELECTRA_QA_WORKERS": "2", "ELECTRA_QA_MAX_QUEUE_SECONDS": "60"}


@pytest.fixture(scope="module")
def several(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(repository, tmp_path_factory.mktemp("workers"), **TWO) as stack:
        wait_for_workers(stack)
        yield stack


def workers(stack: Stack) -> set[int]:
    """The process ids of the gateway's workers."""
    found = set()
    for thread in Path(f"/proc/{stack.process.pid}/task").iterdir():
        children: list[str] = []
        with suppress(FileNotFoundError):  # the thread has ended meanwhile
            children = (thread / "children").read_text().split()
        for pid in children:
            with suppress(FileNotFoundError):  # it has ended meanwhile
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(int(pid))
    return found


def listening(pid: int) -> bool:
    """Whether that worker accepts connections already, which needs an event loop."""
    with suppress(FileNotFoundError):  # a file is closed meanwhile
        links = [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]
        return any("eventpoll" in str(link) for link in links)
    return False


def wait_for_workers(stack: Stack, dead: int | None = None) -> None:
    def accepting() -> bool:
        alive = workers(stack) - {dead}
        return len(alive) == 2 and all(map(listening, alive))

    wait_for(accepting)


def answered(stack: Stack) -> float:
    key = ("electra_qa_requests_total", "code=200", "method=POST", "route=/answer")
    return samples(stack.url).get(key, 0)


def test_metrics_are_summed(several: Stack) -> None:
    """Each request on a connection of its own; whichever worker is asked gives the same sum."""
    before = answered(several)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(ask, [several] * 40))
    assert {reply.json()["answer"] for reply in replies} == {"William the Conqueror"}
    wait_for(lambda: answered(several) - before == 40)  # a reply is counted once it is sent
    assert {answered(several) - before for _ in range(10)} == {40}
    seen = samples(several.url)
    assert seen["electra_qa_windows_in_flight",] == 0
    assert seen["electra_qa_requests_in_flight",] == 1  # the one that reads the metrics


def killed_under_load(stack: Stack, times: int) -> None:
    """Every reply is the known answer; a connection fails only when a worker was killed."""
    before, earlier = processes(stack), answered(stack)
    with asking(stack) as told:
        for _ in range(times):
            told.wait_for_more()
            victim = min(workers(stack))
            os.kill(victim, signal.SIGKILL)
            wait_for_workers(stack, victim)
    good = [reply for reply in told.replies if reply.status_code == 200]
    assert {reply.status_code for reply in told.replies} <= {200, 429}
    assert {reply.json()["answer"] for reply in good} == {"William the Conqueror"}
    in_hand = 4 * times  # requests that the killed workers had, at most
    assert len(told.broken) <= in_hand
    assert processes(stack) == before
    assert abs(answered(stack) - earlier - len(good)) <= in_hand
    wait_for(lambda: windows_in_flight(stack) == 0)
    assert counted(stack, "triton_restarts_total") == 0


def test_a_worker_killed_under_load_is_replaced(several: Stack) -> None:
    killed_under_load(several, times=1)


@pytest.mark.slow
def test_a_worker_killed_under_load_many_times(several: Stack) -> None:
    killed_under_load(several, times=20)


def test_the_stub_is_started_again_once(repository: Path, tmp_path: Path) -> None:
    """Only the parent watches it, and starts it; the workers' metrics have its count."""
    with running(repository, tmp_path, ELECTRA_QA_WORKERS="2") as stack:
        wait_for_workers(stack)
        kill(stack, "stub")
        wait_until_answering(stack)
        assert len(workers(stack)) == 2


def test_all_workers_answer_before_the_end(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path, **TWO) as stack:
        wait_for_workers(stack)
        with ThreadPoolExecutor(6) as pool:
            # so many that each worker has a connection to Triton before that is paused
            assert {each.status_code for each in pool.map(ask, [stack] * 60)} == {200}
            with paused(stack):
                replies = [pool.submit(ask, stack) for _ in range(6)]
                wait_for(lambda: windows_in_flight(stack) == 6)
                stack.process.send_signal(signal.SIGTERM)
                wait_for(lambda: not listens(stack.port))
                assert not any(each.done() for each in replies)
            answers = {each.result().json()["answer"] for each in replies}
        assert answers == {"William the Conqueror"}
        assert stack.process.wait(STOP_SECONDS) == 0


def test_a_killed_parent_takes_its_workers_along(repository: Path, tmp_path: Path) -> None:
    stack = start(repository, tmp_path, ELECTRA_QA_WORKERS="2")
    wait_for_workers(stack)
    alive = workers(stack)
    stack.process.kill()
    stack.process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in alive))
    wait_for(lambda: not processes(stack))
