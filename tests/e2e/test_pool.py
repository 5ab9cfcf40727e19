"""Two Tritons behind one gateway: both work, and killing one loses no request."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, running
from tests.e2e.test_answer import NORMAN
from tests.e2e.test_overload import executed, wait_for
from tests.e2e.test_supervision import PARTS, kill


def asked_meanwhile(stack: Stack, do: Callable[[], None]) -> list[httpx.Response]:
    """What four clients that never pause are told while ``do`` runs."""
    ending = threading.Event()
    replies: list[httpx.Response] = []

    def ask() -> None:
        with httpx.Client(base_url=stack.url, timeout=60) as client:
            while not ending.is_set():
                replies.append(client.post("/answer", json=NORMAN))

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for each in asking:
        each.start()
    try:
        do()
    finally:
        ending.set()
        for each in asking:
            each.join()
    return replies


@pytest.mark.parametrize("part", PARTS)
def test_killing_one_of_two_loses_no_request(repository: Path, tmp_path: Path, part: str) -> None:
    with ExitStack() as stacks:
        pair = [stacks.enter_context(running(repository, tmp_path)) for _ in range(2)]
        urls = ",".join(f"127.0.0.1:{each.triton_grpc_port}" for each in pair)
        gateway = stacks.enter_context(running(repository, tmp_path, TRITON_URLS=urls))

        def both_work() -> None:
            before = [executed(each) for each in pair]
            wait_for(lambda: all(executed(e) > b + 5 for e, b in zip(pair, before, strict=True)))

        def kill_one() -> None:
            both_work()
            kill(pair[0], part)
            wait_for(lambda: "is out" in gateway.log.read_text())
            # the gateway that the Triton belongs to starts it again
            wait_for(lambda: "is in again" in gateway.log.read_text())
            both_work()

        replies = asked_meanwhile(gateway, kill_one)
        assert {reply.status_code for reply in replies} == {200}
        assert {reply.json()["answer"] for reply in replies} == {"William the Conqueror"}


def test_with_all_of_them_down(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path) as one, running(repository, tmp_path) as other:
        urls = ",".join(f"127.0.0.1:{each.triton_grpc_port}" for each in (one, other))
        with running(repository, tmp_path, TRITON_URLS=urls) as gateway:
            assert one.stop() == other.stop() == 0
            down = httpx.post(f"{gateway.url}/answer", json=NORMAN)
            assert (down.status_code, down.json()["error"]["type"]) == (503, "unavailable")
