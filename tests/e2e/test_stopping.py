"""SIGTERM: not ready first, then no longer listening, then done; and Triton last of all."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.questions import ask, asking
from tests.e2e.stack import (
    STOP_SECONDS,
    Stack,
    get,
    is_ready,
    listens,
    paused,
    processes,
    running,
    start,
    triton_of,
    wait_for,
    wait_until_ready,
    windows_in_flight,
)
from tests.e2e.test_workers import wait_for_workers

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

DRAIN_SECONDS = 15


def every_worker_is_stopping(stack: Stack) -> bool:
    """Ten new connections reach both of two workers, in all but one of 500 cases."""
    replies = (get(f"{stack.url}/health/ready") for _ in range(10))
    return all("the gateway is stopping" in each.text for each in replies)


def test_the_order_of_the_end(repository: Path, tmp_path: Path) -> None:
    """For a gateway with one worker and one with two; both are up before either is stopped."""
    # long, as the last request of the first waits until the second has one
    settings = {"ELECTRA_QA_DRAIN_SECONDS": str(DRAIN_SECONDS), "ELECTRA_QA_REQUEST_SECONDS": "120"}
    with ExitStack() as stacks:
        pair = []
        for workers in (1, 2):
            several = {"ELECTRA_QA_WORKERS": str(workers), **settings}
            stack = stacks.enter_context(running(repository, tmp_path, **several))
            if workers > 1:
                wait_for_workers(stack)
            # each knows the model
            wait_for(lambda: stack.said(" is in\n") >= workers)  # noqa: B023
            pair.append(stack)
        with ending(pair[0]), ending(pair[1]):  # so that they drain at the same time
            pass


@contextmanager
def ending(stack: Stack) -> Iterator[None]:
    """Stop a gateway and check it, up to a last request in flight; after the block, the rest."""
    with ThreadPoolExecutor(1) as pool:
        with paused(stack):
            late = pool.submit(ask, stack)
            wait_for(lambda: windows_in_flight(stack) > 0)
            stopped = time.monotonic()
            stack.process.send_signal(signal.SIGTERM)
            wait_for(lambda: every_worker_is_stopping(stack))
        # what a load balancer sends before it notices is answered, and its connections are closed
        for path in ("/health/ready", "/v2/health/ready"):
            refused = get(f"{stack.url}{path}")
            assert (refused.status_code, refused.headers["connection"]) == (503, "close")
            assert "the gateway is stopping" in refused.json()["error"]["message"]
        answered = ask(stack)
        assert answered.json()["answer"] == "William the Conqueror"
        assert answered.headers["connection"] == "close"
        assert late.result().json()["answer"] == "William the Conqueror"
        assert get(f"{stack.url}/health/live").status_code == 200
        assert listens(stack.port)
        with paused(stack):
            last = pool.submit(ask, stack)
            wait_for(lambda: windows_in_flight(stack) > 0)
            yield
            wait_for(lambda: not listens(stack.port))
            assert time.monotonic() - stopped >= DRAIN_SECONDS
            assert processes(stack)  # Triton, which stops when nobody asks it any more
            assert not last.done()
        assert last.result().json()["answer"] == "William the Conqueror"
        assert stack.process.wait(STOP_SECONDS) == 0


def test_clients_that_leave_in_time_lose_nothing(repository: Path, tmp_path: Path) -> None:
    with running(
        repository, tmp_path, ELECTRA_QA_DRAIN_SECONDS="4", ELECTRA_QA_MAX_QUEUE_SECONDS="60"
    ) as stack:
        with asking(stack) as told:
            told.wait_for_more()
            stack.process.send_signal(signal.SIGTERM)
            wait_for(lambda: not is_ready(stack))
            told.wait_for_more()
        assert stack.process.wait(STOP_SECONDS) == 0
        told.check_that_all_were_answered()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_hurry(repository: Path, stack: Stack, tmp_path: Path, sent: signal.Signals) -> None:
    """Neither Ctrl-C nor a second SIGTERM waits."""
    gateway = start(repository, tmp_path, ELECTRA_QA_DRAIN_SECONDS="600", **triton_of(stack))
    wait_until_ready(gateway)
    if sent == signal.SIGTERM:
        gateway.process.send_signal(sent)
        wait_for(lambda: not is_ready(gateway))
    assert gateway.stop(sent) == 0
