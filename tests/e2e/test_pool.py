"""Two Tritons behind one gateway: both work, and killing one loses no request."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import PARTS, Stack, asking, executed, kill, running, wait_for
from tests.e2e.test_answer import NORMAN

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]


@dataclass(frozen=True)
class Pool:
    """A gateway, and the two whose Tritons it asks."""

    gateway: Stack
    pair: list[Stack]

    def both_work(self) -> None:
        before = [executed(each) for each in self.pair]
        wait_for(lambda: all(executed(e) > b + 5 for e, b in zip(self.pair, before, strict=True)))

    def said(self, text: str) -> int:
        """How often the gateway has said so."""
        return self.gateway.log.read_text().count(text)


@pytest.fixture(scope="module")
def pool(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("pool")
    with ExitStack() as stacks:
        pair = [stacks.enter_context(running(repository, folder)) for _ in range(2)]
        urls = ",".join(f"127.0.0.1:{each.triton_grpc_port}" for each in pair)
        settings = {
            "ELECTRA_QA_TRITON_URLS": urls,
            "ELECTRA_QA_MAX_QUEUE_SECONDS": "60",
        }  # a slow machine is no loss
        yield Pool(stacks.enter_context(running(repository, folder, **settings)), pair)


@pytest.mark.parametrize("part", PARTS)
def test_killing_one_of_two_loses_no_request(pool: Pool, part: str) -> None:
    out, back = pool.said("is out"), pool.said("is in again")
    with asking(pool.gateway, NORMAN) as told:
        pool.both_work()
        kill(pool.pair[0], part)
        wait_for(lambda: pool.said("is out") > out)
        # the gateway that the Triton belongs to starts it again
        wait_for(lambda: pool.said("is in again") > back)
        pool.both_work()
    assert not told.broken
    assert {reply.status_code for reply in told.replies} == {200}
    assert {reply.json()["answer"] for reply in told.replies} == {"William the Conqueror"}


def test_with_all_of_them_down(pool: Pool) -> None:
    """The last one here: it stops both."""
    assert [each.stop() for each in pool.pair] == [0, 0]
    down = httpx.post(f"{pool.gateway.url}/answer", json=NORMAN)
    assert (down.status_code, down.json()["error"]["type"]) == (503, "unavailable")
