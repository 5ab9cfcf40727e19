"""A part of the embedded Triton that is killed is started again, and no answer is wrong."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.questions import ask, asking
from tests.e2e.stack import (
    PARTS,
    STOP_SECONDS,
    UNLOADED_START_SECONDS,
    Stack,
    counted,
    is_ready,
    kill,
    processes,
    running,
    wait_for,
    wait_until_answering,
    wait_until_ready,
)

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

NOTICED_SECONDS = 2
ANSWERING_SECONDS = 10


@contextmanager
def measured(repository: Path, folder: Path, **settings: str) -> Iterator[tuple[Stack, float]]:
    """A stack, and how many times longer it took to start than on an unloaded machine."""
    started = time.monotonic()
    with running(repository, folder, **settings) as stack:
        yield stack, max(1, (time.monotonic() - started) / UNLOADED_START_SECONDS)


@pytest.mark.parametrize("part", PARTS)
def test_what_was_killed_is_started_again(repository: Path, tmp_path: Path, part: str) -> None:
    with measured(repository, tmp_path) as (stack, slower):
        before = processes(stack)
        kill(stack, part)
        killed = time.monotonic()
        wait_for(lambda: not is_ready(stack), slower * NOTICED_SECONDS)
        wait_until_ready(stack, slower * ANSWERING_SECONDS - (time.monotonic() - killed))
        answer = ask(stack)
        assert answer.json()["answer"] == "William the Conqueror"
        assert counted(stack, "triton_restarts_total") == 1, stack.log.read_text()
        assert not set(before) & set(processes(stack))  # nothing is left of the old one
        assert "Triton has died" in stack.log.read_text()


def test_what_hangs_is_started_again(repository: Path, tmp_path: Path) -> None:
    """Once nothing was answered for a request's time; until then, Triton may be busy."""
    with running(
        repository, tmp_path, ELECTRA_QA_REQUEST_SECONDS="4", ELECTRA_QA_READY_SECONDS="1"
    ) as stack:
        for restarts, part in enumerate(PARTS):
            before = processes(stack)
            kill(stack, part, signal.SIGSTOP)
            wait_for(lambda: not is_ready(stack))
            wait_until_answering(stack, restarts)
            answer = ask(stack)
            assert answer.json()["answer"] == "William the Conqueror"
            assert not set(before) & set(processes(stack))
            # until then, a hanging Triton is given the time of a start
            wait_for(lambda: stack.said("answers again") > restarts)  # noqa: B023


def test_ending_while_it_is_started_again(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path) as stack:
        kill(stack, "server")
        wait_for(lambda: counted(stack, "triton_restarts_total") == 1)
        started = time.monotonic()
        assert stack.stop() == 0
        assert time.monotonic() - started < STOP_SECONDS / 2  # nothing is in flight


def killed_under_load(stack: Stack, part: str, times: int) -> None:
    """Clients ask without pause: every reply is the known answer or says that there is none."""
    with asking(stack) as told:
        for _ in range(times):
            told.wait_for_more()
            before = counted(stack, "triton_restarts_total")
            kill(stack, part)
            wait_until_answering(stack, before)
    assert {reply.status_code for reply in told.replies} <= {200, 429, 503, 504}
    answers = {reply.json()["answer"] for reply in told.replies if reply.status_code == 200}
    assert answers == {"William the Conqueror"}
    assert not told.broken


def test_killed_under_load(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path) as stack:
        for part in PARTS:
            killed_under_load(stack, part, times=1)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_killed_under_load_many_times(repository: Path, tmp_path: Path, part: str) -> None:
    with running(repository, tmp_path) as stack:
        killed_under_load(stack, part, times=20)
