"""When the gateway says that it is ready, without its Triton and while that hangs."""

import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.questions import ask
from tests.e2e.stack import (
    Stack,
    get,
    is_ready,
    is_up,
    paused,
    running,
    start,
    triton_of,
    wait_for,
    wait_until_ready,
)
from tests.ports import free_ports

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

PROBE_SECONDS = 1  # the default timeout of Kubernetes' probes


def ready(stack: Stack) -> httpx.Response:
    return get(f"{stack.url}/health/ready")


def test_it_fails_in_time_for_a_probe(repository: Path, tmp_path: Path) -> None:
    def fails_in_time() -> bool:
        started = time.monotonic()
        return ready(stack).status_code == 503 and time.monotonic() - started < PROBE_SECONDS

    with running(repository, tmp_path) as stack:
        with paused(stack):
            wait_for(fails_in_time)
            assert "Triton did not answer within 0.8 s" in ready(stack).json()["error"]["message"]
        wait_until_ready(stack)


def test_an_outage_of_a_triton_elsewhere(repository: Path, tmp_path: Path) -> None:
    """A gateway stays ready, unless it is told not to."""
    leaving = {"ELECTRA_QA_READY_IN_OUTAGE": "false"}
    with ExitStack() as stacks:
        other = stacks.enter_context(running(repository, tmp_path))
        one, two = (
            stacks.enter_context(running(repository, tmp_path, **triton_of(other), **settings))
            for settings in ({}, leaving)
        )
        assert other.stop() == 0
        for stack, stays in ((one, True), (two, False)):
            wait_for(lambda: is_ready(stack) == stays)  # noqa: B023
            told = ask(stack)
            assert (told.status_code, told.headers["retry-after"]) == (503, "1")
            assert is_ready(stack) == stays


def test_it_is_not_ready_before_the_first_answer(repository: Path, tmp_path: Path) -> None:
    """Even if it is to stay ready in outages: a rollout with a wrong address must not succeed."""
    url = f"127.0.0.1:{free_ports(1)[0]}"
    stack = start(
        repository, tmp_path, ELECTRA_QA_TRITON_URL=url, ELECTRA_QA_READY_IN_OUTAGE="true"
    )
    try:
        wait_for(lambda: stack.said("answering on") > 0)
        wait_for(lambda: is_up(f"{stack.url}/health/live"))
        assert ready(stack).status_code == 503
    finally:
        assert stack.stop() == 0
