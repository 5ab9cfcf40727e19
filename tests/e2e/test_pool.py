"""Two Tritons behind one gateway: both work, and killing one loses no request."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.questions import ask, asking
from tests.e2e.stack import PARTS, Stack, executed, kill, running, wait_for

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]


@dataclass(frozen=True)
class Pool:
    """A gateway, and the two stacks whose Tritons it asks."""

    gateway: Stack
    pair: list[Stack]

    def both_work(self) -> None:
        before = [executed(each) for each in self.pair]
        wait_for(lambda: all(executed(e) > b + 5 for e, b in zip(self.pair, before, strict=True)))


@pytest.fixture(scope="module")
def pool(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("pool")
    with ExitStack() as stacks:
        pair = [stacks.enter_context(running(repository, folder)) for _ in range(2)]
        urls = ",".join(f"127.0.0.1:{each.triton_grpc_port}" for each in pair)
        settings = {"ELECTRA_QA_TRITON_URLS": urls, "ELECTRA_QA_MAX_QUEUE_SECONDS": "60"}
        yield Pool(stacks.enter_context(running(repository, folder, **settings)), pair)


@pytest.mark.parametrize("part", PARTS)
def test_killing_one_of_two_loses_no_request(pool: Pool, part: str) -> None:
    gateway = pool.gateway
    out, back = gateway.said("is out"), gateway.said("is in again")
    with asking(gateway) as told:
        pool.both_work()
        kill(pool.pair[0], part)
        wait_for(lambda: gateway.said("is out") > out)
        # the gateway that the Triton belongs to starts it again
        wait_for(lambda: gateway.said("is in again") > back)
        pool.both_work()
    told.check_that_all_were_answered()


def test_with_all_of_them_down(pool: Pool) -> None:
    """The last one here: it stops both."""
    assert [each.stop() for each in pool.pair] == [0, 0]
    down = ask(pool.gateway)
    assert (down.status_code, down.json()["error"]["type"]) == (503, "unavailable")
