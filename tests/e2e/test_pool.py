"""Two Tritons behind one gateway: both work, and killing one loses no request."""

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import PARTS, asking, executed, kill, running, wait_for
from tests.e2e.test_answer import NORMAN

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize("part", PARTS)
def test_killing_one_of_two_loses_no_request(repository: Path, tmp_path: Path, part: str) -> None:
    with ExitStack() as stacks:
        pair = [stacks.enter_context(running(repository, tmp_path)) for _ in range(2)]
        urls = ",".join(f"127.0.0.1:{each.triton_grpc_port}" for each in pair)
        settings = {"TRITON_URLS": urls, "MAX_QUEUE_SECONDS": "60"}  # a slow machine is no loss
        gateway = stacks.enter_context(running(repository, tmp_path, **settings))

        def both_work() -> None:
            before = [executed(each) for each in pair]
            wait_for(lambda: all(executed(e) > b + 5 for e, b in zip(pair, before, strict=True)))

        with asking(gateway, NORMAN) as told:
            both_work()
            kill(pair[0], part)
            wait_for(lambda: "is out" in gateway.log.read_text())
            # the gateway that the Triton belongs to starts it again
            wait_for(lambda: "is in again" in gateway.log.read_text())
            both_work()
        assert not told.broken
        assert {reply.status_code for reply in told.replies} == {200}
        assert {reply.json()["answer"] for reply in told.replies} == {"William the Conqueror"}


def test_with_all_of_them_down(repository: Path, tmp_path: Path) -> None:
    with running(repository, tmp_path) as one, running(repository, tmp_path) as other:
        urls = ",".join(f"127.0.0.1:{each.triton_grpc_port}" for each in (one, other))
        with running(repository, tmp_path, TRITON_URLS=urls) as gateway:
            assert one.stop() == other.stop() == 0
            down = httpx.post(f"{gateway.url}/answer", json=NORMAN)
            assert (down.status_code, down.json()["error"]["type"]) == (503, "unavailable")
