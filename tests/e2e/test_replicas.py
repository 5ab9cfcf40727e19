"""Two real Tritons behind one name: they share the work, and are replaced without a loss.

Each has an address of its own on the loopback interface, as each pod of a headless Service has.
The name is in an /etc/hosts that only the gateway sees, and that the test changes as it runs.
"""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.stack import Stack, Told, asking, executed, free_ports, running, wait_for
from tests.e2e.test_answer import NORMAN

pytestmark = [pytest.mark.embedded, pytest.mark.thorough]

NAME = "triton.example"
NAMESPACE = ("unshare", "--map-root-user", "--mount")
TTL_SECONDS = 1.5  # for which the name has the address of a replica that is stopping already


@dataclass(frozen=True)
class Name:
    """A name, and the command that starts a process which knows it."""

    hosts: Path
    port: int

    @property
    def wrapper(self) -> list[str]:
        script = f'mount --bind {self.hosts} /etc/hosts && exec "$@"'
        return [*NAMESPACE, "sh", "-c", script, "sh"]

    def say(self, *stacks: Stack) -> None:
        self.hosts.write_text("".join(f"{each.triton_host} {NAME}\n" for each in stacks))


@pytest.fixture
def name(tmp_path: Path) -> Name:
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to make a mount namespace")
    return Name(tmp_path / "hosts", free_ports(1)[0])


@contextmanager
def replica(repository: Path, folder: Path, name: Name, number: int) -> Iterator[Stack]:
    """A Triton on an address of its own; the gateway that it belongs to has no other part here."""
    where = {
        "ELECTRA_QA_TRITON_HOST": f"127.0.0.{number}",
        "ELECTRA_QA_TRITON_GRPC_PORT": str(name.port),
    }
    with running(repository, folder, **where) as stack:
        yield stack


@contextmanager
def gateway(repository: Path, folder: Path, name: Name) -> Iterator[Stack]:
    settings = {
        "ELECTRA_QA_TRITON_URLS": f"{NAME}:{name.port}",
        "ELECTRA_QA_MAX_QUEUE_SECONDS": "60",
    }  # slow is no loss
    with running(repository, folder, wrapper=name.wrapper, **settings) as stack:
        yield stack


def said(stack: Stack, text: str, before: int = 0) -> None:
    """Return when the gateway has said ``text`` more than ``before`` times."""
    wait_for(lambda: times_said(stack, text) > before)


def times_said(stack: Stack, text: str) -> int:
    return stack.log.read_text().count(text)


def check(told: Told) -> None:
    assert not told.broken
    assert {reply.status_code for reply in told.replies} == {200}
    assert {reply.json()["answer"] for reply in told.replies} == {"William the Conqueror"}


def test_replicas_of_one_name_share_the_work(repository: Path, tmp_path: Path, name: Name) -> None:
    """Asked for half of what they can do; with more, the one that is quicker does more."""
    with ExitStack() as stacks:
        pair = [stacks.enter_context(replica(repository, tmp_path, name, each)) for each in (2, 3)]
        name.say(*pair)
        front = stacks.enter_context(gateway(repository, tmp_path, name))
        for each in pair:
            said(front, f"Triton at {each.triton_host}:{name.port} is in")
        pool = stacks.enter_context(ThreadPoolExecutor(8))

        def answer() -> object:
            return httpx.post(f"{front.url}/answer", json=NORMAN, timeout=60).json()["answer"]

        answer()
        asked = time.monotonic()
        answer()
        alone = time.monotonic() - asked
        before = [executed(each) for each in pair]
        answers = []
        for _ in range(100):
            answers.append(pool.submit(answer))
            time.sleep(2 * alone)
        assert {each.result() for each in answers} == {"William the Conqueror"}
        wait_for(lambda: sum(map(executed, pair)) - sum(before) >= 100)
        one, other = (executed(e) - b for e, b in zip(pair, before, strict=True))
        assert abs(one - other) <= 0.1 * (one + other) / 2


def test_a_rolling_restart_fails_no_request(repository: Path, tmp_path: Path, name: Name) -> None:
    """Start the next, stop the one before it; DNS says so before, or only after.

    Each way is taken twice: both addresses leave in it, and come back.
    """

    def replace(old: Stack, new: Stack, front: Stack, dns: str) -> None:
        left = f"Triton at {old.triton_host}:{name.port} has left {NAME}"
        out = f"Triton at {old.triton_host}:{name.port} is out"
        times_left, times_out = times_said(front, left), times_said(front, out)
        name.say(old, new)
        joined = executed(new)
        wait_for(lambda: executed(new) > joined + 20)
        if dns == "before":
            name.say(new)
            said(front, left, times_left)
        assert old.stop() == 0
        if dns == "after":
            said(front, out, times_out)  # it was asked yet
            time.sleep(TTL_SECONDS)
            name.say(new)
            said(front, left, times_left)

    with ExitStack() as stacks:
        old = stacks.enter_context(replica(repository, tmp_path, name, 2))
        name.say(old)
        front = stacks.enter_context(gateway(repository, tmp_path, name))
        for number, dns in ((3, "before"), (2, "after"), (3, "after"), (2, "before")):
            # nobody asks meanwhile: one that starts beside a load takes twice as long
            new = stacks.enter_context(replica(repository, tmp_path, name, number))
            with asking(front, NORMAN) as told:
                told.wait_for_more()
                replace(old, new, front, dns)
                told.wait_for_more()
            check(told)
            old = new
